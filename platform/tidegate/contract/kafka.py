"""Which topic of Kafka is read, and where, as plain values. `sources.kafka` reads it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

ValueFormat = Literal["json", "avro", "protobuf"]


@dataclass(frozen=True)
class KafkaServer:
    """A topic. The variable holds brokers, or settings of librdkafka as a JSON object; that of the registry holds its
    address, where messages have schemas.

    On the days `gaps_accepted_on`, messages that the topic lost before they were read are passed over.
    """

    topic: str
    connection_variable: str
    gaps_accepted_on: frozenset[dt.date] = frozenset()
    time_limit_seconds: int = 600
    value_format: ValueFormat = "json"
    registry_variable: str | None = None

    @property
    def address(self) -> str:
        return f"${self.connection_variable}: {self.topic}"

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that it needs."""
        return (self.connection_variable, *([self.registry_variable] if self.registry_variable else []))


# What of a message a column may be, by the column's name or one that it may be delivered under.
MESSAGE_FIELDS = ("kafka_partition", "kafka_offset", "kafka_timestamp", "kafka_key")
