"""Dagster's record in PostgreSQL, over one connection that stays open, with events written in batches.

dagster-postgres opens a new connection for each statement, two or three an event, and stores the checks of a batch one
by one. A connection takes five round trips before it can be used, so that 5 ms between a worker and the database are
some 50 ms an event. Here a process keeps one connection for all that it records, and a batch is one transaction of a
few statements. Same tables: an instance may switch between the two at any time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Self

from dagster import EventLogEntry
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine, get_token_provider_from_config, pg_url_from_config
from sqlalchemy import insert
from sqlalchemy.engine import Connection
from sqlalchemy.pool import QueuePool

from tidegate.orchestration.instance.event_batches import BatchingIndex, Numbered, is_of_an_asset
from tidegate.orchestration.instance.private import ConfigurableClassData, SqlEventLogStorageTable

# Firewalls forget a silent connection after minutes at the earliest.
RECYCLE_SECONDS = 300

# Statements that go over the network together.
STATEMENTS_AT_ONCE = 500


class BatchingPostgresEventLogStorage(BatchingIndex, PostgresEventLogStorage):
    """`PostgresEventLogStorage` that writes an event, or a batch of them, in one transaction."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._there = set()
        # The connection of a batch that this thread writes: all that it reads and writes meanwhile goes there.
        self._held = threading.local()
        super().__init__(*arguments, **named)

    def _connect(self) -> AbstractContextManager[Connection]:
        held: Connection | None = getattr(self._held, "connection", None)
        return super()._connect() if held is None else nullcontext(held)

    def store_event(self, event: EventLogEntry) -> None:
        if is_of_an_asset(event):
            self.store_event_batch([event])
            return
        with self._connect() as connection:
            connection.execute(insert(SqlEventLogStorageTable).values(self._event_to_row(event)))

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store `events` whole or not at all; Dagster stores them singly if this raises.

        What `store_event` does for each. Dagster's own also notifies a channel, which nothing listens to any more.
        """
        rows = [self._event_to_row(entry) for entry in events]
        inserted = insert(SqlEventLogStorageTable).returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
        with self._transaction() as connection:
            ids = [int(row[0]) for row in connection.execute(inserted, rows)]
            numbered = [Numbered(i, entry, row["event"]) for i, entry, row in zip(ids, events, rows, strict=True)]
            self._enter_into_index(connection, [each for each in numbered if is_of_an_asset(each.entry)])

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self.index_transaction() as connection:
            self._held.connection = connection
            try:
                yield connection
            finally:
                self._held.connection = None

    def dispose(self) -> None:
        super().dispose()
        self._engine.dispose()


class PooledPostgresStorage(DagsterPostgresStorage):
    """`DagsterPostgresStorage` of which runs, events and schedules go over the same connections."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
        token_provider: Any = None,
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data, token_provider)
        engine = create_pg_engine(
            postgres_url,
            token_provider,
            isolation_level="AUTOCOMMIT",
            poolclass=QueuePool,
            # Of the daemon's threads each has one while it needs one.
            pool_size=1,
            max_overflow=-1,
            # The server may have restarted since.
            pool_pre_ping=True,
            pool_recycle=RECYCLE_SECONDS,
            executemany_mode="values_plus_batch",
            executemany_batch_page_size=STATEMENTS_AT_ONCE,
        )
        self._event_log_storage = BatchingPostgresEventLogStorage(
            postgres_url, should_autocreate_tables, token_provider=token_provider
        )
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = engine

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        return cls(
            inst_data=inst_data,
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            token_provider=get_token_provider_from_config(config_value),
        )
