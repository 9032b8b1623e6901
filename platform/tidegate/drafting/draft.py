"""From sample files to a draft: evidence, choices, text, and the judge's own word that the draft loads them.

draft(paths, asked, folder)   a contract with its evidence, its dbt files, and what could not be settled
"""

from __future__ import annotations

import datetime as dt
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.contract.landing import FolderServer
from tidegate.contract.model import Contract, Region
from tidegate.contract.reading.columns import RESERVED
from tidegate.contract.reading.odcs import SUFFIX, load_contract
from tidegate.drafting import words
from tidegate.drafting.asked import Asked, DraftError, Field, Note, Sample, Written
from tidegate.drafting.choice import Choice
from tidegate.drafting.choosing import Chooser, context_of, of_types, sampled_column
from tidegate.drafting.contract_text import Content, contract_text
from tidegate.drafting.dbt_text import DbtFiles, day_of_model, dbt_files
from tidegate.drafting.keys import find_event_time, find_key, last_days
from tidegate.drafting.personal import with_personal
from tidegate.drafting.profile import profile_of
from tidegate.drafting.proof import complaints, read_samples
from tidegate.drafting.samples import how_written, sampled
from tidegate.drafting.served import Served, served_by, what_to_do_instead
from tidegate.drafting.typed import make_typed, with_rules
from tidegate.errors import ContractError
from tidegate.intake.files.readers import JUDGED
from tidegate.lake.sql import kept_by_the_lake, qualified, quoted

_TEXTS = qualified("temp", "main", "drafting_texts")
_DAY_IN_NAME = re.compile(r"[-_.]?(20\d\d)[-_.]?([01]\d)[-_.]?([0-3]\d)")
# By name they are known alone: what a JSON or XML file calls otherwise is another column.
_BY_KEY = ("json", "json_array", "xml")
# A draft takes no more than a run does.
_MEMORY = "1500MB"


@dataclass(frozen=True)
class Draft:
    """A drafted contract. `unsettled`: what it does not load of the sample, and what only a person can decide."""

    source: str
    text: str
    contract: Contract
    rows: int
    files: int
    choices: tuple[Choice, ...]
    notes: tuple[Note, ...]
    unsettled: tuple[str, ...]
    open: tuple[str, ...]
    # Of each file, the day that it is a delivery of.
    days: tuple[dt.date, ...] = ()
    # Nothing in the files says their day: it is yesterday then.
    undated: bool = False
    # Of samples that were fetched: what the contract asks, or what fills landing.
    server: str = ""

    @property
    def staged_day(self) -> str:
        """The column of the staging model that says a row's day."""
        return day_of_model(self.contract)

    def dbt(self, macros: str = "tidegate.") -> DbtFiles:
        return dbt_files(self.contract, macros)


def draft(paths: Sequence[Path], asked: Asked) -> Draft:
    """Draft the contract that loads these files of one source, each a day's. Raises DraftError, and writes nothing."""
    if not paths:
        raise DraftError("There is no file to draft from. Nothing was written.")
    source = asked.source or source_of(paths[0].name)
    with tempfile.TemporaryDirectory(prefix="tidegate-draft-") as folder, _connected(Path(folder)) as con:
        scratch = Path(folder)
        (scratch / "plain").mkdir()
        samples = [sampled(path, scratch / "plain") for path in paths]
        if asked.day is not None:
            samples = [replace(sample, day=sample.day or asked.day) for sample in samples]
        written = how_written(samples, asked)
        return _Drafting(con, scratch, source, samples, written, asked).draft()


@contextmanager
def _connected(folder: Path) -> Iterator[DuckDBPyConnection]:
    spill = folder / "spill"
    with duckdb.connect(config={"memory_limit": _MEMORY, "temp_directory": str(spill)}) as con:
        con.execute("set timezone = 'UTC'")
        yield con


def source_of(name: str) -> str:
    """A source's name of a file's: `orders` of `Orders-2024-03-05.csv.gz`."""
    plain = re.sub(r"(\.[A-Za-z][A-Za-z0-9]{0,6})+$", "", name)
    plain = words.snake(_DAY_IN_NAME.sub("", plain).strip("-_. 0123456789"))
    return plain[:60].strip("_") or "source"


class _Drafting:
    """One draft in the making."""

    def __init__(
        self,
        con: DuckDBPyConnection,
        scratch: Path,
        source: str,
        samples: Sequence[Sample],
        written: Written,
        asked: Asked,
    ) -> None:
        self.con = con
        self.scratch = scratch
        self.source = source
        self.samples = samples
        self.asked = asked
        self.fields, unnamed = _named(written)
        self.written = replace(written, left_out=(*written.left_out, *unnamed))
        self.notes = list(written.notes)

    def draft(self) -> Draft:
        rows = self._read_as_text()
        choices = self._choose()
        days = [sample.day for sample in self.samples]
        sampled_as = {name: sampled_column(field, name).sql_type for name, field in self.fields.items()}
        make_typed(self.con, _TEXTS, choices, sampled_as, days)
        choices = with_personal(self.con, self.source, choices)
        found = find_key(self.con, self.source, choices, self.asked)
        choices = [
            replace(choice, key_place=found.key.index(choice.name)) if choice.name in found.key else choice
            for choice in choices
        ]
        found = find_event_time(self.con, found, choices, self.asked)
        choices = [replace(c, required=c.required or c.name == found.event_time) for c in choices]
        choices = with_rules(self.con, choices, self.fields)
        self.notes += found.notes
        names = [sample.name for sample in self.samples]
        content = Content(
            self.source, names, rows, self.written.options, choices, found, self.notes, self.written.left_out
        )
        own_days = last_days(self.con, found.event_time)
        # Today has not ended, so nothing can be run for it yet.
        yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
        dated = [day or own_days.get(at) for at, day in enumerate(days)]
        return replace(self._proven(content, [day or yesterday for day in dated]), undated=not any(dated))

    # --- steps

    def _read_as_text(self) -> int:
        """The sample as it is delivered, in _TEXTS; returns how many rows it has."""
        columns = tuple(sampled_column(field, name) for name, field in self.fields.items())
        region = Region("main", FolderServer(f"{self.source}/{{day}}"), self.written.options)
        contract = _plain_contract(self.source, columns, region, self.samples[0].path)
        today = [dt.datetime.now(dt.UTC).date()] * len(self.samples)
        read, _ = read_samples(self.con, contract, self.samples, today, self.scratch / "texts")
        if read.unreadable:
            file, why = next(iter(read.unreadable.items()))
            raise DraftError(f"{file.name} {why}. Nothing was written.")
        self.con.execute(f"create temp table {_TEXTS} as select * from {JUDGED}")
        rows = self.con.execute(f"select count(*) from {_TEXTS}").fetchone()
        if not rows or not rows[0]:
            raise DraftError(
                f"{self.samples[0].path} has no row below its header, so nothing shows what its columns hold. Draft "
                "from a day with rows. Nothing was written."
            )
        return int(rows[0])

    def _choose(self) -> list[Choice]:
        texts = {name: field for name, field in self.fields.items() if field.sql_type == "VARCHAR"}
        profiles = {name: profile_of(self.con, _TEXTS, name) for name in texts}
        days = [sample.day for sample in self.samples if sample.day]
        context = context_of(self.con, _TEXTS, list(profiles.values()), self.asked, days)
        chooser = Chooser(self.con, _TEXTS, context)
        return [
            chooser.choose(field, name, profiles[name]) if name in texts else self._of_types(name, field)
            for name, field in self.fields.items()
        ]

    def _of_types(self, name: str, field: Field) -> Choice:
        column = quoted(name)
        whole = exact = False
        if sampled_column(field, name).sql_type in ("DOUBLE", "FLOAT"):
            found = self.con.execute(
                f"select coalesce(bool_and({column} = trunc({column}) and abs({column}) < 1e15), false), "
                f"coalesce(bool_and(round({column}, 4) = {column} and abs({column}) < 1e11), false) from {_TEXTS}"
            ).fetchone()
            whole, exact = found or (False, False)
        return of_types(field, name, whole, exact)

    def _proven(self, content: Content, days: Sequence[dt.date]) -> Draft:
        """The draft, after the judge ran it over the sample. What the judge says against it stands in it."""
        path = self.scratch / f"{self.source}{SUFFIX}"
        text = contract_text(content)
        path.write_text(text, encoding="utf-8")
        try:
            contract = load_contract(path)
        except ContractError as error:
            raise DraftError(
                f"No contract could be drafted from {self.samples[0].path}: {error} Nothing was written. Report it "
                "with the file's first lines."
            ) from error
        against = complaints(self.con, contract, self.samples, days, self.scratch / "proof")
        content, server = self._served(content)
        choices = tuple(content.choices)
        left_open = [
            f"{choice.name}: {choice.open}" for choice in choices if choice.open and "no value" not in choice.open
        ]
        left_open += [note.text for note in self.notes if note.about == "key" and not content.found.key]
        left_open += [f"{note.about} is left out: {note.text}" for note in self.written.left_out]
        if against or server:
            text = contract_text(replace(content, unsettled=against))
            path.write_text(text, encoding="utf-8")
            contract = load_contract(path)
        return Draft(
            self.source, text, contract, content.rows, len(self.samples), choices, tuple(self.notes), tuple(against),
            tuple(left_open), tuple(days), server=server,
        )  # fmt: skip

    def _served(self, content: Content) -> tuple[Content, str]:
        """With the API that the samples were fetched from, where a contract can ask it, and a sentence about that."""
        if not self.asked.addresses:
            return content, ""
        found = served_by(self.asked.addresses, self.source, self.written.options, self.samples[0].plain)
        if isinstance(found, Served):
            served = replace(content, served=found)
            path = self.scratch / f"{self.source}{SUFFIX}"
            path.write_text(contract_text(served), encoding="utf-8")
            try:
                load_contract(path)
            except ContractError:
                found = "Its address cannot be written into a contract."
            else:
                return served, found.sentence
        instead = what_to_do_instead(found, self.source, self.asked.addresses[0])
        return replace(content, unserved=instead), instead


def _plain_contract(source: str, columns: Sequence[object], region: Region, path: Path) -> Contract:
    """A contract that takes every value as it is delivered."""
    from decimal import Decimal

    return Contract(
        source=source,
        version="0",
        path=path,
        title=source,
        description="",
        owner=None,
        channel=None,
        columns=tuple(columns),  # type: ignore[arg-type]  # of Column
        key=(),
        event_time=None,
        allowed_lateness_days=None,
        row_rules=(),
        unique_rules=(),
        delivery_rules=(),
        max_quarantined_percent=Decimal(100),
        max_quarantined_rows=None,
        regions=(region,),
    )


def _named(written: Written) -> tuple[Mapping[str, Field], tuple[Note, ...]]:
    """By the name in the contract each column; and those that cannot have one."""
    named: dict[str, Field] = {}
    left_out = []
    for at, field in enumerate(written.fields, start=1):
        if written.options.format in _BY_KEY:
            name = field.name
            if _is_taken(name) or not name.strip() or not name.isprintable():
                left_out.append(Note(name or "(no name)", "no column of a table can have this name"))
                continue
        else:
            name = words.snake(field.name)[:60] or f"column_{at}"
            while _is_taken(name) or name in named:
                name += "_"
        named[name] = field
    if not named:
        raise DraftError("The files have no column that can be loaded. Nothing was written.")
    return named, tuple(left_out)


def _is_taken(name: str) -> bool:
    return name.lower() in RESERVED or kept_by_the_lake(name)
