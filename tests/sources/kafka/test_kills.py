"""A stream whose loads are killed at any moment, and whose broker goes away and comes back, ends in the final truth."""

from __future__ import annotations

import datetime as dt
import json
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
from tests.intake.test_envelope import change
from tests.intake.test_envelope import contract as envelope
from tests.sources.kafka.test_source import CONTRACT, DAY, DAYS, at, order
from tests.support.examples import THOROUGH
from tests.support.intake.shop import open_shop_in
from tests.support.intake.staged import staging
from tests.support.kafka import Cluster

from tidegate.window import ONE_DAY, Window

LOADS = Path(__file__).parents[2] / "support" / "intake" / "stream_loads.py"
KILLS = 20
# Changes are read by the same reader, so a few.
KILLS_OF_CHANGES = 20 if THOROUGH else 5


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


class Table:
    """A small table of a database, and its log as Debezium sends it: out of order, and some of it again."""

    def __init__(self, chance: random.Random) -> None:
        self.rows: dict[str, tuple[dt.date, int]] = {}
        self._chance = chance
        self._log: list[list[str | None]] = []
        self._position = 0

    @property
    def truth(self) -> list[tuple[object, ...]]:
        return sorted((opened, account, balance) for account, (opened, balance) in self.rows.items())

    def messages(self, changes: int, day: dt.date) -> list[list[Any]]:
        new = [self._changed() for _ in range(changes)]
        again = self._chance.choices(self._log, k=changes // 4) if self._log else []
        self._log += new
        sent = [*new, *again]
        self._chance.shuffle(sent)
        messages: list[list[Any]] = []
        for key, value in sent:
            partition = self._chance.randrange(4)
            messages.append([partition, at(day), key, value])
            if value and '"op": "d"' in value:
                messages.append([partition, at(day), key, None])
        return messages

    def _changed(self) -> list[str | None]:
        self._position += 1
        account = f"a{self._chance.randrange(12)}"
        key = json.dumps({"account_id": account})
        if account in self.rows and self._chance.random() < 0.3:
            del self.rows[account]
            return [key, change("d", self._position, before=key)]
        op = "u" if account in self.rows else "c"
        opened, balance = DAY - ONE_DAY * self._chance.randrange(3), self._position * 10
        self.rows[account] = opened, balance
        after = json.dumps({"account_id": account, "balance": balance, "opened_on": str(opened)})
        return [key, change(op, self._position, after=after)]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_changes_out_of_order_and_again_end_in_the_table_whatever_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(KILLS_OF_CHANGES)
    (tmp_path / "contracts").mkdir()
    contract, local = tmp_path / "contract", '  - {server: bank, type: local, path: "accounts/{day}", format: json}'
    stream = "  - server: bank\n    type: kafka\n    customProperties: [{property: topic, value: accounts}, "
    stream += "{property: connectionVariable, value: BROKERS}]"
    contract.write_text(envelope().replace(local, stream))
    open_shop_in(tmp_path, contract.read_text()).lake.close()
    table, sent = Table(chance), 0
    broker, loads = Cluster(), Loads(tmp_path, contract)
    try:
        for kill in range(KILLS_OF_CHANGES):
            messages = table.messages(40, DAYS.days[3 * kill // KILLS_OF_CHANGES])
            sent += len(messages)
            broker.produce("accounts", messages)
            loads.one(broker.address, kill, chance.uniform(0.05, 1.5))
        monkeypatch.setenv("BROKERS", broker.address)
        shop = open_shop_in(tmp_path, contract.read_text())
        reports = [shop.load(Window.of_day(day))["bank"] for day in DAYS.days]
        assert [(each.status, each.rejection) for each in reports] == [("accepted", None)] * 3
        macro = """rows_after_changes("delivered", ["account_id"], "lsn", "op = 'd'", "opened_on")"""
        rows = "select opened_on, account_id, balance::integer from"
        staged = [
            row
            for back in range(3)
            for row in shop.lake.con.execute(f"{rows} ({staging(macro, DAY - ONE_DAY * back, 'accounts')})").fetchall()
        ]
        assert sorted(staged) == table.truth
        # A tombstone that a day or a file parts from the deletion before it says of itself that it has no order.
        assert {tuple(reasons) for reasons in shop.quarantined()} <= {("missing_lsn",)}
        tombstones = sent - sum(report.rows_read for report in reports)
        assert 0 < tombstones <= sent // 2
        shop.lake.close()
    finally:
        loads.close()
        broker.kill()
