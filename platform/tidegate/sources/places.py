"""Which kind of origin or archive a place calls for."""

from __future__ import annotations

from pathlib import Path

from tidegate.archive.archive import DRAFTS, Archive
from tidegate.contract.database import DatabaseServer, PostgresServer
from tidegate.contract.http import HttpServer
from tidegate.contract.kafka import KafkaServer
from tidegate.contract.landing import FolderServer, S3Server
from tidegate.contract.model import Contract, Region
from tidegate.contract.product import ProductServer
from tidegate.contract.python import PythonServer
from tidegate.errors import ArchiveDownError, SourceDownError
from tidegate.placeholders import Moments
from tidegate.sources.dropped import DroppedOrigin
from tidegate.sources.origin import Landing, Origin, Outside
from tidegate.storage.places import storage_at


def origin_of(contract: Contract, region: Region, outside: Outside) -> Origin:
    """Where the deliveries of a contract's region come from. Raises TidegateError for a place that cannot be."""
    # Each kind is imported when it is met: a home without HTTP or a database does not pay for their clients.
    match region.server:
        case FolderServer() as server:
            return _landing_at(outside.landing, server, "TIDEGATE_LANDING", contract, region, outside)
        case S3Server() as server:
            return _landing_at(server.bucket, server, f"the location in {contract.label}", contract, region, outside)
        case HttpServer() as server:
            from tidegate.sources.http.source import HttpOrigin

            return HttpOrigin(region.name, server, outside, Moments(region.clock.zone, contract.zone))
        case PostgresServer() as server:
            from tidegate.sources.postgres.source import PostgresOrigin

            return PostgresOrigin(region.name, server, outside, Moments(region.clock.zone, contract.zone))
        case DatabaseServer() as server:
            from tidegate.sources.database.source import DatabaseOrigin

            return DatabaseOrigin(region.name, server, outside, Moments(region.clock.zone, contract.zone))
        case PythonServer() as server:
            from tidegate.sources.python.source import PythonOrigin, ReadyPythonOrigin

            kind = ReadyPythonOrigin if server.ready else PythonOrigin
            # Beside the folder of contracts.
            modules = contract.path.absolute().parent.parent
            return kind(region.name, server, outside, Moments(region.clock.zone, contract.zone), modules)

        case KafkaServer() as server:
            from tidegate.sources.kafka.source import KafkaOrigin

            return KafkaOrigin(contract.source, region.name, server, outside, contract.zone)
        case ProductServer() as server:
            from tidegate.sources.product.places import product_origin

            return product_origin(region.name, server, outside)


def _landing_at(
    root: str, server: FolderServer | S3Server, setting: str, contract: Contract, region: Region, outside: Outside
) -> Landing:
    storage = storage_at(root, setting, outside.s3_client, SourceDownError, confined=True)
    return DroppedOrigin(storage, region.name, server.paths, contract.readiness, server.chosen)


def archive_of(outside: Outside, scratch: Path) -> Archive:
    """The archive of a home. `scratch` is the caller's to remove when done. Raises TidegateError."""
    storage = storage_at(outside.archive, "TIDEGATE_ARCHIVE", outside.s3_client, ArchiveDownError, drafts=DRAFTS)
    return Archive(storage, scratch)
