"""What judging a delivery by its contract found, as plain values. Judging belongs to `contract.judging`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tidegate.contract.model import UNPARSABLE, Dimension, LimitFigures, QuarantineLimit, Severity


@dataclass(frozen=True)
class Drift:
    """How the columns of a delivery differ from the contract's. Made by `drift.drift_of`.

    A retyped column is not drift: its values show as rows with the reason `invalid_<column>`.
    """

    missing_required: tuple[str, ...] = ()
    missing_optional: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    reordered: bool = False


@dataclass(frozen=True)
class StandIn:
    """A delivery that is taken for that of a later day: `day` is its own, `because` says why that one is not had."""

    day: dt.date
    because: str


@dataclass(frozen=True)
class Measures:
    """What was measured of one delivery. `values` holds each delivery rule's number by the rule's name.

    A number is None when there was nothing to measure; `failures` says why a rule's own SQL failed.
    """

    rows_read: int
    rows_sound: int
    rows_broken: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, Decimal | None] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    # Why lines could not be parsed, as far as they tell.
    causes: Mapping[str, int] = field(default_factory=dict)
    # By limit of quarantine.
    limits: Mapping[QuarantineLimit, LimitFigures] = field(default_factory=dict)

    def with_unparsable(self, lines: int, causes: Mapping[str, int] | None = None) -> Measures:
        """With `lines` more that were read but could not be parsed: broken rows that no SQL saw."""
        if not lines:
            return self
        return replace(
            self,
            rows_read=self.rows_read + lines,
            rows_broken=self.rows_broken + lines,
            reasons={**self.reasons, UNPARSABLE: self.reasons.get(UNPARSABLE, 0) + lines},
            causes=causes or {},
        )


@dataclass(frozen=True)
class RuleGroup:
    """All rules of one quality dimension: one asset check. Blocking if one of them can reject a delivery."""

    name: str
    dimension: Dimension
    blocking: bool
    description: str


@dataclass(frozen=True)
class CheckOutcome:
    """What a rule group found in one delivery. `description` tells what to do next, `figures` are what was measured."""

    name: str
    dimension: Dimension
    passed: bool
    severity: Severity
    blocking: bool
    observed: str
    description: str
    # Numbers by name, which are drawn over time.
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Unreadable:
    """What of a delivery cannot be read: by the name of each such file, why."""

    files: Mapping[str, str]
    of_files: int


@dataclass(frozen=True)
class Assessment:
    """The verdict on a whole delivery. `rejection` reads on from '<source>/<region> <day> rejected: '."""

    accepted: bool
    rejection: str | None
    checks: tuple[CheckOutcome, ...]
    # By its contract, whatever it is beside the past.
    keeps_contract: bool = True
