"""Prometheus metrics read at scrape time from plain ints that the hot paths count in."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bus.logs import RareLog

# name, help text, kind "counter" or "gauge", labels, and rows of label values with the number
Reading = tuple[str, str, str, tuple[str, ...], list[tuple[tuple[str, ...], float]]]
Source = Callable[[], Iterable[Reading]]
Family = CounterMetricFamily | GaugeMetricFamily


class Metrics(Collector):
    """All the readings of one process, in Prometheus' text format on request."""

    def __init__(self) -> None:
        self._sources: list[Source] = []
        self._failures = RareLog("metrics_source_failed")
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def add(self, source: Source) -> None:
        """Ask `source` for its readings at each scrape; two may give rows of one name."""
        self._sources.append(source)

    def render(self) -> bytes:
        """Return the exposition text. A source that fails is left out, counted and logged."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """Promise nothing (called by prometheus_client when this is registered)."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Turn all readings into metric families (called by prometheus_client)."""
        families: dict[str, Family] = {}
        for source in self._sources:
            try:
                for reading in source():
                    _take(families, reading)
            except Exception:  # noqa: BLE001 - one part's fault must not blind us to the others
                self._failures.exception(source=getattr(source, "__qualname__", repr(source)))
        words = "Parts whose numbers could not be read"
        failures: list[tuple[tuple[str, ...], float]] = [((), self._failures.count)]
        _take(families, ("goim_metrics_failures", words, "counter", (), failures))
        return families.values()


def _take(families: dict[str, Family], reading: Reading) -> None:
    name, words, kind, labels, rows = reading
    family = families.get(name)
    if family is None:
        make = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
        family = families[name] = make(name, words, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
