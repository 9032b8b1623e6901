"""The dbt project as parsed: its manifest, kept as long as nothing that shaped it changed.

Parsing takes seconds. Its result depends on the project's files and packages, environment variables and dbt's version,
not on the days to build: dbt renders variables when it compiles. A state goes by what is in the files and not by where
they are, so homes may share it. Running dbt belongs to `invoke`.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tidegate.contract.model import Contract
from tidegate.errors import TidegateError
from tidegate.machine.disk import disk_trouble, write_whole
from tidegate.settings import Settings
from tidegate.transform.package import is_named_by, link_package
from tidegate.transform.parsed.files import knows_its_folder, modules_of, project_files, variables_of, variables_read
from tidegate.transform.parsed.logic import BY_SOURCE, logic_of, logic_of_tests
from tidegate.transform.parsed.private import Manifest, call_dbt, manifest_of, moved

PICKLED = "manifest.pickle"

# At the end of the names of plans' targets.
OF_A_PLAN = "-plan"

# Whoever runs anything in a home marks its state as used, and no home that is in use rests for longer.
IN_USE_SECONDS = 24 * 3600.0

# Of these, dbt and its adapter decide what a manifest looks like.
PARSED_BY = ("dbt-core", "dbt-adapters", "dbt-duckdb")


@dataclass(frozen=True)
class Shadow:
    """Where a plan has these nodes, by dbt's unique id: in schemas whose names begin so. Models it builds there, and
    sources it reads there. All else stays where it is."""

    prefix: str
    nodes: frozenset[str]

    @property
    def variable(self) -> Mapping[str, object]:
        return {"prefix": self.prefix, "nodes": sorted(self.nodes)}


class DbtProject:
    """The dbt project of these settings, parsed once per state of its files by whichever process is first."""

    def __init__(
        self,
        settings: Settings,
        shadow: Shadow | None = None,
        contracts: Callable[[], Mapping[str, Contract]] | None = None,
    ) -> None:
        """`contracts` gives those of the settings where the caller has read them already, which takes 0.1 s."""
        self.folder = settings.dbt_project
        self.first_day = settings.start_date
        self.zone = settings.zone
        self.spark = settings.spark
        self._contracts = contracts or (lambda: _read_contracts(settings.contracts))
        self._shadow = shadow
        self._of_shadow = {"shadow": shadow.variable} if shadow else {}
        # What a plan has is this, with some of it elsewhere.
        self._in_production = DbtProject(settings, contracts=contracts) if shadow else None
        self._parsed = settings.parsed_projects

    @cached_property
    def allowed_lateness(self) -> Mapping[str, int | None]:
        """By source, how many days late its contract lets a row come: what judges deliveries also says what staging
        reads. None: any."""
        return {name: contract.allowed_lateness_days for name, contract in self._contracts().items()}

    @property
    def variables(self) -> Mapping[str, Any]:
        """The dbt variables of every run of these settings, whatever its days."""
        return {
            "allowed_lateness_days": self.allowed_lateness,
            "timezone": self.zone.name,
            "offsets_of_timezone": self.zone.offsets,
            **self._of_shadow,
        }

    @property
    def variables_digest(self) -> str:
        return _digest(self.variables)

    @cached_property
    def target(self) -> Path:
        """dbt's target folder of this state of the project; parsed on first use."""
        target = self._parsed / (self._fingerprint() + (OF_A_PLAN if self._of_shadow else ""))
        with suppress(OSError):
            # It is in use, so nobody forgets it now. An image's may be read only.
            os.utime(target)
        if not (target / PICKLED).exists():
            self._parse_into(target)
        return target

    def prepare(self) -> None:
        """Parse now what would be parsed on first use."""
        _ = self.target

    @property
    def manifest_path(self) -> Path:
        """The manifest as JSON, as Dagster and others read it."""
        return self.target / "manifest.json"

    def manifest(self) -> Mapping[str, Any]:
        """The content of `manifest_path`; read once per process."""
        return _read_manifest(self.manifest_path)

    def load_manifest(self) -> Manifest:
        """The manifest as dbt's own object, which `dbtRunner` takes. A new one each time: dbt writes into it what it
        compiled, and would not inline ephemeral models again."""
        return _load_manifest(self.target / PICKLED)

    def logic(self) -> Mapping[str, str]:
        """The logic hash of each model, by its name in the lake; reckoned once per state of project and contracts."""
        given = self._given
        kept = self.target / f"logic-{_digest(given)}.json"
        if not kept.exists():
            nodes = self.manifest()["nodes"]
            hashes = logic_of(self.manifest(), given, modules_of(self.folder))
            write_whole(kept, json.dumps({nodes[unique_id]["alias"]: of_it for unique_id, of_it in hashes.items()}))
        found: dict[str, str] = json.loads(kept.read_text())
        return found

    @property
    def _given(self) -> Mapping[str, object]:
        """The variables that logic may read."""
        return {**variables_of(self.folder), BY_SOURCE: self.allowed_lateness}

    def logic_of_tests(self, unique_ids: Iterable[str]) -> str:
        """A hash over what these tests ask."""
        return logic_of_tests(self.manifest(), self._given, unique_ids)

    def _fingerprint(self) -> str:
        if is_named_by(self.folder):
            link_package(self.folder)
        digest = hashlib.sha256(sys.version.encode())
        for package in PARSED_BY:
            digest.update(f"\0{package} {version(package)}".encode())
        files = {path: path.read_bytes() for path in project_files(self.folder)}
        for path, content in files.items():
            digest.update(f"\0{os.path.relpath(path, self.folder)}\0{len(content)}\0".encode())
            digest.update(content)
        if knows_its_folder(self.folder, files):
            digest.update(f"\0{self.folder}".encode())
        digest.update(repr(variables_read(list(files.values()))).encode())
        if self._of_shadow:
            digest.update(json.dumps(self._of_shadow).encode())
        return digest.hexdigest()[:16]

    def _parse_into(self, target: Path) -> None:
        """Parse beside `target` and move it there whole, so that processes that parse at once all find it."""
        self._parsed.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._parsed, prefix="parsing-") as beside:
            parsed = Path(beside) / "target"
            if self._shadow and self._in_production:
                parsed.mkdir()
                _move(self._in_production, parsed, self._shadow)
            else:
                _parse(self.folder, parsed)
                msgpack = parsed / "partial_parse.msgpack"
                _pickle_manifest(parsed, manifest_of(msgpack.read_bytes()))
                msgpack.unlink()
            try:
                parsed.rename(target)
            except OSError:
                # Another process was first with the same result.
                if not (target / PICKLED).exists():
                    raise
        self._forget_older(target)

    def _forget_older(self, newest: Path, keep: int = 5) -> None:
        """Drop targets of states long gone, which nobody used lately. Plans, each with a target of its own, drop those
        of plans only: they read the project's beside it."""
        is_of_a_plan = newest.name.endswith(OF_A_PLAN)
        others = {
            path: _last_use(path)
            for path in self._parsed.iterdir()
            if path != newest and path.name.endswith(OF_A_PLAN) is is_of_a_plan and (path / PICKLED).is_file()
        }
        for path in sorted(others, key=lambda path: others[path], reverse=True)[keep:]:
            if time.time() - others[path] > IN_USE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def _last_use(target: Path) -> float:
    """When it was used last; never where another process forgot it just now."""
    try:
        return target.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def quiet_arguments(folder: Path, target: Path) -> list[str]:
    """Arguments of every dbt call: where things are, and nothing to the console, log files or the network."""
    return [
        *("--project-dir", str(folder), "--profiles-dir", str(folder), "--target", "lake"),
        *("--target-path", str(target), "--log-path", str(target)),
        *("--log-level", "none", "--log-level-file", "none", "--quiet", "--no-send-anonymous-usage-stats"),
    ]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _parse(folder: Path, target: Path) -> None:
    result = call_dbt(["parse", *quiet_arguments(folder, target), "--no-partial-parse"])
    if result.exception:
        raise disk_trouble(result.exception) or TidegateError(
            f"dbt cannot read the project in {folder}: {result.exception}\n"
            "Nothing was built. Fix the file it names and run again."
        ) from result.exception


def _move(project: DbtProject, target: Path, shadow: Shadow) -> None:
    """Have a target where the nodes of a plan are in its schemas. It is made of the project's own: parsing all of it
    again takes seconds, and gives the same but for these names."""
    _pickle_manifest(target, moved(project.load_manifest(), shadow.nodes, shadow.prefix))
    as_json = {**project.manifest()}
    for kind in ("nodes", "sources"):
        as_json[kind] = {
            unique_id: {**node, "schema": shadow.prefix + node["schema"], "relation_name": None}
            if unique_id in shadow.nodes
            else node
            for unique_id, node in as_json[kind].items()
        }
    (target / "manifest.json").write_text(json.dumps(as_json), encoding="utf-8")


@lru_cache(maxsize=2)
def _read_manifest(path: Path) -> Mapping[str, Any]:
    """The project's and a plan's, which are read in turns."""
    manifest: Mapping[str, Any] = json.loads(path.read_bytes())
    return manifest


def _pickle_manifest(target: Path, manifest: Manifest) -> None:
    """Keep the manifest as dbt's runner takes it: loading that takes 5 ms, and dbt's own msgpack 140 ms."""
    (target / PICKLED).write_bytes(pickle.dumps(manifest, pickle.HIGHEST_PROTOCOL))


def _load_manifest(path: Path) -> Manifest:
    # Written by `_pickle_manifest` into this home, whose owner may run any code as it is.
    manifest: Manifest = pickle.loads(path.read_bytes())  # noqa: S301
    return manifest


def _read_contracts(folder: Path) -> Mapping[str, Contract]:
    # Importing what reads them takes 0.1 s, and most callers have them.
    from tidegate.contract.reading.odcs import load_contracts

    return load_contracts(folder)
