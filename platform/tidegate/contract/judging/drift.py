"""How the columns of a delivery differ from its contract's. What that means for the delivery is decided by `assess`."""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence

from tidegate.contract.found import Drift
from tidegate.contract.model import Contract

_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def drift_of(contract: Contract, header: Sequence[str]) -> Drift:
    """How the columns of one file, named in `header`, differ. The case of ASCII letters makes no difference."""
    delivered = [_alike(name) for name in header]
    expected = [_alike(column.name) for column in contract.columns]
    absent = [column for column in contract.columns if _alike(column.name) not in delivered]
    common = [name for name in delivered if name in expected]
    return Drift(
        missing_required=tuple(column.name for column in absent if column.required),
        missing_optional=tuple(column.name for column in absent if not column.required),
        added=tuple(name for name in header if _alike(name) not in expected),
        reordered=common != [name for name in expected if name in common],
    )


def drift_of_files(contract: Contract, headers: Iterable[Sequence[str]]) -> Drift:
    """The drift of all files of a delivery taken together."""
    drifts = [drift_of(contract, header) for header in headers]
    return Drift(
        missing_required=tuple(dict.fromkeys(name for drift in drifts for name in drift.missing_required)),
        missing_optional=tuple(dict.fromkeys(name for drift in drifts for name in drift.missing_optional)),
        added=tuple(dict.fromkeys(name for drift in drifts for name in drift.added)),
        reordered=any(drift.reordered for drift in drifts),
    )


def _alike(name: str) -> str:
    # ASCII only, as DuckDB compares names.
    return name.translate(_ASCII_LOWER)
