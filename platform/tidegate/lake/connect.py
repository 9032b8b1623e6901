"""Attaching the lake, and the unit of work: one transaction, run again whole when another writer was first.

Where it is belongs to `config`, what its tables hold to the modules beside this one, which days a writer may touch
to `lease`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Self, TypeVar

import duckdb
from duckdb import DuckDBPyConnection
from tenacity import Retrying, stop_after_delay, wait_random_exponential

from tidegate.errors import LakeBusyError, LakeMissingError, TidegateError
from tidegate.lake.config import (
    LakeConfig,
    attach_statement,
    attach_statements,
    s3_statements,
    session_statements,
)
from tidegate.lake.durable import sync_new_files
from tidegate.lake.extensions import connect_with, keep_checked, take_checked
from tidegate.lake.identity import refuse_data_of_another, refuse_unknown_data
from tidegate.lake.lease import EVERY_DAY, lease, refuse_lost_leases
from tidegate.lake.spill import remove_orphans
from tidegate.lake.sql import CATALOG, quoted
from tidegate.lake.trouble import conflict_line, is_conflict, trouble, worth_repeating
from tidegate.machine.locks import HeldElsewhereError, file_lock

T = TypeVar("T")

# What DuckLake says of a catalog that holds no lake, when it is not to make one.
NO_LAKE = "creating a new DuckLake is explicitly disabled"

# What it says of one that another version of it made, which is brought up to date by `tidegate upgrade` only.
OTHER_VERSION = "DuckLake catalog version mismatch"
OTHER_DATA_PATH = "does not match existing data path"

# What attaching reads are the catalog's small tables: 45 ms of CPU on one thread, 75 on two. The session sets its own.
WHILE_ATTACHING = {"threads": 1}

# What is leased by whoever makes the lake.
MAKING = "making the lake"

# A commit takes about 10 ms, so a waiter that looks every 10 ms loses at most as much.
TURN_POLL_SECONDS = 0.01


class Lake:
    """The attached lake: `con` has it as `lake`, in use, on UTC. One thread at a time."""

    def __init__(self, config: LakeConfig, con: DuckDBPyConnection) -> None:
        self.config = config
        self.con = con
        self._has_turn = False

    @classmethod
    def open(cls, config: LakeConfig, read_only: bool = False, snapshot: int | None = None) -> Self:
        """Attach the lake that is there; with `snapshot`, as it was then, to be read only.

        Raises TidegateError when there is none, with nothing made.
        """
        read_only = read_only or snapshot is not None
        refuse_missing_catalog(config)
        with _connected(config) as con:
            lake = cls(config, con)
            statements = attach_statements(config, read_only, snapshot)
            lake._patiently("attach the lake", lambda: lake._run_attach(statements))
            lake._begin_session(read_only)
        return lake

    @classmethod
    def make(cls, config: LakeConfig) -> Self:
        """Attach the lake, made first where there is none. Raises TidegateError where data of another lies already."""
        if config.catalog_file:
            config.catalog_file.parent.mkdir(parents=True, exist_ok=True)
        with _connected(config) as con:
            lake = cls(config, con)
            # A new catalog is written by whoever attaches it first, and two that do so at once fail each other.
            with lease(config, MAKING, [EVERY_DAY]), lake.turn():
                lake._patiently("make the lake", lake._attach_or_create)
            lake._begin_session(read_only=False)
        return lake

    def _attach_or_create(self) -> None:
        try:
            refuse_missing_catalog(self.config)
            self._run_attach(attach_statements(self.config))
        except LakeMissingError:
            self._run(s3_statements(self.config))
            refuse_unknown_data(self.con, self.config.data, self.config.catalog)
            self._run_attach([attach_statement(self.config, create=True)])

    def _begin_session(self, read_only: bool) -> None:
        refuse_data_of_another(self.con, self.config.data, self.config.catalog, read_only)
        if not read_only:
            self.config.spill.mkdir(parents=True, exist_ok=True)
            remove_orphans(self.config.spill)
            keep_checked(self.con, self.config.extensions, self.config.checked_extensions)
        for statement in session_statements(self.config):
            self.con.execute(statement)

    def _run_attach(self, statements: list[str]) -> None:
        self._run(statements)
        self.con.execute(f"use {quoted(CATALOG)}")

    def _run(self, statements: list[str]) -> None:
        try:
            for statement in statements:
                self.con.execute(statement)
        except duckdb.Error as error:
            if is_conflict(error):
                raise
            if NO_LAKE in str(error):
                raise no_lake(self.config) from error
            if OTHER_VERSION in str(error):
                raise _of_another_version(self.config, error) from error
            raise trouble(error, self.config.catalog) or _cannot_attach(self.config, error) from error

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be the only one of Tidegate's processes that writes to a SQLite catalog; nothing on Postgres.

        SQLite has one writer, and any commit between a transaction's first read and its own commit fails it,
        so writers that do not take turns repeat each other's work. Reentrant. Hold it around writes on
        connections that are not in a unit of work, such as dbt's, which are not repeated. Raises
        LakeBusyError.
        """
        if self._has_turn or self.config.catalog_file is None:
            yield
            return
        self.config.lease_folder.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + self.config.patience
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(file_lock(self.config.lease_folder / "turn.lock", deadline, TURN_POLL_SECONDS))
            except HeldElsewhereError as error:
                raise self._busy("write to the lake", error.holder or "another process") from error
            self._has_turn = True
            try:
                yield
            finally:
                self._has_turn = False

    def newest_snapshot(self) -> int:
        """The number of the newest state of the lake, or of the one that it was opened at."""
        row = self.con.execute(f"select id from {quoted(CATALOG)}.current_snapshot()").fetchone()
        return int(row[0]) if row else 0

    def size_for(self, rows: int) -> None:
        """Use as many of the configured threads as work on so many rows is worth, until told otherwise."""
        self.con.execute(f"set threads = {self.config.sized_for(rows).threads}")

    @contextmanager
    def one_moment(self) -> Iterator[DuckDBPyConnection]:
        """Read the lake as it is at one moment. Several reads cost the catalog's 5 ms once and not each."""
        self.con.begin()
        try:
            yield self.con
        finally:
            # Reading leaves nothing to commit; after a failed statement the transaction may be gone already.
            with contextlib.suppress(duckdb.TransactionException):
                self.con.rollback()

    def unit_of_work(self, work: Callable[[DuckDBPyConnection], T], tables: Iterable[tuple[str, str]] = ()) -> T:
        """Run `work` in one transaction, and again as a whole when another writer's commit came first. What it writes
        into `tables` and into `ops` is on the disk before the commit names it.

        `work` may run several times, so all it changes must be in the lake. Raises LakeBusyError after
        `config.patience` seconds of conflicts; other exceptions come through at once, with nothing changed.
        On a SQLite catalog other writers wait meanwhile: read and reckon before, and only write in here.
        """
        with self.turn():
            return self._patiently("write to the lake", lambda: self._transaction(work, tables))

    def _transaction(self, work: Callable[[DuckDBPyConnection], T], tables: Iterable[tuple[str, str]] = ()) -> T:
        began = time.time()
        self.con.begin()
        try:
            result = work(self.con)
            sync_new_files(self.config.data, tables, began)
            refuse_lost_leases()
            self.con.commit()
        except BaseException:
            # After a failed commit the transaction is gone already, and rolling it back is an error.
            with contextlib.suppress(duckdb.TransactionException):
                self.con.rollback()
            raise
        return result

    def _patiently(self, purpose: str, attempt: Callable[[], T]) -> T:
        retrying = Retrying(
            retry=worth_repeating,
            # Full jitter: writers that collided once must not meet again.
            wait=wait_random_exponential(multiplier=0.02, max=2),
            stop=stop_after_delay(self.config.patience),
            reraise=True,
        )
        try:
            return retrying(attempt)
        except duckdb.Error as error:
            if not is_conflict(error):
                raise
            raise self._busy(purpose, f"other writers ({conflict_line(error)})") from error

    def _busy(self, purpose: str, who: str) -> LakeBusyError:
        return LakeBusyError(
            f"Could not {purpose} within {self.config.patience:g} s because of {who}. Nothing was changed. "
            "Run it again; if it happens often, run fewer writers at once or raise TIDEGATE_LAKE_PATIENCE."
        )

    def reopen(self) -> None:
        """Take a new connection in place of one that DuckDB gave up. Temporary tables and settings are gone."""
        with contextlib.suppress(duckdb.Error):
            self.close()
        self.con = type(self).open(self.config).con

    def close(self) -> None:
        # DuckDB may end the whole process when it closes what is in a transaction with a server that is gone.
        with contextlib.suppress(duckdb.Error):
            self.con.rollback()
        self.con.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _cannot_attach(config: LakeConfig, error: duckdb.Error) -> TidegateError:
    why = str(error).strip().rstrip(".")
    if OTHER_DATA_PATH in why:
        # What DuckLake offers there, to override it, would have old files looked for at the new place.
        return TidegateError(
            f"The lake with catalog {config.catalog} and data {config.data} cannot be opened: {why.splitlines()[0]} "
            "Nothing was changed. Its home was moved or copied, or TIDEGATE_LAKE_DATA is another's. Put it back, or "
            "make a link at the old place; to move it for good, restore a backup at the new one: see "
            "docs/operating.md, The home was moved."
        )
    return TidegateError(
        f"The lake with catalog {config.catalog} and data {config.data} cannot be opened: {why}. Nothing was changed. "
        "Check TIDEGATE_LAKE_CATALOG and TIDEGATE_LAKE_DATA, and that the database or bucket they name can be reached."
    )


def _of_another_version(config: LakeConfig, error: duckdb.Error) -> TidegateError:
    which = str(error).partition(OTHER_VERSION)[2].partition(" To automatically")[0].strip(": .\n")
    return TidegateError(
        f"The lake at {config.catalog} is of another version of DuckLake: {which}. Nothing was changed. Where the "
        "catalog is the older one, bring it up to date, with a backup before: tidegate upgrade. Otherwise install the "
        "Tidegate that wrote to it last."
    )


def refuse_missing_catalog(config: LakeConfig) -> None:
    """Raise LakeMissingError for a SQLite catalog that is not there: attaching it, even to read, would make a file."""
    if config.catalog_file and not config.catalog_file.exists():
        raise no_lake(config)


def no_lake(config: LakeConfig) -> LakeMissingError:
    return LakeMissingError(
        f"There is no lake at {config.catalog_file or config.catalog}. Nothing was made or changed. "
        "Set TIDEGATE_HOME or TIDEGATE_LAKE_CATALOG to the lake that you mean, or make a new one: tidegate init"
    )


@contextmanager
def _connected(config: LakeConfig) -> Iterator[DuckDBPyConnection]:
    """A connection with the lake's extensions, which stays open when the work on it succeeds."""
    take_checked(config.checked_extensions)
    con = connect_with(config.extensions, WHILE_ATTACHING)
    try:
        yield con
    except BaseException:
        con.close()
        raise
