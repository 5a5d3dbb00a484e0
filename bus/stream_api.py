"""JetStream's management requests in JSON, as far as ordered reading needs them.

For making and changing streams use `Bus.jetstream`; this asks without parsing whole configs.
"""

from json import JSONDecodeError, dumps, loads
from typing import Any, NamedTuple

from bus.connection import Bus
from bus.errors import StreamApiRefused

STREAM_NOT_FOUND = 10059  # err_code of nats-server
CONSUMER_NOT_FOUND = 10014


class StreamState(NamedTuple):
    """Where a stream is now; `created` tells one stream from the next of the same name."""

    created: str
    first_sequence: int  # last_sequence + 1 in an empty stream
    last_sequence: int  # of the last message ever stored, deleted or not
    messages: int


class Delivered(NamedTuple):
    """What a consumer has sent off: so many messages, and nothing is left up to `stream`."""

    consumer: int
    stream: int


async def read_stream_state(bus: Bus, stream: str) -> StreamState:
    """Return the stream's state. Raises StreamApiRefused and other BusErrors."""
    answer = await request_api(bus, f"STREAM.INFO.{stream}", {})
    state = answer["state"]
    return StreamState(answer["created"], state["first_seq"], state["last_seq"], state["messages"])


async def create_consumer(bus: Bus, stream: str, config: dict[str, Any]) -> Delivered:
    """Make a consumer named `config["name"]`. Raises StreamApiRefused and other BusErrors."""
    request = {"stream_name": stream, "config": config, "action": "create"}
    answer = await request_api(bus, f"CONSUMER.CREATE.{stream}.{config['name']}", request)
    return _delivered(answer)


async def read_delivered(bus: Bus, stream: str, consumer: str) -> Delivered:
    """Return how far a consumer is. Raises StreamApiRefused and other BusErrors."""
    return _delivered(await request_api(bus, f"CONSUMER.INFO.{stream}.{consumer}", {}))


async def request_api(
    bus: Bus, subject: str, request: dict[str, Any], seconds: float = 0
) -> dict[str, Any]:
    """Ask `$JS.API.<subject>`. Raises StreamApiRefused and other BusErrors."""
    payload = dumps(request).encode() if request else b""
    reply = await bus.call(f"$JS.API.{subject}", payload, seconds)
    try:
        answer: dict[str, Any] = loads(reply.payload)
    except (JSONDecodeError, UnicodeDecodeError):
        raise StreamApiRefused(subject, 0, "the answer is no JSON") from None
    if error := answer.get("error"):
        words = error.get("description", "")
        raise StreamApiRefused(subject, error.get("err_code", 0), words)
    return answer


def _delivered(answer: dict[str, Any]) -> Delivered:
    delivered = answer["delivered"]
    return Delivered(delivered["consumer_seq"], delivered["stream_seq"])
