"""Old versions of exports go, once no consumer that followed a pointer can still be reading them.

A version's time counts from when the next one took its place. The one that the pointer names stays, however old.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from tidegate.errors import TidegateError
from tidegate.lake.connect import Lake
from tidegate.ledger.outputs import times_of_outputs
from tidegate.ledger.runs import run_ids
from tidegate.outputs.exports import FOLDER, POINTER, exported_names
from tidegate.storage.files import Storage, StoredFile, part

# A run that is resumed writes beside what it wrote before: `<run id>-2`.
_REPEATED = re.compile(r"-\d{1,4}$")


@dataclass
class _Version:
    """The files of `exports/<mart>/<partition>/<version>`, whose folder is `partition`/`name`."""

    partition: str
    name: str
    files: list[StoredFile]


def expire_exports(lake: Lake, store: Storage, days: int, now: dt.datetime) -> int:
    """Delete the versions that gave way more than `days` before `now` (UTC); returns how many."""
    gave_way = _Times(lake, store)
    before = now - dt.timedelta(days=days)
    ours = [version for version in _versions(store.files(FOLDER)) if gave_way.knows(version)]
    expired = [version for version in ours if gave_way.of(version, now) < before]
    # Asked last, so that what a pointer has come to name since the listing stays as well.
    gone = [version for version in expired if version.name != _version_pointed_to(store, version.partition)]
    store.delete(file.name for version in gone for file in version.files)
    return len(gone)


class _Times:
    """When versions gave way to the next ones, as the ledger tells it."""

    def __init__(self, lake: Lake, store: Storage) -> None:
        self._store = store
        self._times = times_of_outputs(lake.con, store.place)
        self._runs = {part(run_id) for run_id in run_ids(lake.con)}
        self._newest = {
            location.rpartition("/")[0]: made_at
            for location, (made_at, replaced_at) in self._times.items()
            if replaced_at is None
        }

    def knows(self, version: _Version) -> bool:
        """Whether the ledger names the version, or the run that its folder is called after: one that was killed."""
        location = f"{self._store.address(version.partition)}/{version.name}"
        run = _REPEATED.sub("", version.name)
        return location in self._times or version.name in self._runs or run in self._runs

    def of(self, version: _Version, now: dt.datetime) -> dt.datetime:
        """A version that stands gives way `now` at the earliest.

        Where only its run is known, the run was killed. A pointer may have led there until the partition was exported
        again.
        """
        partition = self._store.address(version.partition)
        known = self._times.get(f"{partition}/{version.name}")
        if known:
            return _utc(known[1]) if known[1] else now
        written = max(file.written_at for file in version.files)
        return max(written, _utc(self._newest[partition])) if partition in self._newest else written


def _versions(files: Iterable[StoredFile]) -> list[_Version]:
    found: dict[str, _Version] = {}
    for file in files:
        folder, _, name = file.name.rpartition("/")
        # What has another name than an export's is somebody else's.
        if folder.count("/") == 3 and name in exported_names(folder.split("/")[1]):
            partition, _, version = folder.rpartition("/")
            found.setdefault(folder, _Version(partition, version, [])).files.append(file)
    return list(found.values())


def _version_pointed_to(store: Storage, partition: str) -> str | None:
    name = f"{partition}/{POINTER}"
    content = store.read(name)
    if content is None:
        return None
    try:
        return str(json.loads(content)["version"])
    except (ValueError, TypeError, KeyError) as error:
        raise TidegateError(
            f"{store.address(name)} is not a pointer any more: somebody else wrote there. Versions of exports were not "
            "deleted. Materialize that partition again in Dagster, which makes export and pointer again."
        ) from error


def _utc(naive: dt.datetime) -> dt.datetime:
    return naive.replace(tzinfo=dt.UTC)
