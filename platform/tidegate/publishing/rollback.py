"""Rolling back: a partition shows again what an earlier publication of it showed, until its data changes.

The content comes out of the lake's snapshot of that publication. What keeps it when the partition is published again
is `promote`. No gate is asked: what is put back passed it when it was published.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.connect import Lake
from tidegate.lake.content import NOTHING, Content, content_of
from tidegate.lake.sql import in_window, qualified
from tidegate.lake.tables import columns_that_lose, table_columns
from tidegate.ledger import publications
from tidegate.ledger.interim import moment_of
from tidegate.ledger.publications import Publication
from tidegate.ledger.rollbacks import record_rollbacks
from tidegate.ledger.versions import versions_of
from tidegate.publishing.gate import read_gates
from tidegate.publishing.promote import Promotion
from tidegate.publishing.requirements import GateRequirements, Mart, together
from tidegate.publishing.switch import Contents, Switch, delete_days, held_for_switching, insert_days, read_contents
from tidegate.window import Cadence, Window

# So many of a day's publications are named to somebody who asked for one that does not exist.
VERSIONS_NAMED = 5


@dataclasses.dataclass(frozen=True)
class Decision:
    """That a partition is to show the publication `to` again, whose decision it is, and why."""

    day: dt.date
    to: str
    by: str
    reason: str | None


def roll_back(
    lake: Lake, products_of: Callable[[Cadence], Sequence[GateRequirements]], decision: Decision
) -> Promotion:
    """Put back all marts of the product's partition, in one transaction. A mart that came later shows nothing from then
    on.

    The rows stay until a promote finds candidates that are neither those of now nor what is served now. Raises
    TidegateError for a publication that cannot be put back, with nothing changed.
    """
    with lake.one_moment() as con:
        target = _target(con, decision)
    cadence = Cadence(next(iter(target.values())).cadence)
    window = Window.of_day(decision.day, cadence)
    requirements = _of_target(products_of(cadence), target)
    switch_id = uuid.uuid4().hex
    switch = Switch(switch_id, f"rollback-{switch_id[:8]}", cadence)
    with held_for_switching(lake, window, switch.run_id):
        promotion = lake.unit_of_work(
            lambda con: _roll_back(con, window, requirements, target, decision, switch),
            [("serving", name) for name in requirements.names],
        )
        return dataclasses.replace(promotion, published=switch.with_its_snapshot(lake, promotion.published))


def _of_target(products: Sequence[GateRequirements], target: Mapping[str, Publication]) -> GateRequirements:
    """The product that the publication is of: several, where it has been split since."""
    return together([product for product in products if product.names & target.keys()] or products)


def _target(con: DuckDBPyConnection, decision: Decision) -> dict[str, Publication]:
    """What is to be put back, by mart."""
    target = publications.publication_named(con, decision.to)
    if not target:
        raise _unknown(con, decision)
    if target[0].partition_day != decision.day:
        raise TidegateError(
            f"{decision.to} is a publication of {target[0].partition_day}, not of {decision.day}. Nothing was changed."
        )
    if target[0].lake_snapshot not in publications.kept_snapshots(con):
        raise _expired(con, decision)
    return {row.mart: row for row in target}


def _roll_back(
    con: DuckDBPyConnection,
    window: Window,
    requirements: GateRequirements,
    target: Mapping[str, Publication],
    decision: Decision,
    switch: Switch,
) -> Promotion:
    day = decision.day
    # A mart that came after the target had nothing then, and shows nothing now: all marts are of one moment.
    known = _known(decision, requirements, target)
    before = read_contents(con, window, requirements.marts)
    _refuse_what_is_shown(con, decision, requirements, before, target)
    for mart in requirements.marts:
        if mart not in known:
            delete_days(con, mart, window.days)
        elif before.served(mart.name, day).hash != target[mart.name].content_hash:
            _put_back(con, mart, window, target[mart.name])
    after = {mart.name: _content(con, mart, window) for mart in requirements.marts}
    rollbacks = [
        switch.rollback(switch.switch_id, day, mart.name, decision.to, before, decision.by, decision.reason)
        for mart in known
    ]
    # What is the newest candidate as well withholds nothing: from here on the partition goes on as usual.
    withholds = any(after[mart.name] != before.candidate(mart.name, day) for mart in requirements.marts)
    builds = read_gates(con, window, requirements).builds
    is_interim = requirements.goes_on(day, moment_of(con)) or any(row.is_interim for row in target.values())
    published = {
        day: [
            switch.publication(
                day,
                mart.name,
                builds.get((day, mart.name), ""),
                after[mart.name],
                switch.switch_id if withholds else None,
                is_interim=is_interim,
            )
            for mart in requirements.marts
        ]
    }
    record_rollbacks(con, rollbacks)
    switch.enter(con, published, f"roll back {window} to {decision.to}")
    return Promotion(published, {}, {day: rollbacks[0]})


def _content(con: DuckDBPyConnection, mart: Mart, window: Window, relation: str | None = None) -> Content:
    """What a partition holds, in `serving` or in `relation`."""
    relation = relation or qualified("serving", mart.name)
    return content_of(con, f"select * from {relation} where {in_window(mart.day_column, window)}")


def _put_back(con: DuckDBPyConnection, mart: Mart, window: Window, target: Publication) -> None:
    """Replace the partition in `serving` by what the publication's snapshot holds of it.

    Columns are matched by name; one that was added since is null.
    """
    then = f"{qualified('serving', mart.name)} at (version => {target.lake_snapshot})"
    if _content(con, mart, window, then) != Content(target.rows, target.content_hash):
        raise TidegateError(
            f"The lake's snapshot {target.lake_snapshot} does not hold of serving.{mart.name} what publication "
            f"{target.publication_id} showed. Nothing was changed. Choose another publication, and find out who else "
            "writes to the lake."
        )
    gone = _columns_that_would_not_fit(con, mart, window, then)
    if gone:
        raise TidegateError(
            f"serving.{mart.name} no longer has what publication {target.publication_id} showed there: "
            f"{', '.join(gone)}. Nothing was changed. Choose a later publication."
        )
    delete_days(con, mart, window.days)
    insert_days(con, mart, window.days, then)


def _columns_that_would_not_fit(con: DuckDBPyConnection, mart: Mart, window: Window, then: str) -> list[str]:
    """The columns of then that are gone by now, or of a type that does not hold every value of then."""
    now = table_columns(con, [("serving", mart.name)])["serving", mart.name]
    types = {str(name): str(sql_type) for name, sql_type, *_ in con.execute(f"describe from {then}").fetchall()}
    gone = [name for name in types if name not in now]
    other = {name: (types[name], now[name]) for name in types if now.get(name, types[name]) != types[name]}
    return gone + columns_that_lose(con, then, other, in_window(mart.day_column, window))


def _known(decision: Decision, requirements: GateRequirements, target: Mapping[str, Publication]) -> list[Mart]:
    """The marts that the target is of and that there still are."""
    known = [mart for mart in requirements.marts if mart.name in target]
    if not known:
        raise TidegateError(
            f"Publication {decision.to} is of {', '.join(sorted(target))}, and the project has none of these marts any "
            "more. Nothing was changed. Choose a later publication."
        )
    return known


def _refuse_what_is_shown(
    con: DuckDBPyConnection,
    decision: Decision,
    requirements: GateRequirements,
    contents: Contents,
    target: Mapping[str, Publication],
) -> None:
    day = decision.day
    hashes = {name: row.content_hash for name, row in target.items()}
    if any(contents.served(mart.name, day).hash != hashes.get(mart.name, NOTHING.hash) for mart in requirements.marts):
        return
    standing = next(
        version
        for version in versions_of(con, day)
        if version.stands
        and version.cadence == requirements.cadence
        and not requirements.beside.issuperset(version.marts)
    )
    same = "" if standing.publication_id == decision.to else f", by publication {standing.publication_id}"
    raise TidegateError(f"{day} shows what {decision.to} showed already{same}. Nothing was changed.")


def _unknown(con: DuckDBPyConnection, decision: Decision) -> TidegateError:
    versions = versions_of(con, decision.day)
    if not versions:
        return TidegateError(
            f"{decision.day} was never published, so there is nothing to go back to. Nothing was changed."
        )
    newest = ", ".join(
        f"{version.publication_id} ({version.published_at:%Y-%m-%d %H:%M} UTC{', shown now' * version.stands})"
        for version in versions[: -VERSIONS_NAMED - 1 : -1]
    )
    return TidegateError(
        f"There is no publication {decision.to!r}. Nothing was changed. Publications of {decision.day}, newest first: "
        f"{newest}. To see all of them: tidegate publications --partition {decision.day}"
    )


def _expired(con: DuckDBPyConnection, decision: Decision) -> TidegateError:
    readable = [version.publication_id for version in versions_of(con, decision.day) if version.can_be_read]
    others = f"These can: {', '.join(reversed(readable))}. " if readable else ""
    return TidegateError(
        f"{decision.to} cannot be put back: maintenance has dropped its snapshot of the lake, as all older than "
        f"TIDEGATE_SNAPSHOT_DAYS. Nothing was changed. {others}"
        "Or have the data of then delivered again and run the day."
    )
