"""Captures one day's customers from the API at argv[1] into the archive argv[2], and prints what that took.

A process of its own, because a process's peak memory never falls again.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from pathlib import Path

from tests.support.intake.archives import folder_archive

from tidegate.contract.http import HttpServer
from tidegate.sources.http.source import HttpOrigin
from tidegate.sources.origin import Outside

SERVER = HttpServer("{base}/customers?as_of={day}", base_url_variable="CRM_URL", records="customers")


def peak() -> int:
    """The most memory that this process has ever held, in bytes. (getrusage would tell its parent's as well.)"""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])


def main(url: str, archive: str) -> None:
    before = peak()
    origin = HttpOrigin("crm", SERVER, Outside("", archive, {"CRM_URL": url}))
    captured = origin.capture(folder_archive(Path(archive)), "customers", dt.date(2024, 1, 1))
    print(json.dumps({"pages": len(captured.files), "bytes": captured.bytes, "grown_by": peak() - before}))


if __name__ == "__main__":
    main(*sys.argv[1:])
