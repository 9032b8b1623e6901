"""What the sensor and the command line use of OpenLineage. The standard's client, an extra, is imported when used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tidegate.errors import NotInstalledError
from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.provenance.openlineage.unreported import Told


def tell_receiver(home: Home, lake: Lake) -> Told:
    """Tell the receiver of the settings of all runs that it was not told of. Raises TidegateError where it, or the
    extra, is not there."""
    with _installed():
        from tidegate.provenance.openlineage.sending import tell
    return tell(home, lake)


def unreported_as_json(home: Home, lake: Lake) -> Iterator[str]:
    """The events that the receiver would be told, each as JSON. Raises TidegateError where the extra is not there."""
    with _installed():
        from openlineage.client.serde import Serde

        from tidegate.provenance.openlineage.sending import unreported_events
    for _, events in unreported_events(home, lake):
        yield from map(Serde.to_json, events)


@contextmanager
def _installed() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise NotInstalledError("Telling a catalogue of runs", "openlineage-python", "lineage") from error
