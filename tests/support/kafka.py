"""librdkafka's mock cluster in a process of its own: real wire protocol, which can be killed and stopped like a broker.

Run as a module it is that process: it makes a topic, and does what lines of JSON on its standard input say.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class Cluster:
    """A broker with topics of four partitions. Its messages are gone with it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.address = str(self._answer())

    def produce(self, topic: str, messages: Sequence[Sequence[Any]]) -> None:
        """Each is its partition, time in milliseconds, key and value, which may be none, or bytes: a list of their
        base64."""
        self._tell(["produce", topic, messages])

    def generate(self, topic: str, count: int, first_time: int) -> None:
        """So many messages of about 200 bytes, made in the process itself."""
        self._tell(["generate", topic, count, first_time])

    def transact(self, topic: str, messages: Sequence[Sequence[Any]], end: str) -> None:
        """In a transaction that ends in `commit` or `abort`."""
        self._tell(["transact", topic, messages, end])

    def pause(self) -> None:
        """As a broker that hangs."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _tell(self, what: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        assert self._answer() == "done"

    def _answer(self) -> object:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


@contextmanager
def cluster() -> Iterator[Cluster]:
    started = Cluster()
    try:
        yield started
    finally:
        started.kill()


def _serve() -> None:
    from confluent_kafka import Producer

    settings = {"bootstrap.servers": "x:1", "test.mock.num.brokers": 1, "log_level": 0, "linger.ms": 5}
    producer = Producer(settings)
    brokers = [f"{broker.host}:{broker.port}" for broker in producer.list_topics(timeout=10).brokers.values()]
    address = ",".join(brokers)
    print(json.dumps(address), flush=True)
    for line in sys.stdin:
        command, topic, *rest = json.loads(line)
        if command == "produce":
            _send(producer, topic, rest[0])
        elif command == "generate":
            _generate(producer, topic, *rest)
        else:
            _transact(address, topic, *rest)
        print(json.dumps("done"), flush=True)


def _send(producer: Any, topic: str, messages: Sequence[Sequence[Any]]) -> None:
    for partition, timestamp, key, value in messages:
        producer.produce(topic, _content(value), _content(key), partition=partition, timestamp=timestamp)
    assert producer.flush(30) == 0


def _content(sent: str | list[str] | None) -> str | bytes | None:
    return base64.b64decode(sent[0]) if isinstance(sent, list) else sent


def _generate(producer: Any, topic: str, count: int, first_time: int) -> None:
    rest = f'"at": "2024-03-01T10:00:00Z", "note": "{"x" * 100}"'
    for number in range(count):
        value = f'{{"id": "{number}", "amount": {number % 1000}.{number % 100:02}, {rest}}}'
        while True:
            try:
                producer.produce(topic, value, str(number), partition=number % 4, timestamp=first_time + number % 1000)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(120) == 0


def _transact(address: str, topic: str, messages: Sequence[Sequence[Any]], end: str) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": address, "transactional.id": f"t-{end}", "log_level": 0})
    producer.init_transactions(10)
    producer.begin_transaction()
    _send(producer, topic, messages)
    producer.commit_transaction(10) if end == "commit" else producer.abort_transaction(10)


if __name__ == "__main__":
    _serve()
