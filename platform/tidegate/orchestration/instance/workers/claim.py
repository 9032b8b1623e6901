"""Who executes a run that more than one worker has been sent: the first that asks Dagster's record, and nobody else.

A broker may deliver a task twice, and two daemons by mistake both send it. The record is what all machines share, and
it survives a broker that lost its file.
"""

from __future__ import annotations

import time

from dagster import DagsterInstance, DagsterRunStatus

from tidegate.orchestration.instance.private import RunsTable, SqlRunStorage

# When a run started is empty until its worker says it, and Dagster writes it again a moment later.
_TAKE = RunsTable.update().where(
    RunsTable.c.status == DagsterRunStatus.STARTING.value,
    RunsTable.c.start_time.is_(None),
)


def take(instance: DagsterInstance, run_id: str) -> bool:
    """Whether the run waits for a worker, and this call is the first to take it. Nobody can take it again, be it that
    the process died: the daemon ends such a run as one that never started, and its sensor asks for another."""
    runs = instance.run_storage
    if not isinstance(runs, SqlRunStorage):
        raise TypeError(f"Runs cannot be taken from a record in {type(runs).__name__}: it has no table of them.")
    # One statement: of two at once the second waits for the first, and finds the time there.
    taking = _TAKE.where(RunsTable.c.run_id == run_id).values(start_time=time.time())
    with runs.connect() as connection:
        return bool(connection.execute(taking).rowcount)
