"""Which function of somebody's Python makes a day's rows, as plain values. `sources.python` calls it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PythonServer:
    """`function` is `module:name`. `ready` names one that says whether a day is complete; None: it is asked for."""

    function: str
    ready: str | None = None
    needs: tuple[str, ...] = ()
    time_limit_seconds: int = 600

    @property
    def address(self) -> str:
        return f"python {self.function}"

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that it needs."""
        return self.needs
