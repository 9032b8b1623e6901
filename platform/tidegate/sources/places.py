"""Which kind of origin or archive a place calls for."""

from __future__ import annotations

from pathlib import Path

from tidegate.archive.archive import Archive, FolderArchive
from tidegate.contract.model import Contract, FolderServer, HttpServer, PostgresServer, Region, S3Server
from tidegate.errors import ArchiveDownError, SourceDownError, TidegateError
from tidegate.sources.origin import Landing, Origin, Outside


def origin_of(contract: Contract, region: Region, outside: Outside) -> Origin:
    """Where the deliveries of a contract's region come from. Raises TidegateError for a place that cannot be."""
    # Each kind is imported when it is met: a home without S3 or HTTP does not pay for their clients.
    match region.server:
        case FolderServer(path):
            return _landing_at(outside.landing, path, "TIDEGATE_LANDING", contract, region, outside)
        case S3Server(location):
            bucket, _, path = location.removeprefix("s3://").partition("/")
            return _landing_at(f"s3://{bucket}", path, f"the location in {contract.label}", contract, region, outside)
        case HttpServer() as server:
            from tidegate.sources.http.source import HttpOrigin

            return HttpOrigin(region.name, server, outside)
        case PostgresServer() as server:
            from tidegate.sources.postgres.source import PostgresOrigin

            return PostgresOrigin(region.name, server, outside)


def _landing_at(root: str, path: str, setting: str, contract: Contract, region: Region, outside: Outside) -> Landing:
    if root.startswith("s3://"):
        from tidegate.sources.s3 import S3Origin
        from tidegate.storage.s3 import S3Folder

        folder = S3Folder.at(root, outside.s3_client(), setting, SourceDownError)
        return S3Origin(folder, region.name, path, contract.readiness)
    from tidegate.sources.folder import FolderOrigin

    return FolderOrigin(_folder(root, setting), region.name, path, contract.readiness)


def archive_of(outside: Outside, scratch: Path) -> Archive:
    """The archive of a home. `scratch` is the caller's to remove when done. Raises TidegateError."""
    if outside.archive.startswith("s3://"):
        from tidegate.archive.s3 import S3Archive
        from tidegate.storage.s3 import S3Folder

        folder = S3Folder.at(outside.archive, outside.s3_client(), "TIDEGATE_ARCHIVE", ArchiveDownError)
        return S3Archive(folder, scratch)
    return FolderArchive(_folder(outside.archive, "TIDEGATE_ARCHIVE"))


def _folder(place: str, setting: str) -> Path:
    if "://" in place:
        raise TidegateError(f"{setting} is {place}; it must be a folder or s3://bucket/prefix.")
    return Path(place).absolute()
