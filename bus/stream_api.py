"""JetStream's management requests in JSON, as far as ordered reading needs them.

For making and changing streams use `Bus.jetstream`; this asks without parsing whole configs.
"""

from json import dumps, loads
from typing import Any, NamedTuple

from bus.connection import Bus
from bus.errors import StreamApiRefused

STREAM_NOT_FOUND = 10059  # err_code of nats-server
STREAM_NAME_IN_USE = 10058
WRONG_LAST_SEQUENCE = 10071
OTHER_WRITE_IN_PROCESS = 10164  # a cluster says so while another write to the subject is on its way
NOT_UNDERSTOOD = "the answer is not understood"


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
    subject = f"STREAM.INFO.{stream}"
    answer = await request_api(bus, subject, {})
    try:
        state = answer["state"]
        return StreamState(
            str(answer["created"]),
            int(state["first_seq"]),
            int(state["last_seq"]),
            int(state["messages"]),
        )
    except (KeyError, TypeError, ValueError):
        raise StreamApiRefused(subject, 0, NOT_UNDERSTOOD) from None


async def create_stream(bus: Bus, config: dict[str, Any]) -> None:
    """Make a stream; nothing when there is one by that name, be it like that or another.

    Raises StreamApiRefused and other BusErrors.
    """
    try:
        await request_api(bus, f"STREAM.CREATE.{config['name']}", config)
    except StreamApiRefused as refused:
        if refused.code != STREAM_NAME_IN_USE:
            raise


async def create_consumer(bus: Bus, stream: str, config: dict[str, Any]) -> Delivered:
    """Make a consumer named `config["name"]`. Raises StreamApiRefused and other BusErrors."""
    request = {"stream_name": stream, "config": config, "action": "create"}
    subject = f"CONSUMER.CREATE.{stream}.{config['name']}"
    return _delivered(subject, await request_api(bus, subject, request))


async def request_api(
    bus: Bus, subject: str, request: dict[str, Any], seconds: float = 0
) -> dict[str, Any]:
    """Ask `$JS.API.<subject>`. Raises StreamApiRefused and other BusErrors."""
    payload = dumps(request).encode() if request else b""
    reply = await bus.call(f"$JS.API.{subject}", payload, seconds)
    try:
        answer: dict[str, Any] = loads(reply.payload)
        error = answer.get("error")
        if error:
            raise StreamApiRefused(
                subject, int(error.get("err_code", 0)), str(error.get("description", ""))
            )
    except (ValueError, AttributeError):
        raise StreamApiRefused(subject, 0, NOT_UNDERSTOOD) from None
    return answer


def acknowledged(subject: str, payload: bytes) -> int:
    """Return the sequence that JetStream stored a message under. Raises StreamApiRefused.

    Its code is WRONG_LAST_SEQUENCE wherever another write came before one that expected none.
    """
    try:
        answer = loads(payload)
        error, sequence = answer.get("error") or {}, int(answer.get("seq", 0))
        code, words = error.get("err_code", 0), error.get("description", "nothing was stored")
    except (ValueError, AttributeError, TypeError):
        raise StreamApiRefused(subject, 0, "the acknowledgement is unreadable") from None
    if error or not sequence:
        lost = code == OTHER_WRITE_IN_PROCESS
        raise StreamApiRefused(subject, WRONG_LAST_SEQUENCE if lost else code, words)
    return sequence


def _delivered(subject: str, answer: dict[str, Any]) -> Delivered:
    try:
        delivered = answer["delivered"]
        return Delivered(int(delivered["consumer_seq"]), int(delivered["stream_seq"]))
    except (KeyError, TypeError, ValueError):
        raise StreamApiRefused(subject, 0, NOT_UNDERSTOOD) from None
