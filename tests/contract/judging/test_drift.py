"""How delivered columns differ from the contract's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.contract.found import Drift
from tidegate.contract.judging.drift import drift_of, drift_of_files
from tidegate.contract.model import Contract
from tidegate.contract.reading.odcs import load_contract

CONTRACTS = Path(__file__).parents[3] / "contracts"


@pytest.fixture
def orders() -> Contract:
    return load_contract(CONTRACTS / "orders.odcs.yaml")


def test_drift_is_told_apart(orders: Contract) -> None:
    names = [column.name for column in orders.columns]
    assert drift_of(orders, names) == Drift()
    assert drift_of(orders, [name.upper() for name in names]) == Drift()
    assert drift_of(orders, names[::-1]) == Drift(reordered=True)
    assert drift_of(orders, [*names[:3], "coupon", *names[3:]]) == Drift(added=("coupon",))
    without = [name for name in names if name not in ("order_id", "country")]
    assert drift_of(orders, without) == Drift(missing_required=("order_id",), missing_optional=("country",))


def test_a_delivery_drifts_by_each_of_its_files_once(orders: Contract) -> None:
    names = [column.name for column in orders.columns]
    without = [name for name in names if name != "country"]
    assert drift_of_files(orders, [names, without, [*without[::-1], "coupon"]]) == Drift(
        missing_optional=("country",), added=("coupon",), reordered=True
    )
    assert drift_of_files(orders, []) == Drift()
