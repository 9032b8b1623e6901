"""Exports survive kill -9 at any moment: a consumer that follows pointers reads whole publications throughout.

The consumer checks everything that a pointer says, all the time, in a process of its own. What is exported is
restated before each kill and, beside the exports, after it has begun.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.examples import THOROUGH
from tests.support.lake.shop import MARTS, Home, Shop, config_in
from tests.support.outputs.consumer import Seen
from tests.support.runs.exports import follow_on_and_on, make_what_is_due
from tests.support.runs.processes import Process, start

from tidegate.ledger.entries import utc_now
from tidegate.ledger.runs import PipelineRun, record_pipeline_runs
from tidegate.ledger.upkeep.opening import make_lake
from tidegate.outputs.expiry import expire_exports
from tidegate.outputs.exports import Exports
from tidegate.publishing.due.outputs import due_outputs
from tidegate.publishing.requirements import Mart
from tidegate.storage.folder import FolderStorage
from tidegate.window import ONE_DAY, Cadence, Window

pytestmark = pytest.mark.slow

DAY = dt.date(2024, 3, 1)
WINDOW = Window(DAY, DAY + 12 * ONE_DAY)
MAKERS = [Exports(Mart(name, "order_date"), Cadence.daily) for name in MARTS]
PARTITIONS = [f"{mart}/{day}" for mart in MARTS for day in WINDOW.days]
KILLS = 20 if THOROUGH else 5
SEED = 7

# How often a moment is drawn again when everything was made by then.
TRIES = 10


@dataclass
class Exporter:
    """A shop whose days change, and processes that export them."""

    shop: Shop
    root: Path
    logs: Path
    factor: int = 0
    runs: int = 0
    seconds: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    # What was published of each partition: rows and content hash, by publication.
    published: dict[str, dict[str, tuple[int, str]]] = field(default_factory=lambda: defaultdict(dict))

    def publish(self) -> None:
        """Every day with other figures and another number of rows."""
        self.factor += 1
        if self.factor == 1:
            self.shop.deliver(WINDOW)
        self.shop.build(WINDOW, self.factor, rows=20 + self.factor % 3)
        for publications in self.shop.promote(WINDOW).published.values():
            for row in publications:
                partition = self.published[f"{row.mart}/{row.partition_day}"]
                partition[row.publication_id] = (row.rows, row.content_hash)

    def start(self) -> Process:
        self.runs += 1
        log = self.logs / f"{self.runs}.log"
        return start(make_what_is_due, log, self.shop.lake.config, self.root, MAKERS, WINDOW, f"run-{self.runs}")

    def finish(self) -> None:
        """Export what is due, undisturbed, and note how long that took."""
        begun = time.monotonic()
        process = self.start()
        assert process.exit_code() == 0, process.printed()
        self.seconds = time.monotonic() - begun

    def kill_one(self, beside: bool = False) -> bool:
        """Kill the export of a restatement at some moment. False when it had ended by then."""
        self.publish()
        process = self.start()
        if beside:
            self.publish()
        process.ended_within(self.chance.uniform(0, self.seconds))
        process.kill()
        if process.exit_code() == -signal.SIGKILL:
            self.enter_killed_run()
            return True
        assert process.exit_code() == 0, process.printed()
        # Exports have become faster since they were measured, on a machine that others left.
        self.seconds /= 2
        return False

    def enter_killed_run(self) -> None:
        """What the sensor that keeps runs enters of one whose process died: only so are its files known as ours."""
        at = utc_now()
        run = PipelineRun(f"run-{self.runs}", "outputs", WINDOW.start, WINDOW.last, "failure", at, at, 0, None)
        self.shop.lake.unit_of_work(lambda con: record_pipeline_runs(con, [run]))

    def due(self) -> int:
        kinds = [maker.kind for maker in MAKERS]
        return len(due_outputs(self.shop.lake.con, kinds, str(self.root)))


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[Exporter]:
    with ExitStack() as stack:
        lake = stack.enter_context(make_lake(config_in(tmp_path)))
        yield Exporter(Shop(lake, Home(lake.config, stack)), tmp_path / "outputs", tmp_path)


@pytest.mark.timeout(600)
def test_exports_survive_kills_at_any_moment(exporter: Exporter, tmp_path: Path) -> None:
    # The first of them also makes the folders and the lake's tables.
    for _ in range(2):
        exporter.publish()
        exporter.finish()
    with start(follow_on_and_on, tmp_path / "consumer.log", exporter.root, PARTITIONS) as consumer:
        for number in range(KILLS):
            assert any(exporter.kill_one(beside=number % 2 == 1) for _ in range(TRIES))
        exporter.finish()
        assert exporter.due() == 0

        told = stop(consumer)

    newest = {partition: list(of)[-1] for partition, of in exporter.published.items()}
    for partition, versions in told.items():
        assert_whole_publications_in_order(versions, exporter.published[partition])
        assert versions[-1].publication_id == newest[partition], "the consumer has the newest at last"
    assert max(map(len, told.values())) > 2, "the consumer saw exports change"


def stop(consumer: Process) -> dict[str, list[Seen]]:
    """Have the consumer go through everything once more, and tell what it saw."""
    consumer.process.terminate()
    assert consumer.exit_code() == 0, consumer.printed()
    told = json.loads(consumer.printed())
    assert told["passes"] > KILLS, "it read throughout"
    return {partition: [Seen(**one) for one in versions] for partition, versions in told["seen"].items()}


def assert_whole_publications_in_order(versions: list[Seen], published: dict[str, tuple[int, str]]) -> None:
    """Each version is one publication, never parts of two, and no older one follows a newer one."""
    assert versions
    for seen in versions:
        assert (seen.rows, seen.content_hash) == published[seen.publication_id]
    positions = [list(published).index(seen.publication_id) for seen in versions]
    assert positions == sorted(positions)


def test_nothing_is_left_of_kills_once_old_versions_expire(exporter: Exporter) -> None:
    store = FolderStorage(exporter.root)
    exporter.publish()
    exporter.finish()
    for _ in range(3):
        assert any(exporter.kill_one() for _ in range(TRIES))
    exporter.finish()
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=8)
    assert expire_exports(exporter.shop.lake, store, 7, later) > 0
    # For each partition: a pointer, and one version of two files.
    assert len(list(store.files("exports"))) == 3 * len(PARTITIONS)
