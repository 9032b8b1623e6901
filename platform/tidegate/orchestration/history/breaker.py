"""The circuit breaker of a source: when to stop asking it, and when to try again. Pure arithmetic on what happened.

Closed, its sensor launches runs. After `failures` failures in a row it opens: nothing is launched for a pause. Then
one probe may go. If that fails the breaker opens again, for twice as long, up to a limit; if it succeeds, or a person
closes it, it is closed. Where the happenings come from is `contacts`'s knowledge.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self

from tidegate.settings import Settings

Outcome = Literal["up", "down", "closed"]


@dataclass(frozen=True)
class Contact:
    """Something that tells of a source's health: it was asked and answered or did not, or a person closed it."""

    at: dt.datetime
    outcome: Outcome
    error: str = ""


@dataclass(frozen=True)
class Pace:
    """How many failures in a row open a breaker, and how long its pauses are."""

    failures: int
    pause: dt.timedelta
    longest_pause: dt.timedelta

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            settings.breaker_failures,
            dt.timedelta(seconds=settings.breaker_pause_seconds),
            dt.timedelta(seconds=settings.breaker_longest_pause_seconds),
        )

    def pause_after(self, openings: int) -> dt.timedelta:
        """The pause of the breaker's nth opening in a row: each twice as long as the one before."""
        # The exponent stays small: a breaker that was open for a year must not overflow.
        return min(self.pause * (1 << min(openings - 1, 30)), max(self.longest_pause, self.pause))

    def pause_after_attempts(self, attempts: int) -> dt.timedelta:
        """How long the same request waits after that many attempts in vain: not at all, then as a breaker does."""
        openings = attempts - self.failures + 1
        return self.pause_after(openings) if openings > 0 else dt.timedelta()


@dataclass(frozen=True)
class Breaker:
    """The state of a source's breaker. `open_until` is when the next probe is due; None while it is closed."""

    failures: int = 0
    openings: int = 0
    open_until: dt.datetime | None = None
    error: str = ""

    def is_open(self, now: dt.datetime) -> bool:
        return self.open_until is not None and now < self.open_until

    def wants_a_probe(self, now: dt.datetime) -> bool:
        return self.open_until is not None and now >= self.open_until

    def after(self, contact: Contact, pace: Pace) -> Breaker:
        """The breaker once `contact` happened."""
        if contact.outcome != "down":
            return Breaker()
        failures = self.failures + 1
        if failures < pace.failures or self._was_under_way(contact, pace):
            return Breaker(failures, self.openings, self.open_until, contact.error)
        openings = self.openings + 1
        return Breaker(failures, openings, contact.at + pace.pause_after(openings), contact.error)

    def _was_under_way(self, contact: Contact, pace: Pace) -> bool:
        """Whether it is of a run that was under way when the breaker opened, which tells nothing new by failing too.

        A probe ends about when the pause does, or after it; half a pause leaves room for clocks that disagree.
        """
        if self.open_until is None:
            return False
        return contact.at < self.open_until - pace.pause_after(self.openings) / 2

    def sentence(self, source: str, now: dt.datetime) -> str:
        """The state for the person on call."""
        if self.open_until is None:
            return f"{source} failed {_times(self.failures)} in a row, and is asked on. Last error: {self.error}"
        probe = f"at {self.open_until:%Y-%m-%d %H:%M:%S} UTC" if self.is_open(now) else "now"
        return (
            f"The breaker of {source} is open after {self.failures} failures in a row, so nothing is asked of it. "
            f"The next probe is due {probe}. Last error: {self.error or 'none was recorded.'} "
            f"Once the source is fixed, `tidegate breaker close {source}` need not wait for the probe."
        )


def breaker_after(contacts: Iterable[Contact], pace: Pace) -> Breaker:
    """The breaker after these contacts, oldest first."""
    breaker = Breaker()
    for contact in sorted(contacts, key=lambda contact: contact.at):
        breaker = breaker.after(contact, pace)
    return breaker


def _times(failures: int) -> str:
    return "once" if failures == 1 else f"{failures} times"
