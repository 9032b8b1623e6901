"""A terminal in which the tests type what the pages say."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

# As wide as a reader's terminal may be, so that tables look as the pages show them.
COLUMNS = "100"

# A make that runs the tests has said in these how it was called.
OF_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")

# No command of the pages takes a tenth of it; on a busy machine one may.
LIMIT_SECONDS = 240

END = "end-of-block"
SAY_END = f'printf "\\n%s %s\\n" {END}'


class Shell:
    """One `sh`, which keeps variables and directory from block to block, as a terminal does."""

    def __init__(self, folder: Path, environment: Mapping[str, str], limit: float = LIMIT_SECONDS) -> None:
        self._limit = limit
        self._scripts = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            ["sh"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        # A command that fails ends the terminal, whose last words are then those of a block.
        self._say(f"trap '{SAY_END} $?' EXIT")

    def run(self, text: str, *, fails: bool = False) -> str:
        """What the commands print. All must succeed; if it `fails`, the last must not."""
        script = Path(self._scripts.name) / "block.sh"
        script.write_text(text)
        # From a file, so that a command that reads its input does not read the next command.
        if fails:
            output, code = self._type(f"set +e; (. {script}) </dev/null; code=$?; set -e")
        else:
            output, code = self._type(f"set -e; code=0; . {script} </dev/null")
        assert (code != 0) == fails, f"ended with {code}:\n{text}\n{output}"
        return output

    def start(self, text: str) -> None:
        """Begin what goes on until the terminal is closed, and wait for its first words."""
        assert self._process.stdout
        self._say(text)
        with self._limited():
            first = self._process.stdout.readline()
        assert first, f"ended without a word:\n{text}"
        # Nobody reads what else it says, and it must not wait for that.
        threading.Thread(target=self._process.stdout.read, daemon=True).start()

    def _type(self, line: str) -> tuple[str, int]:
        assert self._process.stdout
        self._say(f"{line}\n{SAY_END} $code")
        lines: list[str] = []
        with self._limited():
            for written in self._process.stdout:
                if written.startswith(f"{END} "):
                    # Without the line break that went before it.
                    return "".join(lines).removesuffix("\n"), int(written.split()[1])
                lines.append(written)
        raise AssertionError(f"The terminal went away, or its {self._limit:.0f} s were over:\n{''.join(lines)}")

    def _say(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    @contextmanager
    def _limited(self) -> Iterator[None]:
        timer = threading.Timer(self._limit, self._kill)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def close(self) -> None:
        """End whatever still runs in this terminal."""
        self._kill()
        self._process.wait()
        self._scripts.cleanup()

    def _kill(self) -> None:
        # What it left running is of its group, even when it is gone itself.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


@contextmanager
def terminal(folder: Path, environment: Mapping[str, str]) -> Iterator[Shell]:
    """A new terminal in `folder`."""
    shell = Shell(folder, environment)
    try:
        yield shell
    finally:
        shell.close()


def environment_of(clone: Path, **more: str) -> dict[str, str]:
    """What a reader's terminal knows: nothing of Tidegate, and where the clone's programs are."""
    kept = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
    path = os.pathsep.join([str(clone / ".venv" / "bin"), kept.get("PATH", "")])
    return {**kept, "PATH": path, "COLUMNS": COLUMNS, **more}
