from urllib.parse import urlparse

from structlog.testing import capture_logs

from bus.outage import MOST_TOLD, Outage

SERVER = urlparse("nats://user:secret@host:4222")


def told(*steps: object) -> list[tuple[str, str]]:
    """Return what is logged for "cut", "back" and errors, as event and reason."""
    outage = Outage()
    with capture_logs() as logs:
        for step in steps:
            if step == "cut":
                outage.note_cut()
            elif step == "back":
                outage.note_return(SERVER)
            else:
                outage.note_failure(OSError(step))
    return [(one["event"], one.get("error") or one.get("reason") or one["server"]) for one in logs]


def test_each_reason_is_told_once_until_nats_is_there() -> None:
    assert told("refused", "refused", "timeout", "refused", "back") == [
        ("nats_unreachable", "refused"),
        ("nats_unreachable", "timeout"),
        ("nats_connected", "host:4222"),
    ]


def test_a_cut_is_told_once_with_its_reason() -> None:
    assert told("back", "reset", "cut", "cut", "refused", "refused", "back") == [
        ("nats_connected", "host:4222"),
        ("nats_disconnected", "reset"),
        ("nats_unreachable", "refused"),
        ("nats_reconnected", "host:4222"),
    ]


def test_the_next_outage_is_told_again() -> None:
    events = [event for event, _ in told("back", "cut", "refused", "back", "cut", "refused")]
    assert events[-2:] == ["nats_disconnected", "nats_unreachable"]
    assert events.count("nats_unreachable") == 2


def test_a_silent_peer_is_told_as_one() -> None:
    assert told("back", "cut")[1] == ("nats_disconnected", "no answer")


def test_a_thousand_reasons_are_not_told() -> None:
    assert len(told(*(f"reason {number}" for number in range(1000)))) == MOST_TOLD


def test_outages_add_up() -> None:
    outage = Outage()
    outage.note_return(None)
    assert outage.seconds == 0
    outage.note_cut()
    outage.note_return(None)
    assert outage.seconds > 0
