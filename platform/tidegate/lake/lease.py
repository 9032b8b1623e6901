"""The right to write one resource's days, held by one writer at a time across processes and machines.

DuckLake refuses most collisions but not all: on a Postgres catalog, two writers of a partition that is new
both commit, and it is there twice. Which lease a piece of work needs is its caller's policy; nothing is
written here.

A lease dies with its holder: a file lock belongs to the process, an advisory lock to the connection, so a
crash leaves nothing to clean up. Take all days of a piece of work in one lease, and leases before the lake's
turn.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import re
import resource as process_limits
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.errors import LakeBusyError
from tidegate.lake.catalogs.connections import with_limits
from tidegate.lake.config import LakeConfig
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal
from tidegate.machine.locks import HeldElsewhereError, file_lock, holder_text, note_of
from tidegate.window import Cadence

# Short enough to go unnoticed in a run, long enough that a waiter costs no CPU worth naming.
POLL_SECONDS = 0.05

# Leased in place of days by work that may not overlap whatever its days are.
EVERY_DAY = dt.date.min

# The leases of a Postgres catalog that a thread holds, each with its connection.
_of_this_thread = threading.local()

LOCK_OF_A_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\.lock")


def candidates(cadence: Cadence) -> str:
    """The tables of all models of a cadence: a build holds their days from its first write to its last check."""
    return cadence.prefixed("candidates")


def serving(cadence: Cadence) -> str:
    """The tables of `serving` of a cadence."""
    return cadence.prefixed("serving")


@contextmanager
def lease(config: LakeConfig, resource: str, days: Iterable[dt.date], run_id: str = "") -> Iterator[None]:
    """Hold `resource` for `days`; `run_id` tells those who wait whom they wait for.

    Raises LakeBusyError when another writer still holds one of the days after `config.patience` seconds.
    Not reentrant: a day that this process holds already is waited for in vain.
    """
    wanted = sorted({dt.date(day.year, day.month, day.day) for day in days})
    if config.catalog_file:
        held = _file_leases(config.lease_folder, resource, wanted, config.patience, run_id)
    else:
        held = _advisory_leases(config, resource, wanted, run_id)
    with held:
        yield


@contextmanager
def _file_leases(folder: Path, resource: str, days: list[dt.date], patience: float, run_id: str) -> Iterator[None]:
    """One file lock a day, taken in order: two writers cannot wait for each other."""
    folder = folder / _folder_name(resource)
    folder.mkdir(parents=True, exist_ok=True)
    _allow_open_files(len(days))
    deadline = time.monotonic() + patience
    with ExitStack() as locks:
        for day in days:
            path = folder / f"{day.isoformat()}.lock"
            try:
                locks.enter_context(file_lock(path, deadline, POLL_SECONDS, run_id))
            except HeldElsewhereError as error:
                raise _busy(resource, day, patience, error.holder) from error
        yield


def forget_unused(config: LakeConfig, before: dt.datetime) -> None:
    """Delete the lock files of days that nobody holds, nor held since a moment: there is one for each day and resource.

    Each is held while it goes. Who opened it before finds, once it has the lock, that the file is gone, and opens
    another one.
    """
    # On Postgres a lease is no file.
    for path in config.lease_folder.glob("*/*.lock") if config.catalog_file else ():
        # Another maintenance may be at it, too.
        with suppress(HeldElsewhereError, FileNotFoundError):
            if LOCK_OF_A_DAY.fullmatch(path.name) and _used_at(path) < before.timestamp():
                _delete_lock_file(path)


def _used_at(lock: Path) -> float:
    """A holder writes its note when it begins to hold."""
    note = note_of(lock)
    return (note if note.exists() else lock).stat().st_mtime


def _delete_lock_file(lock: Path) -> None:
    with file_lock(lock, time.monotonic(), POLL_SECONDS):
        note_of(lock).unlink(missing_ok=True)
        lock.unlink(missing_ok=True)


def _folder_name(resource: str) -> str:
    """A folder for any resource name: readable, one component, and different for different names."""
    digest = hashlib.sha256(resource.encode("utf-8", "replace")).hexdigest()
    return f"{re.sub('[^A-Za-z0-9_-]', '_', resource)[:60]}-{digest[:16]}"


def _allow_open_files(count: int) -> None:
    """Raise this process's limit of open files, often 256 or 1,024, by a lock file a day."""
    soft, hard = process_limits.getrlimit(process_limits.RLIMIT_NOFILE)
    wanted = 1024 + 2 * count
    if soft != process_limits.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == process_limits.RLIM_INFINITY else min(wanted, hard)
        process_limits.setrlimit(process_limits.RLIMIT_NOFILE, (max(soft, limit), hard))


@contextmanager
def _advisory_leases(config: LakeConfig, resource: str, days: list[dt.date], run_id: str) -> Iterator[None]:
    con = connect_with(["postgres_scanner"])
    try:
        con.execute(_attach_as(config, holder_text(run_id)))
        _take_advisory_locks(con, resource, days, config.patience)
        with _known_as_held(con, resource):
            yield
    finally:
        # The locks are the transaction's and the transaction the connection's. DuckDB ends the whole process when it
        # closes one whose server is gone, unless it was told to roll back before.
        with suppress(duckdb.Error):
            con.rollback()
        con.close()


@contextmanager
def _known_as_held(con: DuckDBPyConnection, resource: str) -> Iterator[None]:
    held = _held_here()
    held.append((con, resource))
    try:
        yield
    finally:
        held.remove((con, resource))


def _held_here() -> list[tuple[DuckDBPyConnection, str]]:
    if not hasattr(_of_this_thread, "held"):
        _of_this_thread.held = []
    held: list[tuple[DuckDBPyConnection, str]] = _of_this_thread.held
    return held


def refuse_lost_leases() -> None:
    """Raise LakeBusyError when the connection of a lease that this thread holds is gone: the server ended it, for the
    network was cut or this machine stood still, and another writer may have the days by now. A lock of a file cannot be
    lost."""
    for con, resource in _held_here():
        try:
            _ask_postgres(con, "select 1")
        except duckdb.Error as error:
            raise LakeBusyError(
                f"{resource}: the catalog's server ended this run's lease, since it could not be reached for a while "
                f"or was restarted ({str(error).strip().splitlines()[0]}). Nothing was committed. Run it again."
            ) from error


def _attach_as(config: LakeConfig, holder: str) -> str:
    # Postgres cuts application_name at 63 bytes; it is what tells a waiter whom it waits for.
    name = re.sub(r"[^A-Za-z0-9 ._:@,-]", "_", holder)[:63]
    settings = with_limits(config.catalog.removeprefix("postgres:"), application_name=name)
    return f"attach {literal(settings)} as leases (type postgres, read_only)"


def _take_advisory_locks(con: DuckDBPyConnection, resource: str, days: list[dt.date], patience: float) -> None:
    """Take all of them in one transaction that stays open, or none: nobody waits while holding."""
    keys = {_advisory_key(resource, day): day for day in days}
    deadline = time.monotonic() + patience
    while True:
        con.begin()
        refused = _refused_key(con, list(keys))
        if refused is None:
            return
        holder = _advisory_holder(con, refused)
        con.rollback()
        if time.monotonic() >= deadline:
            raise _busy(resource, keys[refused], patience, holder)
        time.sleep(random.uniform(0.5, 1.5) * POLL_SECONDS)  # noqa: S311 - not for secrets


def _refused_key(con: DuckDBPyConnection, keys: list[int]) -> int | None:
    listed = ", ".join(map(str, keys))
    row = _ask_postgres(
        con,
        "select k from (select k, pg_try_advisory_xact_lock(k) as taken "
        f"from unnest(array[{listed}]::bigint[]) as k) as tried where not taken limit 1",
    )
    return None if row is None else int(str(row))


def _advisory_holder(con: DuckDBPyConnection, key: int) -> str:
    unsigned = key % 2**64
    return str(
        _ask_postgres(
            con,
            "select a.application_name from pg_locks l join pg_stat_activity a using (pid) "
            "where l.locktype = 'advisory' and l.granted "
            f"and l.classid = {unsigned >> 32} and l.objid = {unsigned % 2**32}",
        )
        or ""
    )


def _ask_postgres(con: DuckDBPyConnection, query: str) -> object:
    row = con.execute(f"select * from postgres_query('leases', {literal(query)})").fetchone()
    return row[0] if row else None


def _advisory_key(resource: str, day: dt.date) -> int:
    digest = hashlib.sha256(f"{resource}\0{day.isoformat()}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _busy(resource: str, day: dt.date, patience: float, holder: str) -> LakeBusyError:
    leased = resource if day == EVERY_DAY else f"{resource} {day}"
    return LakeBusyError(
        f"{leased}: {holder or 'another writer'} still had it after {patience:g} s of waiting. "
        "Nothing was changed. Let that run end, or stop it, and run this again; "
        "TIDEGATE_LAKE_PATIENCE sets how long to wait."
    )
