"""DECIDE one client's life: frames and times in, actions out. No sockets, no NATS.

    AWAITING_AUTH ── op 7 ──► CHECKING ── granted ──► OPEN ──► CLOSED
          │ other ops: ignored     │ refused, timeout             ▲
          └────────────────────────┴──────────────────────────────┘

One frame is in hand at a time: while `waiting` (for the token check, for a room to be heard, or for
the router's answer to what the client sent) the connection keeps further frames back, so replies
keep the order of the requests, as goim's do. Only what is sent to a given room or member (op 20),
and asked of the store (op 30 and 32), is answered in its own time.
"""

from enum import Enum, auto
from json import dumps
from sys import intern
from typing import NamedTuple

from gateway.asks import Budget
from gateway.bodies import NO_OPERATIONS, read_operations, read_positions, read_room_wish
from gateway.grants import Grant, RoomRight
from schemas.close_codes import CloseCode
from schemas.frame import Frame
from schemas.operations import Operation, is_business
from schemas.subjects import MAX_ID_BYTES

EXTENSIONS = (Operation.ACKNOWLEDGE, Operation.JOIN_ROOM, Operation.LEAVE_ROOM)
ASKS = (Operation.HISTORY, Operation.READ)
NO_ROOM_WISH = dumps(
    {
        "room": "",
        "error": {
            "code": 400,
            "reason": "malformed",
            "message": "the body must be JSON with a room, and resume a whole number where it is",
            "retry": "never",
            "after": 0,
        },
    }
).encode()


class Reply(NamedTuple):
    """Send this frame."""

    operation: int
    body: bytes
    version: int
    sequence: int


class TellOnline(NamedTuple):
    """Send an op 3 frame with the room's online count."""

    version: int
    sequence: int


class CheckToken(NamedTuple):
    """Ask `goim.auth.check`; call `granted`, reply, call `answered`; or close the connection."""

    body: bytes
    version: int
    sequence: int


class ChangeRoom(NamedTuple):
    """Leave the room, enter this one (`""`: none), reply op 13 with the body, call `answered`."""

    room: str
    body: bytes
    version: int
    sequence: int


class JoinRoom(NamedTuple):
    """Hear this room too, reply op 22, bring it up to date, call `answered`."""

    room: str
    resume: int | None  # where the client says it is; a negative number -n: the newest n
    version: int
    sequence: int


class LeaveRoom(NamedTuple):
    """Hear a further room no more, and reply op 24."""

    room: str
    version: int
    sequence: int


class SendUpstream(NamedTuple):
    """Ask the router to publish this in the room, reply, then call `answered`."""

    room: str
    operation: int
    body: bytes
    version: int
    sequence: int


class SendTo(NamedTuple):
    """Ask the router to publish for whom the body names, reply op 5; other frames don't wait."""

    body: bytes
    version: int
    sequence: int
    operation: int = Operation.SEND_TO


class RefuseOperations(NamedTuple):
    """Answer an op 14 as ever, and count that the connection would accept too many."""

    body: bytes
    version: int
    sequence: int


class Ask(NamedTuple):
    """Ask the store for a page of history, or what is unread; other frames don't wait for it."""

    operation: int
    body: bytes
    version: int
    sequence: int


class Acknowledge(NamedTuple):
    """The client has handled all up to these sequences ("member", "all" or a room id)."""

    positions: dict[str, int]


Action = (
    Reply
    | TellOnline
    | CheckToken
    | ChangeRoom
    | JoinRoom
    | LeaveRoom
    | SendUpstream
    | SendTo
    | RefuseOperations
    | Ask
    | Acknowledge
)


class State(Enum):
    """Where a session is in its life."""

    AWAITING_AUTH = auto()
    CHECKING = auto()
    OPEN = auto()
    CLOSED = auto()


class Session:
    """One client's state. Times are monotonic seconds."""

    __slots__ = (
        "accepts",
        "asks",
        "deadline",
        "device",
        "devices",
        "expires_at",
        "ext",
        "frames_left",
        "frames_time",
        "heartbeat_limit",
        "key",
        "mid",
        "most_accepts",
        "platform",
        "rights",
        "role",
        "room",
        "rooms",
        "since_us",
        "state",
        "token_id",
        "waiting",
        "websocket",
    )

    def __init__(
        self, websocket: bool, now: float, auth_seconds: float, burst: int, most_accepts: int
    ) -> None:
        self.websocket = websocket
        self.most_accepts = most_accepts  # operations; its token may have given more
        self.state = State.AWAITING_AUTH
        self.waiting = False
        self.deadline = now + auth_seconds
        self.heartbeat_limit = 0.0
        self.frames_left = float(burst)
        self.frames_time = now
        self.mid = 0
        self.key = ""
        self.token_id = ""  # by which its login may be ended
        self.device = ""
        self.devices = ""  # how many the member may have at once
        self.platform = ""
        self.room = ""  # the one of op 12: counted by heartbeats, and where op 4 goes
        self.rooms: tuple[str, ...] = ()  # heard too, by op 21; the one above may be among them
        self.accepts = NO_OPERATIONS
        self.rights: tuple[RoomRight, ...] = ()
        self.role = ""
        self.since_us = 0  # of the login, unix microseconds
        self.expires_at = 0.0
        self.ext = False
        self.asks: Budget | None = None  # what it may still ask of the store; None: it never did

    def receive_frame(self, frame: Frame, now: float) -> Action | None:
        """Return what is to be done about a frame; None: nothing, it is ignored."""
        if self.state is not State.OPEN:
            return self._before_auth(frame)
        operation, body = frame.operation, frame.body
        version, sequence = frame.version, frame.sequence
        if operation == Operation.HEARTBEAT:
            self.deadline = self._until(now + self.heartbeat_limit)
            return TellOnline(version, sequence)
        if is_business(operation):
            return self._send(frame)
        if operation == Operation.CHANGE_ROOM:
            return self._change_room(frame)
        if operation in (Operation.SUBSCRIBE, Operation.UNSUBSCRIBE):
            return self._change_accepts(frame)
        if operation == Operation.HEARTBEAT_REPLY:
            return TellOnline(version, sequence)
        if self.ext and operation == Operation.SEND_TO:
            return SendTo(body, version, sequence)
        if self.ext and operation in ASKS:
            return Ask(operation, body, version, sequence)
        if self.ext and operation in EXTENSIONS:
            return self._receive_extension(frame)
        if operation == Operation.RAW and not self.websocket:
            return None  # goim answers this one on WebSocket only
        return Reply(operation, b"", version, sequence)

    def granted(self, grant: Grant, key: str, now: float, wall: float, beat: float) -> None:
        """Open the session: `key` is the granted or the made one, `beat` the idle time allowed."""
        self.state = State.OPEN
        self.mid = grant.mid
        self.key = key
        self.token_id = grant.token_id
        self.platform = intern(grant.platform)  # thousands have the same: one text for all
        device = _device(grant.device or grant.key or grant.platform or "default")
        self.device = self.platform if device == self.platform else device
        self.accepts = grant.accepts
        self.rights = grant.rooms
        self.role = grant.role
        self.ext = grant.ext
        self.since_us = int(wall * 1_000_000)
        self.expires_at = now + grant.expires_at - wall if grant.expires_at else 0.0
        self.heartbeat_limit = beat
        self.deadline = self._until(now + beat)

    def hears(self, room: str) -> bool:
        """Tell whether the connection is in a room, be it a further one."""
        return room in self.rooms or (room == self.room and room != "")

    def answered(self) -> None:
        """What the client asked for is done, and answered."""
        self.waiting = False

    def close(self) -> None:
        """Nothing comes in any more."""
        self.state = State.CLOSED
        self.waiting = False

    def overdue(self, now: float) -> CloseCode:
        """Say why a session whose deadline has passed ends."""
        if self.state is not State.OPEN:
            return CloseCode.AUTH_TIMEOUT
        if self.expires_at and self.expires_at <= now:
            return CloseCode.TOKEN_EXPIRED
        return CloseCode.IDLE

    def take_frame(self, now: float, per_second: float, burst: int) -> bool:
        """Count a frame against the connection's rate; False: it is over (a token bucket)."""
        left = min(burst, self.frames_left + (now - self.frames_time) * per_second)
        self.frames_time = now
        self.frames_left = left - 1 if left >= 1 else left
        return left >= 1

    def _before_auth(self, frame: Frame) -> Action | None:
        if self.state is not State.AWAITING_AUTH or frame.operation != Operation.AUTH:
            return None  # goim ignores what comes before auth
        self.state = State.CHECKING
        self.waiting = True
        return CheckToken(frame.body, frame.version, frame.sequence)

    def _send(self, frame: Frame) -> Action:
        if not self.room and not self.ext:
            return Reply(frame.operation, b"", frame.version, frame.sequence)
        self.waiting = True
        return SendUpstream(self.room, frame.operation, frame.body, frame.version, frame.sequence)

    def _change_room(self, frame: Frame) -> Action:
        try:
            room = frame.body.decode()
        except UnicodeDecodeError:
            room = "\N{REPLACEMENT CHARACTER}" * 200  # too long for any room: refused as such
        self.waiting = True
        return ChangeRoom(room, frame.body, frame.version, frame.sequence)

    def _receive_extension(self, frame: Frame) -> Action | None:
        if frame.operation == Operation.ACKNOWLEDGE:
            return self._acknowledge(frame.body)
        wanted = read_room_wish(frame.body)
        if wanted is None:
            return Reply(frame.operation + 1, NO_ROOM_WISH, frame.version, frame.sequence)
        room, resume = wanted
        if frame.operation == Operation.LEAVE_ROOM:
            return LeaveRoom(room, frame.version, frame.sequence)
        self.waiting = True
        return JoinRoom(room, resume, frame.version, frame.sequence)

    def _change_accepts(self, frame: Frame) -> Action:
        body, version, sequence = frame.body, frame.version, frame.sequence
        operations = read_operations(body)
        if frame.operation == Operation.UNSUBSCRIBE:
            self.accepts = self.accepts - operations
            return Reply(Operation.UNSUBSCRIBE_REPLY, body, version, sequence)
        accepts = self.accepts | operations
        if len(accepts) > max(self.most_accepts, len(self.accepts)):
            return RefuseOperations(body, version, sequence)
        self.accepts = accepts
        return Reply(Operation.SUBSCRIBE_REPLY, body, version, sequence)

    def _acknowledge(self, body: bytes) -> Action | None:
        positions = read_positions(body)
        return Acknowledge(positions) if positions else None

    def _until(self, deadline: float) -> float:
        return min(deadline, self.expires_at) if self.expires_at else deadline


def _device(name: str) -> str:
    """Return a device's name as positions can be kept under it: its first bytes, and it is text."""
    return name.encode("utf-8", "replace")[:MAX_ID_BYTES].decode("utf-8", "ignore")
