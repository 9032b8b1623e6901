"""The figures of the segmentation report as rows of one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tidegate.outputs.pages.quality import Quality
from tidegate.outputs.pages.segment_words import ends_of
from tidegate.outputs.pages.weekly import (
    CustomerGroup,
    WeeklyFacts,
)

CSV_COLUMNS = ("as_of_date", "section", "item", "measure", "value")
CsvRow = tuple[object, ...]
CsvRecord = tuple[str, str, Mapping[str, object]]

OF_THE_REPORT = ("weeks_compare", "customers", "customers_without_purchases", "window_days_published")


def csv_rows(facts: WeeklyFacts) -> Iterator[CsvRow]:
    """All figures of the report, one a row, as `CSV_COLUMNS` names them."""
    for section, item, figures in _records(facts):
        for measure, value in figures.items():
            yield facts.monday, section, item, measure, value


def _records(facts: WeeklyFacts) -> Iterator[CsvRecord]:
    """Every record of the report, with the section it is in and what it is of."""
    yield "report", "all", {measure: getattr(facts, measure) for measure in OF_THE_REPORT}
    yield from (("headlines", headline.measure, vars(headline)) for headline in facts.headlines)
    yield from (("weeks", str(week.first_day), vars(week)) for week in facts.weeks)
    yield from (("segments", segment.segment, vars(segment)) for segment in facts.segments)
    yield from (("moves", " → ".join(ends_of(move)), vars(move)) for move in facts.moves or ())
    yield from (("heat_map", f"R{cell.recency_score} F{cell.frequency_score}", vars(cell)) for cell in facts.heat_map)
    if facts.became_at_risk:
        yield from _group("became_at_risk", facts.became_at_risk)
    yield from _group("lapsing_high_value", facts.lapsing_high_value)
    yield from _quality(facts.quality)


def _group(section: str, group: CustomerGroup) -> Iterator[CsvRecord]:
    """How many they are, and those with the most revenue one by one."""
    yield section, "all", {"customers": group.customers, "total_monetary": group.total_monetary}
    yield from ((f"{section}_most_revenue", customer.customer_id, vars(customer)) for customer in group.most_revenue)


def _quality(quality: Quality) -> Iterator[CsvRecord]:
    yield from (("unpublished_days", str(day), {"day": day}) for day in quality.unpublished_days)
    yield from (("earlier_days_changed", str(day), {"day": day}) for day in quality.earlier_days_changed)
    yield from (("rows_loaded", row.source, vars(row)) for row in quality.rows)
    yield from (("quarantined", f"{entry.source}: {entry.reason}", vars(entry)) for entry in quality.quarantined)
    yield from (("restated", str(entry.day), vars(entry)) for entry in quality.restated)
    places = (("stand_ins", quality.stand_ins), ("waived", quality.waived), ("rejected", quality.rejected))
    for section, entries in places:
        yield from ((section, f"{entry.source}/{entry.region} {entry.day}", vars(entry)) for entry in entries)
