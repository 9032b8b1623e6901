"""The image of deploy/docker, built and run by podman without a registry of images, on a base of Debian's packages.

What is built lies in a folder of its own and is gone afterwards.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tidegate.settings import CHECKOUT

PROGRAMS = ("podman", "runc", "mmdebstrap")
BASE, IMAGE = "localhost/python", "localhost/tidegate"

# Of a release whose Python is one that Tidegate runs on, what the Dockerfile asks of its base.
RELEASE = "trixie"
PACKAGES = "python3,python3-venv,python-is-python3,ca-certificates"

# Works where the machine is itself a container: its limits cannot be raised, and crun knows no cgroups of both kinds.
CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
"""


def is_possible() -> bool:
    return os.geteuid() == 0 and all(map(shutil.which, PROGRAMS))


@dataclass(frozen=True)
class Podman:
    folder: Path

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """What a command of podman's printed, on either of its streams."""
        places = ("--root", str(self.folder / "root"), "--runroot", str(self.folder / "run"))
        done = subprocess.run(
            ["podman", *places, *arguments],
            env={**os.environ, "CONTAINERS_CONF": str(self.folder / "containers.conf")},
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert not check or done.returncode == 0, done.stdout[-6000:]
        return done.stdout

    def run(self, *command: str, options: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> str:
        """Run a command in the image as deploy/compose.yaml has it run, but in the network of this machine."""
        variables = [f"--env={name}={value}" for name, value in (environment or {}).items()]
        rights = ("--cap-drop=ALL", "--security-opt=no-new-privileges")
        return self("run", "--network=host", *rights, *variables, *options, IMAGE, *command)

    def build(self) -> None:
        base = self.folder / "base.tar"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", RELEASE, str(base)]
        subprocess.run(command, check=True)
        self("import", str(base), BASE)
        base.unlink()
        where = ("--isolation=chroot", "--network=host", "--pull=never", f"--build-arg=PYTHON={BASE}")
        self("build", *where, *self._settings_of_pip(), "--file=deploy/docker/Dockerfile", f"--tag={IMAGE}", ".")

    def _settings_of_pip(self) -> Iterator[str]:
        """What pip is told on this machine, and the files that this names, at the same places during the build."""
        command = [sys.executable, "-m", "pip", "config", "list"]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        # As `global.index-url='…'`, and of a variable, which wins, `:env:.index-url='…'`.
        settings = {}
        for line in sorted(listed, key=lambda line: line.startswith(":env:")):
            name, _, value = line.partition("=")
            settings[name.rpartition(".")[2]] = value.strip("'")
        file = self.folder / "pip.conf"
        file.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
        yield f"--volume={file}:/etc/pip.conf:ro"
        words = [word for value in settings.values() for word in value.split()]
        # The pages of an index of this machine link to files that lie beside it.
        indexes = [str(Path(word.removeprefix("file://")).parent) for word in words if word.startswith("file:///")]
        for path in {word for word in [*words, *indexes] if word.startswith("/") and Path(word).exists()}:
            yield f"--volume={path}:{path}:ro"


@contextmanager
def podman() -> Iterator[Podman]:
    # Podman takes a `--runroot` of 50 characters at most, so not in pytest's folder.
    folder = Path(tempfile.mkdtemp(prefix="tg-", dir="/tmp"))
    (folder / "containers.conf").write_text(CONTAINERS_CONF)
    made = Podman(folder)
    try:
        yield made
    finally:
        made("rm", "--all", "--force", "--time=0")
        made("rmi", "--all", "--force")
        made("unmount", "--all", check=False)
        shutil.rmtree(folder)
