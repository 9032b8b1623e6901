"""A real S3 server for tests: rclone, from its wheel, on a folder of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from dagster_aws.s3 import S3Resource

ACCESS_KEY = "TIDEGATETESTACCESSKEY"
SECRET_KEY = "a-secret-that-must-show-nowhere"
REGION = "us-east-1"
STARTED = re.compile(r"Starting s3 server on \[(http://[\d.]+:\d+)/\]")


@dataclass(frozen=True)
class S3Server:
    """`endpoint` is where it listens; a bucket is a folder in `root`. `client` is made as the platform's is."""

    endpoint: str
    root: Path

    @cached_property
    def client(self) -> Any:
        return self.new_client()

    def new_client(self) -> Any:
        return S3Resource(
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
        ).get_client()

    @property
    def environment(self) -> dict[str, str]:
        """What any AWS tool finds it by."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }


@dataclass(frozen=True)
class Bucket:
    """A bucket of one test's own."""

    server: S3Server
    name: str

    @property
    def client(self) -> Any:
        return self.server.client

    @property
    def folder(self) -> Path:
        """Where rclone keeps the objects, each in a file. It sees what is there when it looks for the first time."""
        return self.server.root / self.name

    @property
    def url(self) -> str:
        return f"s3://{self.name}"

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", ())]


@contextmanager
def s3_server(root: Path, *options: str, address: str = "127.0.0.1:0") -> Iterator[S3Server]:
    """A server on this machine that serves the folder `root`; `options` are rclone's, such as `--read-only`."""
    rclone = str(Path(sys.executable).with_name("rclone"))
    credentials = f"{ACCESS_KEY},{SECRET_KEY}"
    command = [rclone, "serve", "s3", "--config", "", "--addr", address, "--auth-key", credentials, *options]
    command.append(str(root))
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        endpoint = next(match[1] for line in process.stderr if (match := STARTED.search(line)))
        # What it goes on to say must be taken from it, or it stops at a full pipe.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield S3Server(endpoint, root)
    finally:
        # At once: asked to end, it finishes what it was asked before.
        process.kill()
        process.wait()
