"""What lost files held is owed again: deliveries to load, days to build, days to publish."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.connect import Lake
from tidegate.lake.sql import literal
from tidegate.lake.upkeep.lost import LostFile, forget, lost_files
from tidegate.ledger.builds import begin_build, interrupt_build
from tidegate.ledger.contents import Kind, forget_contents
from tidegate.window import Cadence


def forget_lost_files(lake: Lake, run_id: str) -> list[LostFile]:
    """Forget the files that are lost, and owe again what they held. Returns them.

    Raises TidegateError where the ledger itself has lost one, which no run makes again.
    """
    lost = lost_files(lake)
    if not lost:
        return []
    ledgers = [file for file in lost if file.schema == "ops"]
    if ledgers:
        raise TidegateError(
            f"The lake's ledger is damaged: {ledgers[0].sentence} is gone or not whole. Nothing was changed. Put the "
            "file back, or restore a backup (tidegate restore). Without one, set the catalog aside and make the lake "
            "again from the archive: tidegate repair --from-archive"
        )
    # The ledger first: interrupted in between, the next run finds the files lost again.
    lake.unit_of_work(lambda con: _owe(con, lost, run_id))
    lake.unit_of_work(lambda con: forget(con, lost))
    return lost


def _owe(con: DuckDBPyConnection, lost: Sequence[LostFile], run_id: str) -> None:
    for file in lost:
        days = f"partition_day between {literal(file.first)} and {literal(file.last)}" if file.first else "true"
        if file.schema in ("raw", "quarantine"):
            _owe_deliveries(con, file.table, days, run_id)
        elif file.schema == "serving":
            con.execute(
                f"update ops.publications set superseded_by = 'lost' "
                f"where mart = {literal(file.table)} and superseded_by is null and {days}"
            )
            of_days = days.replace("partition_day", "day")
            forget_contents(con, Kind.mart, f"subject = {literal(file.table)} and {of_days}", run_id)
        else:
            _owe_builds(con, file, days, run_id)


def _owe_deliveries(con: DuckDBPyConnection, source: str, days: str, run_id: str) -> None:
    lost = f"source = {literal(source)} and {days}"
    names = f"select source || '/' || region || ' ' || partition_day from ops.deliveries where {lost}"
    forget_contents(con, Kind.delivery, f"subject = {literal(source)} and name in ({names})", run_id)
    con.execute(f"delete from ops.deliveries where {lost}")


def _owe_builds(con: DuckDBPyConnection, file: LostFile, days: str, run_id: str) -> None:
    """Enter a build of the model that was interrupted, for each day that it was built for."""
    built = con.execute(
        "select distinct cadence, partition_day from ops.builds "
        f"where {literal(file.table)} in (select unnest(models)) and {days}"
    ).fetchall()
    for cadence in Cadence:
        if of_cadence := sorted(day for kind, day in built if kind == cadence):
            build_id = uuid.uuid4().hex
            begin_build(con, build_id, of_cadence, [file.table], run_id, cadence)
            interrupt_build(con, build_id)
