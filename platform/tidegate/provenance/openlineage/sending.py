"""Sends events of OpenLineage to the receiver that the settings name, through the standard's own client."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import requests
from openlineage.client.event_v2 import RunEvent
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider

from tidegate.addresses import without_secrets
from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.provenance.openlineage.events import Lineage
from tidegate.provenance.openlineage.unreported import Told, remember_told, unreported_runs, written_by

API_KEY = "OPENLINEAGE_API_KEY"
SECONDS = 5.0

# Their logs have the address of every request.
logging.getLogger("urllib3").setLevel(logging.WARNING)


def unreported_events(home: Home, lake: Lake) -> Iterator[tuple[str, Sequence[RunEvent]]]:
    """By run that the receiver was not told of, its events. Reads, and keeps nothing."""
    runs = unreported_runs(lake)
    written = written_by(lake, [run.run_id for run in runs])
    lineage = Lineage(home)
    for run in runs:
        yield run.run_id, list(lineage.events_of(run, written.get(run.run_id, ())))


def tell(home: Home, lake: Lake) -> Told:
    """Tell the receiver of all runs that it was not told of, and remember that.

    One that a broken connection or a killed process leaves is told again, by the same ids. Raises TidegateError where
    the receiver does not take them.
    """
    told: list[str] = []
    events = 0
    try:
        with _receiver(home.settings.openlineage) as receiver:
            for run_id, run_events in unreported_events(home, lake):
                for event in run_events:
                    receiver.emit(event)
                told.append(run_id)
                events += len(run_events)
    except (requests.RequestException, ValueError) as error:
        raise TidegateError(_why_not(home.settings.openlineage, error)) from None
    finally:
        if told:
            remember_told(lake, told)
    return Told(len(told), events)


@contextmanager
def _receiver(url: str) -> Iterator[HttpTransport]:
    """A connection that asks once: what is not taken is told at the next tick. Raises TidegateError without a URL."""
    if not url:
        raise TidegateError("There is no receiver of OpenLineage. Set TIDEGATE_OPENLINEAGE to its URL.")
    key = os.environ.get(API_KEY, "")
    auth = ApiKeyTokenProvider({"apiKey": key}) if key else TokenProvider({})
    with closing(HttpTransport(HttpConfig(url, timeout=SECONDS, auth=auth, retry={"total": 0}))) as transport:
        yield transport


def _why_not(url: str, error: Exception) -> str:
    response = getattr(error, "response", None)
    said = f"answered {response.status_code}" if response is not None else f"cannot be reached ({type(error).__name__})"
    return (
        f"The receiver of OpenLineage at {without_secrets(url)} {said}. "
        "What it was not told of is kept, and told when it takes it."
    )
