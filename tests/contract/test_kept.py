"""Contracts that are kept are those that would be read, and no longer than these are the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tidegate.contract.kept import contracts_of
from tidegate.contract.reading.odcs import load_contracts
from tidegate.errors import ContractError
from tidegate.settings import CHECKOUT
from tidegate.zones import UTC, Zone


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CHECKOUT / "contracts", tmp_path / "contracts"))


def test_what_is_kept_is_what_would_be_read(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    for zone in (UTC, Zone("Europe/Berlin"), UTC):
        expected = load_contracts(folder, zone)
        assert contracts_of(folder, zone, kept, may_keep=True) == expected
        with pytest.MonkeyPatch.context() as patch:
            patch.delattr("tidegate.contract.reading.odcs.load_contracts")
            assert contracts_of(folder, zone, kept, may_keep=False) == expected


def test_a_changed_contract_and_a_removed_one_are_seen(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    before = contracts_of(folder, UTC, kept, may_keep=True)
    orders = folder / "orders.odcs.yaml"
    orders.write_text(orders.read_text().replace(f"version: {before['orders'].version}", "version: 77.0.0"))
    assert contracts_of(folder, UTC, kept, may_keep=True)["orders"].version == "77.0.0"
    orders.unlink()
    assert contracts_of(folder, UTC, kept, may_keep=True).keys() == before.keys() - {"orders"}


def test_one_that_cannot_work_is_refused_every_time(folder: Path, tmp_path: Path) -> None:
    contracts_of(folder, UTC, tmp_path / "kept", may_keep=True)
    (folder / "orders.odcs.yaml").write_text("kind: Nothing\n")
    for _ in range(2):
        with pytest.raises(ContractError):
            contracts_of(folder, UTC, tmp_path / "kept", may_keep=True)


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x04N."])
def test_a_damaged_file_is_read_over(folder: Path, tmp_path: Path, content: bytes) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(content)
    assert contracts_of(folder, UTC, kept, may_keep=True) == load_contracts(folder)
    assert kept.read_bytes() != content


def test_who_only_reads_keeps_nothing(folder: Path, tmp_path: Path) -> None:
    contracts_of(folder, UTC, tmp_path / "kept", may_keep=False)
    contracts_of(folder, UTC, tmp_path / "not there" / "kept", may_keep=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contracts"]
