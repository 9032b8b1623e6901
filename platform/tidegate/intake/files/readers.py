"""From archived files to judged rows: one read and one judgement for all files of one layout.

    JUDGED       rows as `contract.judging.verdicts.judge_select` makes them; rowid is the order of lines
    UNPARSABLE   _delivery, _day, _file, _line, _cause, _raw: lines that are no rows, and why where they tell
    PLACES       _delivery, _file, lines_before, first_row, last_row: where the rows of a file are, in the file
                 and in JUDGED; only for files of which every line is one row or one unparsable line

All are temporary tables of the connection, out of the lake. Every file's rows and broken lines are held
against a count that DuckDB had no part in. A text file where that does not come out is fixed (`csv_text`,
`json_text`) and read again; a file that cannot be read at all is reported with its reason, and the others go
on. What is loaded of it, and what that means, belongs to `load`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.contract.judging.verdicts import judge_select
from tidegate.contract.model import Contract
from tidegate.intake.files.archives import expand
from tidegate.intake.files.broken import cause_of
from tidegate.intake.files.engine import ENGINE_FAULTS, blames_the_file, first_line, probe
from tidegate.intake.files.formats import FORMATS
from tidegate.intake.files.formats.layout import (
    Batch,
    DataFile,
    Examined,
    Layout,
    Leftover,
    Opened,
    Relation,
    UnreadableFileError,
)
from tidegate.intake.files.relations import drop_rejects, fixed_relation
from tidegate.intake.files.sniff import examine
from tidegate.intake.files.text import BrokenLine, RowWriter
from tidegate.lake.sql import literal, qualified, rows_relation

JUDGED = qualified("temp", "main", "intake_judged")
UNPARSABLE = qualified("temp", "main", "intake_unparsable")
PLACES = qualified("temp", "main", "intake_places")

# A file of this size has no need of all the memory that DuckDB may use: it says that it holds more than it does.
SMALL_FILE = 16 << 20

# Nobody looks through more broken lines than this; where they are also most of a file, it is not a file of this kind.
MANY_BROKEN_LINES = 200_000


@dataclass
class WhatWasRead:
    """By delivery its `rows`, broken lines included, and its files' `headers`; by file why it was refused."""

    rows: Counter[int] = field(default_factory=Counter)
    headers: dict[int, list[tuple[str, ...]]] = field(default_factory=lambda: defaultdict(list))
    unreadable: dict[DataFile, str] = field(default_factory=dict)
    # By delivery: why lines are no rows, as far as they tell.
    causes: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


def read_files(
    con: DuckDBPyConnection, contract: Contract, files: Sequence[DataFile], scratch: Path, *, each_first: bool = False
) -> WhatWasRead:
    """Read and judge the files into the three tables, made new. `scratch` is a folder for this call alone.

    `each_first`: read every file in a DuckDB of its own before. Those that are the end of it are read as those are that
    DuckDB cannot read exactly, or refused.
    """
    with (scratch / "broken.csv").open("wb") as stream:
        reading = _Reading(con, contract, files, scratch, RowWriter(stream), each_first)
        reading.create_tables()
        for layout, alike in reading.examine().items():
            reading.read(layout, alike)
    reading.load_broken_lines(scratch / "broken.csv")
    reading.restore_the_order_of_files()
    reading.note_places()
    reading.take_paths_out()
    return reading.found


class _Reading:
    """One call of `read_files`, and what it knows of the files so far."""

    def __init__(
        self,
        con: DuckDBPyConnection,
        contract: Contract,
        files: Sequence[DataFile],
        scratch: Path,
        broken: RowWriter,
        each_first: bool,
    ) -> None:
        self.con = con
        self.contract = contract
        files, self.refused = expand(contract, files, scratch)
        self.archived = Batch(scratch / "archived", files)
        self.fixed = Batch(scratch / "fixed", files)
        self.plain = scratch / "plain"
        self.broken = broken
        self.each_first = each_first
        self.found = WhatWasRead()
        self.opened: dict[DataFile, Opened] = {}
        self.examined: dict[DataFile, Examined] = {}
        self.reads = 0
        self.numbered: list[DataFile] = []

    def create_tables(self) -> None:
        nothing = "(select null::integer as _delivery, null::date as _day, null::varchar as _file limit 0)"
        self.con.execute(f"create or replace temp table {JUDGED} as {judge_select(self.contract, {}, nothing)}")
        self.con.execute(
            f"create or replace temp table {UNPARSABLE} "
            "(_delivery integer, _day date, _file varchar, _line bigint, _cause varchar, _raw varchar)"
        )

    def examine(self) -> dict[Layout, list[DataFile]]:
        """The files that can be read, by layout."""
        self.archived.folder.mkdir()
        self.fixed.folder.mkdir()
        self.plain.mkdir()
        alike: dict[Layout, list[DataFile]] = defaultdict(list)
        for file in self.archived.files:
            if file in self.refused:
                self.found.unreadable[file] = self.refused[file]
                continue
            if file.options.text.empty_is_no_rows and not file.archived.stat().st_size:
                continue
            try:
                opened, found = examine(self.contract, file, self.plain / str(file.number))
            except UnreadableFileError as error:
                self.found.unreadable[file] = str(error)
                continue
            self.archived.path(file).symlink_to(opened.path)
            self.opened[file], self.examined[file] = opened, found
            self.archived.plain_keys.update(found.plain_keys)
            self.found.headers[file.delivery].append(found.header)
            alike[replace(found.layout, options=file.options, clock=file.clock)].append(file)
        return alike

    def read(self, layout: Layout, files: list[DataFile]) -> None:
        how = FORMATS[layout.format]
        trusted = [file for file in files if how.relation and self.examined[file].is_regular]
        if self.each_first and how.relation:
            trusted = self._surviving(layout, how.relation, trusted, refuse=how.leftovers is None)
        come_out: set[DataFile] = set()
        if trusted and how.relation and how.leftovers is None:
            # What DuckDB makes of them is final.
            self._judge_each(layout, {file: self.examined[file].rows for file in trusted}, how.relation)
            come_out = set(trusted)
        elif trusted:
            come_out = self._read_text(layout, trusted)
        if odd := [file for file in files if file not in come_out and file not in self.found.unreadable]:
            self._read_fixed(layout, odd)

    def _surviving(
        self, layout: Layout, relation: Relation, files: Iterable[DataFile], *, refuse: bool
    ) -> list[DataFile]:
        """The files after which a DuckDB goes on answering; the others are refused, or left for another way to read."""
        surviving = []
        for file in files:
            fault = self._fault(layout, relation, file)
            if fault is None:
                surviving.append(file)
            elif refuse:
                self.found.unreadable[file] = f"cannot be read or judged ({fault})"
        return surviving

    def _fault(self, layout: Layout, relation: Relation, file: DataFile) -> str | None:
        """How a DuckDB that reads the file ends; None when it does not."""
        try:
            with probe() as con:
                con.execute(f"create temp table judged as {self._judging(layout, relation, [file])}")
        except ENGINE_FAULTS as error:
            return first_line(error)
        except duckdb.Error:
            # What can be caught is caught when it is read.
            return None
        return None

    def _judging(self, layout: Layout, relation: Relation, files: Sequence[DataFile]) -> str:
        batch = self.fixed if relation is fixed_relation else self.archived
        present = {column.name: column.sql_type for column in layout.columns}
        return judge_select(self.contract, present, relation(batch, files, layout), layout.clock, layout.options.values)

    # --- text

    def _read_text(self, layout: Layout, files: list[DataFile]) -> set[DataFile]:
        """Read files as they are; returns those of which every line is accounted for, forgets the others."""
        relation = FORMATS[layout.format].relation
        if relation is None:
            return set()
        try:
            self._judge(layout, relation, files)
        except duckdb.Error as error:
            if not _blames(files, error):
                raise
            # Which of the files DuckDB stumbled over it does not always say.
            return set()
        rows = self._count_rows()
        leftovers = self._leftovers(layout, files, rows)
        come_out = set()
        for file in files:
            leftover = leftovers.get(file, Leftover())
            if self._comes_out(file, rows[file], leftover):
                come_out.add(file)
                if not leftover.blank:
                    self.numbered.append(file)
                self._account(file, rows[file], leftover.quote())
        self._forget([file for file in files if file not in come_out])
        return come_out

    def _comes_out(self, file: DataFile, rows: int, leftover: Leftover) -> bool:
        """Whether rows, broken and blank lines make up the file.

        After a line with a stray quote DuckDB may go on in the middle of it and make a row of the rest, so
        where there are both quotes and broken lines the sum proves nothing.
        """
        examined = self.examined[file]
        misleading = examined.has_quotes and leftover.broken > 0
        return not misleading and rows + leftover.broken + leftover.blank == examined.rows

    def _leftovers(
        self, layout: Layout, files: list[DataFile], rows: Mapping[DataFile, int]
    ) -> dict[DataFile, Leftover]:
        leftovers = FORMATS[layout.format].leftovers
        short = {file: self.examined[file].rows - rows[file] for file in files}
        return leftovers(self.con, self.archived, layout, short) if leftovers else {}

    # --- fixed text

    def _read_fixed(self, layout: Layout, files: list[DataFile]) -> None:
        fixed = {file: self._fix(layout, file) for file in files}
        plain = replace(layout, gzipped=False)
        readable = [file for file in files if file not in self.found.unreadable]
        if self.each_first:
            readable = self._surviving(plain, fixed_relation, readable, refuse=True)
        if rows := {file: fixed[file] for file in readable}:
            self._judge_each(plain, rows, fixed_relation)

    def _fix(self, layout: Layout, file: DataFile) -> int:
        """Write the fixed file and account for its broken lines; returns its number of rows."""
        records = FORMATS[layout.format].records
        if records is None:
            raise AssertionError(f"{layout.format} is read by DuckDB alone, and is never fixed")
        with self.fixed.path(file).open("wb") as stream:
            sound, count = RowWriter(stream), 0
            try:
                for count, line in enumerate(records(self.opened[file], self.examined[file], sound), start=1):
                    self._account(file, 0, [line])
                    if count > max(MANY_BROKEN_LINES, sound.rows):
                        raise UnreadableFileError(
                            f"has over {MANY_BROKEN_LINES:,} lines that cannot be read, and fewer others"
                        )
            except UnreadableFileError as error:
                self.found.rows[file.delivery] -= count
                self._refuse(file, str(error))
        return sound.rows

    # --- what all share

    def _judge_each(self, layout: Layout, rows: Mapping[DataFile, int], relation: Relation) -> None:
        """Read all files at once, or one by one when that fails. `rows` says how many each must have."""
        try:
            self._judge(layout, relation, list(rows))
        except duckdb.Error as error:
            if len(rows) > 1 and blames_the_file(error):
                for file, expected in rows.items():
                    self._judge_each(layout, {file: expected}, relation)
                return
            if not _blames(list(rows), error):
                raise
            self._refuse(next(iter(rows)), f"cannot be read or judged ({first_line(error)})")
            return
        counted = self._count_rows()
        for file, expected in rows.items():
            if counted[file] == expected:
                self._account(file, expected, ())
            else:
                self._refuse(file, f"cannot be read whole: {counted[file]:,} of its {expected:,} rows came out")

    def _judge(self, layout: Layout, relation: Relation, files: Sequence[DataFile]) -> None:
        drop_rejects(self.con)
        self.reads += 1
        self.con.execute(f"insert into {JUDGED} {self._judging(layout, relation, files)}")

    def _count_rows(self) -> Counter[DataFile]:
        counts = {
            (delivery, name): count
            for delivery, name, count in self.con.execute(
                f"select _delivery, _file, count(*) from {JUDGED} group by _delivery, _file"
            ).fetchall()
        }
        return Counter({file: counts.get((file.delivery, file.name), 0) for file in self.archived.files})

    def _account(self, file: DataFile, rows: int, broken: Iterable[BrokenLine]) -> None:
        self.found.rows[file.delivery] += rows
        for line in broken:
            self.found.rows[file.delivery] += 1
            cause = cause_of(replace(self.examined[file].layout, options=file.options), line)
            if cause:
                self.found.causes[file.delivery][cause] += 1
            text = line.shown.encode("utf-8", "replace")
            number = self.opened[file].skipped + line.number
            self.broken.add([str(file.number).encode(), str(number).encode(), (cause or "").encode(), text])

    def _refuse(self, file: DataFile, why: str) -> None:
        self.found.unreadable[file] = why
        self._forget([file])

    def _forget(self, files: Iterable[DataFile]) -> None:
        for file in files:
            self.con.execute(f"delete from {JUDGED} where _delivery = {file.delivery} and _file = {literal(file.name)}")

    # --- when all files are read

    def take_paths_out(self) -> None:
        """Who reads why a file cannot be read knows it by its name, and not by where the archive keeps it."""
        for file, why in self.found.unreadable.items():
            paths = {file.archived, self.archived.path(file), self.fixed.path(file)}
            if file in self.opened:
                paths.add(self.opened[file].path)
            for path in sorted(map(str, paths), key=len, reverse=True):
                why = why.replace(path, file.name)
            self.found.unreadable[file] = why

    def load_broken_lines(self, written: Path) -> None:
        if not written.stat().st_size or len(self.found.unreadable) == len(self.archived.files):
            return
        values = ", ".join(
            f"({file.number}, {file.delivery}, {literal(file.day)}, {literal(file.name)})"
            for file in self.archived.files
            if file not in self.found.unreadable
        )
        self.con.execute(f"""
insert into {UNPARSABLE}
select delivery, day, file, read.line, nullif(read.cause, ''), read.text
from read_csv({literal(str(written))},
  columns = {{'number': 'INTEGER', 'line': 'BIGINT', 'cause': 'VARCHAR', 'text': 'VARCHAR'}},
  delim = ',', quote = '"', escape = '"', header = false, auto_detect = false, parallel = false,
  new_line = '\\n') as read
join (values {values}) as of_file(number, delivery, day, file) using (number)""")

    def restore_the_order_of_files(self) -> None:
        """Of equal keys the last line wins, so a delivery's files must lie one after the other, in their order."""
        files = Counter(file.delivery for file in self.archived.files)
        if self.reads > 1 and max(files.values()) > 1:
            columns = {"_delivery": "integer", "_file": "varchar", "number": "integer"}
            order = rows_relation(columns, [(file.delivery, file.name, file.number) for file in self.archived.files])
            self.con.execute(f"""
create or replace temp table {JUDGED} as
select judged.* from {JUDGED} as judged join ({order}) as placed using (_delivery, _file)
order by placed.number, judged.rowid""")

    def note_places(self) -> None:
        """Rows of a file follow each other, so where the first one is tells the line of every other."""
        lines = {"_delivery": "integer", "_file": "varchar", "lines_before": "bigint"}
        known = [
            (file.delivery, file.name, self.opened[file].skipped + self.examined[file].lines_before)
            for file in self.numbered
        ]
        self.con.execute(f"""
create or replace temp table {PLACES} as
select _delivery, _file, known.lines_before,
  min(judged.rowid) as first_row, max(judged.rowid) as last_row
from {JUDGED} as judged join ({rows_relation(lines, known)}) as known using (_delivery, _file) group by all""")


def _blames(files: Sequence[DataFile], error: duckdb.Error) -> bool:
    """Whether a failure is the files'. That memory ran out is, where they are too small to need it."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return blames_the_file(error) and sum(file.archived.stat().st_size for file in files) <= SMALL_FILE
    return blames_the_file(error)
