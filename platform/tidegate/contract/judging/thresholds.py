"""Whether a figure of a delivery is what its rule asks for, and both in words."""

from __future__ import annotations

from decimal import Decimal

from tidegate.contract.found import Measures
from tidegate.contract.model import DeliveryRule, Threshold

_IN_WORDS = {
    "mustBe": "must be {}",
    "mustNotBe": "must not be {}",
    "mustBeGreaterThan": "must be above {}",
    "mustBeGreaterOrEqualTo": "must be at least {}",
    "mustBeLessThan": "must be below {}",
    "mustBeLessOrEqualTo": "must be at most {}",
    "mustBeBetween": "must be from {} to {}",
    "mustNotBeBetween": "must not be from {} to {}",
}


def broken_rule(rule: DeliveryRule, measures: Measures) -> str | None:
    """What is wrong by `rule`, or None. On a delivery without sound rows there may be nothing to measure."""
    if rule.name in measures.failures:
        return f"{rule.name} could not be measured: {measures.failures[rule.name]}"
    number = measured_number(rule, measures)
    if number is None:
        return f"{rule.name} gave no number" if measures.rows_sound else None
    if holds(rule.threshold, number):
        return None
    return f"{rule.name} is {figure(rule, number)} and {wanted(rule)}"


def measured_number(rule: DeliveryRule, measures: Measures) -> Decimal | None:
    # Also counts the lines that could not be parsed, which no SQL saw.
    return Decimal(measures.rows_read) if rule.kind == "rows_read" else measures.values.get(rule.name)


def holds(threshold: Threshold, number: Decimal) -> bool:
    """Whether `number` is what the threshold asks for. Ranges include both ends."""
    first, last = threshold.limits[0], threshold.limits[-1]
    match threshold.comparison:
        case "mustBe":
            return number == first
        case "mustNotBe":
            return number != first
        case "mustBeGreaterThan":
            return number > first
        case "mustBeGreaterOrEqualTo":
            return number >= first
        case "mustBeLessThan":
            return number < first
        case "mustBeLessOrEqualTo":
            return number <= first
        case "mustBeBetween":
            return first <= number <= last
        case "mustNotBeBetween":
            return not first <= number <= last


def wanted(rule: DeliveryRule) -> str:
    """What the rule asks of its number, in words: 'must be at most 60 %'."""
    return _IN_WORDS[rule.threshold.comparison].format(*(figure(rule, limit) for limit in rule.threshold.limits))


def figure(rule: DeliveryRule, number: Decimal) -> str:
    return percent(number) if rule.threshold.unit == "percent" else _plain(number)


def percent(number: Decimal) -> str:
    return f"{_plain(round(number, 2))} %"


def _plain(number: Decimal) -> str:
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
