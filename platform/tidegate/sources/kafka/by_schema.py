"""Which reader messages need that have schemas."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tidegate.contract.kafka import ValueFormat
from tidegate.sources.kafka.avro import AvroReader
from tidegate.sources.kafka.messages import SchemaReader
from tidegate.sources.kafka.schemas import read_schemas


def reader_of(value_format: ValueFormat, schemas: Iterable[Path]) -> SchemaReader | None:
    """The reader by these schemas, from the archive; None for JSON."""
    match value_format:
        case "avro":
            return AvroReader(read_schemas(schemas))
        case "protobuf":
            # It comes with dbt, and takes a while to import.
            from tidegate.sources.kafka.protobuf import ProtobufReader

            return ProtobufReader(read_schemas(schemas))
        case "json":
            return None
