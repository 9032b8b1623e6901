"""A server of type `kafka`: the topic, how to connect, and which losses are accepted."""

from __future__ import annotations

import datetime as dt
import re
from typing import get_args

from tidegate.contract.kafka import KafkaServer, ValueFormat
from tidegate.contract.reading.document import At, Document, Written
from tidegate.contract.reading.outside import read_time_limit, read_variable, required_text, required_variable
from tidegate.contract.reading.written import read_choice, read_texts

KAFKA_PROPERTIES = (
    "connectionVariable",
    "topic",
    "gapsAcceptedOn",
    "timeLimitSeconds",
    "valueFormat",
    "registryVariable",
)

# Kafka's own rule.
_TOPIC = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")


def read_kafka(doc: Document, custom: Written, at: At) -> KafkaServer:
    """Raises ContractError for a topic that cannot be."""
    topic = required_text(doc, custom, "topic", "which topic is read", at)
    if not _TOPIC.fullmatch(topic):
        what = f"'{topic}' cannot name a topic"
        raise doc.refused(custom["topic"][1], what, "write letters, digits, '.', '_' and '-'")
    value_format: ValueFormat = read_choice(doc, custom, "valueFormat", get_args(ValueFormat), "json")
    registry = read_variable(doc, custom, "registryVariable")
    if registry and value_format == "json":
        what = "'registryVariable' has no effect on messages in JSON"
        raise doc.refused(custom["registryVariable"][1], what, "remove it, or write 'valueFormat: avro' or 'protobuf'")
    if value_format != "json":
        registry = required_variable(doc, custom, "registryVariable", "the schema registry", at)
    return KafkaServer(
        topic=topic,
        connection_variable=required_variable(doc, custom, "connectionVariable", "the brokers", at),
        gaps_accepted_on=frozenset(_read_days(doc, custom)),
        time_limit_seconds=read_time_limit(doc, custom) or KafkaServer.time_limit_seconds,
        value_format=value_format,
        registry_variable=registry,
    )


def _read_days(doc: Document, custom: Written) -> list[dt.date]:
    try:
        return [dt.date.fromisoformat(text) for text in read_texts(doc, custom, "gapsAcceptedOn", ())]
    except ValueError as error:
        what = "gapsAcceptedOn is not a list of dates"
        raise doc.refused(custom["gapsAcceptedOn"][1], what, 'write dates in quotes, as ["2024-03-05"]') from error
