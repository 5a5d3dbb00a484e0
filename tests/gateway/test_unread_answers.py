"""A client that asks and does not read is not answered into the gateway's memory."""

import pytest

from gateway.connection import Connection
from schemas.operations import Operation
from tests.gateway.harness import running_gateway

UNSENT = 16_384
BODY = b"1003," + b"0" * 4000 + b"1"
LIMITS = {
    "frames_burst": 100_000,
    "unsent_bytes": UNSENT,
    "send_buffer_bytes": 8192,
    "waiting_frames": 16,
}
ASKED = 1500


@pytest.mark.parametrize("transport", ["ws", "tcp"])
async def test_who_does_not_read_answers_is_given_no_more_until_it_does(
    nats_url: str, prefix: str, transport: str
) -> None:
    async with running_gateway(nats_url, prefix, LIMITS) as harness:
        client = await getattr(harness, transport)(mid=5, key="k")
        connection: Connection = harness.gateway.hub.by_key["k"]
        client.reader._transport.pause_reading()
        for number in range(ASKED):
            client.send(Operation.SUBSCRIBE, BODY, sequence=number)
        await harness.is_true(lambda: connection.blocked and len(connection.backlog or ()) >= 16)
        held = connection.transport.get_write_buffer_size()
        assert held <= UNSENT + 2 * len(BODY)
        assert connection.frames_received < ASKED
        client.reader._transport.resume_reading()
        for number in range(ASKED):
            frame = await client.receive()
            assert (frame.operation, frame.sequence) == (Operation.SUBSCRIBE_REPLY, number)
        assert connection.session.accepts == {1, 1003}
        await client.is_quiet()
