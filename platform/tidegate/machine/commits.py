"""Asking git about a folder: which commit of its repository it is at, and what else only git knows."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SECONDS = 10

# By these a hook leads every git that it starts to its own repository.
OF_A_HOOK = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX"}
)


def commit_of(folder: Path) -> str | None:
    """The commit that the folder's repository is at, `+` where files in the folder differ from it; None without a
    repository, or without git."""
    commit = _said(folder, "rev-parse", "--short=12", "HEAD")
    if commit is None:
        return None
    return f"{commit}+" if _said(folder, "status", "--porcelain", "--", ".") else commit


def _said(folder: Path, *words: str) -> str | None:
    try:
        done = ask_git(folder, *words, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        # A repository on a slow disk. The change is entered without its commit.
        return None
    return done.stdout.decode().strip() if done and done.returncode == 0 else None


def ask_git(folder: Path, *words: str, timeout: float | None = None) -> subprocess.CompletedProcess[bytes] | None:
    """What git answers of the repository that the folder is in; None without git."""
    git = shutil.which("git")
    if git is None:
        return None
    # Without its optional locks, git does not write into the repository to answer sooner the next time.
    command = [git, "--no-optional-locks", "-C", str(folder), *words]
    environment = {name: value for name, value in os.environ.items() if name not in OF_A_HOOK}
    return subprocess.run(command, env=environment, capture_output=True, timeout=timeout, check=False)  # noqa: S603
