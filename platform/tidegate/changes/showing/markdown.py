"""What a plan would do, as Markdown for a proposal's page. What comes from data or from an error is text there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from tidegate.changes.compare import MartDifference
from tidegate.changes.plan import Planned
from tidegate.changes.showing import contracts, sentences
from tidegate.outputs.rendering.markdown import escaped

# A word that means nothing to Markdown where it stands in a line; an address would become a link.
_PLAIN = re.compile(r"(?!.*(://|www\.))[\w,.+:/()'\"%=;-]*")


def as_markdown(planned: Planned | None) -> str:
    """The plan as a page of a proposal shows it."""
    if planned is None:
        return f"{sentences.NOTHING}\n"
    lines = ["## What this change does to what is published", "", *summary(planned), sentences.cost(planned.cost), ""]
    return "\n".join([*lines, *details(planned), sentences.next_step(planned), ""])


def summary(planned: Planned) -> list[str]:
    return [text(sentence) for sentence in (sentences.models(planned), *sentences.leaving(planned))]


def details(planned: Planned) -> Iterator[str]:
    """The lines on what failed, and on each contract and mart."""
    if failures := list(sentences.failures(planned)):
        yield from ["### Failed", "", *bullets(failures)]
    for contract in planned.contracts:
        yield from [f"### {text(contracts.title(contract))}", "", *bullets(contracts.sentences_of(contract))]
        if contract.samples:
            yield from table(contracts.KEPT_OUT, contracts.rows_kept_out(contract))
    for mart in planned.marts:
        yield from [f"### {text(mart.mart)}", "", *bullets(sentences.of_mart(mart))]
        yield from _tables(mart)


def _tables(mart: MartDifference) -> Iterator[str]:
    if mart.rows and mart.rows.columns:
        yield from table(sentences.COLUMNS, sentences.columns(mart.rows), names=1)
    for figure in mart.figures:
        yield from [f"{text(sentences.figures_title(mart, figure))}:", ""]
        yield from table((mart.cadence.singular, *sentences.FIGURES), sentences.figures(figure), names=1)
    if mart.rows and mart.rows.samples:
        yield from table(sentences.samples_head(mart.rows), sentences.samples(mart.rows))


def bullets(of: Iterable[str]) -> list[str]:
    return [*(f"- {text(sentence)}" for sentence in of), ""]


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, names: int | None = None) -> list[str]:
    """The rows under their head. All columns but the first `names` hold figures, which stand to the right."""
    sides = ["---" if names is None or number < names else "---:" for number in range(len(head))]
    return [_row(head), f"| {' | '.join(sides)} |", *map(_row, rows), ""]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(text, cells))} |"


def text(value: str) -> str:
    """The value on one line, as nothing but text."""
    return " ".join(word if _PLAIN.fullmatch(word) else escaped(word) for word in value.split())
