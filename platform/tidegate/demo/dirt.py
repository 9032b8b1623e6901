"""What is wrong with the demo shop's deliveries: which dirt is due when and where, how much, and in words.

Working it into lines and files belongs to `spoil`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class DirtKind(StrEnum):
    MISSING_VALUES = "missing_values"
    NEGATIVE_PRICE = "negative_price"
    DUPLICATE_KEY = "duplicate_key"
    TOO_FEW_COLUMNS = "too_few_columns"
    TOO_MANY_COLUMNS = "too_many_columns"
    UNCLOSED_QUOTE = "unclosed_quote"
    LATE_ROWS = "late_rows"
    CORRECTION = "correction"
    ADDED_COLUMN = "added_column"
    GZIP = "gzip"
    JSON_LINES = "json_lines"
    PARQUET = "parquet"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Dirt:
    """One piece of dirt as it was written; `sentence` says it to a person."""

    day: dt.date
    source: str
    region: str
    kind: DirtKind
    sentence: str


# Dirt of orders by the number of the day (0 is the first) and the region: at most one kind in a delivery. Rows are
# broken in the larger regions. A week's programme fits into its first five days: a five-day shop shows
# everything once.
Plan = Mapping[tuple[int, str], DirtKind]

EVERY_WEEK: Plan = {
    (0, "us-east"): DirtKind.MISSING_VALUES,
    (0, "us-west"): DirtKind.NEGATIVE_PRICE,
    (1, "us-east"): DirtKind.DUPLICATE_KEY,
    (1, "us-west"): DirtKind.TOO_FEW_COLUMNS,
    (2, "us-east"): DirtKind.TOO_MANY_COLUMNS,
    (2, "us-west"): DirtKind.CORRECTION,
    (3, "us-east"): DirtKind.UNCLOSED_QUOTE,
    (4, "ap-south"): DirtKind.LATE_ROWS,
    (5, "us-west"): DirtKind.MISSING_VALUES,
    (6, "us-west"): DirtKind.DUPLICATE_KEY,
}
ONCE: Plan = {
    (1, "ap-south"): DirtKind.GZIP,
    (2, "ap-south"): DirtKind.JSON_LINES,
    (3, "us-west"): DirtKind.ADDED_COLUMN,
    (3, "ap-south"): DirtKind.PARQUET,
}
REJECTED_REGION = "eu-west"
FEWEST_DAYS_FOR_ALL = 5
# The middle of ten weeks: a shop that goes on day by day does not spoil another delivery each time.
LATEST_REJECTED = 35

# No delivery that gets dirt is smaller: one broken line in 40 is 2.5 %, half of the contract's 5 %; and a
# file of JSON lines without a line would not even tell its columns.
FEWEST_LINES_WITH_DIRT = 40


def plan(days: int) -> Plan:
    """All dirt of a shop of so many days. Only the rejected delivery's day depends on how many they are."""
    weekly = {
        (day, region): kind for day in range(days) for (due, region), kind in EVERY_WEEK.items() if due == day % 7
    }
    once = {(day, region): kind for (day, region), kind in ONCE.items() if day < days}
    return weekly | once | _rejected(days)


def _rejected(days: int) -> dict[tuple[int, str], DirtKind]:
    """Around the middle, in the first ten weeks; never among the last three days, which a demo shows as its newest."""
    if days < FEWEST_DAYS_FOR_ALL:
        return {}
    return {(min(days // 2, days - 4, LATEST_REJECTED), REJECTED_REGION): DirtKind.REJECTED}


def lines_to_spoil(kind: DirtKind, lines: int) -> int:
    """Of a delivery of so many sound lines: about 0.4 %, or a third where the delivery has to be rejected."""
    match kind:
        case DirtKind.UNCLOSED_QUOTE:
            return 1
        case DirtKind.REJECTED:
            return lines // 3
    return max(1, lines // 250)


def sentence(kind: DirtKind, count: int, lines: int) -> str:
    """What `count` of the delivery's `lines` lines are like, in words."""
    in_some = f"In {count:,} of {lines:,} lines"
    sentences = {
        DirtKind.MISSING_VALUES: f"{in_some} a required value is missing.",
        DirtKind.NEGATIVE_PRICE: f"{in_some} the price is negative.",
        DirtKind.DUPLICATE_KEY: f"{in_some} the key is one that comes again below; the last one counts.",
        DirtKind.TOO_FEW_COLUMNS: f"{in_some} all after the fourth column is missing.",
        DirtKind.TOO_MANY_COLUMNS: f"{in_some} a text with a comma lost its quotes: one column too many.",
        DirtKind.UNCLOSED_QUOTE: "The last line opens a quote and does not close it.",
        DirtKind.LATE_ROWS: f"{in_some} the event is from one to three days before the delivery.",
        DirtKind.CORRECTION: f"{in_some} another quantity replaces one delivered one or two days before.",
        DirtKind.ADDED_COLUMN: "The file has one more column than agreed, coupon_code.",
        DirtKind.GZIP: "The file is a gzip CSV.",
        DirtKind.JSON_LINES: "The file is JSON lines.",
        DirtKind.PARQUET: "The file is Parquet.",
        DirtKind.REJECTED: f'{in_some} the price has a decimal comma ("12,99"): far too many.',
    }
    return sentences[kind]
