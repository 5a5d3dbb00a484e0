"""Whatever a logged-in client says, in any operation: it is answered or ignored, and can go on."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from schemas.operations import Operation
from tests.fuzz.test_targets import EXT_BODIES
from tests.gateway.harness import Harness, running_gateway

OPERATIONS = [int(operation) for operation in Operation if operation != Operation.HEARTBEAT]
MOST_BODY = 30_000
HOSTILE = [
    *EXT_BODIES,
    b'{"room":"' + b"x" * 20_000 + b'"}',
    b'{"room":"\\ud800","operation":4,"body":"x"}',
    b'{"room":"\\u0000","limit":9}',
    b'{"member":9223372036854775807,"operation":2147483647,"bytes":"\\u00ff"}',
    b'{"member":5,"before":9223372036854775807,"limit":-1}',
    b'{"rooms":{"\\ud800":1,"live://\\u0000":2},"members":{"9223372036854775807":1,"0":1}}',
    b'{"room":"live://' + b"\xc3\xa9" * 200 + b'"}',
    b'{"member":' + b"9" * 5000 + b"}",
    b'{"room":null,"resume":1e999}',
    b'{"rooms":[],"members":[]}',
    b'["' * 2000,
]


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    limits = {"frames_burst": 100_000, "body_bytes": MOST_BODY, "message_bytes": 2 * MOST_BODY}
    async with running_gateway(nats_url, prefix, limits) as running:
        yield running


@pytest.mark.parametrize("transport", ["ws", "tcp"])
@pytest.mark.parametrize("ext", [0, 1])
async def test_no_body_of_any_operation_ends_a_connection(
    harness: Harness, transport: str, ext: int
) -> None:
    client = await getattr(harness, transport)(mid=5, key="k", ext=ext)
    sequence = 0
    for operation in [*OPERATIONS, 1000, -1]:
        for body in HOSTILE:
            sequence += 1
            client.send(operation, body, sequence=sequence)
        client.send(Operation.HEARTBEAT, sequence=-operation - 1000)
        frame = await client.receive()
        while (frame.operation, frame.sequence) != (3, -operation - 1000):
            assert frame.sequence in (0, *range(sequence + 1))
            frame = await client.receive()
    assert harness.gateway.hub.by_key["k"].session.waiting is False
