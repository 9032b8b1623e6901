"""Reading a topic: how far its partitions go, and the messages of a range, in order.

Offsets are given by the caller, and nothing is committed: no group is joined. Messages of transactions are read once
these are committed. What went wrong becomes a sentence here, and whether asking again can heal it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidegate.contract.kafka import KafkaServer
from tidegate.errors import NotInstalledError, SourceDownError, TidegateError
from tidegate.sources.origin import Outside

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

# Fetched at a time: 0.2 s of a million messages are spent on asking for them.
FETCHED = 5_000

# A broker that gives nothing for so long is taken to be away.
STALL_SECONDS = 30.0

# For one question to the brokers.
QUESTION_SECONDS = 10.0

# What librdkafka fetches ahead, so that memory does not grow with the topic.
QUEUED_KBYTES = 16_384

_KEPT = "What was loaded before stays."

# By name, what a person has to correct.
_TO_CORRECT = frozenset(
    {
        "_AUTHENTICATION", "_SSL", "_INVALID_ARG", "_UNKNOWN_TOPIC", "UNKNOWN_TOPIC_OR_PART", "TOPIC_EXCEPTION",
        "TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED", "SASL_AUTHENTICATION_FAILED",
        "UNSUPPORTED_SASL_MECHANISM",
    }
)  # fmt: skip
_OUT_OF_RANGE = frozenset({"_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE"})


class GoneError(Exception):
    """Messages that should be read are not in the topic any more."""


@dataclass(frozen=True)
class Extent:
    """The offsets that a partition has: the first, and the one after the last that may be read."""

    first: int
    end: int


class TopicReader:
    """One connection to a topic."""

    def __init__(self, server: KafkaServer, consumer: Consumer, ends_at: float) -> None:
        self._server = server
        self._consumer = consumer
        self._ends_at = ends_at

    def extents(self) -> dict[int, Extent]:
        """Those of all partitions. Raises SourceDownError and TidegateError."""
        from confluent_kafka import TopicPartition

        topic = self._server.topic
        with self._explained():
            found = self._consumer.list_topics(topic, timeout=QUESTION_SECONDS).topics.get(topic)
            if found is None or found.error or not found.partitions:
                raise self._says(found.error if found else None)
            extents = {}
            for partition in sorted(found.partitions):
                place = TopicPartition(topic, partition)
                extents[partition] = Extent(*self._consumer.get_watermark_offsets(place, timeout=QUESTION_SECONDS))
        return extents

    def messages(self, partition: int, begin: int, end: int) -> Iterator[Message]:
        """The messages from one offset up to another. There are fewer where offsets have none.

        Raises GoneError, SourceDownError and TidegateError.
        """
        from confluent_kafka import TopicPartition

        place = TopicPartition(self._server.topic, partition, begin)
        with self._explained():
            self._consumer.assign([place])
        try:
            yield from self._from(begin, end)
        finally:
            with self._explained():
                self._consumer.unassign()

    def _from(self, position: int, end: int) -> Iterator[Message]:
        last_came = time.monotonic()
        while position < end:
            with self._explained():
                # Not more than are left: it waits for as many.
                fetched = self._consumer.consume(min(FETCHED, end - position), timeout=0.5)
            for message in fetched:
                if error := message.error():
                    if error.name() == "_PARTITION_EOF":
                        return
                    raise GoneError if error.name() in _OUT_OF_RANGE else self._says(error)
                position = (message.offset() or 0) + 1
                if position > end:
                    return
                yield message
            now = time.monotonic()
            last_came = now if fetched else last_came
            if now - last_came > STALL_SECONDS:
                raise SourceDownError(f"{self._named} gave no message for {STALL_SECONDS:g} s, although it has more.")
            if now > self._ends_at:
                raise SourceDownError(
                    f"{self._named} was not read within {self._server.time_limit_seconds:,} s (timeLimitSeconds in the "
                    "contract)."
                )

    @property
    def _named(self) -> str:
        return f"the topic {self._server.topic} at ${self._server.connection_variable}"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from confluent_kafka import KafkaException

        try:
            yield
        except KafkaException as error:
            # Not chained: its arguments repeat settings.
            raise self._says(error.args[0]) from None

    def _says(self, error: Any) -> TidegateError:
        name = error.name() if error is not None else "UNKNOWN_TOPIC_OR_PART"
        said = error.str().rstrip(". ") if error is not None else "it has no such topic"
        if name in _TO_CORRECT:
            return TidegateError(
                f"{self._named} cannot be read: {said}. {_KEPT} Correct the contract or the variable, and run again."
            )
        return SourceDownError(f"{self._named} cannot be read: {said}.")


@contextmanager
def opened(server: KafkaServer, outside: Outside) -> Iterator[TopicReader]:
    """Raises TidegateError where it cannot be connected as the variable says."""
    written = outside.variable(server.connection_variable, "the brokers of Kafka")
    settings = _settings(server, written)
    try:
        from confluent_kafka import Consumer, KafkaException
    except ImportError as error:
        raise NotInstalledError(f"Reading the topic {server.topic}", "confluent-kafka", "streams") from error
    try:
        consumer = Consumer(settings)
    except (KafkaException, TypeError, ValueError) as error:
        said = error.args[0].str() if isinstance(error, KafkaException) else ""
        name = said.partition('"')[2].partition('"')[0]
        raise TidegateError(
            f"The environment variable {server.connection_variable} holds settings that librdkafka does not take"
            f"{f' ({name})' if name else ''}. Nothing was changed. Correct it where Tidegate runs, and run again."
        ) from None
    try:
        yield TopicReader(server, consumer, time.monotonic() + server.time_limit_seconds)
    finally:
        consumer.close()


def _settings(server: KafkaServer, written: str) -> dict[str, object]:
    return {**_given(server, written), **_OURS}


# What must hold whatever the variable says.
_OURS: Mapping[str, object] = {
    # Demanded, and never joined: partitions are assigned by hand.
    "group.id": "tidegate",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "allow.auto.create.topics": False,
    "queued.max.messages.kbytes": QUEUED_KBYTES,
    # It would write to standard error.
    "log_level": 0,
    "error_cb": lambda _error: None,
}


def _given(server: KafkaServer, written: str) -> dict[str, object]:
    """The variable's value: brokers with commas between, or a JSON object."""
    text = written.strip()
    if not text.startswith("{"):
        return {"bootstrap.servers": text}
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if isinstance(given, dict) and isinstance(given.get("bootstrap.servers"), str):
        return given
    raise TidegateError(
        f"The environment variable {server.connection_variable} holds no JSON object of settings with "
        "'bootstrap.servers'. Nothing was changed. Correct it where Tidegate runs, and run again."
    )
