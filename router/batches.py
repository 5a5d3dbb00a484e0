"""DECIDE how waiting messages go to JetStream: which in one atomic batch, which one by one.

A batch is stored whole or not at all and costs one sync to disk, however many messages it
holds; but it costs about as much as ten single publishes, so a few go singly. Of single
publishes that are in flight together no two share a topic: one could fail and the other not.
nats-server refuses a whole batch for one bad message in it, such as an id that is stored already
(err_code 10201); then each half is tried on its own (lane.py). The two copies of a direct message
are a *pair*: they always go in one batch, so that no crash stores only one of them; where a batch
with them was refused, each is tried again under its own id.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from router.errors import RouterError

BATCH_ID = "Nats-Batch-Id"
BATCH_SEQUENCE = "Nats-Batch-Sequence"
BATCH_COMMIT = "Nats-Batch-Commit"
_BATCH_LINES = f"%b{BATCH_ID}: %b\r\n{BATCH_SEQUENCE}: %d\r\n\r\n".encode()
_LAST_BATCH_LINES = _BATCH_LINES[:-2] + f"{BATCH_COMMIT}: 1\r\n\r\n".encode()
BATCHES_DISABLED = 10174  # err_code: the stream has no allow_atomic
STORAGE_FULL = 10023  # err_code: at max_file_store, for any message
NOT_READY = frozenset((10008, 10076))  # err_code: no leader yet, JetStream still starting
MOST_ROUNDS = 4  # of single publishes one after the other; with more a batch is quicker
BATCH_BYTES = 8_388_608  # of one batch, so that it doesn't block the connection for long


class Outcome(NamedTuple):
    """What became of a message. With an error the sequence is 0."""

    sequence: int
    duplicate: bool = False  # the caller's id was stored before, under this sequence
    error: RouterError | None = None


class Message:
    """One message on its way into a stream; `on_outcome` is called once."""

    __slots__ = (
        "deadline",
        "headers",
        "message_id",
        "named_by_us",
        "on_outcome",
        "partner",
        "payload",
        "problem",
        "settled",
        "subject",
        "topic",
        "uncertain",
    )

    def __init__(
        self,
        topic: str,
        subject: str,
        payload: bytes,
        headers: bytes,
        message_id: str,
        named_by_us: bool,
        deadline: float,
        on_outcome: Callable[[Outcome], None],
    ) -> None:
        self.topic = topic
        self.subject = subject
        self.payload = payload
        self.headers = headers  # the encoded block
        self.message_id = message_id
        self.named_by_us = named_by_us
        self.deadline = deadline
        self.on_outcome = on_outcome
        self.partner: Message | None = None  # the other of a pair, next to this one in the queue
        self.uncertain = False  # sent, and no answer came: may be stored
        self.problem = "it was never sent"
        self.settled = False


class Ack(NamedTuple):
    """JetStream's answer to a publish. `number` is the err_code, 0 when it was stored."""

    sequence: int
    duplicate: bool
    batch_size: int  # 0 for a single publish
    number: int
    description: str


class _AckError(msgspec.Struct):
    err_code: int = 0
    description: str = ""


class _AckDocument(msgspec.Struct):
    seq: int = 0
    duplicate: bool = False
    count: int = 0
    error: _AckError | None = None


_decoder = msgspec.json.Decoder(_AckDocument)


def read_ack(payload: bytes) -> Ack:
    """Return the answer; what is no PubAck at all counts as an error with number -1."""
    try:
        document = _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Ack(0, False, 0, -1, "the answer is no PubAck")
    if document.error is not None:
        error = document.error
        return Ack(0, False, 0, error.err_code or -1, error.description)
    if document.seq <= 0:
        return Ack(0, False, 0, -1, "the answer holds no sequence")
    return Ack(document.seq, document.duplicate, document.count, 0, "")


def take_group(queue: deque[Message], most: int) -> list[Message]:
    """Take from the front what may travel together: no id twice, uncertain ones apart, pairs whole.

    At least one message, or one pair, whatever `most` says.
    """
    group: list[Message] = []
    ids: set[str] = set()
    size = 0
    while queue:
        first = queue[0]
        paired = first.partner is not None and len(queue) > 1 and queue[1] is first.partner
        size += len(first.payload) * (1 + paired)
        if group and (
            len(group) + 1 + paired > most
            or first.message_id in ids
            or (paired and queue[1].message_id in ids)
            or first.uncertain != group[0].uncertain
            or size > BATCH_BYTES
        ):
            break
        for _ in range(1 + paired):
            message = queue.popleft()
            group.append(message)
            ids.add(message.message_id)
    return group


def belongs_in_batch(messages: list[Message], batch_from: int) -> bool:
    """Tell whether one batch is quicker than single publishes, and likely to be accepted.

    A pair goes in a batch even so.
    """
    if len(messages) < 2 or messages[0].uncertain:
        return False
    if any(message.partner is not None for message in messages):
        return True
    return len(messages) >= batch_from or len(split_rounds(messages)) > MOST_ROUNDS


def middle_of(messages: list[Message]) -> int:
    """Return where two or more messages are halved: between pairs, where there is more than one."""
    middle = len(messages) // 2
    if messages[middle - 1].partner is not messages[middle]:
        return middle
    if middle + 1 < len(messages):
        return middle + 1
    return middle - 1 or middle


def split_rounds(messages: list[Message]) -> list[list[Message]]:
    """Split into rounds that keep each topic's order and hold each topic once."""
    rounds: list[list[Message]] = []
    depth: dict[str, int] = {}
    for message in messages:
        number = depth.get(message.topic, 0)
        depth[message.topic] = number + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(message)
    return rounds


def batch_headers(message: Message, batch_id: bytes, number: int, of: int) -> bytes:
    """Return the message's header block as number `number`, from 1, of a batch of `of`."""
    form = _BATCH_LINES if number < of else _LAST_BATCH_LINES
    return form % (message.headers[:-2], batch_id, number)
