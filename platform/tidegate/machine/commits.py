"""Which commit of its repository a folder is at."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SECONDS = 10


def commit_of(folder: Path) -> str | None:
    """The commit that the folder's repository is at, `+` where files in the folder differ from it; None without a
    repository, or without git."""
    git = shutil.which("git")
    if git is None:
        return None
    commit = _said(git, folder, "rev-parse", "--short=12", "HEAD")
    if commit is None:
        return None
    return f"{commit}+" if _said(git, folder, "status", "--porcelain", "--", ".") else commit


def _said(git: str, folder: Path, *words: str) -> str | None:
    # Without its optional locks, git does not write into the repository to answer sooner the next time.
    command = [git, "--no-optional-locks", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        # A repository on a slow disk. The change is entered without its commit.
        return None
    return done.stdout.strip() if done.returncode == 0 else None
