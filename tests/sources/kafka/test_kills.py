"""A stream whose loads are killed at any moment, and whose broker goes away and comes back, ends in the final truth."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.sources.kafka.test_source import CONTRACT, DAY, DAYS, order
from tests.support.intake.shop import open_shop_in
from tests.support.kafka import Cluster

from tidegate.window import Window

LOADS = Path(__file__).parents[2] / "support" / "intake" / "stream_loads.py"
KILLS = 20


class Loads:
    """Loaders, one after the other, each killed after a while."""

    def __init__(self, home: Path, contract: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(
            [sys.executable, str(LOADS), str(home), str(contract), str(DAY)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
        )  # fmt: skip
        assert self._said() == "ready"

    def one(self, brokers: str, seed: int, seconds: float) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{brokers} {seed}\n")
        self._process.stdin.flush()
        pid = int(self._said())
        killer = threading.Timer(seconds, os.kill, [pid, signal.SIGKILL])
        killer.start()
        assert self._said() == str(-signal.SIGKILL)
        killer.join()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_loads_killed_at_any_moment_and_a_broker_that_comes_and_goes_end_in_the_final_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(4)
    (tmp_path / "contracts").mkdir()
    contract = tmp_path / "contract"
    contract.write_text(CONTRACT.replace("TOPIC", "orders"))
    shop = open_shop_in(tmp_path, contract.read_text())
    shop.lake.close()
    sent: list[list[Any]] = []
    broker, loads = Cluster(), Loads(tmp_path, contract)
    try:
        for seed in range(KILLS):
            more = [order(len(sent) + n, DAYS.days[min(2, seed // 7)], chance.randrange(4)) for n in range(50)]
            sent += more
            if chance.random() < 0.2:
                # Its messages are as they were, under the same offsets.
                broker.kill()
                broker = Cluster()
                broker.produce("orders", sent)
            else:
                broker.produce("orders", more)
            loads.one(broker.address, seed, chance.uniform(0.05, 1.5))
        monkeypatch.setenv("BROKERS", broker.address)
        shop = open_shop_in(tmp_path, contract.read_text())
        for day in DAYS.days:
            report = shop.load(Window.of_day(day))["shop"]
            assert report.status == "accepted", report.rejection
        in_raw = Counter(shop.raw("kafka_partition, kafka_offset"))
        early = len(shop.quarantined(where="list_contains(reasons, 'in_the_future')"))
        assert (set(in_raw.values()), len(in_raw) + early) == ({1}, len(sent))
        assert set(shop.raw("id")) | {f"o{n}" for n in range(len(sent))} == {f"o{n}" for n in range(len(sent))}
        shop.lake.close()
    finally:
        loads.close()
        broker.kill()
