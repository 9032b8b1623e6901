"""Why a published partition of a mart shows what it shows: publication, build, logic, checks, inputs, decisions."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.lake.sql import literal, on_days, qualified, quoted
from tidegate.lake.tables import table_columns
from tidegate.ledger.changes import changes_made
from tidegate.ledger.deliveries import DeliveryRecord
from tidegate.ledger.publications import Publication, promote_of, publication_history
from tidegate.ledger.rollbacks import standing_rollbacks
from tidegate.ledger.waivers import standing_waivers
from tidegate.provenance.lines import Lines, lines_of
from tidegate.publishing.behind import Check, OtherInput, checks_of, delivery_name, inputs_of
from tidegate.publishing.requirements import GateRequirements
from tidegate.transform.parsed.members import SERVING, Model
from tidegate.window import Cadence, Window

# More rows of a figure are too many to read.
ROWS_SHOWN = 5


@dataclass(frozen=True)
class BuiltBy:
    """The build that a publication shows: `logic` is the hash of the mart's, None where it was not recorded, and
    `logic_now` what the project has. Times: UTC, naive."""

    build_id: str
    run_id: str
    started_at: dt.datetime
    logic: str | None
    logic_now: str
    model_file: str

    @property
    def is_of_older_logic(self) -> bool:
        return self.logic not in (None, self.logic_now)


@dataclass(frozen=True)
class DeliveryBehind:
    """A delivery that the partition is made of: `archived` is its manifest in the archive."""

    delivery: str
    files: int
    rows_loaded: int
    rows_quarantined: int
    contract_version: str
    archived: str
    delivered_at: dt.datetime
    stands_in_for: dt.date | None
    changed_since: bool


@dataclass(frozen=True)
class Why:
    """Why `mart` shows what it shows of a partition. `values` are the rows of the asked key, by column; `lines`, of
    each source behind, the lines of delivered files that these are made of."""

    mart: str
    product: str
    cadence: Cadence
    partition: dt.date
    publication: Publication
    times_published: int
    times_changed: int
    built_by: BuiltBy | None
    checks: Sequence[Check]
    deliveries: Sequence[DeliveryBehind]
    others: Sequence[OtherInput]
    decisions: Sequence[str]
    columns: Mapping[str, str]
    values: Sequence[Mapping[str, Any]]
    lines: Sequence[Lines]

    @property
    def failed_checks(self) -> list[Check]:
        return [check for check in self.checks if not check.passed]


def why(
    home: Home, mart: str, partition: dt.date, column: str | None = None, key: Mapping[str, str] | None = None
) -> Why:
    """Why a mart shows what it shows of a partition; with `key`, values by column as text, of these rows, with the
    lines of delivered files behind them.

    Raises TidegateError for a mart, column or partition that there is not.
    """
    model, product = _mart_named(home, mart)
    with home.lake() as lake:
        with lake.one_moment() as con:
            history = [each for each in publication_history(con, partition, model.cadence) if each.mart == mart]
            standing = next((each for each in history if each.superseded_by is None), None)
            if standing is None:
                raise TidegateError(_not_published(con, model, partition))
            _refuse_unknown_columns(con, mart, [*(key or {}), *([column] if column else [])])
            inputs = inputs_of(con, product, [standing])[partition]
            contents = [each.content_hash for each in history]
            found = Why(
                mart=mart,
                product=product.product,
                cadence=model.cadence,
                partition=partition,
                publication=standing,
                times_published=len(history),
                times_changed=sum(one != other for one, other in itertools.pairwise(contents)),
                built_by=_built_by(con, home, model, standing),
                checks=checks_of(con, product, [partition])[partition],
                deliveries=[_behind(record, changed) for record, changed in inputs.deliveries],
                others=inputs.others,
                decisions=_decisions(con, product, standing),
                columns=_descriptions(home, model, column),
                values=_values(con, model, partition, column, key) if key else (),
                lines=(),
            )
        if not key:
            return found
        return _with_lines(lake, home, found, [record for record, _ in inputs.deliveries], key)


def _mart_named(home: Home, mart: str) -> tuple[Model, GateRequirements]:
    for cadence in Cadence:
        for product in home.products_of(cadence):
            for model in home.graph.models_of(cadence):
                if model.is_mart and model.name == mart and mart in product.names:
                    return model, product
    known = sorted(name for name, _ in home.published_marts)
    raise TidegateError(f"There is no mart {mart!r}. Known: {', '.join(known)}.")


def _not_published(con: DuckDBPyConnection, model: Model, partition: dt.date) -> str:
    row = con.execute(
        "select min(partition_day), max(partition_day) from ops.publications "
        f"where superseded_by is null and mart = {literal(model.name)}"
    ).fetchone()
    first, last = row or (None, None)
    published = f"Published are partitions from {first} to {last}." if first else "Nothing of it is published yet."
    return (
        f"{model.name} shows nothing of {partition}: it was not published. {published} What happened to the partition: "
        f"tidegate history {model.cadence.option(partition)}"
    )


def _refuse_unknown_columns(con: DuckDBPyConnection, mart: str, names: Sequence[str]) -> None:
    known = table_columns(con, [(SERVING, mart)])[SERVING, mart]
    for name in names:
        if name not in known:
            raise TidegateError(f"{mart} has no column {name!r}. It has: {', '.join(known)}.")


def deliveries_behind(con: DuckDBPyConnection, product: GateRequirements, shown: Publication) -> list[DeliveryRecord]:
    """The deliveries that the build which a publication shows is made of."""
    inputs = inputs_of(con, product, [shown])[shown.partition_day]
    return [record for record, _ in inputs.deliveries]


def _behind(record: DeliveryRecord, changed: bool) -> DeliveryBehind:
    return DeliveryBehind(
        delivery=delivery_name(record),
        files=record.files,
        rows_loaded=record.rows_loaded,
        rows_quarantined=record.rows_quarantined,
        contract_version=record.contract_version,
        archived=record.archive,
        delivered_at=record.finished_at,
        stands_in_for=record.stands_in_for,
        changed_since=changed,
    )


def _built_by(con: DuckDBPyConnection, home: Home, model: Model, shown: Publication) -> BuiltBy | None:
    row = con.execute(
        "select run_id, started_at, logic from ops.builds "
        f"where build_id = {literal(shown.build_id)} and list_contains(models, {literal(model.name)}) limit 1"
    ).fetchone()
    if row is None:
        return None
    run_id, started_at, logic = row
    of_mart = json.loads(logic).get(model.name) if logic else None
    return BuiltBy(shown.build_id, run_id, started_at, of_mart, home.dbt.logic()[model.name], model.file)


def _decisions(con: DuckDBPyConnection, product: GateRequirements, shown: Publication) -> list[str]:
    """What people decided that the partition shows this: changes, rollbacks, waivers."""
    window = Window.of_day(shown.partition_day, Cadence(shown.cadence))
    found = [each.sentence for each in changes_made(con) if each.change_id == promote_of(shown.publication_id)]
    found += [each.sentence for each in standing_rollbacks(con, window) if each.mart == shown.mart]
    if product.cadence is Cadence.daily:
        needed = product.deliveries
        found += [
            f"Published without {waived}, as its contract allows."
            for waived in standing_waivers(con, window)
            if (waived.source, waived.region) in needed
        ]
    return found


def _descriptions(home: Home, model: Model, column: str | None) -> dict[str, str]:
    """What the project says of the asked column, or of all."""
    of_model = home.dbt.manifest()["nodes"][model.unique_id]["columns"]
    wanted = [column] if column else list(model.columns)
    return {name: " ".join(of_model.get(name, {}).get("description", "").split()) for name in wanted}


def _values(
    con: DuckDBPyConnection, model: Model, partition: dt.date, column: str | None, key: Mapping[str, str]
) -> list[dict[str, Any]]:
    same = " and ".join(f"cast({quoted(name)} as varchar) = {literal(value)}" for name, value in key.items())
    shown = ", ".join(map(quoted, dict.fromkeys([*key, column]))) if column else "*"
    cursor = con.execute(
        f"select {shown} from {qualified(SERVING, model.name)} "
        f"where {on_days(model.day_column, [partition])} and {same} order by all limit {ROWS_SHOWN}"
    )
    names = [name for name, *_ in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _with_lines(lake: Lake, home: Home, found: Why, records: Sequence[DeliveryRecord], key: Mapping[str, str]) -> Why:
    """The same with the lines of those sources that have one of the columns of the key."""
    days = Window.of_day(found.partition)
    lines = [
        lines_of(lake, home, contract, of_source, days, key)
        for source, contract in home.contracts.items()
        if (of_source := [record for record in records if record.source == source])
    ]
    return dataclasses.replace(found, lines=[each for each in lines if each.by])
