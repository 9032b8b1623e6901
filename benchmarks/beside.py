"""A backfill alone, and the same one while readers ask what is published: what it takes, how long the readers wait, and
whether both end with the same content and no reader saw a day half published.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import statistics
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.goals import Figure, Line
from benchmarks.growth import GrowingSite, begin_site, growing_landing
from benchmarks.processes import FailedError, Measured, in_child, run
from benchmarks.published import in_lake, refuse_other_content
from tidegate.window import ONE_DAY

# In times of the backfill without readers.
AT_MOST = 1.5


def beside_report(data: Path, days: int, readers: int) -> Iterator[Line]:
    """Lines of the report."""
    today = dt.datetime.now(dt.UTC).date()
    landing = in_child(growing_landing, data, days, today)
    took, published, waited = {}, {}, [0.0]
    for name, number in {"alone": 0, f"beside {readers} readers": readers}.items():
        print(f"beside: a backfill of {days} days {name} ...", file=sys.stderr, flush=True)
        site = GrowingSite(data / "sites" / "beside", landing, days, today)
        begin_site(site)
        # Readers ask what is published, so something is.
        run([site.tidegate("run", "--partition", str(site.first))], site.log)
        took[name], read = _backfill_beside(site, number)
        published[name] = in_child(in_lake, site.home)
        waited = [each for one in read for each in one["waited"]] or waited
        shutil.rmtree(site.folder)
    refuse_other_content(published, days)
    yield f"\nbeside: a backfill of {days} small days in one go, alone and beside {readers} readers; equal content"
    yield from _table(took, waited)


def _backfill_beside(site: GrowingSite, readers: int) -> tuple[Measured, list[Mapping[str, list[float]]]]:
    """What the backfill took, without the readers, and what each reader wrote."""
    last = site.measured_days[0] - ONE_DAY
    backfill = site.tidegate("backfill", "--from", str(site.first), "--to", str(last))
    ends, notes = site.folder / "ends", [site.folder / f"reader-{number}.json" for number in range(readers)]
    reading = [site.module("reading", "--until", str(ends), "--took", str(note)) for note in notes]
    threads = [
        threading.Thread(target=run, args=([command], site.folder / f"{note.stem}.txt"))
        for command, note in zip(reading, notes, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        took = run([backfill], site.log)
    finally:
        ends.touch()
        for thread in threads:
            thread.join()
    return took, [_read(note) for note in notes]


def _read(note: Path) -> Mapping[str, list[float]]:
    if not note.exists():
        raise FailedError(f"A reader failed: see {note.with_suffix('.txt')}.")
    read: Mapping[str, list[float]] = json.loads(note.read_text())
    if read["half_published"]:
        raise FailedError(f"A reader saw days half published: {read['half_published']}.")
    return read


def _table(took: Mapping[str, Measured], waited: Sequence[float]) -> Iterator[Line]:
    yield f"{'':32}{'seconds':>10}{'CPU s':>10}{'peak MiB':>10}"
    for name, one in took.items():
        yield f"{name:32}{one.seconds:10.2f}{one.cpu_seconds:10.2f}{one.peak_bytes / 2**20:10,.0f}"
    alone, beside = took.values()
    yield Figure("beside: beside / alone, CPU", beside.cpu_seconds / alone.cpu_seconds, AT_MOST)
    yield (
        f"readers: {len(waited):,} questions, median {statistics.median(waited):.3f} s, longest {max(waited):.3f} s; "
        "no day was half published"
    )
