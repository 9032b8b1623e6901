"""The dependencies workflow proposes a changed lock, and the one of changes acts on what `tidegate ci` says.
`make lint` checks the forge's files by their schemas."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tidegate.settings import CHECKOUT

BRANCH = "update-dependencies"
LOCK = "duckdb==1.5.5 \\\n    --hash=sha256:aa\nrich==14.0.0 \\\n    --hash=sha256:bb\n"

# The forge's own program is outside: it writes down how it is called, and says how many pull requests are open.
GH = """#!/bin/sh
printf '%s\\n' "$*" >> {calls}
[ "$2" != list ] || echo {open_pulls}
"""


@dataclass(frozen=True)
class Forge:
    """A repository with a checkout of `main`, and what was asked of the forge's program."""

    checkout: Path
    repository: Path
    programs: Path
    calls: Path

    def propose(self, open_pulls: int = 0) -> str:
        gh = self.programs / "gh"
        gh.write_text(GH.format(calls=self.calls, open_pulls=open_pulls))
        gh.chmod(0o755)
        self.calls.write_text("")
        return run(["bash", str(CHECKOUT / ".github" / "propose_lock.sh")], self.checkout, programs=self.programs)

    def asked(self) -> str:
        return self.calls.read_text()


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    forge = Forge(tmp_path / "checkout", tmp_path / "repository.git", tmp_path / "bin", tmp_path / "calls")
    forge.programs.mkdir()
    run(["git", "init", "--quiet", "--bare", "--initial-branch", "main", str(forge.repository)], tmp_path)
    run(["git", "clone", "--quiet", str(forge.repository), str(forge.checkout)], tmp_path)
    (forge.checkout / "requirements.lock").write_text(LOCK)
    run(["git", "switch", "--quiet", "--create", "main"], forge.checkout)
    run(["git", "add", "."], forge.checkout)
    run(["git", "-c", "user.name=A", "-c", "user.email=a@shop.example", "commit", "-qm", "Lock"], forge.checkout)
    run(["git", "push", "--quiet", "origin", "main"], forge.checkout)
    return forge


def test_a_lock_that_did_not_change_proposes_nothing(forge: Forge) -> None:
    assert "up to date" in forge.propose()

    assert forge.asked() == ""
    assert run(["git", "branch", "--list", BRANCH], forge.repository) == ""


def test_a_changed_lock_becomes_a_pull_request_that_names_the_versions_and_runs_the_gate(forge: Forge) -> None:
    change_lock(forge, "rich==14.1.0")

    forge.propose()

    assert run(["git", "diff", "--name-only", "main", BRANCH], forge.repository) == "requirements.lock\n"
    asked = forge.asked()
    assert "pr create --base main --head update-dependencies" in asked
    assert "-rich==14.0.0\n+rich==14.1.0\n" in asked
    assert "duckdb" not in asked
    assert asked.endswith("workflow run ci.yml --ref update-dependencies\n")


def test_a_pull_request_that_is_open_gets_the_newest_versions(forge: Forge) -> None:
    change_lock(forge, "rich==14.1.0")
    forge.propose()
    run(["git", "switch", "--quiet", "main"], forge.checkout)
    change_lock(forge, "rich==14.2.0")

    forge.propose(open_pulls=1)

    assert "rich==14.2.0" in run(["git", "show", f"{BRANCH}:requirements.lock"], forge.repository)
    assert run(["git", "rev-list", "--count", f"main..{BRANCH}"], forge.repository) == "1\n"
    assert "pr edit update-dependencies" in forge.asked()
    assert "pr create" not in forge.asked()


@pytest.mark.parametrize(
    ("said", "fails", "shown"),
    [
        (0, False, "the report"),
        (3, False, "the report"),
        (4, True, "the report"),
        (1, True, "could not be checked"),
    ],
)
def test_a_change_passes_with_a_warning_where_content_differs_and_fails_where_it_would_be_refused(
    tmp_path: Path, said: int, fails: bool, shown: str
) -> None:
    tidegate, summary = tmp_path / ".venv" / "bin" / "tidegate", tmp_path / "summary"
    tidegate.parent.mkdir(parents=True)
    # What it does is tested elsewhere; here is what follows from its exit code.
    tidegate.write_text(f'#!/bin/sh\n[ "$2" = --base ] && echo "the report of $3" >"$5"\nexit {said}\n')
    tidegate.chmod(0o755)

    done = subprocess.run(
        ["bash", str(CHECKOUT / ".github" / "check_change.sh"), "HEAD^1"],
        cwd=tmp_path,
        env={**os.environ, "GITHUB_STEP_SUMMARY": str(summary)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode != 0) is fails
    assert shown in summary.read_text()
    assert ("::warning" in done.stdout) is (said == 3)


def change_lock(forge: Forge, version: str) -> None:
    (forge.checkout / "requirements.lock").write_text(LOCK.replace("rich==14.0.0", version))


def run(command: list[str], folder: Path, programs: Path | None = None) -> str:
    # A hook that runs the tests has set variables that lead every git back to its own repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    if programs:
        environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
