"""Any life of a session: what it is told and when, against a model of a few lines.

The edge is played as it is written: one frame at a time, none while the session waits.
"""

from dataclasses import dataclass, field
from json import dumps

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from gateway.grants import Grant, RoomRight
from gateway.session import (
    Acknowledge,
    Action,
    Ask,
    ChangeRoom,
    CheckToken,
    JoinRoom,
    LeaveRoom,
    RefuseOperations,
    Reply,
    SendTo,
    SendUpstream,
    Session,
    State,
    TellOnline,
)
from schemas.close_codes import CloseCode
from schemas.frame import Frame
from schemas.operations import Operation

START, WALL = 1000.0, 1_800_000_000.0
AUTH_SECONDS, BEAT = 5.0, 60.0
BURST, PER_SECOND = 20, 10.0
MOST_ACCEPTS = 8
ROOMS = ("live://1", "live://2", "chat://3")
WAITED_FOR = (CheckToken, ChangeRoom, JoinRoom, SendUpstream)
FOR_EXT = (JoinRoom, LeaveRoom, SendTo, Ask, Acknowledge)
SEQUENCED = (Reply, RefuseOperations, TellOnline, *WAITED_FOR, LeaveRoom, SendTo, Ask)

operations = st.sampled_from([*map(int, Operation), 100, 1000, -1, 2**31 - 1])
lists = st.lists(st.integers(-7, 7).map(str), max_size=5).map(",".join)
wishes = st.builds(
    lambda room, resume: dumps({"room": room} | ({"resume": resume} if resume else {})),
    st.sampled_from(ROOMS),
    st.integers(-9, 9),
)
bodies = st.one_of(
    st.sampled_from(["", *ROOMS, "1,x", '{"member":5}', "[]", "{"]),
    lists,
    wishes,
).map(str.encode)
seconds = st.sampled_from([0.0, 0.01, 0.5, 4.0, 59.0, 70.0])


@dataclass
class Model:
    """What the session must be, told in other words."""

    now: float = START
    began: float = START
    accepts: set[int] = field(default_factory=set)
    deadline: float = START + AUTH_SECONDS
    expires_at: float = 0.0
    taken: int = 0
    sequence: int = 0
    waits_for: Action | None = None

    def until(self, deadline: float) -> float:
        return min(deadline, self.expires_at) if self.expires_at else deadline


class SessionMachine(RuleBasedStateMachine):
    """One client, from its first frame to whatever ends it."""

    @initialize(websocket=st.booleans())
    def connect(self, websocket: bool) -> None:
        self.session = Session(websocket, START, AUTH_SECONDS, BURST, MOST_ACCEPTS)
        self.model = Model()

    @rule(by=seconds)
    def wait(self, by: float) -> None:
        self.model.now += by

    @precondition(lambda self: not self.session.waiting)
    @rule(operation=operations, body=bodies)
    def receive(self, operation: int, body: bytes) -> None:
        self._receive(operation, body)

    @precondition(lambda self: self.session.state is State.AWAITING_AUTH)
    @rule()
    def log_in(self) -> None:
        self._receive(Operation.AUTH, b"{}")

    @precondition(lambda self: self.session.state is State.CHECKING)
    @rule(ext=st.booleans(), lives=st.sampled_from([0.0, 30.0, 600.0]), room=st.booleans())
    def grant(self, ext: bool, lives: float, room: bool) -> None:
        session, model = self.session, self.model
        rights = (RoomRight("live://*"),)
        expires = WALL + lives if lives else 0.0
        grant = Grant(
            mid=5, accepts=frozenset({1}), rooms=rights, expires_at=expires, ext=ext, key="k"
        )
        session.granted(grant, "k", model.now, WALL, BEAT)
        session.room = ROOMS[0] if room else ""
        session.answered()
        model.waits_for = None
        model.accepts = {1}
        model.expires_at = model.now + expires - WALL if lives else 0.0
        model.deadline = model.until(model.now + BEAT)

    @precondition(lambda self: self.session.waiting and self.session.state is State.OPEN)
    @rule(allowed=st.booleans())
    def answer(self, allowed: bool) -> None:
        session, asked = self.session, self.model.waits_for
        if isinstance(asked, ChangeRoom):
            session.room = asked.room if allowed else ""
            assert session.hears(session.room) == bool(session.room)
        elif isinstance(asked, JoinRoom) and allowed and asked.room not in session.rooms:
            session.rooms = (*session.rooms, asked.room)
        session.answered()
        self.model.waits_for = None

    @rule()
    def take(self) -> None:
        model = self.model
        if self.session.take_frame(model.now, PER_SECOND, BURST):
            model.taken += 1
        else:
            assert model.taken >= BURST

    @rule()
    def close(self) -> None:
        self.session.close()
        self.model.waits_for = None

    @precondition(lambda self: self.model.deadline <= self.model.now)
    @rule()
    def end_overdue(self) -> None:
        session, model = self.session, self.model
        expected = CloseCode.AUTH_TIMEOUT
        if session.state is State.OPEN:
            is_expired = 0 < model.expires_at <= model.now
            expected = CloseCode.TOKEN_EXPIRED if is_expired else CloseCode.IDLE
        assert session.overdue(model.now) is expected
        self.close()

    @invariant()
    def no_more_frames_are_taken_than_the_rate_gives(self) -> None:
        elapsed = self.model.now - self.model.began
        assert self.model.taken <= BURST + PER_SECOND * elapsed + 1e-6

    @invariant()
    def it_waits_for_just_what_was_asked(self) -> None:
        assert self.session.waiting == (self.model.waits_for is not None)

    @invariant()
    def it_ends_when_it_must(self) -> None:
        assert self.session.deadline == self.model.deadline

    @invariant()
    def it_takes_the_operations_that_it_said(self) -> None:
        assert self.session.accepts == self.model.accepts

    def _receive(self, operation: int, body: bytes) -> None:
        session, model = self.session, self.model
        before = session.state
        model.sequence += 1
        action = session.receive_frame(Frame(7, operation, model.sequence, body), model.now)
        if before is not State.OPEN:
            asks = before is State.AWAITING_AUTH and operation == Operation.AUTH
            assert isinstance(action, CheckToken) if asks else action is None
        else:
            self._note_open(operation, body)
            self._check_open(operation, action)
        if isinstance(action, SEQUENCED):
            assert (action.version, action.sequence) == (7, model.sequence)
        if isinstance(action, WAITED_FOR):
            model.waits_for = action

    def _note_open(self, operation: int, body: bytes) -> None:
        model = self.model
        if operation == Operation.HEARTBEAT:
            model.deadline = model.until(model.now + BEAT)
        if operation in (Operation.SUBSCRIBE, Operation.UNSUBSCRIBE):
            words = body.decode().split(",")
            named = {int(word) for word in words} if all(map(_is_number, words)) else set()
            if operation == Operation.UNSUBSCRIBE:
                model.accepts -= named
            elif len(model.accepts | named) <= MOST_ACCEPTS:
                model.accepts |= named

    def _check_open(self, operation: int, action: Action | None) -> None:
        """One thing comes of each frame; nothing of what goim leaves unanswered."""
        session = self.session
        silent = operation == Operation.RAW and not session.websocket
        silent = silent or (operation == Operation.ACKNOWLEDGE and session.ext)
        assert silent or action is not None
        if not session.ext:
            assert not isinstance(action, FOR_EXT)
            assert not isinstance(action, SendUpstream) or action.room == session.room != ""


def _is_number(word: str) -> bool:
    return word.removeprefix("-").isdigit()


SessionMachine.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, derandomize=True
)
TestSession = SessionMachine.TestCase
