"""Trouble with the data, as the ledger says it: what is held and rejected, and what was let in and looks wrong."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from tidegate.alerting.scene import Scene
from tidegate.alerting.trouble import Kind, Trouble
from tidegate.lake.sql import literal, sql_file
from tidegate.publishing.older_logic import on_older_logic
from tidegate.publishing.requirements import GateRequirements
from tidegate.window import Cadence

# A share of quarantined rows is unusual above three times the usual one, which is the median of four weeks of
# deliveries, and a percentage point: where nothing is usual, one row of a hundred is no news.
USUAL_DAYS = 28
LEAST_DAYS = 5
TIMES_THE_USUAL = 3
PERCENTAGE_POINT = 0.01

# A warning of one day is on its page; somebody is to look at one that comes back every day.
DAYS_OF_A_WARNING = 3


@dataclass
class _Cause:
    """What holds partitions, with the newest sentence about it."""

    sentence: str = ""
    newest: dt.date = dt.date.min
    cadence: Cadence = Cadence.daily
    products: set[str] = field(default_factory=set)
    held: set[dt.date] = field(default_factory=set)
    pending: set[dt.date] = field(default_factory=set)

    def add(self, product: GateRequirements, day: dt.date, sentence: str, is_pending: bool) -> None:
        self.products.add(product.product)
        (self.pending if is_pending else self.held).add(day)
        if day >= self.newest:
            self.sentence, self.newest, self.cadence = sentence, day, product.cadence


def partitions_held(scene: Scene) -> Iterator[Trouble]:
    """Partitions whose models or checks fail, by what fails. Deliveries are reported by other finders."""
    causes: dict[str, _Cause] = defaultdict(_Cause)
    for product in scene.products:
        worked_on = scene.worked_on(product)
        places = {f"{source}/{region}" for source, region in product.deliveries}
        for day, reasons in scene.closed(product).items():
            for reason in reasons:
                subject = subject_of(reason, day)
                if subject and subject not in places:
                    causes[subject].add(product, day, reason, day in worked_on)
    for subject, cause in causes.items():
        yield scene.trouble(
            Kind.held,
            subject,
            _with_others(cause.sentence, len(cause.held | cause.pending)),
            "Consumers see the version that was published last. Fix what is named; it is built again automatically, or "
            f"run it: tidegate run {cause.cadence.option(cause.newest)}",
            products=cause.products,
            partitions=cause.held,
            pending=cause.pending,
        )


def subject_of(reason: str, day: dt.date) -> str:
    """What a sentence of the gate is about: it stands before the day."""
    return reason.partition(f" {day}")[0] if f" {day}" in reason else ""


def deliveries_rejected(scene: Scene) -> Iterator[Trouble]:
    """The newest deliveries that were rejected, by source."""
    rows = scene.con.execute(
        "select source, partition_day, reason from (select * from ops.deliveries "
        "qualify row_number() over (partition by source, region, partition_day order by rowid desc) = 1) "
        f"where verdict = 'rejected' and partition_day >= {literal(scene.home.settings.start_date)} "
        "order by source, partition_day desc, region"
    ).fetchall()
    days: dict[str, set[dt.date]] = defaultdict(set)
    sentences: dict[str, str] = {}
    for source, day, reason in rows:
        days[source].add(day)
        sentences.setdefault(source, reason or f"A delivery of {source} for {day} was rejected.")
    for source in sorted(days.keys() & scene.home.contracts.keys()):
        of_it = f"--source {source} --partition {max(days[source])}"
        yield scene.trouble(
            Kind.rejected,
            source,
            _with_others(sentences[source], len(days[source])),
            f"See the rows: tidegate quarantine show {of_it}. Have the source deliver again, or change the contract "
            f"and run: tidegate quarantine replay {of_it}",
            products=scene.products_of_source(source),
            source=source,
            partitions=days[source],
        )


def partitions_not_built_again(scene: Scene) -> Iterator[Trouble]:
    """Partitions that are due for long: no run came, or none succeeded."""
    if not scene.home.settings.unattended:
        # Nothing is built automatically, so nobody waits for it.
        return
    for cadence in scene.home.cadences:
        stale = {
            product.product: {each.day for each in scene.due(product) if not scene.is_fresh(each)}
            for product in scene.home.products_of(cadence)
        }
        days = set().union(*stale.values())
        if days:
            yield scene.trouble(
                Kind.not_healing,
                str(cadence),
                f"{cadence.counted(len(days))} should have been built again and {'is' if len(days) == 1 else 'are'} "
                f"not, the oldest {min(days)}.",
                "See in the UI whether its runs fail or wait, and whether the daemon and the sensors run. By hand: "
                "tidegate restate",
                products=[product for product, of_product in stale.items() if of_product],
                partitions=days,
            )


def quarantine_above_usual(scene: Scene) -> Iterator[Trouble]:
    """Sources whose newest accepted delivery had a greater share of its rows quarantined than theirs usually do."""
    query = sql_file("tidegate.alerting", "quarantined_shares.sql", days=literal(USUAL_DAYS + 1))
    shares: dict[str, list[tuple[dt.date, float]]] = defaultdict(list)
    for source, day, share in scene.con.execute(query).fetchall():
        shares[source].append((day, float(share)))
    for source in sorted(shares.keys() & scene.home.contracts.keys()):
        (day, newest), *before = shares[source]
        usual = median(share for _, share in before) if len(before) >= LEAST_DAYS else newest
        if newest > TIMES_THE_USUAL * usual + PERCENTAGE_POINT:
            yield scene.trouble(
                Kind.quarantine,
                source,
                f"{newest:.1%} of the rows of {source} {day} are in quarantine; usual are {usual:.1%}.",
                f"The others were loaded. See the rows: tidegate quarantine show --source {source} --partition {day}",
                products=scene.products_of_source(source),
                source=source,
                partitions=[day],
            )


def checks_failing_for_days(scene: Scene) -> Iterator[Trouble]:
    """Checks that hold nothing and have failed on each of the newest partitions."""
    query = sql_file("tidegate.alerting", "failing_checks.sql", days=literal(DAYS_OF_A_WARNING))
    for asset, name, days, observed in scene.con.execute(query).fetchall():
        yield scene.trouble(
            Kind.warning,
            f"{asset}/{name}",
            f"The check {name} of {asset} failed on each of the newest {DAYS_OF_A_WARNING} partitions, on {max(days)}: "
            f"{(observed or 'no figures').rstrip('.')}.",
            "It holds nothing. Fix the source or the model, or change the check.",
            products=[product.product for product in scene.products if asset.rpartition("/")[2] in product.models],
            partitions=days,
        )


def partitions_on_older_logic(scene: Scene) -> Iterator[Trouble]:
    """Marts with partitions that were built with other logic than the project has."""
    products = {mart.name: product.product for product in scene.products for mart in product.marts}
    for each in on_older_logic(scene.con, scene.home.products, scene.home.dbt.logic()):
        yield scene.trouble(
            Kind.older_logic,
            each.mart,
            each.sentence,
            "See what the newer would change, and have it in all of history: tidegate plan, then tidegate apply",
            products=[products[each.mart]] if each.mart in products else [],
            partitions=each.days,
        )


def _with_others(sentence: str, days: int) -> str:
    return sentence if days < 2 else f"{sentence} So it is for {days} partitions."
