"""The checks that a delivery is as usual, beside the source's own past: their groups, what they found, and in words.

What is unusual is decided in `unusual`. A check warns, and passes where too few days are known to say anything; where
the contract says so, an unusual delivery is rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import copysign, expm1

from tidegate.contract.found import CheckOutcome, RuleGroup
from tidegate.contract.judging.unusual import MIN_DAYS, MIN_SAME_WEEKDAY, WEEKS, Comparison, Finding
from tidegate.contract.model import AtAnomaly, Contract

ROW_COUNT = "row_count_is_as_usual"
VALUES = "values_are_as_usual"

# More of them are too many to read.
_NAMED = 3


def groups_as_usual(contract: Contract) -> tuple[RuleGroup, ...]:
    """One for row counts and one for values, where the contract does not ignore all of them."""
    groups = []
    if contract.anomaly != "ignore":
        text = f"The delivery has about as many rows as those of the same weekday in the {WEEKS} weeks before."
        groups.append(RuleGroup(ROW_COUNT, "completeness", contract.anomaly == "reject", text))
    watched = [column.anomaly for column in contract.columns if column.anomaly != "ignore"]
    if watched:
        text = (
            "In each column about as many values are missing, and the others lie, as on the same weekday in the "
            f"{WEEKS} weeks before."
        )
        groups.append(RuleGroup(VALUES, "accuracy", "reject" in watched, text))
    return tuple(groups)


def outcomes_as_usual(contract: Contract, comparison: Comparison) -> tuple[CheckOutcome, ...]:
    """What each of the groups found."""
    return tuple(_outcome(contract, group, comparison) for group in groups_as_usual(contract))


def rejections_as_unusual(contract: Contract, comparison: Comparison) -> list[str]:
    """Why the delivery is rejected for being unusual, a clause each; nothing where it is not."""
    found = [each for each in comparison.findings if each.is_unusual and _at(contract, each) == "reject"]
    return [f"{_in_words(contract, each)} (anomaly: reject)" for each in found]


def remedy_of_unusual(contract: Contract) -> str:
    return (
        f"If the delivery is right as it is, write 'anomaly: warn' in {contract.label}, run `tidegate quarantine "
        "replay`, and write 'anomaly: reject' again; it then stays."
    )


def _at(contract: Contract, finding: Finding) -> AtAnomaly:
    return contract.anomaly if finding.column is None else contract.column(finding.column).anomaly


def _outcome(contract: Contract, group: RuleGroup, comparison: Comparison) -> CheckOutcome:
    about_rows = group.name == ROW_COUNT
    found = [each for each in comparison.findings if (each.column is None) == about_rows]
    unusual = sorted((each for each in found if each.is_unusual), key=lambda each: -each.score / each.limit)
    is_rejected = any(_at(contract, each) == "reject" for each in unusual)
    return CheckOutcome(
        name=group.name,
        dimension=group.dimension,
        passed=not unusual,
        severity="error" if is_rejected else "warning",
        blocking=group.blocking,
        observed=_observed(comparison, found),
        description=_advice(contract, unusual, is_rejected) if unusual else group.description,
        figures=_figures(comparison, found),
    )


def _observed(comparison: Comparison, found: Sequence[Finding]) -> str:
    known = f"{comparison.days} days of the {WEEKS} weeks before, {comparison.same_weekday} of the same weekday"
    if not comparison.is_judged:
        return f"not judged: known are {known}; it takes {MIN_DAYS} and {MIN_SAME_WEEKDAY}"
    if not found:
        return f"nothing to compare in {known}"
    most = max(found, key=lambda each: each.score / each.limit)
    named = "" if most.column is None else f"{most.column} {most.measured}: "
    count = f"{most.value:,.0f} rows, usually {most.usual:,.0f}; " if most.column is None else ""
    return f"{count}{named}score {most.score:.1f}, limit {most.limit:.1f}; compared with {known}"


def _figures(comparison: Comparison, found: Sequence[Finding]) -> dict[str, float]:
    figures: dict[str, float] = {"days_compared": comparison.days}
    if found:
        most = max(found, key=lambda each: each.score / each.limit)
        figures |= {"score": round(most.score, 3), "limit": round(most.limit, 3)}
        if most.column is None:
            figures |= {"row_count": most.value, "usual_row_count": round(most.usual, 1)}
    return figures


def _advice(contract: Contract, unusual: Sequence[Finding], is_rejected: bool) -> str:
    named = [f"{_in_words(contract, each)}." for each in unusual[:_NAMED]]
    if len(unusual) > _NAMED:
        named.append(f"So are {len(unusual) - _NAMED} more measures.")
    if is_rejected:
        return (
            f"{' '.join(named)} The delivery was rejected and nothing of it was loaded. {remedy_of_unusual(contract)}"
        )
    return (
        f"{' '.join(named)} The delivery was loaded. Ask the source whether it is right; if it is to stay, that is "
        f"usual within {WEEKS} weeks. To reject such a delivery, write 'anomaly: reject' in {contract.label}, and to "
        "hear nothing of it, 'anomaly: ignore'."
    )


def _in_words(contract: Contract, finding: Finding) -> str:
    far = f"{finding.score:.1f} times the ordinary distance, limit {finding.limit:.1f}"
    name = finding.column
    match finding.measured:
        case "row count":
            return f"{finding.value:,.0f} rows are unusual: {finding.usual:,.0f} on this weekday ({far})"
        case "missing values":
            shares = f"{100 * finding.value:.1f} % of its values are missing, usually {100 * finding.usual:.1f} %"
            return f"{name} is unusual: {shares} ({far})"
        case "typical value":
            return f"{name} is unusual: {_typical(contract, finding)} ({far})"
        case "spread":
            return f"{name} is unusual: its values are spread {finding.value / finding.usual:.2f} times as wide ({far})"


def _typical(contract: Contract, finding: Finding) -> str:
    assert finding.column is not None  # noqa: S101 - of a row count there is no typical value
    match contract.column(finding.column).logical_type:
        case "string":
            return "its values come in other shares than usual"
        case "boolean":
            return f"{100 * finding.value:.1f} % are true, usually {100 * finding.usual:.1f} %"
        case "time":
            return f"its typical time is {finding.value:.1f} hours, usually {finding.usual:.1f}"
        case "date" | "timestamp":
            of = "hours from the start of the day"
            return (
                f"its typical moment is {_unscaled(finding.value):,.1f} {of}, usually {_unscaled(finding.usual):,.1f}"
            )
        case "integer" | "number":
            return f"its typical value is {_unscaled(finding.value):,.2f}, usually {_unscaled(finding.usual):,.2f}"


def _unscaled(value: float) -> float:
    return copysign(expm1(abs(value)), value)
