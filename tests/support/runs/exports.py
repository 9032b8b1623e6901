"""Processes around exports: one that makes what is due and may be killed, and a consumer that never rests."""

from __future__ import annotations

import json
import signal
import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.support.outputs.consumer import Seen, follow, in_folder, new_connection
from tests.support.runs.processes import READER_RESTS

from tidegate.lake.config import LakeConfig
from tidegate.ledger.upkeep.opening import open_lake
from tidegate.outputs.exports import Exports
from tidegate.outputs.making import make_outputs
from tidegate.storage.folder import FolderStorage
from tidegate.window import Window


def make_what_is_due(config: LakeConfig, root: Path, makers: Sequence[Exports], window: Window, run_id: str) -> None:
    """What a run of the exports does."""
    with open_lake(config) as lake:
        making = make_outputs(lake, FolderStorage(root), makers, window.days, run_id)
    assert making.unmade == {}, making.unmade


def follow_on_and_on(root: Path, partitions: Collection[str]) -> None:
    """Follow every pointer over and over until told to stop; print each partition's versions in the order seen."""
    told_to_stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told_to_stop.append(number))
    seen: dict[str, list[Seen]] = {partition: [] for partition in partitions}
    passes, is_last = 0, False
    with tempfile.TemporaryDirectory() as scratch, new_connection() as con:
        while not is_last:
            # Once told to stop, everything once more: what was made last is seen too.
            is_last = bool(told_to_stop)
            time.sleep(READER_RESTS)
            for partition, versions in seen.items():
                found = follow(con, in_folder(root / "exports"), partition, Path(scratch))
                if found and versions[-1:] != [found]:
                    versions.append(found)
            passes += 1
    print(json.dumps({"passes": passes, "seen": {name: [asdict(one) for one in all_] for name, all_ in seen.items()}}))
