"""Whether a partition can be made again: built from the archive, beside what is published, and compared with it."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.changes.beside import Beside
from tidegate.changes.compare import MartDifference, compare_mart
from tidegate.changes.compare_contracts import compare_contracts
from tidegate.changes.plan import PREFIX, failures_of, held, nodes_of
from tidegate.contract.judging.logic import logic_of
from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.lake.content import NOTHING, content_by_day, content_by_day_select
from tidegate.lake.tables import table_columns
from tidegate.ledger.deliveries import DeliveryRecord
from tidegate.ledger.entries import utc_now
from tidegate.ledger.plans import Plan, end_plans, enter_plan
from tidegate.ledger.publications import Publication, newest_publications
from tidegate.ledger.upkeep.plans import drop_tables
from tidegate.machine.processes import person
from tidegate.provenance.why import deliveries_behind
from tidegate.publishing.older_logic import older_models
from tidegate.publishing.requirements import GateRequirements
from tidegate.transform.parsed.members import SERVING
from tidegate.window import Cadence, Window


@dataclass(frozen=True)
class Verified:
    """What came of building a partition again. `marts` compares each mart with what is shown; of those in `altered`,
    `serving` does not hold what was published; `failed` says which models and blocking checks failed."""

    partition: dt.date
    cadence: Cadence
    deliveries: int
    marts: Sequence[MartDifference]
    altered: Sequence[str]
    failed: Sequence[str]

    @property
    def is_equal(self) -> bool:
        return not self.altered and not self.failed and all(each.identical == each.partitions for each in self.marts)


def verify(home: Home, partition: dt.date, cadence: Cadence) -> Verified:
    """Build all that is published of a partition again, days from the archive, Mondays and months from what is
    published of their days, and compare. What is built is dropped again.

    Raises TidegateError where nothing of it is published, and where it was built or judged by other logic than the
    project has now: then it could only differ.
    """
    window = Window.of_day(partition, cadence)
    with home.lake() as lake:
        shown = newest_publications(lake.con, window)
        products = [each for each in home.products_of(cadence) if not each.names.isdisjoint({p.mart for p in shown})]
        if not products:
            raise TidegateError(f"Nothing is published of {partition}, so there is nothing to verify.")
        behind = _deliveries(lake.con, home, products, shown)
        _refuse_other_logic(lake.con, home, window, behind)
        with _built(home, lake, window, products, behind) as beside, lake.one_moment() as con:
            marts = [each for each in beside.models(cadence) if each.name in {row.mart for row in shown}]
            return Verified(
                partition,
                cadence,
                deliveries=len(behind),
                marts=[
                    compare_mart(con, each, beside.table(each), home.graph.key_of(each.unique_id), [partition])
                    for each in marts
                ],
                altered=_altered(con, home, window, shown),
                failed=list(failures_of(con, beside, home.graph, compare_contracts(con, beside.judged))),
            )


def _deliveries(
    con: DuckDBPyConnection, home: Home, products: Sequence[GateRequirements], shown: Sequence[Publication]
) -> list[DeliveryRecord]:
    """Those that the shown builds are made of."""
    found: dict[tuple[str, str, dt.date], DeliveryRecord] = {}
    for product in products:
        for row in shown:
            if row.mart in product.names:
                for record in deliveries_behind(con, product, row):
                    found[record.source, record.region, record.partition_day] = record
    return [found[name] for name in sorted(found)]


def _refuse_other_logic(con: DuckDBPyConnection, home: Home, window: Window, behind: Sequence[DeliveryRecord]) -> None:
    models = sorted({each.model for each in older_models(con, home.products, home.dbt.logic(), window)})
    otherwise = {source: logic_of(contract) for source, contract in home.contracts.items()}
    sources = sorted({each.source for each in behind if each.logic not in (None, otherwise.get(each.source))})
    if models or sources:
        what = [f"built with other logic of {', '.join(models)}"] if models else []
        what += [f"judged by another state of the contract of {', '.join(sources)}"] if sources else []
        raise TidegateError(
            f"{window} was {' and '.join(what)} than the project has now, so that it could only differ. Nothing was "
            "built. What the newer logic would change: tidegate plan. To verify it, check out the commit that it was "
            f"built with (tidegate changes, tidegate history --partition {window.start})."
        )


@contextmanager
def _built(
    home: Home, lake: Lake, window: Window, products: Sequence[GateRequirements], behind: Sequence[DeliveryRecord]
) -> Iterator[Beside]:
    """The partition, built beside; nothing is left of it afterwards."""
    plan = _plan_of(home, window, products, behind)
    # It is entered as over: nobody takes it for a plan to apply, and maintenance drops what a killed one left.
    lake.unit_of_work(lambda con: enter_plan(con, plan))
    by_source = {source: [each for each in behind if each.source == source] for source in plan.logic_of_contracts}
    with held(lake, plan):
        try:
            beside = Beside(home, lake, plan, by_source)
            for each in beside.judged:
                each.bring_up_to_date()
            for _ in beside.bring_up_to_date({window.cadence: window.days}):
                pass
            yield beside
        finally:
            lake.unit_of_work(lambda con: end_plans(con, [plan.plan_id], "abandoned"))
            drop_tables(lake, plan)


def _plan_of(
    home: Home, window: Window, products: Sequence[GateRequirements], behind: Sequence[DeliveryRecord]
) -> Plan:
    logic, plan_id, now = home.dbt.logic(), secrets.token_hex(8), utc_now()
    models = sorted({model for product in products for model in product.models})
    sources = sorted({each.source for each in behind})
    return Plan(
        plan_id=plan_id,
        made_by=person(),
        made_at=now,
        logic=json.dumps({model: logic[model] for model in models}),
        nodes=nodes_of(home.graph, models, sources),
        schema_prefix=f"{PREFIX}{plan_id}_",
        partitions=json.dumps({window.cadence: list(map(str, window.days))}),
        partition_from=window.start,
        partition_to=window.last,
        ended_as="abandoned",
        ended_at=now,
        contracts=json.dumps({source: logic_of(home.contracts[source]) for source in sources}),
    )


def _altered(con: DuckDBPyConnection, home: Home, window: Window, shown: Sequence[Publication]) -> list[str]:
    """The marts of which `serving` holds other rows than the ledger says were published."""
    columns = table_columns(con, [(SERVING, row.mart) for row in shown])
    days = {mart.name: mart.day_column for each in home.products_of(window.cadence) for mart in each.marts}
    selects = [
        content_by_day_select(*table, of_table, days[table[1]], window)
        for table, of_table in columns.items()
        if table[1] in days
    ]
    now = content_by_day(con, selects)
    return [
        row.mart
        for row in shown
        if row.mart in days and now.get((SERVING, row.mart, row.partition_day), NOTHING).hash != row.content_hash
    ]
