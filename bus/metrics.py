"""Prometheus metrics read at scrape time from plain ints that the hot paths count in."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# name, help text, kind "counter" or "gauge", labels, and rows of label values with the number
Reading = tuple[str, str, str, tuple[str, ...], list[tuple[tuple[str, ...], float]]]


class Metrics(Collector):
    """All the readings of one process, in Prometheus' text format on request."""

    def __init__(self) -> None:
        self._sources: list[Callable[[], Iterable[Reading]]] = []
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def add(self, source: Callable[[], Iterable[Reading]]) -> None:
        """Ask `source` for its readings at each scrape."""
        self._sources.append(source)

    def render(self) -> bytes:
        """Return the exposition text."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """Turn all readings into metric families (called by prometheus_client)."""
        for source in self._sources:
            for name, words, kind, labels, rows in source():
                family: CounterMetricFamily | GaugeMetricFamily
                if kind == "counter":
                    family = CounterMetricFamily(name, words, labels=labels)
                else:
                    family = GaugeMetricFamily(name, words, labels=labels)
                for values, number in rows:
                    family.add_metric(values, number)
                yield family
