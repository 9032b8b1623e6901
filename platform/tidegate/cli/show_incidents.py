"""What `tidegate incidents` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tidegate.cli.console import heading, say
from tidegate.window import windows_of

if TYPE_CHECKING:
    from tidegate.ledger.alerts import AlertRecord
    from tidegate.ledger.incidents import IncidentRecord

# Windows of days that a line names.
WINDOWS_NAMED = 3


def print_incidents(incidents: Sequence[IncidentRecord]) -> None:
    for incident in incidents:
        heading(f"{incident.severity} {incident.key}")
        say(f"  {incident.sentence}")
        say(f"  {_standing(incident)}")
        if not incident.is_over:
            say(f"  {incident.what_to_do}")
    if not incidents:
        say("Nothing is wrong.")


def print_incident(incident: IncidentRecord, alerts: Sequence[AlertRecord]) -> None:
    print_incidents([incident])
    say(f"  What it means: {guide(incident)}")
    if incident.products:
        say(f"  Products: {', '.join(incident.products)}")
    for alert in alerts:
        when = f"{alert.done_at or alert.entered_at:%Y-%m-%d %H:%M:%S} UTC"
        said = f"  {when} {alert.event} to {alert.channel}: {alert.state}"
        say(f"{said}, {alert.attempts} attempts, {alert.error}" if alert.error else said)


def as_json(incident: IncidentRecord, alerts: Sequence[AlertRecord] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {
        **vars(incident),
        "partitions": [str(day) for day in incident.partitions],
        "first_seen": _moment(incident.first_seen),
        "last_seen": _moment(incident.last_seen),
        "until": _moment(incident.until),
        "guide": guide(incident),
    }
    if alerts is not None:
        found["alerts"] = [
            {"channel": each.channel, "event": each.event, "state": each.state, "attempts": each.attempts}
            | {"error": each.error, "entered_at": _moment(each.entered_at), "done_at": _moment(each.done_at)}
            for each in alerts
        ]
    return found


def guide(incident: IncidentRecord) -> str:
    """Where its section is."""
    from tidegate.alerting.trouble import Kind

    return f"docs/on-call.md#{Kind(incident.kind).section}"


def _standing(incident: IncidentRecord) -> str:
    times = f", {incident.occurrences} times" if incident.occurrences > 1 else ""
    who = f" by {incident.handled_by}" if incident.handled_by else ""
    until = f" until {incident.until:%Y-%m-%d %H:%M} UTC" if incident.until else ""
    days = windows_of(incident.partitions)
    more = f" and {len(days) - WINDOWS_NAMED} more" if len(days) > WINDOWS_NAMED else ""
    partitions = f" Partitions: {', '.join(map(str, days[:WINDOWS_NAMED]))}{more}." if days else ""
    return f"{incident.state}{who}{until}, since {incident.first_seen:%Y-%m-%d %H:%M} UTC{times}.{partitions}"


def _moment(moment: Any) -> str | None:
    return f"{moment.isoformat(timespec='seconds')}Z" if moment else None
