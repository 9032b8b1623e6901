"""From contract files to contracts: everything is checked here, at load, so that a run meets no surprise.

    load_contracts(folder)   every `<source>.odcs.yaml` in it, by source
    load_contract(path)      one of them

A contract that cannot work raises ContractError: `file:line: what is wrong; write ... instead.`
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import yaml
from open_data_contract_standard.model import SchemaObject, Team

from tidegate.contract.judging.sqlcheck import SqlBench
from tidegate.contract.kafka import KafkaServer
from tidegate.contract.model import Contract
from tidegate.contract.reading.changes import refuse_what_is_read_otherwise, require_columns
from tidegate.contract.reading.columns import read_columns, read_key
from tidegate.contract.reading.custom import Custom, read_custom
from tidegate.contract.reading.document import At, Document, closest
from tidegate.contract.reading.draft import Draft
from tidegate.contract.reading.limits import add_repeated_rows, check_limits
from tidegate.contract.reading.options import read_property
from tidegate.contract.reading.quality import read_quality
from tidegate.contract.reading.servers import read_regions, refuse_shared_addresses
from tidegate.errors import ContractError
from tidegate.zones import UTC, Zone

SUFFIX = ".odcs.yaml"

_VERSIONS = ("v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0")
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

# Becomes a part of table names, asset names and paths.
_SOURCE = re.compile(r"[a-z][a-z0-9_]{0,62}")


def load_contracts(folder: Path, zone: Zone = UTC) -> dict[str, Contract]:
    """The contracts of `folder` by source, for days of `zone`. Raises ContractError for the first that cannot work."""
    paths = sorted(path for path in folder.glob("*.y*ml") if path.suffix in (".yaml", ".yml"))
    if not paths:
        raise ContractError(f"{folder} holds no contract; write one as <source>{SUFFIX} there.")
    contracts = {contract.source: contract for contract in (load_contract(path, zone) for path in paths)}
    refuse_shared_addresses(contracts.values())
    return contracts


def load_contract(path: Path, zone: Zone = UTC, root: yaml.Node | None = None, *, anywhere: bool = False) -> Contract:
    """The contract in `path`, whose name is `<source>.odcs.yaml` unless it may stand `anywhere`. `root` is the file as
    nodes of YAML, where somebody has them. Raises ContractError if it cannot work."""
    doc = Document(path, zone, root)
    _read_kind(doc)
    _check_service_levels(doc)
    schema, at = _read_schema(doc)
    source = _read_source(doc, schema, at, anywhere)
    columns_at = (*at, "properties")
    columns = read_columns(doc, schema.properties or [], columns_at)
    key = read_key(doc, schema.properties or [], columns_at)
    custom = read_custom(doc)
    regions = read_regions(doc, custom.delivery_days, custom.clock, custom.files)
    if custom.fallback and any(isinstance(region.server, KafkaServer) for region in regions):
        what = "a stream has no delivery of another day that could stand in"
        raise doc.refused(("customProperties",), what, "remove 'fallback'")
    refuse_what_is_read_otherwise(doc, regions, custom.changes, custom.is_snapshot)
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
        max_quarantined_rows=custom.max_quarantined_rows,
        regions=regions,
        published_by=_read_published_by(doc),
        zone=zone,
        fallback=custom.fallback,
        on_missing=custom.on_missing,
        readiness=custom.readiness,
        max_unpacked_ratio=custom.max_unpacked_ratio,
        anomaly=custom.anomaly,
        changes=custom.changes,
        quarantine_limits=custom.quarantine_limits,
        is_snapshot=custom.is_snapshot,
        needs=custom.needs,
        intraday=dt.timedelta(minutes=custom.intraday_minutes) if custom.intraday_minutes else None,
    )


# --- the document and its schema


def _read_kind(doc: Document) -> None:
    if doc.odcs.kind != "DataContract":
        raise doc.refused(("kind",), "the file is not a data contract", "write 'kind: DataContract'")
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


def _read_source(doc: Document, schema: SchemaObject, at: At, anywhere: bool) -> str:
    source = schema.name or ""
    if not _SOURCE.fullmatch(source):
        what = f"'{source}' cannot name a source"
        raise doc.refused((*at, "name"), what, "write lowercase letters, digits and underscores, a letter first")
    if doc.path.name != source + SUFFIX and not anywhere:
        what = f"the contract of '{source}' stands in {doc.path.name}"
        raise doc.refused((*at, "name"), what, f"write it in {source}{SUFFIX}, so that one source has one file")
    return source


def _read_rules(draft: Draft, schema: SchemaObject, key: tuple[str, ...], custom: Custom, at: At) -> None:
    if custom.changes:
        # A key has as many rows as it was changed.
        require_columns(draft, custom.changes, key)
    else:
        draft.add_key(key)
    add_repeated_rows(draft, custom.repeated_rows, key)
    check_limits(draft, custom.quarantine_limits)
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


def _check_service_levels(doc: Document) -> None:
    for i, level in enumerate(doc.odcs.slaProperties or []):
        name, at = level.property or "", ("slaProperties", i)
        if name not in _SERVICE_LEVELS:
            what = f"'{name}' is not a service level of the standard"
            raise doc.refused((*at, "property"), what, closest(name, _SERVICE_LEVELS))
        if level.value is None:
            raise doc.refused(at, f"the service level '{name}' has no value", "write 'value: ...'")


def _read_published_by(doc: Document) -> dt.time | None:
    for i, level in enumerate(doc.odcs.slaProperties or []):
        if level.property == "timeOfAvailability":
            try:
                return dt.datetime.strptime(str(level.value), "%H:%M").time()  # noqa: DTZ007  # a time of day
            except ValueError as error:
                # YAML 1.1 reads 10:30 without quotes as the number 630.
                what = f"'{level.value}' is not a time of day"
                instead = 'write it in quotes, as "06:00"'
                raise doc.refused(("slaProperties", i, "value"), what, instead) from error
    return None
