"""Which kind of origin or archive a place calls for."""

from __future__ import annotations

from pathlib import Path

from tidegate.archive.archive import DRAFTS, Archive
from tidegate.contract.database import DatabaseServer, PostgresServer
from tidegate.contract.http import HttpServer
from tidegate.contract.kafka import KafkaServer
from tidegate.contract.landing import FolderServer, LandedServer, S3Server, SftpServer, SftpVariables
from tidegate.contract.model import Contract, Region
from tidegate.contract.product import ProductServer
from tidegate.contract.python import PythonServer
from tidegate.contract.table import TableServer
from tidegate.errors import ArchiveDownError, NotInstalledError, SourceDownError, TidegateError
from tidegate.placeholders import Moments
from tidegate.sources.dropped import DroppedOrigin
from tidegate.sources.origin import Origin, Outside
from tidegate.storage.files import Files
from tidegate.storage.places import storage_at

# Where a user's own sessions keep the keys of servers.
KNOWN_HOSTS = "~/.ssh/known_hosts"


def origin_of(contract: Contract, region: Region, outside: Outside) -> Origin:
    """Where the deliveries of a contract's region come from. Raises TidegateError for a place that cannot be."""
    # Each kind is imported when it is met: a home without HTTP or a database does not pay for their clients.
    match region.server:
        case FolderServer() | S3Server() | SftpServer() as server:
            files = _files_of(server, contract, outside)
            return DroppedOrigin(files, region.name, server.paths, contract.readiness, server.chosen)
        case HttpServer() as server:
            from tidegate.sources.http.source import HttpOrigin

            return HttpOrigin(region.name, server, outside, Moments(region.clock.zone, contract.zone))
        case PostgresServer() as server:
            from tidegate.sources.postgres.source import PostgresOrigin

            return PostgresOrigin(region.name, server, outside, Moments(region.clock.zone, contract.zone))
        case DatabaseServer() as server:
            from tidegate.sources.database.source import DatabaseOrigin

            return DatabaseOrigin(region.name, server, outside, Moments(region.clock.zone, contract.zone))
        case TableServer() as server:
            from tidegate.sources.table import TableOrigin

            return TableOrigin(region.name, server, outside.landing, Moments(region.clock.zone, contract.zone))
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


def landing_of(outside: Outside) -> Files:
    """Where files land that contracts name by a path. Raises TidegateError for a place that cannot be."""
    return _files_at(outside.landing, "TIDEGATE_LANDING", outside, SftpVariables())


def _files_of(server: LandedServer, contract: Contract, outside: Outside) -> Files:
    setting = f"the location in {contract.label}"
    match server:
        case FolderServer():
            return landing_of(outside)
        case S3Server():
            return _files_at(server.bucket, setting, outside)
        case SftpServer():
            return _files_at(server.server, setting, outside, server.sign_in)


def _files_at(place: str, setting: str, outside: Outside, sftp: SftpVariables | None = None) -> Files:
    if place.startswith("sftp://") and sftp:
        return _sftp_at(place, setting, outside, sftp)
    return storage_at(place, setting, outside.s3_client, SourceDownError, confined=True)


def _sftp_at(place: str, setting: str, outside: Outside, variables: SftpVariables) -> Files:
    try:
        from tidegate.storage.sftp import SftpFiles
        from tidegate.storage.sftp_connection import SftpSignIn
    except ModuleNotFoundError as error:
        raise NotInstalledError(f"{setting}, {place},", str(error.name), "sftp") from error

    def sign_in() -> SftpSignIn:
        said = outside.environment.get
        if not (said(variables.key_file) or said(variables.password)):
            raise TidegateError(
                f"{place} cannot be reached: neither {variables.key_file}, the path of a key, nor {variables.password} "
                "is set. Nothing was changed. Set one where Tidegate runs, and run again."
            )
        return SftpSignIn(
            outside.variable(variables.user, f"the user who signs in at {place}"),
            said(variables.known_hosts) or KNOWN_HOSTS,
            said(variables.key_file),
            said(variables.key_passphrase),
            said(variables.password),
        )

    return SftpFiles.at(place, sign_in, setting, SourceDownError)


def archive_of(outside: Outside, scratch: Path) -> Archive:
    """The archive of a home. `scratch` is the caller's to remove when done. Raises TidegateError."""
    storage = storage_at(outside.archive, "TIDEGATE_ARCHIVE", outside.s3_client, ArchiveDownError, drafts=DRAFTS)
    return Archive(storage, scratch)
