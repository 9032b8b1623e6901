"""The metrics in Prometheus's format, over HTTP or as a text. What is imported here comes with the extra `metrics`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tidegate.alerting.metrics.family import Family, single

Read = Callable[[], Sequence[Family]]


class FromTheLedger(Collector):
    """Reads the metrics whenever they are asked for, one reader at a time. Where that fails, `tidegate_up` is 0."""

    def __init__(self, read: Read, complain: Callable[[str], None]) -> None:
        self._read, self._complain = read, complain
        self._in_use = threading.Lock()

    def describe(self) -> Iterable[Metric]:
        """Nothing is read before somebody asks."""
        return []

    def collect(self) -> Iterator[Metric]:
        yield from map(_metric, self._families())

    def _families(self) -> Sequence[Family]:
        with self._in_use:
            try:
                return self._read()
            except Exception as error:  # noqa: BLE001 - whatever it is, the server goes on and says that it is down
                self._complain(f"{type(error).__name__}: {error}")
                return [single("up", "1 while the ledger can be read.", 0)]


def _metric(family: Family) -> Metric:
    names = sorted({name for labels, _ in family.samples for name in labels})
    make = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = make(family.name, family.help, labels=names)
    for labels, value in family.samples:
        metric.add_metric([labels[name] for name in names], value)
    return metric


def page(read: Read, complain: Callable[[str], None]) -> str:
    """What a scrape gets."""
    return generate_latest(_registry(read, complain)).decode()


def serve(read: Read, complain: Callable[[str], None], host: str, port: int) -> int:
    """Answer scrapes on threads of this process, from now on. Returns the port."""
    server, _ = start_http_server(port, host, _registry(read, complain))
    return int(server.server_port)


def _registry(read: Read, complain: Callable[[str], None]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(FromTheLedger(read, complain))
    return registry
