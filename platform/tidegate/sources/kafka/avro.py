"""Messages in Avro, as producers with a schema registry write them: a zero, the number of the schema, and the value.

A message becomes the JSON text that says the same, to the digit. One that cannot be read exactly stays what it is.
"""

from __future__ import annotations

import base64
import datetime as dt
import io
import json
import math
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tidegate.errors import NotInstalledError
from tidegate.sources.kafka.schemas import PREFIX, Schema, schema_number


class AvroReader:
    """Reads messages by the schemas that the archive has."""

    def __init__(self, schemas: Mapping[int, Schema]) -> None:
        try:
            import fastavro  # noqa: F401  # told before the first message
        except ImportError as error:
            raise NotInstalledError("Reading messages in Avro", "fastavro", "files") from error
        self._schemas = schemas
        self._parsed: dict[int, Any] = {}

    def text(self, content: bytes) -> str | None:
        """The JSON text of a message, a text alone as it is; None where it cannot be read exactly."""
        number = schema_number(content)
        if number is None or number not in self._schemas:
            return None
        import fastavro

        stream = io.BytesIO(content[PREFIX:])
        try:
            value = fastavro.schemaless_reader(stream, self._schema(number), None)
            if stream.read(1):
                return None
            return value if isinstance(value, str) else _json(value)
        except Exception:  # noqa: BLE001  # fastavro raises whatever Python does over bytes that are none of Avro's
            return None

    def _schema(self, number: int) -> Any:
        import fastavro

        if number not in self._parsed:
            schema = self._schemas[number]
            named: dict[str, Any] = {}
            for reference in schema.references:
                fastavro.parse_schema(json.loads(reference), named)
            self._parsed[number] = fastavro.parse_schema(json.loads(schema.text), named)
        return self._parsed[number]


def _json(value: Any) -> str:
    match value:
        case Decimal():
            return f"{value:f}"
        case float() if not math.isfinite(value):
            return json.dumps(str(value))
        case dict():
            return "{" + ",".join(f"{json.dumps(str(key))}:{_json(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_json, value)) + "]"
        case dt.datetime() | dt.date() | dt.time():
            return json.dumps(value.isoformat())
        case bytes():
            return json.dumps(base64.b64encode(value).decode("ascii"))
        case uuid.UUID():
            return json.dumps(str(value))
    return json.dumps(value, ensure_ascii=False)
