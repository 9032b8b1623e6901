"""Taking a change back: every partition that it published shows again what it showed before, all in one transaction.

As after any rollback, a partition goes on to show it until its data changes.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.changes.put_back import as_marts, put_marts_back, take_out_again, taken_out
from tidegate.changes.switching import Decision, enter_snapshot_of, leases_of
from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.lake.content import NOTHING, Content, content_by_day, content_by_day_select
from tidegate.lake.sql import on_days, qualified
from tidegate.lake.tables import reshape_table, table_columns
from tidegate.ledger import publications
from tidegate.ledger.changes import AppliedChange, change_named, changes_made, enter_change
from tidegate.ledger.entries import utc_now
from tidegate.ledger.publications import Publication
from tidegate.ledger.rollbacks import Rollback, record_rollbacks
from tidegate.publishing.gate import read_gates
from tidegate.publishing.requirements import GateRequirements, Mart
from tidegate.publishing.switch import Contents, Published, Switch, delete_days, insert_days, read_contents
from tidegate.transform.parsed.members import SERVING
from tidegate.window import Cadence, Window

# The rows of a mart from before the change, until they are in its table.
THEN = "rows_before_the_change"


def take_back(home: Home, change_id: str, decision: Decision) -> AppliedChange:
    """Take a change back. Raises TidegateError, with nothing changed, for one that is not known, that was taken back
    already, or before which maintenance has dropped the lake's snapshot."""
    with home.lake() as lake:
        with lake.one_moment() as con:
            change = _refuse_unknown(con, change_id)
            rows, gone = publications.publications_of_change(con, change.change_id), taken_out(con, change.change_id)
            snapshot = _snapshot_before(con, change, [*rows, *gone])
        partitions = _partitions(rows)
        tables = [(SERVING, mart) for mart in sorted({row.mart for row in [*rows, *gone]})]
        new_id = uuid.uuid4().hex
        with leases_of(lake, partitions, new_id, as_marts(gone)):
            taken = lake.unit_of_work(lambda con: _take_back(con, home, change, snapshot, new_id, decision), tables)
            enter_snapshot_of(lake, _partitions([*rows, *gone]), new_id)
        return taken


def _refuse_unknown(con: DuckDBPyConnection, change_id: str) -> AppliedChange:
    """The change of this id. Raises TidegateError where there is none to take back."""
    change = change_named(con, change_id)
    if change is None:
        known = ", ".join(each.change_id[:8] for each in reversed(changes_made(con)))
        raise TidegateError(
            f"There is no change {change_id!r}. Nothing was changed. Changes, newest first: {known or 'none yet'}."
        )
    undone = [each.change_id[:8] for each in changes_made(con) if each.restores == change.change_id]
    if undone:
        raise TidegateError(
            f"Change {change.change_id[:8]} was taken back already, by {undone[-1]}. Nothing was changed. To have it "
            f"again: tidegate rollback --change {undone[-1]}"
        )
    return change


def _snapshot_before(con: DuckDBPyConnection, change: AppliedChange, rows: Sequence[Publication]) -> int:
    """The lake's snapshot that a change came after; `rows` are what it concerns."""
    if not rows:
        if not change.marts:
            raise TidegateError(
                f"Change {change.change_id[:8]} changed nothing that is published. Nothing was changed. To judge "
                "deliveries as before, put the contract back, and plan and apply that."
            )
        raise TidegateError(
            f"Change {change.change_id[:8]} took {', '.join(change.marts)} out of serving, which is published again "
            "since. Nothing was changed."
        )
    snapshot = publications.snapshot_of(con, change.change_id)
    if snapshot is None or snapshot - 1 not in publications.kept_snapshots(con):
        raise TidegateError(
            f"Change {change.change_id[:8]} cannot be taken back: maintenance has dropped the lake's snapshot before "
            "it, as all older than TIDEGATE_SNAPSHOT_DAYS. Nothing was changed. Put the logic back as it was, and plan "
            "and apply that."
        )
    return snapshot - 1


def _partitions(rows: Sequence[Publication]) -> dict[Cadence, list[dt.date]]:
    found: dict[Cadence, set[dt.date]] = {}
    for row in rows:
        found.setdefault(Cadence(row.cadence), set()).add(row.partition_day)
    return {cadence: sorted(days) for cadence, days in found.items()}


def _take_back(
    con: DuckDBPyConnection, home: Home, change: AppliedChange, snapshot: int, new_id: str, decision: Decision
) -> AppliedChange:
    run_id = f"change-{new_id[:8]}"
    rows = publications.publications_of_change(con, change.change_id)
    before = publications.publications_before_change(con, change.change_id)
    gone = taken_out(con, change.change_id)
    put_marts_back(con, gone, snapshot, new_id, run_id)
    returned = frozenset(row.mart for row in gone)
    number = 0
    marts = {*returned, *take_out_again(con, change.change_id, home.published_marts, new_id)}
    for cadence, days in _partitions(rows).items():
        of_cadence = {row.mart for row in rows if row.cadence == cadence}
        for product in home.products_of(cadence):
            if product.names.isdisjoint(of_cadence):
                continue
            number += 1
            switch = Switch(f"{number}-{new_id}", run_id, cadence)
            own = {(row.mart, row.partition_day): row for row in before if row.mart in product.names}
            days_of_product = sorted({row.partition_day for row in rows if row.mart in product.names} & set(days))
            _TakingBack(product, own, days_of_product, snapshot, returned, switch, decision).make(con)
            marts |= product.names & of_cadence
    taken = AppliedChange(
        change_id=new_id,
        plan_id=change.plan_id,
        restores=change.change_id,
        made_by=decision.by,
        reason=decision.reason,
        code=None,
        models=change.models,
        marts=tuple(sorted(marts)),
        partitions=len({(row.cadence, row.partition_day) for row in [*rows, *gone]}),
        made_at=utc_now(),
        contracts=change.contracts,
    )
    enter_change(con, taken)
    publications.name_commit(con, f"take back change {change.change_id[:8]}", new_id)
    return taken


@dataclass(frozen=True)
class _TakingBack:
    """What a change published of one product and cadence, on its way back."""

    product: GateRequirements
    # What stood before the change, by mart and partition.
    before: Mapping[tuple[str, dt.date], Publication]
    days: Sequence[dt.date]
    snapshot: int
    # The marts that are back as a whole.
    returned: frozenset[str]
    switch: Switch
    decision: Decision

    @property
    def window(self) -> Window:
        return Window(self.days[0], self.switch.cadence.after(self.days[-1], 1), self.switch.cadence)

    def make(self, con: DuckDBPyConnection) -> None:
        then = read_contents(con, self.window, self.product.marts)
        for mart in self.product.marts:
            if mart.name not in self.returned:
                days = [day for day in self.days if then.served(mart.name, day) != self._shown(mart, day)]
                self._put_back(con, mart, days)
        now = self._served(con)
        self._refuse_other_content(now)
        builds = read_gates(con, self.window, self.product).builds
        published: Published = {}
        rollbacks: list[Rollback] = []
        for number, day in enumerate(self.days):
            rollback_id = f"{number}-{self.switch.switch_id}"
            # What is the newest candidate as well withholds nothing.
            withholds = any(now(mart.name, day) != then.candidate(mart.name, day) for mart in self.product.marts)
            rollbacks += self._rollbacks(day, rollback_id, then)
            published[day] = [
                self.switch.publication(
                    day,
                    mart.name,
                    builds.get((day, mart.name), ""),
                    now(mart.name, day),
                    rollback_id if withholds else None,
                    is_interim=self._was_interim(day),
                )
                for mart in self.product.marts
            ]
        record_rollbacks(con, rollbacks)
        self.switch.enter(con, published, "take back a change")

    def _was_interim(self, day: dt.date) -> bool:
        rows = (self.before.get((mart.name, day)) for mart in self.product.marts)
        return any(row.is_interim for row in rows if row)

    def _shown(self, mart: Mart, day: dt.date) -> Content:
        """What the partition showed before the change."""
        row = self.before.get((mart.name, day))
        return Content(row.rows, row.content_hash) if row else NOTHING

    def _put_back(self, con: DuckDBPyConnection, mart: Mart, days: Sequence[dt.date]) -> None:
        """Replace these days of a table of `serving`.

        What they showed is read before anything of the table changes: within a transaction that changed it, DuckLake
        shows its snapshots changed as well.
        """
        if any(name == mart.name for name, _ in self.before):
            then = f"{qualified(SERVING, mart.name)} at (version => {self.snapshot})"
            inside = on_days(mart.day_column, days) if days else "false"
            con.execute(f"create temporary table {THEN} as select * from {then} where {inside}")
            described = con.execute(f"describe {THEN}").fetchall()
            columns = {str(name): str(sql_type) for name, sql_type, *_ in described}
            reshape_table(con, (SERVING, mart.name), columns, partitioned_by=None)
            delete_days(con, mart, days)
            insert_days(con, mart, days, THEN)
            con.execute(f"drop table {THEN}")
        else:
            delete_days(con, mart, days)

    def _served(self, con: DuckDBPyConnection) -> Callable[[str, dt.date], Content]:
        tables = table_columns(con, [(SERVING, mart.name) for mart in self.product.marts])
        contents = content_by_day(
            con,
            [
                content_by_day_select(SERVING, mart.name, tables[SERVING, mart.name], mart.day_column, self.window)
                for mart in self.product.marts
            ],
        )
        return lambda mart, day: contents.get((SERVING, mart, day), NOTHING)

    def _refuse_other_content(self, now: Callable[[str, dt.date], Content]) -> None:
        for (mart, day), row in self.before.items():
            if day in self.days and now(mart, day).hash != row.content_hash:
                raise TidegateError(
                    f"The lake's snapshot {self.snapshot} does not hold of serving.{mart} what publication "
                    f"{row.publication_id} showed. Nothing was changed. Find out who else writes to the lake."
                )

    def _rollbacks(self, day: dt.date, rollback_id: str, then: Contents) -> list[Rollback]:
        by, reason = self.decision.by, self.decision.reason
        return [
            self.switch.rollback(
                rollback_id, day, mart.name, self.before[mart.name, day].publication_id, then, by, reason
            )
            for mart in self.product.marts
            if (mart.name, day) in self.before
        ]
