"""What a plan would do, as one page that needs nothing else. Importing what draws takes half a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidegate.changes.compare import MartDifference
from tidegate.changes.figures import Figure
from tidegate.changes.plan import Planned
from tidegate.changes.showing import sentences
from tidegate.outputs.rendering.charts import Column, Series, draw_columns
from tidegate.outputs.rendering.numbers import short_date
from tidegate.outputs.rendering.page import Picture, Table, render

TITLE = "What this change does to what is published"


@dataclass(frozen=True)
class MartShown:
    """A mart as the page shows it."""

    name: str
    sentences: Sequence[str]
    tables: Sequence[Table]
    pictures: Sequence[Picture]


def as_page(planned: Planned | None) -> str:
    """The page, as HTML."""
    return render(
        "plan.html",
        title=TITLE,
        heading=TITLE,
        lead=_lead(planned),
        failures=list(sentences.failures(planned)) if planned else [],
        marts=[_shown(mart) for mart in planned.marts] if planned else [],
        next_step=sentences.next_step(planned) if planned else "",
    )


def _lead(planned: Planned | None) -> list[str]:
    if planned is None:
        return [sentences.NOTHING]
    return [sentences.models(planned), *sentences.leaving(planned), sentences.cost(planned.cost)]


def _shown(mart: MartDifference) -> MartShown:
    pictures = [_picture(mart, figure) for figure in mart.figures]
    return MartShown(mart.mart, list(sentences.of_mart(mart)), list(_tables(mart)), pictures)


def _tables(mart: MartDifference) -> Iterator[Table]:
    if mart.rows and mart.rows.columns:
        yield Table("Columns whose values changed", sentences.COLUMNS, sentences.columns(mart.rows))
    if mart.rows and mart.rows.samples:
        head = sentences.samples_head(mart.rows)
        yield Table("The first changed values", head, sentences.samples(mart.rows), texts=2)


def _picture(mart: MartDifference, figure: Figure) -> Picture:
    total = sentences.figure(sum(each.change for each in figure.days), sign="+")
    columns = [Column(short_date(each.day), each.change, is_main=True) for each in figure.days]
    title = f"{figure.name} of {mart.mart}, planned less published"
    drawing = draw_columns([Series(figure.name, columns, total)], f"{title}, by {mart.cadence.singular}")
    head = (mart.cadence.singular, *sentences.FIGURES)
    table = Table(sentences.figures_title(mart, figure), head, sentences.figures(figure))
    return Picture(title, f"In sum {total}, on {mart.cadence.counted(len(figure.days))}.", drawing, [table])
