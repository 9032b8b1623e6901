"""What is said: one message about an incident, a digest of several, or that a partition is ready. Plain values."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from tidegate.alerting.config import Alerting
from tidegate.alerting.trouble import Kind
from tidegate.ledger.incidents import IncidentRecord
from tidegate.window import windows_of

# Of days in a row, so many are named.
WINDOWS_NAMED = 5


class Event(StrEnum):
    trigger = "trigger"
    # It has more partitions, or is more severe.
    update = "update"
    repeat = "repeat"
    escalate = "escalate"
    acknowledge = "acknowledge"
    resolve = "resolve"
    ready = "ready"
    # What did not fit into the hour, counted.
    more = "more"
    test = "test"

    @property
    def tells_of_trouble(self) -> bool:
        return self in (Event.trigger, Event.update, Event.repeat, Event.escalate)


@dataclass(frozen=True)
class Message:
    """`title` is one line, `lines` follow it. `facts` are for machines."""

    event: Event
    severity: str
    dedup_key: str
    title: str
    lines: tuple[str, ...] = ()
    link: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "\n".join((self.title, *self.lines, *([self.link] if self.link else [])))

    def as_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def of_json(cls, text: str) -> Self:
        values = json.loads(text)
        return cls(**{**values, "event": Event(values["event"]), "lines": tuple(values["lines"])})


def dedup_key(config: Alerting, incident: IncidentRecord) -> str:
    """The same for everything that is ever said of the incident."""
    return f"{config.name}/{incident.key}"


def about(incident: IncidentRecord, event: Event, config: Alerting) -> Message:
    """What is said of an incident."""
    days = ", ".join(map(str, windows_of(incident.partitions)[:WINDOWS_NAMED]))
    since = f"{incident.first_seen:%Y-%m-%d %H:%M} UTC"
    is_over = event is Event.resolve
    heading = f"{'Resolved' if is_over else incident.severity}: {Kind(incident.kind).heading}"
    subject = incident.key.partition("/")[2]
    lines = [
        incident.sentence,
        *([f"Partitions: {days}"] if days else []),
        f"From {since} to {incident.last_seen:%Y-%m-%d %H:%M} UTC." if is_over else f"Since {since}. {_how(incident)}",
        *([] if is_over else [f"What to do: {incident.what_to_do}"]),
    ]
    return Message(
        event,
        incident.severity,
        dedup_key(config, incident),
        f"[{config.name}] {heading}{f' ({subject})' if subject else ''}{_note(event)}",
        tuple(lines),
        f"{config.guide}#{Kind(incident.kind).section}",
        {
            "incident": incident.key,
            "kind": incident.kind,
            "products": list(incident.products),
            "source": incident.source,
            "partitions": [str(day) for day in incident.partitions],
            "state": incident.state,
            "occurrences": incident.occurrences,
        },
    )


def _how(incident: IncidentRecord) -> str:
    return f"For the {incident.occurrences}. time." if incident.occurrences > 1 else ""


def _note(event: Event) -> str:
    notes = {Event.repeat: ", still", Event.escalate: ", nobody acknowledged it", Event.update: ", more"}
    return notes.get(event, "")


def digest_of(messages: list[Message], config: Alerting) -> Message:
    """One message for all that a day gathered."""
    lines = [f"- {message.title.removeprefix(f'[{config.name}] ')}: {message.lines[0]}" for message in messages]
    count = f"{len(messages)} thing{'' if len(messages) == 1 else 's'} to know"
    return Message(
        Event.trigger,
        "LOW",
        f"{config.name}/digest",
        f"[{config.name}] {count}",
        (*lines, "How it stands now: tidegate incidents list"),
        config.guide,
    )


def more_than_an_hour_takes(count: int, config: Alerting) -> Message:
    return Message(
        Event.more,
        "HIGH",
        f"{config.name}/more",
        f"[{config.name}] and {count} more",
        (f"{count} more alerts came within the hour. All that is wrong: tidegate incidents list",),
        config.guide,
    )
