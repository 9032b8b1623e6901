"""`ops.builds`: which partitions were built, by which run, and what each build could see when it began."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.addresses import without_secrets
from tidegate.lake.sql import literal
from tidegate.ledger.contents import newest_content
from tidegate.ledger.entries import insert_entries, utc_now, without_nul
from tidegate.window import Cadence


@dataclass(frozen=True)
class Build:
    """One row of `ops.builds`: one day of one build."""

    build_id: str
    partition_day: dt.date
    run_id: str
    models: tuple[str, ...]
    status: str
    started_at: dt.datetime
    finished_at: dt.datetime | None


def begin_build(
    con: DuckDBPyConnection,
    build_id: str,
    days: Collection[dt.date],
    models: Collection[str],
    run_id: str,
    cadence: Cadence = Cadence.daily,
    logic: Mapping[str, str] | None = None,
) -> None:
    """Enter a build as `building`. Commit this before the build's first write: it closes those days' gate.

    `logic` is the logic hash of each of its models, where it is known.
    """
    started_at = utc_now()
    names = tuple(sorted(models))
    builds = [Build(build_id, day, run_id, names, "building", started_at, None) for day in sorted(set(days))]
    of_models = json.dumps({name: logic[name] for name in names if name in logic}) if logic else None
    insert_entries(con, "builds", builds, cadence=cadence.value, logic=of_models, contents_seen=newest_content(con))


def finish_build(
    con: DuckDBPyConnection,
    build_id: str,
    failed_days: Collection[dt.date] = (),
    models: Collection[str] | None = None,
    failed_models: Collection[str] = (),
    errors: Mapping[str, str] | None = None,
) -> None:
    """Enter a build's end: `failed` for the failed days, `built` for its others.

    `models`, when given, are those that were built in the end, in place of the announced ones. `failed_models` failed
    on all days: they get entries of their own, so that they hold nothing that is not made of them. `errors` says of
    those that failed of themselves, and not behind another, why.
    """
    failed = ", ".join(literal(day) for day in sorted(set(failed_days))) or "null"
    names = f", models = {literal(sorted(map(without_nul, models)))}::varchar[]" if models is not None else ""
    con.execute(
        f"update ops.builds set finished_at = {literal(utc_now())}{names}, errors = {_as_kept(errors)}, "
        f"status = case when partition_day in ({failed}) then 'failed' else 'built' end "
        f"where build_id = {literal(build_id)}"
    )
    if failed_models:
        failed_names = f"{literal(sorted(failed_models))}::varchar[]"
        con.execute(
            "insert into ops.builds by name select * replace ("
            f"list_intersect(models, {failed_names}) as models, 'failed' as status) "
            f"from ops.builds where build_id = {literal(build_id)}"
        )
        con.execute(
            f"update ops.builds set models = list_filter(models, lambda m: not list_contains({failed_names}, m)) "
            f"where build_id = {literal(build_id)} and status = 'built'"
        )


def interrupt_build(con: DuckDBPyConnection, build_id: str, errors: Mapping[str, str] | None = None) -> None:
    """Enter that a build was interrupted by what may pass: its days are to be built again."""
    con.execute(
        f"update ops.builds set finished_at = {literal(utc_now())}, status = 'interrupted', "
        f"errors = {_as_kept(errors)} where build_id = {literal(build_id)}"
    )


def _as_kept(errors: Mapping[str, str] | None) -> str:
    """What models said when they failed, as a literal."""
    if not errors:
        return "null"
    return literal(json.dumps({without_nul(name): without_secrets(without_nul(said)) for name, said in errors.items()}))


def built_partitions(con: DuckDBPyConnection, cadence: Cadence) -> list[dt.date]:
    """The partitions that any build was entered for, ended or not."""
    rows = con.execute(
        f"select distinct partition_day from ops.builds where cadence = {literal(cadence)} order by partition_day"
    ).fetchall()
    return [partition for (partition,) in rows]
