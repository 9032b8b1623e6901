"""Dagster's SQLite event log, written in batches and over connections that stay open.

A run over 31 days records thousands of materializations and check results. Dagster's own storage opens two
connections and commits twice for each, 6 to 12 ms an event, most of it SQLite folding its write-ahead log back at
every close. It offers the hook `store_event_batch`, but its SQLite storage does not fill it. And it makes the tables of
each new run with twenty commits, 50 ms of CPU and as many waits for the disk; here they are copied from a file that
has them and nothing else. Same files, same tables: an instance may switch between the two at any time.
"""

from __future__ import annotations

import os
import shutil
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import dagster
from dagster import EventLogEntry
from sqlalchemy import create_engine, func, select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.event import listen
from sqlalchemy.pool import QueuePool

from tidegate.orchestration.instance.event_batches import BatchingIndex, Numbered, is_mirrored
from tidegate.orchestration.instance.private import (
    INDEX_SHARD_NAME,
    SQLITE_BUSY_TIMEOUT_SECONDS,
    ConfigurableClassData,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
)

# A process writes the run it executes and the index; the webserver reads a few runs more at a time.
OPEN_SHARDS = 8


class BatchingSqliteEventLogStorage(BatchingIndex, SqliteEventLogStorage):
    """`SqliteEventLogStorage` that writes a batch in one transaction per database file."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # The connections of a batch under way, by thread and shard: its writes go to them.
        self._held: dict[tuple[int, str], Connection] = {}
        # Open databases, the one used last at the end.
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._there = set()
        super().__init__(base_dir, inst_data)
        # A batch connects to several shards in one thread; the lock taken per connection must let it in again.
        self._db_lock = threading.RLock()  # type: ignore[assignment]

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        held = self._held.get((threading.get_ident(), shard))
        if held is not None:
            yield held
            return
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.get(shard) or self._open(shard)
        self._engines[shard] = engine
        self._engines.move_to_end(shard)
        if len(self._engines) > OPEN_SHARDS:
            _, oldest = self._engines.popitem(last=False)
            oldest.dispose()
        return engine

    def _open(self, shard: str) -> Engine:
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=QueuePool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        listen(engine, "connect", _sync_at_checkpoints)
        file = Path(self.path_for_shard(shard))
        if shard not in self._initialized_dbs or not file.exists():
            if not self._made_of_blank(file):
                self._initdb(engine)
            self._initialized_dbs.add(shard)
        return engine

    def _made_of_blank(self, shard: Path) -> bool:
        """Make a shard that is not there, as a copy of a blank one. False where it is there, perhaps half made."""
        if shard.exists():
            return False
        # Another version of Dagster may have other tables.
        blank = shard.with_name(f".blank-{dagster.__version__}")
        try:
            if not blank.exists():
                self._make_blank(blank)
            with _appearing_whole(shard) as draft:
                shutil.copyfile(blank, draft)
        except OSError:
            # Another process was first, or there are no links or no room here, which Dagster finds out for itself.
            return False
        return True

    def _make_blank(self, blank: Path) -> None:
        with suppress(FileExistsError), _appearing_whole(blank) as draft:
            engine = create_engine(f"sqlite:///{draft}")
            self._initdb(engine)
            engine.dispose()

    def delete_events_of_run(self, run_id: str) -> None:
        """Delete the file of a run that ended. The index keeps its copies."""
        file = Path(self.path_for_shard(run_id))
        self._close(run_id)
        # The log first: without its database it would be read into the next one of this name.
        for each in (file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm"), file):
            each.unlink(missing_ok=True)

    def runs_with_a_log(self) -> list[str]:
        """The runs whose file has a write-ahead log beside it: the process of a run ends without folding it in."""
        ours = Path(self.path_for_shard(INDEX_SHARD_NAME))
        logs = (path.name.removesuffix(".db-wal") for path in ours.parent.glob("*.db-wal"))
        return sorted(run_id for run_id in logs if run_id not in ("", INDEX_SHARD_NAME))

    def fold_log_of_run(self, run_id: str) -> None:
        """Have SQLite fold the log of a run that ended into its file, which it does when the last one closes it."""
        with self.run_connection(run_id) as connection:
            # A database is not opened before something is read.
            connection.execute(select(func.count()).select_from(SqlEventLogStorageTable))
        self._close(run_id)

    def _close(self, shard: str) -> None:
        with self._db_lock:
            if engine := self._engines.pop(shard, None):
                engine.dispose()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store `events` whole or not at all in each database file; Dagster stores them singly if this raises.

        What `store_event` does for each, with one insert per file for all.
        """
        rows = [self._event_to_row(entry) for entry in events]
        with self._held_open([*sorted({entry.run_id for entry in events}), INDEX_SHARD_NAME]) as connect:
            for run_id in {entry.run_id for entry in events}:
                connect(run_id).execute(
                    SqlEventLogStorageTable.insert(), [row for row in rows if row["run_id"] == run_id]
                )
            mirrored = [(entry, row) for entry, row in zip(events, rows, strict=True) if is_mirrored(entry)]
            if mirrored:
                index = connect(INDEX_SHARD_NAME)
                index.execute(SqlEventLogStorageTable.insert(), [row for _, row in mirrored])
                # The transaction holds SQLite's only write lock, so the new ids are the last ones, without a gap.
                last: int = index.execute(select(func.max(SqlEventLogStorageTable.c.id))).scalar_one()
                numbers = range(last - len(mirrored) + 1, last + 1)
                self._enter_into_index(
                    index, [Numbered(i, entry, row["event"]) for i, (entry, row) in zip(numbers, mirrored, strict=True)]
                )

    @contextmanager
    def _held_open(self, shards: Sequence[str]) -> Iterator[Callable[[str], Connection]]:
        """One transaction in each of `shards`, which all of this thread's reads and writes go to meanwhile."""
        keys = {shard: (threading.get_ident(), shard) for shard in shards}
        with ExitStack() as stack:
            stack.callback(self._forget, keys.values())
            for shard, key in keys.items():
                self._held[key] = stack.enter_context(self._connect(shard))
            yield lambda shard: self._held[keys[shard]]

    def _forget(self, keys: Iterable[tuple[int, str]]) -> None:
        for key in keys:
            self._held.pop(key, None)

    def _has_asset_key_index_cols_on_connection(self, conn: Connection) -> bool:
        parent = super()._has_asset_key_index_cols_on_connection
        return self._once("asset key columns", lambda: parent(conn))

    def dispose(self) -> None:
        """Close every database; the next use opens it again."""
        super().dispose()
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()


@contextmanager
def _appearing_whole(file: Path) -> Iterator[Path]:
    """A draft that becomes the file once it is whole and on the disk. Raises FileExistsError where there is one."""
    draft = file.with_name(f".draft-{uuid.uuid4().hex}")
    try:
        yield draft
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        os.link(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def _sync_at_checkpoints(connection: Any, _record: object) -> None:
    # In WAL mode a killed process loses nothing by this, and a power cut at most the newest events.
    connection.execute("pragma synchronous = normal")
