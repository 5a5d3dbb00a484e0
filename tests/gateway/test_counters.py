"""What is counted has one name in `/metrics`."""

from bus.metrics import Metrics
from gateway.counters import Counters


def test_every_counter_is_read() -> None:
    counters = Counters()
    names = {f"goim_{name}" for name in Counters.__slots__}
    assert {name for name, *_ in counters.readings()} == names


def test_numbers_and_labels_are_shown() -> None:
    counters = Counters()
    counters.frames_received = 7
    counters.dropped["slow_connection"] += 2
    counters.refused["origin"] += 1
    counters.closed[4001] += 3
    metrics = Metrics()
    metrics.add(counters.readings)
    text = metrics.render().decode()
    assert "goim_frames_received_total 7.0" in text
    assert 'goim_dropped_total{reason="slow_connection"} 2.0' in text
    assert 'goim_refused_total{rule="origin"} 1.0' in text
    assert 'goim_closed_total{code="4001"} 3.0' in text
