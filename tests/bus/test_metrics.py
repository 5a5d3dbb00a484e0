from collections.abc import Iterable
from functools import partial

from structlog.testing import capture_logs

from bus.metrics import Metrics, Reading


def gauge(name: str, number: float) -> Reading:
    return name, f"about {name}", "gauge", (), [((), number)]


def test_readings_come_out_as_prometheus_reads_them() -> None:
    def source() -> Iterable[Reading]:
        yield gauge("goim_rooms", 3)
        rows: list[tuple[tuple[str, ...], float]] = [(("in",), 1), (("out",), 2.5)]
        yield "goim_messages", "moved", "counter", ("direction",), rows

    metrics = Metrics()
    metrics.add(source)
    text = metrics.render().decode()
    assert "# HELP goim_rooms about goim_rooms\n# TYPE goim_rooms gauge\ngoim_rooms 3.0" in text
    assert 'goim_messages_total{direction="in"} 1.0' in text
    assert 'goim_messages_total{direction="out"} 2.5' in text


def test_each_scrape_reads_again() -> None:
    numbers = [1.0, 2.0]
    metrics = Metrics()
    metrics.add(lambda: [gauge("goim_now", numbers.pop(0))])
    assert "goim_now 1.0" in metrics.render().decode()
    assert "goim_now 2.0" in metrics.render().decode()
    assert numbers == []


def test_two_sources_share_a_name() -> None:
    metrics = Metrics()
    for part in ("a", "b"):
        rows: list[tuple[tuple[str, ...], float]] = [((part,), 1)]
        metrics.add(partial(list, [("goim_parts", "parts", "gauge", ("part",), rows)]))
    text = metrics.render().decode()
    assert text.count("# TYPE goim_parts gauge") == 1
    assert 'goim_parts{part="a"} 1.0' in text
    assert 'goim_parts{part="b"} 1.0' in text


def test_a_source_that_fails_is_counted_and_the_others_are_read() -> None:
    def failing() -> Iterable[Reading]:
        yield gauge("goim_first", 1)
        raise KeyError("secret")

    metrics = Metrics()
    metrics.add(failing)
    metrics.add(lambda: [gauge("goim_other", 2)])
    with capture_logs() as logs:
        text = metrics.render().decode()
        metrics.render()
    assert "goim_first 1.0" in text
    assert "goim_other 2.0" in text
    assert "goim_metrics_failures_total 1.0" in text
    assert [one["event"] for one in logs] == ["metrics_source_failed"]


def test_a_label_value_of_any_text_is_escaped() -> None:
    metrics = Metrics()
    metrics.add(lambda: [("goim_x", "words", "gauge", ("room",), [(('a"b\n\\',), 1)])])
    assert 'goim_x{room="a\\"b\\n\\\\"} 1.0' in metrics.render().decode()
