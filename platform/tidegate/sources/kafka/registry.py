"""A schema registry, as Confluent's and those that speak its protocol: schemas by the numbers that messages carry.

What is fetched goes into the archive beside the messages, so that they can be read when the registry is gone, or says
something else. Reading messages by schemas belongs to `by_schema`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import tenacity

from tidegate.contract.kafka import ValueFormat
from tidegate.errors import SourceDownError, TidegateError
from tidegate.sources.kafka.schemas import Schema

TIMEOUT_SECONDS = 10.0
ATTEMPTS = 3
PAUSE_SECONDS = 0.2

# A topic has a handful. More are numbers that no registry gave, as in messages that are not Avro at all.
MAX_SCHEMAS = 1_000
MAX_REFERENCES = 200
LARGEST_SCHEMA = 8 << 20

_SERIALIZED = {"format": "serialized"}

_KEPT = "What was loaded before stays."


@dataclass(frozen=True)
class Registry:
    """One registry, by the variable that holds its address, which may have a name and a password in it."""

    variable: str
    address: str
    value_format: ValueFormat = "avro"

    def schemas(self, numbers: Iterable[int]) -> dict[int, Schema]:
        """Those that it has. Raises SourceDownError and TidegateError."""
        try:
            client = httpx.Client(base_url=self.address.rstrip("/") + "/", timeout=TIMEOUT_SECONDS)
        except (httpx.InvalidURL, ValueError, TypeError):
            raise self._wrong("it is not an address such as https://user:password@registry.example:8081") from None
        found: dict[int, Schema] = {}
        with client:
            for number in sorted(set(numbers))[:MAX_SCHEMAS]:
                answer = self._get(client, f"schemas/ids/{number}")
                if answer is not None:
                    found[number] = self._schema(client, answer)
        return found

    def _schema(self, client: httpx.Client, answer: dict[str, object]) -> Schema:
        kind = answer.get("schemaType", "AVRO")
        if kind != self.value_format.upper():
            what = f"it has a schema of type {kind!r}, and the contract says valueFormat: {self.value_format}"
            raise self._wrong(what)
        references: dict[tuple[str, int], str] = {}
        self._follow(client, answer, references)
        return Schema(self._text(answer, "message"), tuple(references.values()))

    def _text(self, answer: dict[str, object], name: str) -> str:
        text = str(answer.get("schema"))
        if self.value_format != "protobuf":
            return text
        from tidegate.sources.kafka.protobuf import named

        try:
            return named(text, name)
        except ValueError:
            what = (
                "it was asked for a schema of Protobuf's as compiled descriptor (format=serialized), and gave another"
            )
            raise self._wrong(what) from None

    def _follow(self, client: httpx.Client, answer: dict[str, object], references: dict[tuple[str, int], str]) -> None:
        """Gather the schemas that one refers to, those first that others refer to."""
        written = answer.get("references") or []
        for reference in written if isinstance(written, list) else []:
            try:
                subject, version = str(reference["subject"]), int(reference["version"])
            except (TypeError, LookupError, ValueError):
                raise self._wrong("it has a reference without subject and version") from None
            if (subject, version) in references:
                continue
            if len(references) >= MAX_REFERENCES:
                raise self._wrong(f"one of its schemas has more than {MAX_REFERENCES} references")
            # Taken before it is followed: references in a circle end.
            references[subject, version] = ""
            found = self._get(client, f"subjects/{quote(subject, safe='')}/versions/{version}")
            if found is None:
                raise self._wrong(f"it lacks version {version} of {subject!r}, which one of its schemas refers to")
            self._follow(client, found, references)
            del references[subject, version]
            references[subject, version] = self._text(found, str(reference.get("name")))

    def _get(self, client: httpx.Client, path: str) -> dict[str, object] | None:
        """The answer; None for what it does not have."""
        patiently = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(SourceDownError),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_fixed(PAUSE_SECONDS),
            reraise=True,
        )
        return patiently(self._ask, client, path)

    def _ask(self, client: httpx.Client, path: str) -> dict[str, object] | None:
        try:
            response = client.get(path, params=_SERIALIZED if self.value_format == "protobuf" else None)
        except httpx.HTTPError as error:
            # Its own words may hold the address.
            raise self._down(type(error).__name__) from None
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise self._wrong(f"it rejected the login (HTTP {response.status_code})")
        if not response.is_success:
            raise self._down(f"HTTP {response.status_code}")
        return self._read(response)

    def _read(self, response: httpx.Response) -> dict[str, object]:
        try:
            found = json.loads(response.content) if len(response.content) <= LARGEST_SCHEMA else None
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and isinstance(found.get("schema"), str):
            return found
        raise self._wrong("its answer has no schema")

    def _down(self, problem: str) -> SourceDownError:
        return SourceDownError(f"the schema registry at ${self.variable} cannot be read: {problem}.")

    def _wrong(self, what: str) -> TidegateError:
        return TidegateError(
            f"the schema registry at ${self.variable} cannot be used: {what}. {_KEPT} Correct it, the contract or the "
            "variable, and run again."
        )
