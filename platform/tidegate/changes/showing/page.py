"""What a plan would do, as one page that needs nothing else. Importing what draws takes half a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidegate.changes.compare import MartDifference
from tidegate.changes.compare_contracts import ContractDifference
from tidegate.changes.figures import Figure
from tidegate.changes.plan import Planned
from tidegate.changes.showing import contracts, sentences
from tidegate.outputs.rendering.charts import Column, Series, draw_columns
from tidegate.outputs.rendering.numbers import short_date
from tidegate.outputs.rendering.page import Picture, Table, render

TITLE = "What this change does to what is published"


@dataclass(frozen=True)
class Section:
    """What the page says of a contract or a mart."""

    title: str
    sentences: Sequence[str]
    tables: Sequence[Table]
    pictures: Sequence[Picture] = ()


def as_page(planned: Planned | None) -> str:
    """The page, as HTML."""
    return render(
        "plan.html",
        title=TITLE,
        heading=TITLE,
        lead=_lead(planned),
        failures=list(sentences.failures(planned)) if planned else [],
        sections=[*map(_of_contract, planned.contracts), *map(_of_mart, planned.marts)] if planned else [],
        next_step=sentences.next_step(planned) if planned else "",
    )


def _lead(planned: Planned | None) -> list[str]:
    if planned is None:
        return [sentences.NOTHING]
    return [sentences.models(planned), *sentences.leaving(planned), sentences.cost(planned.cost)]


def _of_contract(contract: ContractDifference) -> Section:
    rows = contracts.rows_kept_out(contract)
    tables = [Table("The first rows that would be in quarantine", contracts.KEPT_OUT, rows, texts=5)] if rows else []
    return Section(contracts.title(contract), list(contracts.sentences_of(contract)), tables)


def _of_mart(mart: MartDifference) -> Section:
    pictures = [_picture(mart, figure) for figure in mart.figures]
    return Section(mart.mart, list(sentences.of_mart(mart)), list(_tables(mart)), pictures)


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
