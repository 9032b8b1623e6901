"""A real server of Azure's blobs for tests: Azurite, from npm, which is not installed with Tidegate's own packages."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import os
import re
import subprocess
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

# Read when the tests are collected: no test sees the environment of whoever runs them.
VARIABLE = "TIDEGATE_TEST_AZURITE"
PROGRAM = os.environ.get(VARIABLE, "")

needs_azurite = pytest.mark.skipif(
    not PROGRAM, reason=f"needs Azurite from npm: set {VARIABLE} to the path of azurite-blob, see CONTRIBUTING.md"
)

# Azurite's own account, which its documentation publishes, and obstore knows.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
VERSION = "2021-08-06"
STARTED = re.compile(r"listens on (http://127\.0\.0\.1:\d+)")


@dataclass(frozen=True)
class AzureServer:
    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """What any tool of Azure's finds the emulator by."""
        return {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": self.endpoint}

    def new_container(self) -> str:
        name = f"box-{uuid.uuid4().hex[:12]}"
        date = dt.datetime.now(dt.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        signed = (
            f"PUT{chr(10) * 12}x-ms-date:{date}\nx-ms-version:{VERSION}\n/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        )
        signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), signed.encode(), hashlib.sha256)).decode()
        request = urllib.request.Request(
            f"{self.endpoint}/{ACCOUNT}/{name}?restype=container",
            method="PUT",
            headers={
                "x-ms-date": date,
                "x-ms-version": VERSION,
                "Authorization": f"SharedKey {ACCOUNT}:{signature}",
                "Content-Length": "0",
            },
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 201
        return name


@contextmanager
def azure_server(folder: Path) -> Iterator[AzureServer]:
    """A server on 127.0.0.1 that keeps all in memory; `folder` is where it runs."""
    options = ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    command = [PROGRAM, "--blobHost", "127.0.0.1", "--blobPort", "0", *options]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        endpoint = next(match[1] for line in process.stdout if (match := STARTED.search(line)))
        # What it goes on to say must be taken from it, or it stops at a full pipe.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield AzureServer(endpoint)
    finally:
        process.terminate()
        process.wait()
