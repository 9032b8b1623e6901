"""Which columns identify a row, and which says when it happened: what is unique, in time, and called so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from duckdb import DuckDBPyConnection

from tidegate.drafting import words
from tidegate.drafting.asked import Asked, DraftError, Note
from tidegate.drafting.choice import Choice
from tidegate.drafting.typed import TYPED
from tidegate.lake.sql import quoted

# Of so many columns every pair and three are tried.
_POOL = 8
_ROWS_THAT_PROVE = 20
# A delivery of events holds those of its day and of some before; one that goes back further is a snapshot.
_EVENTS_GO_BACK = 45
_LATENESS = 7


@dataclass(frozen=True)
class Found:
    """The key, the time of the event and how late it may be, by the names of the columns; and why."""

    key: tuple[str, ...] = ()
    event_time: str | None = None
    lateness: int | None = None
    notes: tuple[Note, ...] = ()


def find_key(con: DuckDBPyConnection, source: str, choices: Sequence[Choice], asked: Asked) -> Found:
    """The columns that identify a row in each file."""
    rows = _rows(con)
    if asked.key is not None:
        return _as_asked(con, choices, asked.key)
    full = [choice for choice in choices if _is_full(con, choice) and not choice.open]
    usable = [choice for choice in full if choice.logical_type in ("string", "integer") and not choice.personal]
    unique = [choice for choice in usable if _are_unique(con, [choice.name])]
    named = sorted(
        (choice for choice in unique if words.may_be_a_key(choice.delivered)),
        key=lambda choice: (-_belongs(choice, source), choices.index(choice)),
    )
    lines = next((choice for choice in usable if words.is_a_line(choice.delivered)), None)
    if named and lines and lines not in named[:1]:
        note = f"{named[0].name} alone is unique in these {rows:,} rows, but rows have a number within it"
        return _found((named[0].name, lines.name), note)
    if named:
        others = f"; so is {', '.join(c.name for c in unique if c is not named[0])}" if len(unique) > 1 else ""
        return _found((named[0].name,), f"unique in {rows:,} rows, and called so{others}")
    if combination := _combination(con, full, usable):
        return _found(combination, f"unique together in {rows:,} rows, and none of them alone is")
    if unique and rows >= _ROWS_THAT_PROVE and unique[0] is choices[0]:
        return _found((unique[0].name,), f"the first column, and unique in {rows:,} rows")
    if combination := _over_time(con, full, usable, rows):
        return _found(combination, f"unique together in {rows:,} rows; a guess, for nothing is called a key")
    others = f" ({', '.join(c.name for c in unique)} are, by chance perhaps)" if unique else ""
    note = f"nothing that is called a key is unique in every file{others}: say what is with --key"
    return Found(notes=(Note("key", note),))


def _found(key: tuple[str, ...], why: str) -> Found:
    return Found(key, notes=(Note("key", why),))


def _as_asked(con: DuckDBPyConnection, choices: Sequence[Choice], key: Sequence[str]) -> Found:
    by_name = {name: choice for choice in choices for name in (choice.delivered, choice.name)}
    if unknown := next((name for name in key if name not in by_name), None):
        known = ", ".join(choice.name for choice in choices)
        raise DraftError(f"There is no column '{unknown}' for the key. There are: {known}. Nothing was written.")
    names = [by_name[name].name for name in key]
    holds = _are_unique(con, names) and all(_is_full(con, by_name[name]) for name in key)
    return _found(tuple(names), "you said so" + ("" if holds else ", but in the sample it is not unique, or is empty"))


def _belongs(choice: Choice, source: str) -> int:
    plain = words.snake(choice.delivered)
    singular = source.removesuffix("s")
    return 2 if plain in ("id", f"{source}_id", f"{singular}_id") else int(plain.startswith(singular))


def _combination(con: DuckDBPyConnection, full: Sequence[Choice], usable: Sequence[Choice]) -> tuple[str, ...]:
    named = [c for c in usable if words.may_be_a_key(c.delivered) or words.counts(c.delivered)]
    times = [c for c in full if c.logical_type in ("date", "timestamp") and words.when_it_happened(c.delivered)]
    pool = [*named, *times][:_POOL]
    for size in (2, 3):
        for columns in combinations(pool, size):
            if columns[0] in named and _are_unique(con, [c.name for c in columns]):
                return tuple(c.name for c in columns)
    return ()


def _over_time(con: DuckDBPyConnection, full: Sequence[Choice], usable: Sequence[Choice], rows: int) -> tuple[str, ...]:
    """A text for each time, as prices and weather have."""
    if rows < _ROWS_THAT_PROVE:
        return ()
    times = [c for c in full if c.logical_type in ("date", "timestamp")][:2]
    texts = [c for c in usable if c.logical_type == "string"][:4]
    return next(
        ((text.name, time.name) for time in times for text in texts if _are_unique(con, [text.name, time.name])), ()
    )


def _rows(con: DuckDBPyConnection) -> int:
    found = con.execute(f"select count(*) from {TYPED}").fetchone()
    return found[0] if found else 0


def _is_full(con: DuckDBPyConnection, choice: Choice) -> bool:
    found = con.execute(f"select count(*) = count({quoted(choice.name)}) and count(*) > 0 from {TYPED}").fetchone()
    return bool(found and found[0])


def _are_unique(con: DuckDBPyConnection, names: Sequence[str]) -> bool:
    columns = ", ".join(map(quoted, names))
    found = con.execute(
        f"select count(*) from (select 1 from {TYPED} group by _delivery, {columns} having count(*) > 1 limit 1)"
    ).fetchone()
    return bool(found and found[0] == 0)


# --- when it happened


def find_event_time(con: DuckDBPyConnection, found: Found, choices: Sequence[Choice], asked: Asked) -> Found:
    """The column of the row's own event. `_day` is the day of the file where that is known."""
    times = [choice for choice in choices if choice.logical_type in ("date", "timestamp")]
    if asked.event_time is not None:
        choice = next((c for c in times if asked.event_time in (c.name, c.delivered)), None)
        if choice is None:
            known = ", ".join(c.name for c in times) or "none"
            raise DraftError(
                f"'{asked.event_time}' is no column of dates or times. There are: {known}. Nothing was written."
            )
        return _with_event(con, found, choice, "you said so")
    ranked = sorted(
        (choice for choice in times if words.when_it_happened(choice.delivered) and _is_full(con, choice)),
        key=lambda choice: (-words.when_it_happened(choice.delivered), choice.logical_type == "date"),
    )
    notes = list(found.notes)
    for choice in ranked:
        ahead, back = _reach(con, choice)
        if ahead > 0:
            notes.append(Note("eventTime", f"not {choice.name}: it is up to {ahead:,} days after the file's own day"))
        elif back > _EVENTS_GO_BACK:
            text = f"not {choice.name}: it goes back {back:,} days, as in a snapshot. If each row is an event, "
            text += f"say it with --event-time {choice.name}"
            notes.append(Note("eventTime", text))
        else:
            others = [other.name for other in ranked if other is not choice]
            why = f"never empty, and within {back + 1:,} days" + (
                f"; {', '.join(others)} may be it too" if others else ""
            )
            return _with_event(con, replace(found, notes=tuple(notes)), choice, why)
    if not any(note.about == "eventTime" for note in notes):
        notes.append(
            Note("eventTime", "no column says when a row happened: each delivery counts as a snapshot of its day")
        )
    return replace(found, notes=tuple(notes))


def _with_event(con: DuckDBPyConnection, found: Found, choice: Choice, why: str) -> Found:
    _, back = _reach(con, choice)
    lateness = max(_LATENESS, back) if back <= _EVENTS_GO_BACK else None
    notes = [*found.notes, Note("eventTime", why)]
    if lateness is not None:
        notes.append(
            Note("allowedLatenessDays", f"events of up to {back} days before the file's day are in the sample")
        )
    return replace(found, event_time=choice.name, lateness=lateness, notes=tuple(notes))


def _reach(con: DuckDBPyConnection, choice: Choice) -> tuple[int, int]:
    """By how many days at most the events are after the day of their file, and before it."""
    day = f"{quoted(choice.name)}::date"
    found = con.execute(f"""
select max(date_diff('day', own, {day})), max(date_diff('day', {day}, own))
from (select *, coalesce(_day, max({day}) over (partition by _delivery)) as own from {TYPED})""").fetchone()
    return (int(found[0] or 0), int(found[1] or 0)) if found else (0, 0)


def last_days(con: DuckDBPyConnection, event_time: str | None) -> dict[int, dt.date]:
    """By delivery the last day of its events: its own, where its name says none."""
    if event_time is None:
        return {}
    rows = con.execute(f"select _delivery, max({quoted(event_time)})::date from {TYPED} group by _delivery").fetchall()
    return {delivery: day for delivery, day in rows if day is not None}
