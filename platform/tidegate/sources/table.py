"""A day's rows of a table in Delta or Iceberg, read by DuckDB's extensions, as one Parquet file in the archive.

Whoever writes such a table commits whole versions, so a day is there once a version has rows of it. It is another one
when other files hold its rows, or another number of rows of the same. What the table names is hostile: only files in
its own folder are read.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.archive.archive import Archive
from tidegate.archive.manifest import Captured
from tidegate.contract.table import TableKind, TableServer
from tidegate.errors import SourceDownError, TidegateError
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal, quoted
from tidegate.placeholders import Moments
from tidegate.sources.ready import in_time
from tidegate.window import ONE_DAY

T = TypeVar("T")

_KEPT = "What was loaded before stays."
_EXTENSIONS: dict[TableKind, tuple[str, ...]] = {"delta": ("delta",), "iceberg": ("avro", "iceberg")}
# Where each kind keeps its versions.
_VERSIONS: dict[TableKind, str] = {"delta": "_delta_log", "iceberg": "metadata"}
# What DuckDB says of a file that it may not read.
_NOT_ALLOWED = "disabled by configuration"
_FILE = "_tidegate_file"
_METADATA = re.compile(r"v?(?P<number>[0-9]+)(?:-[^/]*)?\.metadata\.json")
_OWN: dict[str, str | int] = {"threads": 2, "memory_limit": "1GB"}


@dataclass(frozen=True)
class TableOrigin:
    """A region's table, or tables of a day each, below the folder `landing`."""

    region: str
    server: TableServer
    landing: str
    moments: Moments

    def describe(self, day: dt.date) -> str:
        return f"the {self.server.kind.title()} table {self._table(day)}, of {day}"

    def capture(self, archive: Archive, source: str, day: dt.date) -> Captured | None:
        # A copy that was given up may still write into the folder.
        with tempfile.TemporaryDirectory(prefix="tidegate-", ignore_cleanup_errors=True) as folder:
            file = Path(folder) / f"{source}.parquet"
            if not self._in_time(lambda: self._copy(day, file)):
                return None
            return archive.enter(source, self.region, day, [archive.adopt(file.name, file)])

    def ready_days(self, days: Iterable[dt.date]) -> dict[dt.date, str]:
        """Those of `days` that there are rows of, each with a fingerprint of where they are. Raises as `capture`."""
        asked = sorted(days)
        if self.server.day_column is None:
            return {day: state for day in asked if (state := _state_of(self._versions(day)))}
        return self._in_time(lambda: self._days_in_table(asked)) if asked else {}

    def _days_in_table(self, days: Sequence[dt.date]) -> dict[dt.date, str]:
        if not self._versions(days[0]).is_dir():
            return {}
        held: dict[dt.date, list[tuple[str, int]]] = defaultdict(list)
        with self._opened(days[0]) as con:
            bounds = self._bounds(con, days)
            rows = con.execute(
                f"select _day, {_FILE}, count(*) from table_rows, ({_values(bounds)}) as _days(_day, _begin, _end) "
                f"where {self._within(bounds)} and {self._column} >= _begin and {self._column} < _end group by all"
            ).fetchall()
        for day, name, count in rows:
            held[day].append((name, count))
        return {day: _hash_of(sorted(held[day])) for day in days if day in held}

    def _copy(self, day: dt.date, file: Path) -> bool:
        """Whether the table has rows of the day, and then they are in the file."""
        if not self._versions(day).is_dir():
            return False
        with self._opened(day, file.parent) as con:
            rows = "from table_rows"
            if self.server.day_column is not None:
                rows += f" where {self._within(self._bounds(con, [day]))}"
                if not con.execute(f"select 1 {rows} limit 1").fetchall():
                    return False
            # Sorted, so that the same rows are the same bytes.
            sorted_rows = f"select * exclude ({_FILE}) {rows} order by all"
            con.execute(f"copy ({sorted_rows}) to {literal(str(file))} (format parquet, compression zstd)")
        return True

    # --- a day's rows

    @property
    def _column(self) -> str:
        return quoted(self.server.day_column or "")

    def _bounds(self, con: DuckDBPyConnection, days: Sequence[dt.date]) -> list[tuple[dt.date, str, str]]:
        """Of each day where it begins and ends, as literals of the column's type."""
        columns = {name.lower(): kind for name, kind, *_ in con.execute("describe table_rows").fetchall()}
        kind = columns.get((self.server.day_column or "").lower())
        if kind is None:
            raise TidegateError(
                f"the {self.server.kind.title()} table {self._table(days[0])} has no column "
                f"'{self.server.day_column}'. {_KEPT} Its columns are {', '.join(columns)}: correct dayColumn in the "
                "contract."
            )
        ways: dict[str, Callable[[dt.date], str]] = {
            "DATE": literal,
            "VARCHAR": lambda day: literal(str(day)),
            "TIMESTAMP": lambda day: literal(self.moments.begin_of(day)),
            "TIMESTAMP_NS": lambda day: literal(self.moments.begin_of(day)),
            "TIMESTAMP WITH TIME ZONE": lambda day: (
                f"timestamptz {literal(self.moments.bounds_of(day)[0].isoformat())}"
            ),
        }
        if kind not in ways:
            raise TidegateError(
                f"{self.server.day_column} of the {self.server.kind.title()} table {self._table(days[0])} is of type "
                f"{kind}, in which no day can be found. {_KEPT} Name a column of dates, timestamps or texts such as "
                "2024-01-31 as dayColumn of the contract."
            )
        return [(day, ways[kind](day), ways[kind](day + ONE_DAY)) for day in days]

    def _within(self, bounds: Sequence[tuple[dt.date, str, str]]) -> str:
        # One after the other: as constants they leave out partitions and files.
        return f"{self._column} >= {bounds[0][1]} and {self._column} < {bounds[-1][2]}"

    # --- the table

    def _table(self, day: dt.date) -> Path:
        path = self.server.day_path
        return Path(self.landing).absolute() / (path.at(day) if path else self.server.path)

    def _versions(self, day: dt.date) -> Path:
        if "://" in self.landing:
            raise TidegateError(
                f"TIDEGATE_LANDING is {self.landing}, and tables in Delta and Iceberg are read from a folder. "
                "Nothing was changed. Read this one by a function of Python; see docs/contracts.md."
            )
        return self._table(day) / _VERSIONS[self.server.kind]

    @contextmanager
    def _opened(self, day: dt.date, target: Path | None = None) -> Iterator[DuckDBPyConnection]:
        """A DuckDB of its own with the table's newest version as `table_rows`. It may write into `target`, and read
        nothing but the table."""
        table = self._table(day)
        if not table.resolve().is_relative_to(Path(self.landing).resolve()):
            raise TidegateError(f"{self.describe(day)}, is a link that leads out of landing. {_KEPT} Deliver it there.")
        # Never in the working directory, where DuckDB would spill by itself.
        spill = tempfile.TemporaryDirectory(prefix="tidegate-spill-", ignore_cleanup_errors=True)
        try:
            with spill, connect_with(_EXTENSIONS[self.server.kind], {**_OWN, "temp_directory": spill.name}) as con:
                allowed = [str(table), f"file://{table}", *([str(target)] if target else [])]
                con.execute(f"set allowed_directories = [{', '.join(map(literal, allowed))}]")
                con.execute("set enable_external_access = false")
                con.execute("set TimeZone = 'UTC'")
                con.execute(f"create temp view table_rows as {self._select(table)}")
                yield con
        except duckdb.Error as error:
            why = str(error).strip().partition("\n")[0].rstrip(". ")
            if _NOT_ALLOWED in why:
                why = "it names a file outside of it"
            # A file that a vacuum took away meanwhile is not missed the next time.
            kind = SourceDownError if isinstance(error, duckdb.IOException) else TidegateError
            raise kind(f"{self.describe(day)}, cannot be read: {why}. {_KEPT}") from error

    def _select(self, table: Path) -> str:
        """The newest version, with the file of each row as `_FILE`."""
        if self.server.kind == "delta":
            return f"select * from delta_scan({literal(str(table))}, filename = {literal(_FILE)})"
        version = self._iceberg_version(table).removesuffix(".metadata.json")
        # Where the table lies now, and not where it was written.
        return (
            f"select *, filename as {_FILE} from iceberg_scan({literal(str(table))}, version = {literal(version)}, "
            "version_name_format = '%s%s.metadata.json', allow_moved_paths = true)"
        )

    def _iceberg_version(self, table: Path) -> str:
        """The file that describes the newest version. Raises TidegateError where that cannot be told."""
        folder = table / "metadata"
        numbered = {found.name: int(match["number"]) for found in folder.iterdir() if (match := _numbered(found))}
        hint = folder / "version-hint.text"
        if hint.is_file():
            said = hint.read_text(encoding="utf-8", errors="replace").strip()
            named = [name for name, number in numbered.items() if said in (name, str(number))]
        elif self.server.newest_metadata:
            named = [name for name, number in numbered.items() if number == max(numbered.values())]
        else:
            raise TidegateError(
                f"the Iceberg table {table} has no metadata/version-hint.text, so only its catalog knows which "
                f"version counts. {_KEPT} Where every version that is written counts, write "
                "`metadata: newest` into the contract."
            )
        if len(named) == 1:
            return named[0]
        what = f"{len(named)} descriptions of its newest version" if named else "no description of its newest version"
        raise TidegateError(f"the Iceberg table {table} has {what} in metadata. {_KEPT} Have its writer repair it.")

    def _in_time(self, work: Callable[[], T]) -> T:
        def answer() -> T | TidegateError:
            try:
                return work()
            except TidegateError as error:
                return error

        answered = in_time(self.server.time_limit_seconds, answer, "table")
        if answered is None:
            raise SourceDownError(
                f"the {self.server.kind.title()} table {self.server.path} was not read within "
                f"{self.server.time_limit_seconds:,} s (timeLimitSeconds in the contract)."
            )
        if isinstance(answered, TidegateError):
            raise answered
        return answered


def _numbered(found: Path) -> re.Match[str] | None:
    return _METADATA.fullmatch(found.name)


def _values(bounds: Iterable[tuple[dt.date, str, str]]) -> str:
    rows = ", ".join(f"({literal(day)}, {begin}, {end})" for day, begin, end in bounds)
    return f"values {rows}"


def _state_of(versions: Path) -> str | None:
    """Of a table of one day: what stands among its versions; None when there is none."""
    if not versions.is_dir():
        return None
    found = sorted((path.name, path.stat().st_size) for path in versions.iterdir() if not path.name.startswith("."))
    return _hash_of(found) if found else None


def _hash_of(entries: Sequence[tuple[str, int]]) -> str:
    return hashlib.sha256(json.dumps(entries).encode()).hexdigest()
