"""A connection as topics see it: it remembers what it was sent."""

from gateway.fanout import EXT, WEBSOCKET, Delivery
from schemas.frame import Frame, decode_batch, decode_frames
from schemas.operations import Operation


class FakeReceiver:
    """Takes what a topic writes; `bodies` and `frames` are what a client would see."""

    def __init__(self, number: int = 1, kind: int = 0, accepts: tuple[int, ...] = ()) -> None:
        self.number = number
        self.kind = kind
        self.blocked = False
        self.accepts = frozenset(accepts)
        self.frames: list[Frame] = []
        self.writes: list[bytes] = []
        self.messages = 0

    @property
    def bodies(self) -> list[bytes]:
        return [one.body for one in self.frames if one.operation != Operation.TOPIC]

    def send(self, data: bytes, messages: int) -> None:
        self.writes.append(data)
        self.messages += messages
        self.frames.extend(frames_of(data, self.kind))


def frames_of(data: bytes, kind: int) -> list[Frame]:
    """Return the frames in one write of pushes to a connection of this kind."""
    if kind & WEBSOCKET:
        head = 2 if data[1] < 126 else 4 if data[1] == 126 else 10
        outer = decode_frames(data[head:], max_body_bytes=len(data)).frames[0]
        assert outer.operation == Operation.RAW
        return decode_batch(outer.body)
    decoded = decode_frames(data, max_body_bytes=len(data))
    assert decoded.error is None
    assert not decoded.rest
    return decoded.frames


def kept(sequence: int, operation: int = 1000, sender: int = 0) -> Delivery:
    """A stored message whose body is its sequence."""
    return Delivery(sequence, operation, b"%d" % sequence, sender)


def cast(name: bytes, operation: int = 1000, sender: int = 0) -> Delivery:
    """A message that is not stored."""
    return Delivery(0, operation, name, sender)


ALL_KINDS = (0, WEBSOCKET, EXT, WEBSOCKET | EXT)
