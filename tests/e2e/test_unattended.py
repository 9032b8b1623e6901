"""Days of a shop arrive by themselves, from every kind of source, while nobody runs anything but the daemon.

Orders land in a folder and in S3, customers are asked of a CRM over HTTP, payments are read from PostgreSQL: real
servers all. What must have run is counted by what the event log says was made of each day.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.scheduler.instigation import InstigatorType, TickStatus
from tests.support.runs.daemon import daemon
from tests.support.runs.home import NewHome, TemporaryHome
from tests.support.s3_server import Bucket
from tests.support.waiting import wait_for

from tidegate.demo.crm import Crm, Snapshots
from tidegate.demo.database import fill_database
from tidegate.demo.shop import write_shop
from tidegate.demo.trade import Shop
from tidegate.orchestration.asset_keys import raw_key
from tidegate.orchestration.partitions import window_of_tags
from tidegate.settings import CHECKOUT

pytestmark = pytest.mark.slow

SEED = 7
ORDERS_PER_DAY = 80
TODAY = dt.datetime.now(dt.UTC).date()
# Should midnight pass meanwhile, what else is asked of the sources is not counted.
DAYS = [TODAY - dt.timedelta(days=back) for back in (2, 1)]
IN_FOLDER, IN_S3 = ("eu-west", "ap-south"), ("us-east", "us-west")
LATE = ("ap-south", DAYS[1])
TICKS = 2
UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]

Delivery = tuple[str, dt.date]

# A dozen sensors and two runs at a time share the machine with other tests.
PATIENCE = 600.0


@dataclass(frozen=True)
class Unattended:
    """A home whose daemon runs, and the outside that delivers to it. `shop` holds the deliveries yet to be made."""

    home: TemporaryHome
    shop: Path
    bucket: Bucket

    @property
    def instance(self) -> DagsterInstance:
        return self.home.runner.instance

    def deliver(self, delivery: Delivery) -> None:
        """Put a region's delivery where its contract says, marker last."""
        region, day = delivery
        files = sorted(self._files(delivery), key=lambda file: file.name == "_SUCCESS")
        for file in files:
            if region in IN_S3:
                self.bucket.put(f"orders/{region}/{day}/{file.name}", file.read_bytes())
            else:
                folder = Path(self.home.settings.landing) / "orders" / region / str(day)
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, folder / f".{file.name}.part")
                (folder / f".{file.name}.part").replace(folder / file.name)

    def correct(self, delivery: Delivery) -> None:
        """Double the quantity of the delivery's first line, before it is delivered again."""
        (file,) = (file for file in self._files(delivery) if file.name != "_SUCCESS")
        header, first, *lines = file.read_text().splitlines()
        at = header.split(",").index("quantity")
        values = first.split(",")
        values[at] = str(2 * int(values[at]))
        file.write_text("\n".join([header, ",".join(values), *lines]) + "\n")

    def _files(self, delivery: Delivery) -> list[Path]:
        region, day = delivery
        return list((self.shop / "orders" / region / str(day)).iterdir())

    def published(self) -> dict[dt.date, int]:
        """How often each day's sales were published."""
        rows = self.home.query(
            "select partition_day, count(*) from ops.publications where mart = 'daily_sales' group by partition_day"
        )
        return {day: times for day, times in rows if isinstance(day, dt.date) and isinstance(times, int)}

    def wait_until_published(self, expected: dict[dt.date, int]) -> None:
        wait_for(f"publishing {expected}", lambda: self.published() == expected, PATIENCE)

    def wait_until_nothing_runs(self) -> None:
        """Until every sensor looked again twice and asked for nothing, and no run is under way."""
        before = (self.runs(), self._ticks())

        def nothing_runs() -> bool:
            nonlocal before
            runs, ticks = self.runs(), self._ticks()
            if self.instance.get_runs_count(RunsFilter(statuses=UNFINISHED)) or runs != before[0]:
                before = (runs, ticks)
            return all(ticks.get(name, 0) >= count + TICKS for name, count in before[1].items())

        wait_for("the sensors' next ticks without a run", nothing_runs, PATIENCE)

    def runs(self) -> frozenset[str]:
        """The runs of these days."""
        return frozenset(run.run_id for run in self.instance.get_runs() if window_of_tags(run.tags).start in DAYS)

    def _ticks(self) -> dict[str, int]:
        """How often each sensor looked, to the end of it."""
        ended = [TickStatus.SKIPPED, TickStatus.SUCCESS]
        return {
            state.name: len(self.instance.get_ticks(state.instigator_origin_id, state.selector_id, statuses=ended))
            for state in self.instance.all_instigator_state()
            if state.instigator_type is InstigatorType.SENSOR
        }

    def loads(self) -> Counter[tuple[str, str, dt.date]]:
        """How often each region's delivery of each day was loaded, as the event log has it."""
        found: Counter[tuple[str, str, dt.date]] = Counter()
        for source, contract in self.home.home.contracts.items():
            for region in contract.regions:
                for day in self._materialized(raw_key(source, region.name)):
                    found[source, region.name, day] += 1
        return found

    def builds(self) -> Counter[dt.date]:
        """How often each day's marts were built."""
        return Counter(self._materialized(dg.AssetKey(["marts", "daily_sales"])))

    def exports(self) -> Counter[dt.date]:
        """How often each day's figures were exported."""
        return Counter(self._materialized(dg.AssetKey(["exports", "daily_sales"])))

    def _materialized(self, asset: dg.AssetKey) -> list[dt.date]:
        records = self.instance.fetch_materializations(asset, limit=1000).records
        days = [dt.date.fromisoformat(record.partition_key) for record in records if record.partition_key]
        return [day for day in days if day in DAYS]

    def failed_runs(self) -> list[str]:
        return [run.job_name for run in self.instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.FAILURE]))]


def contracts_of(bucket: Bucket, folder: Path) -> Path:
    """The contracts of examples/unattended, with two of the regions' orders in S3."""
    shutil.copytree(CHECKOUT / "examples" / "unattended" / "contracts", folder)
    orders = (CHECKOUT / "contracts" / "orders.odcs.yaml").read_text()
    for region in IN_S3:
        local = f'{{server: {region}, type: local, path: "orders/{region}/{{day}}", format: auto}}'
        assert local in orders
        in_s3 = f'{{server: {region}, type: s3, location: "{bucket.url}/orders/{region}/{{day}}", format: auto}}'
        orders = orders.replace(local, in_s3)
    (folder / "orders.odcs.yaml").write_text(orders)
    return folder


@pytest.fixture
def unattended(
    new_home: NewHome, bucket: Bucket, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Unattended]:
    home = new_home(contracts=contracts_of(bucket, tmp_path / "contracts"), start_date=DAYS[0], tick_seconds=4)
    shop = Shop(DAYS[0], ORDERS_PER_DAY, SEED)
    write_shop(
        tmp_path / "shop",
        first_day=DAYS[0],
        days=len(DAYS),
        orders_per_day=ORDERS_PER_DAY,
        seed=SEED,
        dirt=False,
        payments=False,
    )
    fill_database(database, "SHOP_DATABASE", shop, len(DAYS))
    with Crm(Snapshots(shop)) as crm:
        outside = {"CRM_URL": crm.url, "SHOP_DATABASE": database}
        for name, value in outside.items():
            monkeypatch.setenv(name, value)
        yield Unattended(home, tmp_path / "shop", bucket)


@pytest.mark.timeout(2400)
def test_days_publish_by_themselves(unattended: Unattended, tmp_path: Path) -> None:
    everything = [(region, day) for day in DAYS for region in (*IN_FOLDER, *IN_S3)]
    for delivery in everything:
        if delivery != LATE:
            unattended.deliver(delivery)
    once = dict.fromkeys(DAYS, 1)

    with daemon(unattended.home, tmp_path / "daemon.log"):
        # A region is late: its day waits, the other does not.
        unattended.wait_until_published({day: 1 for day in DAYS if day != LATE[1]})
        unattended.deliver(LATE)
        unattended.wait_until_published(once)
        unattended.wait_until_nothing_runs()
        loads = Counter({("orders", region, day): 1 for region, day in everything})
        loads |= Counter(
            {
                (source, region, day): 1
                for source, region in (("customers", "crm"), ("payments", "shop"))
                for day in DAYS
            }
        )
        assert unattended.loads() == loads
        assert unattended.builds() == Counter(once)

        # A file comes again, changed: its day is loaded and published again, and no other.
        corrected = ("us-east", DAYS[0])
        unattended.correct(corrected)
        unattended.deliver(corrected)
        unattended.wait_until_published({**once, DAYS[0]: 2})
        unattended.wait_until_nothing_runs()
        loads["orders", *corrected] += 1
        assert unattended.loads() == loads
        assert unattended.builds() == Counter({**once, DAYS[0]: 2})
        assert unattended.exports() == Counter({**once, DAYS[0]: 2})

        # The same bytes once more, to the folder and to S3: looked at, and nothing is published.
        again = [("eu-west", DAYS[1]), ("us-west", DAYS[1])]
        for delivery in again:
            unattended.deliver(delivery)
        unattended.wait_until_nothing_runs()
        assert unattended.published() == {**once, DAYS[0]: 2}
        assert unattended.builds() == Counter({**once, DAYS[0]: 2})
        assert unattended.exports() == Counter({**once, DAYS[0]: 2})
        assert all(unattended.loads()["orders", *delivery] <= 2 for delivery in again)
    assert unattended.failed_runs() == []
