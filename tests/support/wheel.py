"""The wheel of this checkout, the same by another version, and what a package index would add to it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tidegate.settings import CHECKOUT

# What an environment has of its own, and what is to come from the wheel.
_LEFT_OUT = ("tidegate", "__editable__", "pip", "_virtualenv", "__pycache__")


def built(folder: Path, *what: str) -> Path:
    """Build wheel and sdist, or only one (`--wheel`), into the folder, and return the wheel."""
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "build", "--quiet", "--offline", "--no-build-isolation", "--python", sys.executable, "-o", folder]
    subprocess.run([*map(str, command), *what, str(CHECKOUT)], check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    return wheel


def as_version(wheel: Path, newer: str) -> Path:
    """The same wheel, by another version."""
    old = version("tidegate")
    target = wheel.with_name(wheel.name.replace(f"-{old}-", f"-{newer}-"))
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w") as copy:
        for item in source.infolist():
            name, content = item.filename, source.read(item)
            if ".dist-info/" in name and name.endswith(("METADATA", "RECORD")):
                content = content.replace(f"Version: {old}".encode(), f"Version: {newer}".encode())
                content = content.replace(f"tidegate-{old}.".encode(), f"tidegate-{newer}.".encode())
            copy.writestr(name.replace(f"tidegate-{old}.", f"tidegate-{newer}."), content)
    return target


def as_from_an_index(folder: Path, wheels: Path) -> dict[str, str]:
    """Variables by which `pip install tidegate` takes one of the wheels, and finds all that it depends on, without a
    network: the packages of this environment. Theirs are linked into `folder`, and Tidegate itself is left out."""
    folder.mkdir()
    for entry in Path(pytest.__file__).parents[1].iterdir():
        if not entry.name.startswith(_LEFT_OUT) and entry.suffix != ".pth":
            (folder / entry.name).symlink_to(entry)
    return {
        "PYTHONPATH": str(folder),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
