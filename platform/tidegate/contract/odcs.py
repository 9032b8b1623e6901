"""From contract files to contracts: everything is checked here, at load, so that a run meets no surprise.

    load_contracts(folder)   every `<source>.odcs.yaml` in it, by source
    load_contract(path)      one of them

A contract that cannot work raises ContractError: `file:line: what is wrong; write ... instead.`
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from open_data_contract_standard.model import SchemaObject, Server, Team

from tidegate.contract.columns import read_columns, read_key
from tidegate.contract.document import At, Document, closest
from tidegate.contract.draft import Draft
from tidegate.contract.model import Contract, FileFormat, Region, ServiceLevel
from tidegate.contract.options import read_property
from tidegate.contract.quality import read_quality
from tidegate.contract.sqlcheck import SqlBench
from tidegate.errors import ContractError

SUFFIX = ".odcs.yaml"

# Unless a contract says otherwise. A delivery of which more is broken is more likely wrong as a whole.
DEFAULT_MAX_QUARANTINED_PERCENT = Decimal(5)

_VERSIONS = ("v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0")
_CUSTOM_PROPERTIES = ("eventTime", "allowedLatenessDays", "maxQuarantinedPercent")
_SERVER_KEYS = frozenset({"id", "server", "type", "description", "environment", "roles", "format"})
_LOCATION_KEYS = {"local": "path", "s3": "location"}
_SERVICE_LEVELS = (
    "timeOfAvailability",
    "availability",
    "endOfLife",
    "endOfSupport",
    "frequency",
    "generalAvailability",
    "latency",
    "retention",
)

# Both become parts of table names, asset names and paths.
_SOURCE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_SEGMENT = re.compile(r"[^\\*?\[\]{}\x00-\x1f\x7f]+")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def load_contracts(folder: Path) -> dict[str, Contract]:
    """The contracts of `folder` by source. Raises ContractError for the first that cannot work."""
    paths = sorted(path for path in folder.glob("*.y*ml") if path.suffix in (".yaml", ".yml"))
    if not paths:
        raise ContractError(f"{folder} holds no contract; write one as <source>{SUFFIX} there.")
    contracts = {contract.source: contract for contract in map(load_contract, paths)}
    _refuse_shared_locations(contracts.values())
    return contracts


def load_contract(path: Path) -> Contract:
    """The contract in `path`, whose name is `<source>.odcs.yaml`. Raises ContractError if it cannot work."""
    doc = Document(path)
    _read_kind(doc)
    schema, at = _read_schema(doc)
    source = _read_source(doc, schema, at)
    columns_at = (*at, "properties")
    columns = read_columns(doc, schema.properties or [], columns_at)
    key = read_key(doc, schema.properties or [], columns_at)
    custom = _read_custom_properties(doc)
    with SqlBench(columns) as bench:
        draft = Draft(doc, bench, columns)
        _read_rules(draft, schema, key, custom, at)
    return Contract(
        source=source,
        version=str(doc.odcs.version),
        path=path,
        title=doc.odcs.name or source,
        description=_read_description(doc, schema),
        owner=_read_owner(doc),
        channel=_read_channel(doc),
        columns=draft.columns,
        key=key,
        event_time=custom.event_time,
        allowed_lateness_days=custom.allowed_lateness_days,
        row_rules=tuple(draft.row_rules),
        unique_rules=tuple(draft.unique_rules),
        delivery_rules=tuple(draft.delivery_rules),
        max_quarantined_percent=custom.max_quarantined_percent,
        regions=_read_regions(doc),
        published_by=_read_published_by(doc),
        service_levels=_read_service_levels(doc),
    )


# --- the document and its schema


def _read_kind(doc: Document) -> None:
    if doc.odcs.kind != "DataContract":
        raise doc.refused(("kind",), "the file is no data contract", "write 'kind: DataContract'")
    if doc.odcs.apiVersion not in _VERSIONS:
        what = f"the version '{doc.odcs.apiVersion}' of the standard is not supported"
        raise doc.refused(("apiVersion",), what, f"write 'apiVersion: {_VERSIONS[-1]}'")
    for key in ("id", "version"):
        if not getattr(doc.odcs, key):
            raise doc.refused((key,), f"the contract has no {key}", f"write '{key}: ...', as the standard demands")


def _read_schema(doc: Document) -> tuple[SchemaObject, At]:
    schemas = doc.odcs.schema_ or []
    if len(schemas) != 1:
        what = f"the contract describes {len(schemas)} tables"
        raise doc.refused(("schema",), what, "write exactly one under 'schema', and another contract for each other")
    schema, at = schemas[0], ("schema", 0)
    if not schema.properties:
        raise doc.refused((*at, "properties"), "the schema has no columns", "write them under 'properties'")
    for key, expected in (
        ("logicalType", "object"),
        ("physicalName", schema.name),
        ("customProperties", None),
    ):
        if getattr(schema, key) not in (None, expected):
            what = f"'{key}' of a schema has no effect in Tidegate"
            raise doc.refused((*at, key), what, "remove it; what concerns the whole source stands at the root")
    return schema, at


def _read_source(doc: Document, schema: SchemaObject, at: At) -> str:
    source = schema.name or ""
    if not _SOURCE.fullmatch(source):
        what = f"'{source}' cannot name a source"
        raise doc.refused((*at, "name"), what, "write lowercase letters, digits and underscores, a letter first")
    if doc.path.name != source + SUFFIX:
        what = f"the contract of '{source}' stands in {doc.path.name}"
        raise doc.refused((*at, "name"), what, f"write it in {source}{SUFFIX}, so that one source has one file")
    return source


def _read_rules(draft: Draft, schema: SchemaObject, key: tuple[str, ...], custom: _Custom, at: At) -> None:
    draft.add_key(key)
    properties = schema.properties or []
    for i, prop in enumerate(properties):
        read_property(draft, prop, key, (*at, "properties", i))
    for i, prop in enumerate(properties):
        for j, rule in enumerate(prop.quality or []):
            here = (*at, "properties", i, "quality", j)
            read_quality(draft, rule, draft.column(prop.name, here), here)
    for j, rule in enumerate(schema.quality or []):
        read_quality(draft, rule, None, (*at, "quality", j))
    if custom.event_time is not None:
        draft.add_event_time(custom.event_time, custom.allowed_lateness_days, custom.event_time_at)


# --- custom properties


@dataclass(frozen=True)
class _Custom:
    """What the standard has no field for."""

    event_time: str | None
    event_time_at: At
    allowed_lateness_days: int | None
    max_quarantined_percent: Decimal


def _read_custom_properties(doc: Document) -> _Custom:
    written: dict[str, tuple[Any, At]] = {}
    for i, custom in enumerate(doc.odcs.customProperties or []):
        at = ("customProperties", i)
        name = custom.property or ""
        if name not in _CUSTOM_PROPERTIES:
            what = f"'{name}' is no custom property that Tidegate knows"
            raise doc.refused((*at, "property"), what, closest(name, _CUSTOM_PROPERTIES))
        if name in written:
            raise doc.refused((*at, "property"), f"'{name}' is there twice", "keep one of them")
        written[name] = (custom.value, (*at, "value"))
    if "allowedLatenessDays" in written and "eventTime" not in written:
        what = "allowedLatenessDays without eventTime says nothing about when a row is late"
        raise doc.refused(written["allowedLatenessDays"][1], what, "write the column of the event as 'eventTime'")
    event_time, event_time_at = written.get("eventTime", (None, ()))
    return _Custom(event_time, event_time_at, _read_lateness(doc, written), _read_max_quarantined(doc, written))


def _read_lateness(doc: Document, written: dict[str, tuple[Any, At]]) -> int | None:
    days, at = written.get("allowedLatenessDays", (None, ()))
    if days is None or (isinstance(days, int) and not isinstance(days, bool) and 0 <= days <= 36_500):
        return days
    raise doc.refused(at, f"{days!r} is no number of days", "write a whole number from 0")


def _read_max_quarantined(doc: Document, written: dict[str, tuple[Any, At]]) -> Decimal:
    if "maxQuarantinedPercent" not in written:
        return DEFAULT_MAX_QUARANTINED_PERCENT
    percent, at = written["maxQuarantinedPercent"]
    if isinstance(percent, int | float) and not isinstance(percent, bool) and 0 <= percent <= 100:
        return Decimal(str(percent))
    raise doc.refused(at, f"{percent!r} is no percentage", "write a number from 0 to 100")


# --- servers


def _read_regions(doc: Document) -> tuple[Region, ...]:
    servers = doc.odcs.servers or []
    if not servers:
        what = "the contract does not say where deliveries land"
        raise doc.refused(("servers",), what, "write 'servers:' with one for each region")
    regions: dict[str, Region] = {}
    for i, server in enumerate(servers):
        region = _read_region(doc, server, ("servers", i))
        if region.name.lower() in regions:
            what = f"there are two servers '{region.name}'"
            raise doc.refused(("servers", i, "server"), what, "write another name, or remove one of them")
        if region.location in {other.location for other in regions.values()}:
            what = f"another server has the location '{region.location}' as well"
            raise doc.refused(("servers", i), what, "write a folder of its own for each")
        regions[region.name.lower()] = region
    return tuple(regions.values())


def _read_region(doc: Document, server: Server, at: At) -> Region:
    name = server.server or ""
    if not _REGION.fullmatch(name):
        what = f"'{name}' cannot name a server (the region)"
        raise doc.refused((*at, "server"), what, "write letters, digits, '-' and '_'")
    if server.type not in _LOCATION_KEYS:
        what = f"a server of type '{server.type}' delivers no files"
        raise doc.refused((*at, "type"), what, f"write one of {', '.join(_LOCATION_KEYS)}")
    key = _LOCATION_KEYS[server.type]
    for other in sorted(server.model_fields_set - _SERVER_KEYS - {key}):
        raise doc.refused((*at, other), f"'{other}' of a {server.type} server has no effect", "remove it")
    return Region(name, _read_location(doc, server, (*at, key)), _read_format(doc, server, (*at, "format")))


def _read_location(doc: Document, server: Server, at: At) -> str:
    location = (server.path if server.type == "local" else server.location) or ""
    rest = location
    if server.type == "s3":
        bucket, _, rest = location.removeprefix("s3://").partition("/")
        if not location.startswith("s3://") or not _BUCKET.fullmatch(bucket):
            what = f"'{location}' is no address in S3"
            raise doc.refused(at, what, "write 's3://bucket/folder/{day}'")
    if location.count("{day}") != 1:
        what = f"'{location}' does not say once where the day stands"
        raise doc.refused(at, what, "write '{day}' in it, as in 'orders/us-east/{day}'")
    if rest.startswith("/"):
        what = f"'{location}' is not relative to the landing folder"
        raise doc.refused(at, what, "write it without the leading '/'; TIDEGATE_LANDING is what it is relative to")
    segments = rest.replace("{day}", "day").split("/")
    if any(part in ("", ".", "..") or not _SEGMENT.fullmatch(part) for part in segments):
        what = f"'{location}' is no plain path below the landing folder"
        raise doc.refused(at, what, "write names and '/' only (no '..', no wildcards, no other placeholder)")
    return location


def _read_format(doc: Document, server: Server, at: At) -> FileFormat | None:
    # The standard's schema demands a format; `auto` is how to say that each file's name tells it.
    if server.format in (None, "auto"):
        return None
    known: tuple[FileFormat, ...] = get_args(FileFormat)
    for file_format in known:
        if server.format == file_format:
            return file_format
    what = f"the format '{server.format}' cannot be read"
    raise doc.refused(at, what, f"write one of auto, {', '.join(known)}")


def _refuse_shared_locations(contracts: Iterable[Contract]) -> None:
    taken: dict[str, Contract] = {}
    for contract in contracts:
        for region in contract.regions:
            first = taken.setdefault(region.location, contract)
            if first is not contract:
                raise ContractError(
                    f"{contract.label} and {first.label} both read '{region.location}'; "
                    "write a folder of its own for each source."
                )


# --- people and promises


def _read_description(doc: Document, schema: SchemaObject) -> str:
    purpose = doc.odcs.description.purpose if doc.odcs.description else None
    return " ".join((schema.description or purpose or "").split())


def _read_owner(doc: Document) -> str | None:
    team = doc.odcs.team
    if isinstance(team, Team):
        return team.name
    members = team or []
    owner = next((member for member in members if member.role == "owner"), members[0] if members else None)
    return owner.username if owner else None


def _read_channel(doc: Document) -> str | None:
    return next((item.channel for item in doc.odcs.support or []), None)


def _read_service_levels(doc: Document) -> tuple[ServiceLevel, ...]:
    levels = []
    for i, level in enumerate(doc.odcs.slaProperties or []):
        name, at = level.property or "", ("slaProperties", i)
        if name not in _SERVICE_LEVELS:
            what = f"'{name}' is no service level of the standard"
            raise doc.refused((*at, "property"), what, closest(name, _SERVICE_LEVELS))
        if level.value is None:
            raise doc.refused(at, f"the service level '{name}' has no value", "write 'value: ...'")
        levels.append(ServiceLevel(name, str(level.value), level.unit))
    return tuple(levels)


def _read_published_by(doc: Document) -> dt.time | None:
    for i, level in enumerate(doc.odcs.slaProperties or []):
        if level.property == "timeOfAvailability":
            try:
                return dt.datetime.strptime(str(level.value), "%H:%M").time()  # noqa: DTZ007  # a time of day, UTC
            except ValueError as error:
                # YAML 1.1 reads 10:30 without quotes as the number 630.
                what = f"'{level.value}' is no time of day"
                instead = 'write it in quotes, in UTC, as "06:00"'
                raise doc.refused(("slaProperties", i, "value"), what, instead) from error
    return None
