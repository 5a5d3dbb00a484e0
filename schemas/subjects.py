"""Every NATS subject of Goimbus, as a function; and the encoding that keeps ids out of syntax.

A *topic* is what messages are ordered in: `room.<type>.<id>`, `member.<mid>` or `all`, already
encoded, so that it is a piece of a subject. For the topic `room.live.1000`:

    goim.push.room.live.1000.<op>   publish here: stored, then delivered
    goim.room.live.1000.kept.<op>   nats-server's republish of what was stored
    goim.room.live.1000.cast.<op>   publish here: delivered, never stored
    goim.room.live.1000.>           what a gateway with members of the room listens to
"""

import re
from dataclasses import dataclass
from functools import lru_cache

ALL_TOPIC = "all"
NO_TYPE_TOKEN = "="  # the type of a room id without "://"; no encoded text is a lone "="
MAX_ID_BYTES = 128  # keeps a subject far below nats-server's max_control_line of 4096
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PLAIN_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_ESCAPE = re.compile(rb"=([0-9A-F]{2})")


class IdRefused(ValueError):
    """An id is empty, longer than 128 bytes of UTF-8, or no UTF-8 at all."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __str__(self) -> str:
        return f"an id must have 1 to {MAX_ID_BYTES} bytes of UTF-8, this one has {self.size}"


def encode_token(text: str) -> str:
    """Make any text one subject token: letters, digits, `-`, `_` as they are, other bytes `=XX`.

    Injective and reversible. Raises IdRefused.
    """
    if _PLAIN.fullmatch(text):
        return text
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise IdRefused(0) from None
    if not 1 <= len(data) <= MAX_ID_BYTES:
        raise IdRefused(len(data))
    return "".join(chr(byte) if byte in _PLAIN_BYTES else f"={byte:02X}" for byte in data)


def decode_token(token: str) -> str:
    """Undo encode_token."""
    if "=" not in token:
        return token
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), token.encode()).decode()


@lru_cache(maxsize=4096)
def room_topic(room: str) -> str:
    """Return the topic of a goim room id such as `live://1000`. Raises IdRefused.

    goim compares room ids as bytes and asks no form of them: an id without `://` gets a topic
    too, one that no `type` and `room` of the push API can name. A login asks several times.
    """
    kind, separator, name = room.partition("://")
    if not separator:
        return f"room.{NO_TYPE_TOKEN}.{encode_token(room)}"
    return f"room.{encode_token(kind)}.{encode_token(name)}"


def topic_room(topic: str) -> str:
    """Return the room id of a room topic: the inverse of room_topic."""
    _, kind, name = topic.split(".")
    if kind == NO_TYPE_TOKEN:
        return decode_token(name)
    return f"{decode_token(kind)}://{decode_token(name)}"


def topic_room_type(topic: str) -> str:
    """Return the type of a room topic, `""` for a room id without one."""
    kind = topic.split(".")[1]
    return "" if kind == NO_TYPE_TOKEN else decode_token(kind)


def member_topic(mid: int) -> str:
    """Return the topic of a member (goim's mid, over 0)."""
    return f"member.{mid}"


@dataclass(frozen=True, slots=True)
class Subjects:
    """The subjects under one prefix (GOIM_SUBJECT_PREFIX), so that two systems can share a NATS."""

    prefix: str = "goim"

    def push(self, topic: str, operation: int | str) -> str:
        """Publish here to store a message and deliver it."""
        return f"{self.prefix}.push.{topic}.{operation}"

    def kept(self, topic: str, operation: int | str) -> str:
        """Where nats-server republishes what was stored; nobody else may publish there."""
        return f"{self.prefix}.{topic}.kept.{operation}"

    def cast(self, topic: str, operation: int) -> str:
        """Publish here to deliver a message without storing it."""
        return f"{self.prefix}.{topic}.cast.{operation}"

    def interest(self, topic: str) -> str:
        """Listen here for all that is delivered to a topic, kept and cast."""
        return f"{self.prefix}.{topic}.>"

    def stored(self, topic: str) -> str:
        """The filter for a topic's messages inside its stream."""
        return f"{self.prefix}.push.{topic}.*"

    def pushed_topic(self, subject: str) -> tuple[str, int]:
        """Split a stored message's subject into topic and operation. Raises ValueError."""
        head = f"{self.prefix}.push."
        if not subject.startswith(head):
            raise ValueError(f"{subject!r} is not below {head}")
        topic, _, operation = subject[len(head) :].rpartition(".")
        return topic, int(operation)

    def gateway(self, gateway: str) -> str:
        """Commands to one gateway: pushes to connection keys, closing of connections."""
        return f"{self.prefix}.gateway.{gateway}"

    def upstream(self, room: str, mid: int, operation: int) -> str:
        """What a client sent into its room; a request that the router answers."""
        kind, name = room_topic(room).split(".")[1:]
        return f"{self.prefix}.up.{kind}.{name}.{mid}.{operation}"

    def upstream_parts(self, subject: str) -> tuple[str, int, int]:
        """Split an upstream subject into topic, mid and operation. Raises ValueError."""
        kind, name, mid, operation = subject[len(self.prefix) + 4 :].split(".")
        return f"room.{kind}.{name}", int(mid), int(operation)

    def direct(self, recipient: int, sender: int, operation: int) -> str:
        """What a client sent to a member; a request that the router answers."""
        return f"{self.prefix}.direct.{recipient}.{sender}.{operation}"

    def direct_parts(self, subject: str) -> tuple[int, int, int]:
        """Split such a subject into recipient, sender and operation. Raises ValueError."""
        words = subject[len(self.prefix) + 8 :].split(".")
        recipient, sender, operation = (int(word) for word in words)
        if words != [str(recipient), str(sender), str(operation)]:
            raise ValueError(subject)
        return recipient, sender, operation

    def admit(self, room_type: str) -> str:
        """Who may change or refuse what clients send answers requests here (docs/rooms.md)."""
        return f"{self.prefix}.admit.{encode_token(room_type) if room_type else NO_TYPE_TOKEN}"

    def rpc(self, service: str, endpoint: str) -> str:
        """A request subject, such as `goim.auth.check` or `goim.store.replay`."""
        return f"{self.prefix}.{service}.{endpoint}"

    def session_event(self, mid: int | str, what: str) -> str:
        """What happened to a member's presence: `online` or `offline`; `*` matches any."""
        return f"{self.prefix}.event.session.{mid}.{what}"

    def room_event(self, topic: str, what: str) -> str:
        """What happened to the room of this topic."""
        return f"{self.prefix}.event.{topic}.{what}"

    def tell_session(self, mid: int | str, what: str) -> str:
        """Publish a session event here: the stream stores it as one, and then it is heard, once."""
        return f"{self.prefix}.tell.session.{mid}.{what}"

    def undelivered_event(self, mid: int | str) -> str:
        """A push to the member was stored while nobody was there to get it."""
        return f"{self.prefix}.event.undelivered.{mid}"

    def stream(self, kind: str) -> str:
        """The name of a JetStream stream: kind is `ROOM`, `MEMBER`, `ALL` or `EVENT`."""
        return f"{self.prefix.upper()}_{kind}"

    def topic_stream(self, topic: str) -> str:
        """The stream that stores a topic."""
        return self.stream(topic.partition(".")[0].upper())

    def bucket(self, kind: str) -> str:
        """The name of a KV bucket: kind is `POLICY`, `POSITION` or `TRIMMED`."""
        return f"{self.prefix.upper()}_{kind}"
