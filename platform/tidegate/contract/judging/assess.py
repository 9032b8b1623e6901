"""The verdict on a delivery as a whole, from what was read and measured of it. Nobody else accepts or rejects one.

    assess(contract, measures, drift, ...)   the Assessment: accepted or not, and one outcome per rule group
    rule_groups(contract)                    the groups without data, to declare checks from

The rules of a dimension are a group; that a source's own delivery was to be had, and none stands in, is one more, and
that the delivery is as usual are two (`as_usual`).

Nothing here runs SQL; the measures come from `measure`, how the columns differ from `drift`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from math import exp, lgamma, log, log1p

from tidegate.contract.found import Assessment, CheckOutcome, Drift, Measures, RuleGroup, StandIn, Unreadable
from tidegate.contract.judging.as_usual import (
    groups_as_usual,
    outcomes_as_usual,
    rejections_as_unusual,
    remedy_of_unusual,
)
from tidegate.contract.judging.clocks import any_by_clock
from tidegate.contract.judging.limits import broken_limits, limits_in_words
from tidegate.contract.judging.thresholds import broken_rule, figure, measured_number, percent, wanted
from tidegate.contract.judging.unusual import Comparison
from tidegate.contract.model import REPEATED_ROW, UNPARSABLE, Contract, Dimension, Severity

GROUP_NAMES: Mapping[Dimension, str] = {
    "completeness": "required_values_are_present",
    "accuracy": "values_are_valid",
    "consistency": "rows_are_consistent",
    "timeliness": "rows_arrive_in_time",
    "uniqueness": "keys_are_unique",
    "traceability": "every_row_is_accounted_for",
}

# Of a small delivery a share says little: one of three rows is 33 %. With 5 % of real sales late, 24 of 198 deliveries
# were rejected for one or two rows. Up to so many broken rows reject a delivery only if chance would give as many in
# less than one of a hundred deliveries with the allowed share. Beyond, which at 5 % is from 420 rows, the share does.
FEW_ROWS = 20
UNLIKELY = 0.01

FRESHNESS = "freshness_of_source"
NOT_COMPARED = Comparison()


# Rules that a rejection names with their counts.
MOST_BROKEN = 3


def assess(
    contract: Contract,
    measures: Measures,
    drift: Drift,
    stand_in: StandIn | None = None,
    unreadable: Unreadable | None = None,
    comparison: Comparison = NOT_COMPARED,
    is_partial: bool = False,
) -> Assessment:
    """The verdict on one delivery: rejected when a file of it cannot be read, a rule of severity error is broken, or it
    is unusual where the contract rejects that, and only then. Of one that is partial, since its day goes on, nobody can
    tell yet how many rows it has."""
    outcomes, rejections = [], []
    for group in _dimension_groups(contract):
        problems = _problems(contract, group.dimension, measures, drift, is_partial)
        outcomes.append(_outcome(contract, group, measures, problems))
        rejections += [text for severity, text in problems if severity == "error"]
    outcomes += [_freshness(group, stand_in) for group in _freshness_groups(contract)]
    outcomes += outcomes_as_usual(contract, comparison)
    if unreadable:
        return _reject_unreadable(contract, unreadable, outcomes)
    unusual = rejections_as_unusual(contract, comparison)
    return Assessment(
        accepted=not (rejections or unusual),
        rejection=_rejection(contract, rejections, unusual) if rejections or unusual else None,
        checks=tuple(outcomes),
        keeps_contract=not rejections,
    )


def _reject_unreadable(contract: Contract, unreadable: Unreadable, outcomes: Sequence[CheckOutcome]) -> Assessment:
    """Rules over the rest say little: whatever they found, the file that cannot be read is the reason."""
    files = "; ".join(f"{name} {why}" for name, why in unreadable.files.items())
    rejection = (
        f"{files}. Nothing was loaded; what could be read is in quarantine.{contract.source}, the bytes are in the "
        "archive, and what was loaded before stays. Fix the source and deliver again, or say in "
        f"{contract.label} how its files are written."
    )
    observed = f"{len(unreadable.files)} of {unreadable.of_files} files cannot be read"
    checks = (
        replace(outcome, passed=False, severity="error", observed=observed, description=rejection)
        if outcome.dimension == "traceability"
        else outcome
        for outcome in outcomes
    )
    return Assessment(accepted=False, rejection=rejection, checks=tuple(checks), keeps_contract=False)


def rule_groups(contract: Contract) -> tuple[RuleGroup, ...]:
    """One group per quality dimension that the contract has a rule for, in the order of `GROUP_NAMES`; then freshness,
    where the contract lets another delivery stand in; then that it is as usual."""
    return (*_dimension_groups(contract), *_freshness_groups(contract), *groups_as_usual(contract))


def _dimension_groups(contract: Contract) -> tuple[RuleGroup, ...]:
    return tuple(
        RuleGroup(name, dimension, _is_blocking(contract, dimension), _in_one_sentence(guards))
        for dimension, name in GROUP_NAMES.items()
        if (guards := _guards(contract, dimension))
    )


def _freshness_groups(contract: Contract) -> tuple[RuleGroup, ...]:
    if contract.fallback is None:
        return ()
    guards = "The day's own delivery was to be had; none of an earlier day stands in because the source is down."
    return (RuleGroup(FRESHNESS, "timeliness", False, guards),)


def reasons_of(contract: Contract) -> dict[str, Dimension]:
    """Every reason a row of this source can be quarantined for, with its dimension."""
    reasons: dict[str, Dimension] = {UNPARSABLE: "accuracy"}
    reasons.update((column.missing, "completeness") for column in contract.columns if column.required)
    reasons.update((column.invalid, "accuracy") for column in contract.columns)
    for column in contract.columns:
        if any_by_clock(contract, column):
            reasons.update({column.ambiguous: "accuracy", column.nonexistent: "accuracy"})
    reasons.update((rule.reason, rule.dimension) for rule in contract.row_rules)
    reasons.update((rule.reason, "uniqueness") for rule in contract.unique_rules)
    return reasons


# --- the verdict


def _problems(
    contract: Contract, dimension: Dimension, measures: Measures, drift: Drift, is_partial: bool
) -> list[tuple[Severity, str]]:
    problems: list[tuple[Severity, str]] = []
    if counts := _quarantined(contract, dimension, measures):
        problems.append(("warning", f"Rows were quarantined ({_listed(counts, measures)})"))
    rules = [rule for rule in contract.delivery_rules if not (is_partial and rule.kind == "rows_read")]
    measured = [rule for rule in rules if rule.dimension == dimension]
    problems += [(rule.severity, text) for rule in measured if (text := broken_rule(rule, measures))]
    if dimension == "accuracy":
        problems += _too_many_quarantined(contract, measures)
        problems += [("error", text) for text in broken_limits(contract, measures)]
    elif dimension == "consistency":
        problems += _drifted(drift)
        if contract.is_snapshot and not measures.rows_sound:
            problems.append(("error", "It is a whole table (snapshot) without a sound row, which would delete all"))
    elif dimension == "traceability" and measures.rows_read != measures.rows_sound + measures.rows_broken:
        problems.append(("error", _unaccounted(measures)))
    return problems


def _quarantined(contract: Contract, dimension: Dimension, measures: Measures) -> dict[str, int]:
    dimensions = reasons_of(contract)
    return {reason: n for reason, n in measures.reasons.items() if dimensions.get(reason) == dimension and n}


def _too_many_quarantined(contract: Contract, measures: Measures) -> list[tuple[Severity, str]]:
    limit = contract.max_quarantined_percent
    # Of rows that are said to mean nothing when they are there again, any number may be.
    counted = measures.rows_broken - measures.reasons.get(REPEATED_ROW, 0)
    if not _are_too_many(contract, counted, measures.rows_read):
        return []
    share = percent(100 * Decimal(counted) / measures.rows_read)
    rows = f"{counted:,} of {measures.rows_read:,} rows ({share})"
    most = _listed(dict(sorted(measures.reasons.items(), key=lambda item: -item[1])[:MOST_BROKEN]), measures)
    broken = f"{rows} broke the contract, above its limit of {percent(limit)} (maxQuarantinedPercent)"
    return [("error", f"{broken}; most often {most}" if most else broken)]


def _are_too_many(contract: Contract, broken: int, read: int) -> bool:
    """Whether the share of broken rows is above the limit, and so many that this says something of the delivery."""
    limit = contract.max_quarantined_percent
    if broken * 100 <= limit * read:
        return False
    if broken == read:
        return True
    if contract.max_quarantined_rows is not None:
        return broken > contract.max_quarantined_rows
    return broken > FEW_ROWS or _chance_of(broken, read, float(limit) / 100) < UNLIKELY


def _chance_of(broken: int, read: int, share: float) -> float:
    """How likely `broken` or more rows of `read` are broken where `share` of all rows are: the binomial upper tail."""
    if share <= 0:
        return 0.0
    fewer = (
        lgamma(read + 1) - lgamma(n + 1) - lgamma(read - n + 1) + n * log(share) + (read - n) * log1p(-share)
        for n in range(broken)
    )
    return 1 - sum(map(exp, fewer))


def _drifted(drift: Drift) -> list[tuple[Severity, str]]:
    problems: list[tuple[Severity, str]] = []
    if drift.missing_required:
        problems.append(("error", f"It lacks the required {_columns(drift.missing_required)}"))
    if drift.missing_optional:
        problems.append(("warning", f"It lacks the optional {_columns(drift.missing_optional)}, loaded as null"))
    if drift.added:
        problems.append(("warning", f"It has the new {_columns(drift.added)}, not loaded"))
    return problems


def _outcome(
    contract: Contract, group: RuleGroup, measures: Measures, problems: list[tuple[Severity, str]]
) -> CheckOutcome:
    severity: Severity = "error" if any(found == "error" for found, _ in problems) else "warning"
    return CheckOutcome(
        name=group.name,
        dimension=group.dimension,
        passed=not problems,
        severity=severity,
        blocking=group.blocking,
        observed=_observed(contract, group.dimension, measures),
        description=_advice(contract, group.dimension, measures, problems) if problems else group.description,
        figures=_figures(contract, group.dimension, measures),
    )


def _freshness(group: RuleGroup, stand_in: StandIn | None) -> CheckOutcome:
    observed, description = "the day's own delivery", group.description
    if stand_in:
        observed = f"the delivery of {stand_in.day} stands in"
        description = (
            f"{stand_in.because} So the newest good delivery, of {stand_in.day}, stands in. "
            "Run the day again when the source is back, if that has not happened automatically."
        )
    return CheckOutcome(
        name=group.name,
        dimension=group.dimension,
        passed=stand_in is None,
        severity="warning",
        blocking=group.blocking,
        observed=observed,
        description=description,
        figures={"stands_in": int(stand_in is not None)},
    )


def _figures(contract: Contract, dimension: Dimension, measures: Measures) -> dict[str, int | float]:
    """What `_observed` says in words, as numbers that can be drawn over time."""
    quarantined = _quarantined(contract, dimension, measures)
    figures: dict[str, int | float] = {
        "rows_read": measures.rows_read,
        # A row with several reasons counts for each.
        "rows_quarantined": sum(quarantined.values()),
        **quarantined,
    }
    for rule in contract.delivery_rules:
        number = measured_number(rule, measures)
        if rule.dimension == dimension and number is not None:
            figures[rule.name] = float(number)
    return figures


def _observed(contract: Contract, dimension: Dimension, measures: Measures) -> str:
    figures = [f"{measures.rows_read:,} rows read"]
    if dimension in ("accuracy", "traceability"):
        figures.append(f"{measures.rows_sound:,} sound, {measures.rows_broken:,} quarantined")
    if counts := _quarantined(contract, dimension, measures):
        figures.append(_listed(counts, measures))
    for rule in contract.delivery_rules:
        number = measured_number(rule, measures)
        if rule.dimension == dimension and number is not None:
            figures.append(f"{rule.name} {figure(rule, number)}")
    return "; ".join(figures)


def _advice(contract: Contract, dimension: Dimension, measures: Measures, problems: list[tuple[Severity, str]]) -> str:
    found = _sentences(text for _, text in problems)
    if any(severity == "error" for severity, _ in problems):
        return f"{found} The delivery was rejected and nothing of it was loaded. {_remedy(contract)}"
    if _quarantined(contract, dimension, measures):
        return (
            f"{found} The sound rows were loaded. The others and their reasons are in "
            f"quarantine.{contract.source}; once the source or {contract.label} is fixed, "
            f"{_replay(contract)} loads them."
        )
    return f"{found} The delivery was loaded. If this is to stay, say so in {contract.label}."


def _rejection(contract: Contract, broken: list[str], unusual: list[str]) -> str:
    remedies = [_remedy(contract)] if broken else ["Fix the source and deliver again."]
    if unusual:
        remedies.append(remedy_of_unusual(contract))
    return (
        f"{_sentences([*broken, *unusual])} Nothing was loaded; the rows and reasons are in "
        f"quarantine.{contract.source}, and what was loaded before stays. {' '.join(remedies)}"
    )


def _remedy(contract: Contract) -> str:
    return f"Fix the source and deliver again, or change the rule in {contract.label} and run {_replay(contract)}."


def _replay(contract: Contract) -> str:
    return f"`tidegate quarantine replay --source {contract.source} --partition DAY`"


def _unaccounted(measures: Measures) -> str:
    return (
        f"{measures.rows_read:,} rows were read, but {measures.rows_sound:,} are sound and "
        f"{measures.rows_broken:,} quarantined"
    )


# --- groups


def _guards(contract: Contract, dimension: Dimension) -> list[str]:
    """What is guarded in this dimension, one clause each."""
    return [*_builtin_guards(contract)[dimension], *_written_guards(contract, dimension)]


def _builtin_guards(contract: Contract) -> Mapping[Dimension, list[str]]:
    required = [f"{', '.join(contract.required)} must have a value"] if contract.required else []
    return {
        "completeness": required,
        "accuracy": [
            "every value must be of its column's type",
            f"at most {percent(contract.max_quarantined_percent)} of the rows may be quarantined",
            *limits_in_words(contract),
        ],
        "consistency": ["every required column must be delivered, and new ones be known to the contract"],
        "timeliness": [],
        "uniqueness": [],
        "traceability": ["every row read is either loaded or in quarantine"],
    }


def _written_guards(contract: Contract, dimension: Dimension) -> list[str]:
    rules = [f"{r.reason}: {r.description}" for r in contract.row_rules if r.dimension == dimension]
    if dimension == "uniqueness":
        rules += [f"{rule.reason}: {rule.description}" for rule in contract.unique_rules]
    measured = [rule for rule in contract.delivery_rules if rule.dimension == dimension]
    return rules + [f"{rule.name} {wanted(rule)} ({rule.severity}): {rule.description}" for rule in measured]


def _is_blocking(contract: Contract, dimension: Dimension) -> bool:
    if dimension in ("accuracy", "consistency", "traceability"):
        return True
    return any(rule.dimension == dimension and rule.severity == "error" for rule in contract.delivery_rules)


# --- words


def _listed(counts: Mapping[str, int], measures: Measures) -> str:
    """Reasons and how many rows have each, those of most rows first."""
    in_order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{reason} {n:,}{_why(measures) if reason == UNPARSABLE else ''}" for reason, n in in_order)


def _why(measures: Measures) -> str:
    """Why lines could not be parsed: ` (2 with too few fields, 1 with a NUL byte)`."""
    causes = sorted(measures.causes.items(), key=lambda item: (-item[1], item[0]))
    return f" ({', '.join(f'{n:,} with {cause}' for cause, n in causes)})" if causes else ""


def _columns(names: Sequence[str]) -> str:
    return f"column{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _in_one_sentence(clauses: Iterable[str]) -> str:
    text = "; ".join(clause.rstrip(".") for clause in clauses)
    return f"{text[0].upper()}{text[1:]}."


def _sentences(texts: Iterable[str]) -> str:
    return " ".join(f"{text}." for text in texts)
