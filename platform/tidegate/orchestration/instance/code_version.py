"""What a machine would run and judge by: its code, contracts and dbt project, by content.

Two machines that differ in it would build days differently, and nothing else notices. The code server says what it has
with its definitions; whoever is sent a run compares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tidegate.orchestration.instance.private import LaunchRunContext
from tidegate.settings import Settings
from tidegate.transform.parsed.files import project_files

PACKAGE = Path(__file__).parents[2]

# Under which the definitions carry it.
VERSION_METADATA = "tidegate/version"

# Whose versions change what comes of a run.
ENGINES = ("dagster", "dbt-core", "dbt-duckdb", "duckdb")


def version_of(settings: Settings) -> str:
    """`code:<hash> contracts:<hash> project:<hash> definitions:<hash>`: the same wherever the same files are."""
    parts = {
        "code": _code_hash(),
        "contracts": _hash_of(settings.contracts, _files_of(settings.contracts)),
        "project": _hash_of(settings.dbt_project, project_files(settings.dbt_project)),
        "definitions": _hash_of(
            settings.defs.parent, _files_of(settings.defs.parent) if settings.defs.exists() else []
        ),
    }
    return " ".join(f"{name}:{digest}" for name, digest in parts.items())


def difference(one: str, other: str) -> str:
    """In what two versions differ, in words: `its contracts and dbt project`."""
    words = {
        "code": "Tidegate's code or engine",
        "contracts": "the contracts",
        "project": "the dbt project",
        "definitions": "your own definitions",
    }
    first, second = _parts(one), _parts(other)
    return " and ".join(words[name] for name in words if first.get(name) != second.get(name)) or "nothing"


def version_in_code_server(context: LaunchRunContext) -> str | None:
    """What the definitions say that a run is launched of; None where they are not Tidegate's, or of one machine."""
    origin = context.dagster_run.remote_job_origin
    if origin is None or context.workspace is None:
        return None
    repository = origin.repository_origin
    location = context.workspace.get_code_location(repository.code_location_origin.location_name)
    metadata = location.get_repository(repository.repository_name).repository_snap.metadata or {}
    found = metadata.get(VERSION_METADATA)
    return str(found.value) if found else None


def _parts(text: str) -> dict[str, str]:
    return dict(part.split(":", 1) for part in text.split() if ":" in part)


def _files_of(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _code_hash() -> str:
    digest = hashlib.sha256(_hash_of(PACKAGE, _files_of(PACKAGE)).encode())
    for engine in ENGINES:
        digest.update(f"{engine}={_installed(engine)}\n".encode())
    return digest.hexdigest()[:12]


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _hash_of(root: Path, files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogatepass"))
        digest.update(content)
    return digest.hexdigest()[:12]
