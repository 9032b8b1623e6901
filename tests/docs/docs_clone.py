"""A fresh clone of this repository, as a newcomer has it after `make setup-all`.

What is not committed yet is carried over, so that a page can be tried before it is. The packages are those of the
environment that runs the tests: what that installs is installed there already, and is not what is tested here.
The package `tidegate` itself is the clone's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tidegate.settings import CHECKOUT


def fresh_clone(folder: Path) -> Path:
    """Clone the repository into `folder`, with an environment in `.venv` that `make` takes for installed."""
    _git("clone", "--quiet", str(CHECKOUT), str(folder), at=CHECKOUT)
    _carry_over_uncommitted(folder)
    _borrow_environment(folder)
    return folder


def _carry_over_uncommitted(clone: Path) -> None:
    changed = _git("ls-files", "-z", "--modified", "--others", "--exclude-standard", at=CHECKOUT)
    for name in filter(None, changed.split("\0")):
        if (CHECKOUT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, clone / name)
        else:
            (clone / name).unlink(missing_ok=True)


def _borrow_environment(clone: Path) -> None:
    environment = clone / ".venv"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    # Only the first is a folder of packages to Python, so the checkout that is installed in the second is not found.
    (packages / "borrowed.pth").write_text(f"{clone / 'platform'}\n{sysconfig.get_path('purelib')}\n")
    for program in Path(sys.executable).parent.iterdir():
        _borrow_program(program, python)
    (environment / ".installed").touch()
    (environment / ".tools").touch()


def _borrow_program(program: Path, python: Path) -> None:
    there = python.with_name(program.name)
    if there.exists() or program.is_dir() or program.name.startswith("activate"):
        return
    content = program.read_bytes()
    first_line, _, rest = content.partition(b"\n")
    if first_line.startswith(b"#!") and b"python" in first_line:
        there.write_bytes(b"#!" + os.fsencode(python) + b"\n" + rest)
        there.chmod(0o755)
    else:
        there.symlink_to(program)


def _git(*words: str, at: Path) -> str:
    # A hook that runs the tests has set variables that lead every git back to its own repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(["git", *words], cwd=at, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
