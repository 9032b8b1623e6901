"""Data quality in words: the same sentences on a week's page and on a day's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidegate.outputs.pages.quality import Quality
from tidegate.outputs.rendering.numbers import plural, short_date, whole
from tidegate.outputs.rendering.page import Table

# Days named in a sentence; the JSON has all of them.
DAYS_NAMED = 14


@dataclass(frozen=True)
class QualitySection:
    title: str
    sentences: Sequence[str]
    tables: Sequence[Table]


def quality_of_week(quality: Quality) -> QualitySection:
    """What a page says of the data quality of its days. What did not happen is said too."""
    if quality.unpublished_days:
        published = f"Not published: {days_in_words(quality.unpublished_days)}. No figure here includes them."
    else:
        published = "Every day of the week is published."
    if quality.restated:
        days = days_in_words([restated.day for restated in quality.restated])
        restated = f"Restated since they were first published: {days}."
    else:
        restated = "No day was restated since it was first published."
    return _section("Data quality of the week", [published, restated, *_sentences(quality)], quality)


def quality_of_day(quality: Quality) -> QualitySection:
    """The same for one day, which is published."""
    changed = "was restated" if quality.restated else "did not change"
    return _section(
        "Data quality of the day", [f"The day {changed} since it was first published.", *_sentences(quality)], quality
    )


def _section(title: str, sentences: Sequence[str], quality: Quality) -> QualitySection:
    return QualitySection(title, sentences, [_reasons(quality), _rows(quality), *_exceptions(quality)])


def days_in_words(days: Sequence[dt.date]) -> str:
    """`6 Jun, 7 Jun and 3 more`; years are the page's."""
    named = ", ".join(short_date(day) for day in days[:DAYS_NAMED])
    return named if len(days) <= DAYS_NAMED else f"{named} and {len(days) - DAYS_NAMED} more"


def _sentences(quality: Quality) -> Iterator[str]:
    if quality.rejected:
        yield f"{plural(len(quality.rejected), 'delivery', 'deliveries')} rejected whole; the table says why."
    if quality.earlier_days_changed:
        yield f"Late or corrected rows changed earlier days too: {days_in_words(quality.earlier_days_changed)}."
    if not quality.stand_ins and not quality.waived:
        yield "No source was stale: nothing stood in, nothing was waived."


def _reasons(quality: Quality) -> Table:
    return Table(
        "Quarantined rows by reason; a row with several reasons counts for each",
        ("Reason", "Source", "Rows"),
        [(entry.reason, entry.source, whole(entry.rows)) for entry in quality.quarantined],
        "No row was quarantined.",
        texts=2,
    )


def _rows(quality: Quality) -> Table:
    return Table(
        "Rows of what is loaded: read = loaded + in quarantine",
        ("Source", "Read", "Loaded", "In quarantine"),
        [
            (row.source, whole(row.rows_read), whole(row.rows_loaded), whole(row.rows_quarantined))
            for row in quality.rows
        ],
        "Nothing is loaded for these days.",
    )


def _exceptions(quality: Quality) -> Iterator[Table]:
    """Tables that are there only when there is something in them."""
    if quality.stand_ins or quality.waived:
        yield Table(
            "Stale sources",
            ("Source", "Day", "What the day goes on with"),
            [
                *(
                    (f"{s.source}/{s.region}", str(s.day), f"the delivery of {s.delivery_of}")
                    for s in quality.stand_ins
                ),
                *((f"{w.source}/{w.region}", str(w.day), "nothing: waived") for w in quality.waived),
            ],
            texts=3,
        )
    if quality.restated:
        yield Table(
            "Restated days",
            ("Day", "Changes", "Last change, UTC"),
            [(str(r.day), whole(r.times_changed), f"{r.last_changed_at:%Y-%m-%d %H:%M}") for r in quality.restated],
        )
    if quality.rejected:
        yield Table(
            "Rejected deliveries",
            ("Source", "Day", "Instead", "Why"),
            [
                (
                    f"{r.source}/{r.region}",
                    str(r.day),
                    "the delivery before it stays" if r.stands else "nothing",
                    _in_short(r.reason),
                )
                for r in quality.rejected
            ],
            texts=4,
        )


def _in_short(reason: str) -> str:
    """Why a delivery was rejected, without what the row says already and what is for the engineer to do."""
    what = reason.partition(" rejected: ")[2] or reason
    return what.partition(" Nothing was loaded")[0]
