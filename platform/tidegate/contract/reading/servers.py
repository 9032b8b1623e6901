"""A contract's `servers`: one for each region, and what it takes to fetch deliveries from it.

Fetching belongs to `sources`. What the standard has no field for stands in the server's `customProperties`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import get_args

from open_data_contract_standard.model import Server as OdcsServer

from tidegate.contract.database import DatabaseKind
from tidegate.contract.files import PLAIN_FILES, FileOptions
from tidegate.contract.landing import LandedServer
from tidegate.contract.model import (
    Clock,
    Contract,
    Region,
    Server,
)
from tidegate.contract.reading.clocks import CLOCK_PROPERTIES, read_clock
from tidegate.contract.reading.database import DATABASE_PROPERTIES, read_database, read_postgres
from tidegate.contract.reading.delivery_days import DAYS_OF_A_REGION, own_delivery_days
from tidegate.contract.reading.document import At, Document, Written
from tidegate.contract.reading.files import FILE_PROPERTIES, read_file_options
from tidegate.contract.reading.http import HTTP_PROPERTIES, read_http
from tidegate.contract.reading.kafka import KAFKA_PROPERTIES, read_kafka
from tidegate.contract.reading.landing import LANDING_PROPERTIES, SFTP_PROPERTIES, read_folder, read_s3, read_sftp
from tidegate.contract.reading.product import PRODUCT_PROPERTIES, read_product
from tidegate.contract.reading.python import PYTHON_PROPERTIES, read_python
from tidegate.contract.reading.table import TABLE_PROPERTIES, read_table
from tidegate.contract.reading.written import read_written
from tidegate.contract.table import TableKind
from tidegate.delivery_days import DeliveryDays
from tidegate.errors import ContractError

_SHARED_KEYS = frozenset({"id", "server", "type", "description", "environment", "roles", "customProperties"})

# The fields of each type of server: those of the standard that may stand there, and Tidegate's own.
_KEYS: Mapping[str, frozenset[str]] = {
    "local": frozenset({"path", "format", "delimiter", "encoding"}),
    "s3": frozenset({"location", "format", "delimiter", "encoding"}),
    "sftp": frozenset({"location", "format", "delimiter", "encoding"}),
    "api": frozenset({"location"}),
    **dict.fromkeys(get_args(TableKind), frozenset({"path"})),
    "python": frozenset(),
    "tidegate": frozenset(),
    # Host and format only describe.
    "kafka": frozenset({"host", "format"}),
    # The standard demands them. They only describe: connectionVariable says where to connect to.
    "postgres": frozenset({"host", "port", "database", "schema_"}),
    **dict.fromkeys(
        get_args(DatabaseKind),
        frozenset(
            {
                "host",
                "port",
                "database",
                "schema_",
                "serviceName",
                "account",
                "warehouse",
                "project",
                "dataset",
                "region",
            }
        ),
    ),
}
_OF_A_REGION = (*DAYS_OF_A_REGION, *CLOCK_PROPERTIES)
_CUSTOM_KEYS: Mapping[str, tuple[str, ...]] = {
    "local": (*_OF_A_REGION, *LANDING_PROPERTIES, *FILE_PROPERTIES),
    "s3": (*_OF_A_REGION, *LANDING_PROPERTIES, *FILE_PROPERTIES),
    "sftp": (*_OF_A_REGION, *LANDING_PROPERTIES, *SFTP_PROPERTIES, *FILE_PROPERTIES),
    "api": (*_OF_A_REGION, *HTTP_PROPERTIES),
    **dict.fromkeys(get_args(TableKind), (*_OF_A_REGION, *TABLE_PROPERTIES)),
    "python": (*_OF_A_REGION, *PYTHON_PROPERTIES),
    "tidegate": (*_OF_A_REGION, *PRODUCT_PROPERTIES),
    "kafka": (*_OF_A_REGION, *KAFKA_PROPERTIES),
    **dict.fromkeys(("postgres", *get_args(DatabaseKind)), (*_OF_A_REGION, *DATABASE_PROPERTIES)),
}

# Becomes a part of table names, asset names and paths.
_REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


def read_regions(
    doc: Document, delivery_days: DeliveryDays, clock: Clock, files: FileOptions = PLAIN_FILES
) -> tuple[Region, ...]:
    """The regions of a contract, which deliver on `delivery_days` and write by `clock` and as `files` says unless they
    say otherwise.

    Raises ContractError for a server that cannot work.
    """
    servers = doc.odcs.servers or []
    if not servers:
        what = "the contract does not say where deliveries land"
        raise doc.refused(("servers",), what, "write 'servers:' with one for each region")
    regions: dict[str, Region] = {}
    for i, server in enumerate(servers):
        region = _read_region(doc, server, ("servers", i), delivery_days, clock, files)
        if region.name.lower() in regions:
            what = f"there are two servers '{region.name}'"
            raise doc.refused(("servers", i, "server"), what, "write another name, or remove one of them")
        address = region.server.address
        if address in {other.server.address for other in regions.values()}:
            what = f"another server has the location '{address}' as well"
            raise doc.refused(("servers", i), what, "write a place of its own for each")
        regions[region.name.lower()] = region
    return tuple(regions.values())


def refuse_shared_addresses(contracts: Iterable[Contract]) -> None:
    """Raises ContractError when two of the contracts fetch from one place."""
    taken: dict[str, Contract] = {}
    for contract in contracts:
        for region in contract.regions:
            address = region.server.address
            first = taken.setdefault(address, contract)
            if first is not contract:
                raise ContractError(
                    f"{contract.label} and {first.label} both read '{address}'; "
                    "write a place of its own for each source."
                )


def _read_region(
    doc: Document, server: OdcsServer, at: At, delivery_days: DeliveryDays, clock: Clock, files: FileOptions
) -> Region:
    name = server.server or ""
    if not _REGION.fullmatch(name):
        what = f"'{name}' cannot name a server (the region)"
        raise doc.refused((*at, "server"), what, "write letters, digits, '-' and '_'")
    if server.type is None or server.type not in _KEYS:
        what = f"deliveries cannot be fetched from a server of type '{server.type}'"
        raise doc.refused((*at, "type"), what, f"write one of {', '.join(_KEYS)}")
    for other in sorted(server.model_fields_set - _SHARED_KEYS - _KEYS[server.type]):
        raise doc.refused((*at, other), f"'{other}' of a server of type {server.type} has no effect", "remove it")
    custom = read_written(doc, server.customProperties, (*at, "customProperties"), _CUSTOM_KEYS[server.type])
    fetched_from, options = _read_server(doc, server, custom, files, at)
    days = own_delivery_days(doc, custom, delivery_days)
    if isinstance(fetched_from, LandedServer) and all(path.is_of_months for path in fetched_from.paths):
        days = replace(days, only_month_ends=True)
    return Region(name, fetched_from, options, days, read_clock(doc, custom, clock))


def _read_server(
    doc: Document, server: OdcsServer, custom: Written, files: FileOptions, at: At
) -> tuple[Server, FileOptions]:
    match server.type:
        case "local":
            return read_folder(doc, server, custom, at), read_file_options(doc, server, custom, files, at)
        case "s3":
            return read_s3(doc, server, custom, at), read_file_options(doc, server, custom, files, at)
        case "sftp":
            return read_sftp(doc, server, custom, at), read_file_options(doc, server, custom, files, at)
        case "api":
            return read_http(doc, server, custom, at), replace(files, format="json")
        case "python":
            return read_python(doc, custom, at), replace(files, format=None)
        case "kafka":
            return read_kafka(doc, custom, at), replace(files, format="json")
    return _read_typed_rows(doc, server, custom, at), replace(PLAIN_FILES, format="parquet")


def _read_typed_rows(doc: Document, server: OdcsServer, custom: Written, at: At) -> Server:
    match server.type:
        case "postgres":
            return read_postgres(doc, custom, at)
        case "delta" | "iceberg" as kind:
            return read_table(doc, kind, server, custom, at)
        case "tidegate":
            return read_product(doc, custom, at)
    for kind in get_args(DatabaseKind):
        if server.type == kind:
            return read_database(doc, kind, custom, at)
    raise AssertionError(f"a server of type {server.type} is allowed here, and nothing reads it: add how")
