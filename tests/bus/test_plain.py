import pytest

from bus.plain import header_block
from schemas.headers import header_value, status


@pytest.mark.parametrize(
    ("headers", "block"),
    [
        ({"A": "b", "C": "d e"}, b"NATS/1.0\r\nA: b\r\nC: d e\r\n\r\n"),
        ({"Status": "503"}, b"NATS/1.0 503\r\n\r\n"),
        (
            {"Status": "100", "Description": "Idle Heartbeat", "Nats-Last-Stream": "4"},
            b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Stream: 4\r\n\r\n",
        ),
        ({}, b"NATS/1.0\r\n\r\n"),
    ],
)
def test_nats_pys_headers_become_the_block_they_came_in(
    headers: dict[str, str], block: bytes
) -> None:
    assert header_block(headers) == block
    assert status(block) == int(headers.get("Status", 0))
    assert header_value(block, "A") == headers.get("A", "")
