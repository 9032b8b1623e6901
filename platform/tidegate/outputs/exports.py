"""Exports: each published partition of a mart as Parquet and CSV, and a pointer to the newest good one.

    exports/<mart>/<partition>/<run id>/<mart>.parquet
    exports/<mart>/<partition>/<run id>/<mart>.csv
    exports/<mart>/<partition>/latest.json

The pointer is written last and at once, and nothing is ever written again where it may lead. So a consumer that
follows it reads one publication whole, whoever was killed meanwhile, and goes on reading it until it expires.
Which partitions are due is decided in `publishing.due`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from duckdb import DuckDBPyConnection

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.content import NOTHING, Content, content_by_day, content_by_day_select
from tidegate.lake.lease import lease
from tidegate.lake.sql import CATALOG, literal, qualified, quoted
from tidegate.lake.tables import table_columns
from tidegate.ledger.entries import utc_now
from tidegate.ledger.publications import Publication, newest_publications
from tidegate.outputs.making import Made, Unmade
from tidegate.publishing.due.made_of import Ingredient, OutputKind
from tidegate.publishing.due.outputs import Output
from tidegate.publishing.requirements import Mart
from tidegate.storage.files import Storage, part, write
from tidegate.window import Cadence, Window

FOLDER = "exports"
POINTER = "latest.json"

# The temporary table that a mart's days are read into: reading each day from the lake takes four times as long.
STAGED = "exported_rows"

# By the ending of its file. Parquet keeps types, CSV is what every program reads; both keep decimals exact.
FORMATS = {"parquet": "format parquet", "csv": "format csv, header"}

# Partitions are staged together until they have as many rows: memory, against reading the lake more often.
ROWS_AT_ONCE = 1_000_000

# A disk syncs many files in hardly more time than one, and S3 answers many requests in the time of one.
PUTS_AT_ONCE = 8

# Exports that are written and not yet in their place: enough to keep the threads busy.
IN_FLIGHT = 2 * PUTS_AT_ONCE


# A spreadsheet takes a cell that begins so for a formula, which may send the sheet elsewhere.
FORMULA = r"^[=+\-@\t\r]"


@dataclass(frozen=True)
class ExportedFile:
    """A file of an export. `path` is relative to the pointer's folder."""

    format: str
    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Pointer:
    """What latest.json says of the newest good export of a partition. Times are UTC.

    `rows` and `content_hash` are the publication's, and of the rows in each of the files; `columns` are DuckDB's names
    and types, in the order of the files. `lake_snapshot` is what `serving.<mart> at (version => ...)` reads the same
    rows with as long as maintenance keeps it, None when that is not known.
    """

    mart: str
    partition: dt.date
    cadence: str
    rows: int
    content_hash: str
    columns: Mapping[str, str]
    files: Sequence[ExportedFile]
    publication_id: str
    published_at: dt.datetime
    lake_snapshot: int | None
    run_id: str
    # The folder of the files, beside the pointer.
    version: str
    exported_at: dt.datetime

    def to_json(self) -> bytes:
        content = {
            **vars(self),
            "partition": self.partition.isoformat(),
            "columns": [{"name": name, "type": sql_type} for name, sql_type in self.columns.items()],
            "files": [vars(file) for file in self.files],
            "published_at": _moment(self.published_at),
            "exported_at": _moment(self.exported_at),
        }
        return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


@dataclass(frozen=True)
class Exports:
    """The exports of one mart."""

    mart: Mart
    cadence: Cadence
    # Whether texts that a spreadsheet would run are written into CSV with a ' before them.
    defuses_formulas: bool = False

    @property
    def kind(self) -> OutputKind:
        return OutputKind(f"{FOLDER}/{self.mart.name}", self.cadence, (Ingredient((self.mart.name,), self.cadence),))

    def window(self, days: Collection[dt.date]) -> Window:
        """The partitions from the first of `days` to the last."""
        return Window(min(days), self.cadence.after(max(days), 1), self.cadence)

    def lease(self, config: LakeConfig, days: Collection[dt.date], run_id: str) -> AbstractContextManager[None]:
        return lease(config, self.kind.name, days, run_id)

    def make(self, lake: Lake, store: Storage, wanted: Sequence[Output], run_id: str) -> Iterator[Made | Unmade]:
        publications = _publications(lake.con, self, {output.day for output in wanted})
        with store.draft() as drafts, _InPlace(store, run_id) as in_place:
            drafts.mkdir()
            for batch in _batches(publications):
                lake.size_for(sum(publication.rows for publication in batch))
                columns, contents = _stage(lake.con, self, batch)
                for publication in batch:
                    found = contents.get(publication.partition_day, NOTHING)
                    if found.hash != publication.content_hash:
                        yield Unmade(publication.partition_day, _not_as_published(publication, found))
                        continue
                    in_place.bring(publication, columns, _drafts_of(lake.con, self, columns, publication, drafts))
                    yield from in_place.brought(IN_FLIGHT)
            yield from in_place.brought()


def _folder(mart: str, partition: dt.date) -> str:
    return f"{FOLDER}/{part(mart)}/{partition.isoformat()}"


def exported_names(mart: str) -> set[str]:
    """The names of a version's files, by the name of the mart's folder."""
    return {f"{mart}.{ending}" for ending in FORMATS}


def _publications(con: DuckDBPyConnection, exports: Exports, days: set[dt.date]) -> list[Publication]:
    standing = newest_publications(con, exports.window(days)) if days else []
    return [row for row in standing if row.mart == exports.mart.name and row.partition_day in days]


def _batches(publications: Sequence[Publication]) -> Iterator[list[Publication]]:
    """As many partitions at once as have ROWS_AT_ONCE rows, or one."""
    batch: list[Publication] = []
    for publication in publications:
        if batch and sum(row.rows for row in batch) + publication.rows > ROWS_AT_ONCE:
            yield batch
            batch = []
        batch.append(publication)
    if batch:
        yield batch


def _stage(
    con: DuckDBPyConnection, exports: Exports, batch: Sequence[Publication]
) -> tuple[dict[str, str], dict[dt.date, Content]]:
    """Read the partitions into STAGED; returns its columns, and what each partition that has rows holds."""
    table, day_column = ("serving", exports.mart.name), exports.mart.day_column
    columns = table_columns(con, [table])[table]
    days = [publication.partition_day for publication in batch]
    con.execute(
        f"create or replace temp table {STAGED} as select * from {qualified(CATALOG, *table)} "
        f"where {quoted(day_column)} in (select unnest({literal(days)})) order by {quoted(day_column)}"
    )
    staged = content_by_day_select("temp", STAGED, columns, day_column, exports.window(days))
    return columns, {day: content for (_, _, day), content in content_by_day(con, [staged]).items()}


def _not_as_published(publication: Publication, found: Content) -> str:
    return (
        f"serving.{publication.mart} holds {found.rows} rows of {publication.partition_day} that are not the "
        f"{publication.rows} that publication {publication.publication_id} put there. Run the day again, which "
        "publishes it again, and find out who writes to `serving`."
    )


def _drafts_of(
    con: DuckDBPyConnection, exports: Exports, columns: Mapping[str, str], publication: Publication, folder: Path
) -> list[Path]:
    """Write a partition's files, one of each format, into the folder."""
    day = publication.partition_day
    # Sorted, so that the same rows are the same bytes.
    rows = f"from temp.{STAGED} where {quoted(exports.mart.day_column)} = {literal(day)} order by all"
    files = [folder / f"{day}.{ending}" for ending in FORMATS]
    for file, options in zip(files, FORMATS.values(), strict=True):
        shown = defused(columns) if exports.defuses_formulas and file.suffix == ".csv" else "*"
        con.execute(f"copy (select {shown} from ({rows})) to {literal(str(file))} ({options})")
    return files


def defused(columns: Mapping[str, str]) -> str:
    """The columns, texts with a ' before what a spreadsheet would take for a formula. Numbers are no texts."""
    return ", ".join(
        f"case when regexp_matches({quoted(name)}, {literal(FORMULA)}) then chr(39) || {quoted(name)} "
        f"else {quoted(name)} end as {quoted(name)}"
        if sql_type.upper() == "VARCHAR"
        else quoted(name)
        for name, sql_type in columns.items()
    )


class _InPlace:
    """Brings exports into their place, several at once: what takes longest is waiting for the disk, or for S3."""

    def __init__(self, store: Storage, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._threads = ThreadPoolExecutor(PUTS_AT_ONCE, thread_name_prefix="exports")
        self._under_way: deque[Future[Made]] = deque()

    def bring(self, publication: Publication, columns: Mapping[str, str], drafts: Sequence[Path]) -> None:
        """Begin with one: its files, and then its pointer."""
        self._under_way.append(self._threads.submit(_bring, self._store, publication, columns, drafts, self._run_id))

    def brought(self, but: int = 0) -> Iterator[Made]:
        """Those that are in their place, in the order they were begun; all are waited for but so many."""
        while len(self._under_way) > but:
            yield self._under_way.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)


def _bring(
    store: Storage, publication: Publication, columns: Mapping[str, str], drafts: Sequence[Path], run_id: str
) -> Made:
    folder = _folder(publication.mart, publication.partition_day)
    version = _free_version(store, folder, run_id)
    files = [_exported(draft, f"{version}/{part(publication.mart)}{draft.suffix}") for draft in drafts]
    store.put({f"{folder}/{file.path}": draft for file, draft in zip(files, drafts, strict=True)})
    for draft in drafts:
        # Those of a day take room that the next days need.
        draft.unlink(missing_ok=True)
    pointer = Pointer(
        mart=publication.mart,
        partition=publication.partition_day,
        cadence=publication.cadence,
        rows=publication.rows,
        content_hash=publication.content_hash,
        columns=columns,
        files=files,
        publication_id=publication.publication_id,
        published_at=publication.published_at,
        lake_snapshot=publication.lake_snapshot,
        run_id=run_id,
        version=version,
        exported_at=utc_now(),
    )
    write(store, {f"{folder}/{POINTER}": pointer.to_json()})
    return _made(pointer, store)


def _free_version(store: Storage, folder: str, run_id: str) -> str:
    """The run's folder. A run that is resumed or tried again must not write where a pointer led before."""
    version, number = part(run_id), 1
    while any(store.files(f"{folder}/{version}")):
        number += 1
        version = f"{part(run_id)}-{number}"
    return version


def _exported(draft: Path, path: str) -> ExportedFile:
    with draft.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return ExportedFile(draft.suffix.removeprefix("."), path, draft.stat().st_size, sha256)


def _made(pointer: Pointer, store: Storage) -> Made:
    folder = store.address(_folder(pointer.mart, pointer.partition))
    return Made(
        pointer.partition,
        f"{folder}/{pointer.version}",
        {
            "rows": pointer.rows,
            "pointer": f"{folder}/{POINTER}",
            **{file.format: f"{folder}/{file.path}, {file.bytes} bytes" for file in pointer.files},
            "content_hash": pointer.content_hash,
            "publication": pointer.publication_id,
            "lake_snapshot": pointer.lake_snapshot,
        },
    )


def _moment(naive_utc: dt.datetime) -> str:
    return naive_utc.replace(tzinfo=dt.UTC).isoformat().replace("+00:00", "Z")
