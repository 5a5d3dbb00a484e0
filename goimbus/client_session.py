"""DECIDE one client's side of goim's protocol: frames in, events out, over all its connections.

What was sent and not answered survives a connection, so that it can be sent again: a message of
an `ext` client under the same number, which the server stores once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from json import dumps
from typing import Any, NamedTuple

from goimbus.client_answers import Answered, json_object, read_answer, whole_number
from goimbus.client_history import REPLIES as TOLD
from goimbus.client_history import Questions, Unread
from goimbus.client_rooms import REPLIES, FurtherRooms
from goimbus.client_sends import NO_TARGETS
from goimbus.messages import Gap, Live, Message, room_topic
from goimbus.positions import Positions
from goimbus.reconnect import Ending, read_closing_notice
from schemas.frame import Frame, encode_frame
from schemas.operations import Operation

MOST_NUMBER = 2**31 - 1  # the frame's sequence is an int32, and over 0 in what a client sends
DEFAULT_HEARTBEAT_SECONDS = 30.0  # goim's JavaScript client

REPLY_TO: dict[int, int] = {
    Operation.CHANGE_ROOM: Operation.CHANGE_ROOM_REPLY,
    Operation.SUBSCRIBE: Operation.SUBSCRIBE_REPLY,
    Operation.UNSUBSCRIBE: Operation.UNSUBSCRIBE_REPLY,
}


@dataclass(slots=True)
class Identity:
    """What the auth frame says of this client; the claims of a token win over the rest."""

    mid: int = 0
    key: str = ""
    room: str = ""
    platform: str = ""
    accepts: tuple[int, ...] = ()
    token: str = ""
    ext: bool = True
    device: str = ""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The server took the auth frame."""

    heartbeat_seconds: float


Event = LoggedIn | Answered | Unread | Message | Gap | Live | Ending


class _Sent(NamedTuple):
    operation: int
    body: bytes
    room: str | None  # where the client wanted to be when this was sent; None: that is the same
    topic: str = ""  # where it is stored


class ClientSession:
    """The state of one client; `connect` begins each new connection."""

    def __init__(
        self,
        identity: Identity,
        positions: Positions,
        first_number: int,
        rooms: Iterable[str] = (),
    ) -> None:
        self.identity = identity
        self.positions = positions
        self.rooms = FurtherRooms(rooms, positions)
        self.questions = Questions()
        self.logged_in = False
        self.extended = False
        self.online = 0
        self._last_number = first_number
        self._topic = ""
        self._topic_sequence = 0
        self._told_room = ""
        self._sent: dict[int, _Sent] = {}
        self._requests: dict[int, _Sent] = {}
        self._asked_room = False
        self._subscribed: set[int] = set()
        self._unsubscribed: set[int] = set()

    def connect(self) -> bytes:
        """Begin a new connection; return its auth frame."""
        self.logged_in = self.extended = False
        self._topic = ""
        return encode_frame(Operation.AUTH, dumps(self._auth_values()).encode(), sequence=1)

    def disconnect(self) -> list[int]:
        """End the connection; return the numbers of messages whose fate nobody knows.

        With an `ext` server, which dedupes what is sent again, only those for another room.
        """
        lost = list(self._sent) if self.logged_in and not self.extended else []
        self.logged_in = False
        for number in lost:
            del self._sent[number]
        return lost + self.abandon_other_rooms()

    def abandon_other_rooms(self) -> list[int]:
        """Return the numbers of messages that are not sent again: the client has moved on.

        What was sent before a change of room is answered before it, unless the connection ends.
        """
        if self.logged_in:
            return []
        room = self.identity.room
        lost = [number for number, sent in self._sent.items() if sent.room not in (room, None)]
        for number in lost:
            del self._sent[number]
        return lost

    def receive(self, frame: Frame, pushed: bool) -> list[Event]:
        """Take one frame; `pushed` tells that it came inside an op 9 envelope."""
        if not self.logged_in:
            return self._log_in(frame) if frame.operation == Operation.AUTH_REPLY else []
        if self.extended:
            handled = self._receive_extension(frame)
            if handled is not None:
                return handled
        if not pushed:
            reply = self._receive_reply(frame)
            if reply is not None:
                return reply
        return self._receive_push(frame)

    def send(self, body: bytes, operation: int, number: int = 0) -> tuple[int, bytes]:
        """Return the message's number and its frame; the same number sends the same again."""
        number = number or self._next_number()
        room = self.identity.room
        self._sent[number] = _Sent(operation, body, room, room_topic(room))
        return number, encode_frame(operation, body, sequence=number)

    def send_to(self, topic: str, body: bytes, number: int = 0) -> tuple[int, bytes]:
        """As `send`, where the body says to whom; what is stored is in this topic."""
        number = number or self._next_number()
        self._sent[number] = _Sent(Operation.SEND_TO, body, None, topic)
        return number, encode_frame(Operation.SEND_TO, body, sequence=number)

    def change_room(self, room: str) -> tuple[int, bytes]:
        """Want to be in another room from now on; `""` is none."""
        self._asked_room = True
        request = self._request(Operation.CHANGE_ROOM, room.encode())
        self.identity.room = room
        return request

    def join(self, room: str) -> tuple[int, bytes]:
        """Want to hear a room too from now on."""
        number = self._next_number()
        return number, self.rooms.join(number, room)

    def leave(self, room: str) -> tuple[int, bytes]:
        """Want to hear a further room no more."""
        number = self._next_number()
        return number, self.rooms.leave(number, room)

    def ask(self, operation: Operation, values: Mapping[str, object]) -> tuple[int, bytes]:
        """Ask for a page of history, or what is unread."""
        number = self._next_number()
        return number, self.questions.ask(number, operation, values)

    def subscribe(self, operations: Iterable[int]) -> tuple[int, bytes]:
        """Want pushes with these operations too."""
        wanted = set(operations)
        self._subscribed |= wanted
        self._unsubscribed -= wanted
        self.identity.accepts = tuple(sorted({*self.identity.accepts, *wanted}))
        return self._request(Operation.SUBSCRIBE, _operation_list(wanted))

    def unsubscribe(self, operations: Iterable[int]) -> tuple[int, bytes]:
        """Want no pushes with these operations."""
        unwanted = set(operations)
        self._unsubscribed |= unwanted
        self._subscribed -= unwanted
        self.identity.accepts = tuple(sorted({*self.identity.accepts} - unwanted))
        return self._request(Operation.UNSUBSCRIBE, _operation_list(unwanted))

    def forget(self, number: int) -> None:
        """Wait no longer for the answer to a message or request."""
        self._sent.pop(number, None)
        self._requests.pop(number, None)
        self.rooms.forget(number)
        self.questions.forget(number)

    def unanswered(self) -> list[bytes]:
        """Return the frames to send after a login: what is wanted and what was not answered."""
        frames = [
            encode_frame(sent.operation, sent.body, sequence=number)
            for waiting in (self._requests, self._sent)
            for number, sent in sorted(waiting.items())
        ]
        further = self.rooms.to_send(self._next_number) if self.extended else []
        return self._corrections() + further + frames + self.questions.to_send()

    def heartbeat(self) -> bytes:
        """Return a heartbeat frame."""
        return encode_frame(Operation.HEARTBEAT, sequence=self._next_number())

    def acknowledgement(self) -> bytes:
        """Return an op 18 frame, empty bytes when there is nothing new to acknowledge."""
        if not (self.logged_in and self.extended):
            return b""
        values = self.positions.acknowledge()
        return encode_frame(Operation.ACKNOWLEDGE, dumps(values).encode()) if values else b""

    def _auth_values(self) -> dict[str, Any]:
        identity = self.identity
        values: dict[str, Any] = {
            "mid": identity.mid,
            "key": identity.key,
            "room_id": identity.room,
            "platform": identity.platform,
            "accepts": list(identity.accepts),
        }
        if identity.token:
            values["token"] = identity.token
        if identity.ext:
            values["ext"] = 1
            if identity.device:
                values["device"] = identity.device
            self.rooms.add_to_login(values, identity.room)
        return values

    def _log_in(self, frame: Frame) -> list[Event]:
        self.logged_in = True
        told = json_object(frame.body)
        self.extended = self.identity.ext and bool(told.get("ext"))
        further = [*self.rooms.log_in(told, self.extended), *self.questions.log_in(self.extended)]
        if not self.extended:
            further += self._refuse_targets()
            return [LoggedIn(DEFAULT_HEARTBEAT_SECONDS), *further, *self._granted_by_login()]
        self.identity.key = self.identity.key or str(told.get("key") or "")
        self.identity.device = self.identity.device or str(told.get("device") or "")
        self._told_room = str(told.get("room") or "")
        if not self.identity.room and not self._asked_room:
            self.identity.room = self._told_room
        heartbeat = told.get("heartbeat")
        if not isinstance(heartbeat, int | float) or heartbeat <= 0:
            heartbeat = DEFAULT_HEARTBEAT_SECONDS
        return [LoggedIn(float(heartbeat)), *further, *self._granted_by_login()]

    def _refuse_targets(self) -> list[Answered]:
        """Answer what a server without extensions can't send."""
        found = [number for number, sent in self._sent.items() if sent.room is None]
        for number in found:
            del self._sent[number]
        return [Answered(number, 0, *NO_TARGETS) for number in found]

    def _granted_by_login(self) -> list[Event]:
        """Answer the requests whose wish was in the auth frame, where no token overrules it."""
        if self.identity.token or (self.extended and self._told_room != self.identity.room):
            return []
        granted, self._requests = self._requests, {}
        return [Answered(number) for number in granted]

    def _corrections(self) -> list[bytes]:
        """What the token's claims decided otherwise than this client wants."""
        identity, frames = self.identity, []
        if self._requests or not (identity.token or self.extended):
            return []
        plain_switch = not self.extended and self._asked_room
        if plain_switch or (self.extended and self._told_room != identity.room):
            frames.append(self._request(Operation.CHANGE_ROOM, identity.room.encode())[1])
        for operation, numbers in (
            (Operation.SUBSCRIBE, self._subscribed),
            (Operation.UNSUBSCRIBE, self._unsubscribed),
        ):
            if identity.token and numbers:
                frames.append(self._request(operation, _operation_list(numbers))[1])
        return frames

    def _receive_extension(self, frame: Frame) -> list[Event] | None:
        if frame.operation == Operation.TOPIC:
            return self._begin_run(json_object(frame.body))
        if frame.operation == Operation.GAP:
            values = json_object(frame.body)
            gap = Gap(
                str(values.get("topic")), whole_number(values, "after"), whole_number(values, "to")
            )
            self.positions.skip(gap.topic, gap.to)
            return [gap]
        if frame.operation == Operation.ROOM_LEFT:
            self._put_out(str(json_object(frame.body).get("room")))
            return None  # the application gets it as it is
        if frame.operation in REPLIES:
            return [*self.rooms.receive_reply(frame)]
        if frame.operation in TOLD:
            return [*self.questions.receive_reply(frame)]
        if frame.operation == Operation.CLOSING:
            return [read_closing_notice(json_object(frame.body))]
        return None

    def _begin_run(self, values: dict[str, Any]) -> list[Event]:
        self._topic = str(values.get("topic"))
        self._topic_sequence = whole_number(values, "sequence")
        if not values.get("live"):
            return []
        self.positions.complete(self._topic, self._topic_sequence)
        return [Live(self._topic, self._topic_sequence)]

    def _receive_reply(self, frame: Frame) -> list[Event] | None:
        if frame.operation == Operation.HEARTBEAT_REPLY and len(frame.body) == 4:
            self.online = int.from_bytes(frame.body, "big", signed=True)
            return []
        request = self._requests.get(frame.sequence)
        if request is not None and frame.operation == REPLY_TO[request.operation]:
            del self._requests[frame.sequence]
            told = {} if frame.body == request.body else json_object(frame.body)
            answer = read_answer(frame.sequence, told)
            if answer.error_code and request.operation == Operation.CHANGE_ROOM:
                self.identity.room = ""
            return [answer]
        return self._receive_send_reply(frame)

    def _receive_send_reply(self, frame: Frame) -> list[Event] | None:
        sent = self._sent.get(frame.sequence)
        if sent is None:
            return None
        if not self.extended:
            if frame.operation != sent.operation or frame.body:
                return None
            del self._sent[frame.sequence]
            return [Answered(frame.sequence)]
        if frame.operation != Operation.SEND_MESSAGE_REPLY:
            return None
        values = json_object(frame.body)
        if "sequence" not in values and "error" not in values:
            return None
        del self._sent[frame.sequence]
        answer = read_answer(frame.sequence, values)
        if answer.sequence:
            self.positions.sent(sent.topic, answer.sequence)
        return [answer]

    def _receive_push(self, frame: Frame) -> list[Event]:
        if not self.extended:
            return [Message(self._topic, frame.operation, frame.body)]
        sequence = self.positions.receive(self._topic, self._topic_sequence, frame.sequence)
        if sequence is None:
            return []
        return [Message(self._topic, frame.operation, frame.body, sequence)]

    def _put_out(self, room: str) -> None:
        self.rooms.put_out(room)
        if room == self.identity.room:
            self.identity.room, self._asked_room = "", True

    def _next_number(self) -> int:
        self._last_number = self._last_number % MOST_NUMBER + 1
        return self._last_number

    def _request(self, operation: Operation, body: bytes) -> tuple[int, bytes]:
        number = self._next_number()
        self._requests[number] = _Sent(operation, body, self.identity.room)
        return number, encode_frame(operation, body, sequence=number)


def _operation_list(operations: Iterable[int]) -> bytes:
    return ",".join(str(operation) for operation in sorted(operations)).encode()
