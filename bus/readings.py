"""DECIDE what a scrape is told about a process's connection to NATS."""

from collections.abc import Iterable, Mapping

from bus.connection import Bus
from bus.metrics import Reading


def bus_readings(bus: Bus) -> Iterable[Reading]:
    """What a scrape is told about a process's connection to NATS."""
    client, requests = bus.client, bus.requests
    published = client.stats["out_msgs"] + client.published_messages
    published_bytes = client.stats["out_bytes"] + client.published_bytes
    yield _gauge("connected", "1 while NATS answers", bus.connected)
    yield _gauge("queued_bytes", "Waiting to be sent", client.queued_bytes)
    yield _gauge("requests_waiting", "Requests not answered yet", len(requests))
    yield _gauge("subscriptions", "Subscriptions", len(client._subs))
    yield _counter("reconnects", "Times NATS came back", {"": bus.reconnects})
    yield _counter("away_seconds", "Time without NATS, of outages that ended", {"": bus.away})
    messages = {"in": client.stats["in_msgs"], "out": published}
    yield _counter("messages", "Messages", messages, "direction")
    payloads = {"in": client.stats["in_bytes"], "out": published_bytes}
    yield _counter("bytes", "Bytes of payloads", payloads, "direction")
    dropped = {
        "unsent": client.unsent_publishes,
        "overloaded": bus.overloads,
        "slow_consumer": bus.slow_consumer_drops,
    }
    yield _counter("dropped", "Messages that were not sent or delivered", dropped, "reason")
    failed = {
        "timeout": requests.timeouts,
        "no_responders": requests.no_responders,
        "late_reply": requests.late_replies,
    }
    yield _counter("requests_failed", "Requests without an answer in time", failed, "reason")
    errors = {"permission": bus.permission_errors, "callback": bus.callback_errors}
    yield _counter("errors", "Refusals by NATS, and faults of our own", errors, "kind")


def _gauge(name: str, words: str, number: float) -> Reading:
    return f"goim_nats_{name}", words, "gauge", (), [((), float(number))]


def _counter(name: str, words: str, numbers: Mapping[str, float], label: str = "") -> Reading:
    rows: list[tuple[tuple[str, ...], float]] = [
        ((value,) if label else (), float(number)) for value, number in numbers.items()
    ]
    return f"goim_nats_{name}", words, "counter", (label,) if label else (), rows
