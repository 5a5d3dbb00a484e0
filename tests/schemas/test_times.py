import pytest

from schemas.times import parse_milliseconds, unix_milliseconds


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2026-11-25T01:02:03.456789012Z", 1795568523456),
        ("2026-11-25T01:02:03.4Z", 1795568523400),
        ("2026-11-25T01:02:03Z", 1795568523000),
        ("1970-01-01T00:00:00.001Z", 1),
    ],
)
def test_a_time_of_nats_server_is_read(text: str, milliseconds: int) -> None:
    assert parse_milliseconds(text) == milliseconds


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01T00:00:00Z", "1970-01-01T00:00:01.xZ"]
)
def test_what_is_no_time_is_zero(text: str) -> None:
    assert parse_milliseconds(text) == 0


def test_the_servers_time_wins_over_a_forged_one() -> None:
    block = (
        b"NATS/1.0\r\nNats-Time-Stamp: 2030-01-01T00:00:00Z\r\n"
        b"Nats-Time-Stamp: 1970-01-01T00:00:02.5Z\r\n\r\n"
    )
    assert unix_milliseconds(block, "Nats-Time-Stamp") == 2500
    assert unix_milliseconds(None, "Nats-Time-Stamp") == 0
