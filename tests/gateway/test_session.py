"""One client's life: frames and times in, actions out (goim-compat section 1.3)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.grants import Grant, RoomRight
from gateway.session import (
    Acknowledge,
    Action,
    ChangeRoom,
    CheckToken,
    JoinRoom,
    LeaveRoom,
    RefuseOperations,
    Reply,
    SendUpstream,
    Session,
    State,
    TellOnline,
)
from schemas.close_codes import CloseCode
from schemas.frame import Frame

NOW = 1000.0
WALL = 1_800_000_000.0
BEAT = 480.0
NOTHING: frozenset[int] = frozenset()


def new_session(websocket: bool = False) -> Session:
    return Session(websocket, NOW, auth_seconds=5.0, burst=200, most_accepts=1000)


def open_session(websocket: bool = False, room: str = "live://1", **grant: Any) -> Session:
    session = new_session(websocket)
    session.granted(Grant(**grant), grant.get("key") or "made", NOW, WALL, BEAT)
    session.answered()
    session.room = room
    return session


def take(session: Session, operation: int, body: bytes = b"", now: float = NOW) -> Action | None:
    return session.receive_frame(Frame(102, operation, 7, body), now)


@pytest.mark.parametrize("operation", [-1, 0, 2, 3, 4, 9, 12, 14, 16, 18, 1000])
def test_before_auth_every_other_operation_is_ignored(operation: int) -> None:
    session = new_session()
    assert take(session, operation) is None
    assert session.state is State.AWAITING_AUTH
    assert session.deadline == NOW + 5


def test_an_auth_frame_asks_for_a_check_and_waits() -> None:
    session = new_session()
    assert take(session, 7, b"token") == CheckToken(b"token", 102, 7)
    assert session.state is State.CHECKING
    assert session.waiting
    assert take(session, 7, b"again") is None
    assert session.deadline == NOW + 5  # a check that hangs ends with the handshake time


def test_a_grant_opens_the_session() -> None:
    session = new_session()
    take(session, 7, b"token")
    rights = (RoomRight("live://*"),)
    grant = Grant(5, "phone", "live://1", "web", frozenset({1000}), rights, ext=True)
    session.granted(grant, "phone", NOW + 1, WALL, BEAT)
    assert session.state is State.OPEN
    assert session.waiting  # until it is answered
    assert (session.mid, session.key, session.device, session.platform) == (
        5,
        "phone",
        "phone",
        "web",
    )
    assert session.accepts == {1000}
    assert session.ext
    assert session.deadline == NOW + 1 + BEAT


@pytest.mark.parametrize(
    ("key", "platform", "device"),
    [
        ("phone", "web", "phone"),
        ("", "web", "web"),
        ("", "", "default"),
        ("k" * 200, "", "k" * 128),
    ],
)
def test_a_device_is_the_given_key_or_the_platform(key: str, platform: str, device: str) -> None:
    assert open_session(key=key, platform=platform).device == device


def test_a_devices_name_is_what_positions_can_be_kept_under() -> None:
    assert open_session(key="\N{SNOWMAN}" * 50).device == "\N{SNOWMAN}" * 42  # 126 bytes
    assert open_session(key="x" * 200).device == "x" * 128
    assert open_session(key="\ud800").device == "?"


def test_a_heartbeat_tells_the_online_count_and_moves_the_deadline() -> None:
    session = open_session()
    assert take(session, 2, b"1,417", NOW + 100) == TellOnline(102, 7)
    assert session.deadline == NOW + 100 + BEAT


def test_only_a_heartbeat_moves_the_deadline() -> None:
    session = open_session()
    for operation in (0, 1, 3, 4, 5, 6, 7, 8, 9, 12, 14, 16, 1000, -5):
        take(session, operation, now=NOW + 100)
        session.answered()
    assert session.deadline == NOW + BEAT


def test_a_heartbeat_reply_from_the_client_is_answered_with_the_online_count() -> None:
    assert take(open_session(), 3, b"x") == TellOnline(102, 7)


@pytest.mark.parametrize("operation", [4, 100, 1000, 2**31 - 1])
def test_a_message_goes_to_the_room_and_waits_for_the_answer(operation: int) -> None:
    session = open_session()
    expected = SendUpstream("live://1", operation, b"hello", 102, 7)
    assert take(session, operation, b"hello") == expected
    assert session.waiting
    session.answered()
    assert not session.waiting


@pytest.mark.parametrize("operation", [4, 1000])
def test_a_message_of_a_plain_client_in_no_room_is_echoed_as_goim_does(operation: int) -> None:
    session = open_session(room="")
    assert take(session, operation, b"hello") == Reply(operation, b"", 102, 7)
    assert not session.waiting


def test_a_message_of_an_ext_client_in_no_room_is_refused_later() -> None:
    session = open_session(room="", ext=True)
    assert take(session, 4, b"hello") == SendUpstream("", 4, b"hello", 102, 7)


@pytest.mark.parametrize("operation", [0, 1, 5, 6, 7, 8, 10, 11, 13, 15, 17, 18, 19, 28, 99, -5])
def test_any_other_operation_is_echoed_with_an_empty_body(operation: int) -> None:
    assert take(open_session(), operation, b"x") == Reply(operation, b"", 102, 7)


def test_a_batch_from_a_client_is_echoed_on_websocket_only() -> None:
    assert take(open_session(websocket=True), 9, b"x") == Reply(9, b"", 102, 7)
    assert take(open_session(), 9, b"x") is None


def test_a_second_auth_is_echoed() -> None:
    session = open_session(mid=5)
    assert take(session, 7, b'{"mid":6}') == Reply(7, b"", 102, 7)
    assert session.mid == 5


@pytest.mark.parametrize(
    ("body", "room"), [(b"live://2000", "live://2000"), (b"", ""), ("ü://é".encode(), "ü://é")]
)
def test_a_room_change_carries_the_body_to_be_echoed(body: bytes, room: str) -> None:
    session = open_session()
    assert take(session, 12, body) == ChangeRoom(room, body, 102, 7)
    assert session.waiting


def test_a_room_that_is_no_utf8_is_one_that_nobody_may_enter() -> None:
    action = take(open_session(), 12, b"\xff")
    assert isinstance(action, ChangeRoom)
    assert action.body == b"\xff"
    assert len(action.room.encode()) > 128


def test_operations_are_subscribed_and_unsubscribed_and_the_body_echoed() -> None:
    session = open_session(accepts=frozenset({1000}))
    assert take(session, 14, b"1003,1004") == Reply(15, b"1003,1004", 102, 7)
    assert session.accepts == {1000, 1003, 1004}
    assert take(session, 16, b"1003,1000,9") == Reply(17, b"1003,1000,9", 102, 7)
    assert session.accepts == {1004}
    assert take(session, 14, b"") == Reply(15, b"", 102, 7)
    assert session.accepts == {1004}


def test_a_bad_list_is_echoed_and_changes_nothing() -> None:
    session = open_session(accepts=frozenset({1000}))
    assert take(session, 14, b"1003, 1004") == Reply(15, b"1003, 1004", 102, 7)
    assert take(session, 16, b"1000,x") == Reply(17, b"1000,x", 102, 7)
    assert session.accepts == {1000}


def test_an_ext_client_acknowledges_and_gets_no_reply() -> None:
    session = open_session(ext=True)
    body = b'{"member":5,"all":2,"rooms":{"live://1":99}}'
    assert take(session, 18, body) == Acknowledge({"member": 5, "all": 2, "live://1": 99})
    assert take(session, 18, b"nonsense") is None
    assert take(session, 18, b"{}") is None


def test_a_plain_client_knows_no_acknowledgement() -> None:
    assert take(open_session(), 18, b'{"member":5}') == Reply(18, b"", 102, 7)


def test_an_ext_client_joins_and_leaves_further_rooms() -> None:
    session = open_session(ext=True)
    joining = JoinRoom("chat://7", -20, 102, 7)
    assert take(session, 21, b'{"room":"chat://7","resume":-20}') == joining
    assert session.waiting
    session.answered()
    assert take(session, 21, b'{"room":"","resume":null}') == JoinRoom("", None, 102, 7)
    session.answered()
    assert take(session, 23, b'{"room":"chat://7"}') == LeaveRoom("chat://7", 102, 7)
    assert not session.waiting
    for operation in (21, 23):
        malformed = take(session, operation, b"chat://7")
        assert isinstance(malformed, Reply)
        assert (malformed.operation, malformed.body[:10]) == (operation + 1, b'{"room": "')
        assert not session.waiting


@pytest.mark.parametrize("operation", [20, 21, 23, 30, 32])
def test_a_plain_client_knows_no_further_rooms(operation: int) -> None:
    session = open_session()
    assert take(session, operation, b'{"room":"chat://7"}') == Reply(operation, b"", 102, 7)
    assert not session.waiting


def test_a_session_hears_its_room_and_the_further_ones() -> None:
    session = open_session(room="live://1", ext=True)
    session.rooms = ("chat://7", "")
    assert session.hears("live://1")
    assert session.hears("chat://7")
    assert not session.hears("chat://8")
    session.room, session.rooms = "", ()
    assert not session.hears("")


def test_an_overdue_session_says_why() -> None:
    session = new_session()
    assert session.overdue(NOW + 5) is CloseCode.AUTH_TIMEOUT
    take(session, 7)
    assert session.overdue(NOW + 5) is CloseCode.AUTH_TIMEOUT
    assert open_session().overdue(NOW + BEAT) is CloseCode.IDLE
    expiring = open_session(expires_at=WALL + 60)
    assert expiring.overdue(NOW + 59) is CloseCode.IDLE
    assert expiring.overdue(NOW + 60) is CloseCode.TOKEN_EXPIRED


def test_a_token_ends_at_its_time_whatever_heartbeats_come() -> None:
    session = open_session(expires_at=WALL + 60)
    assert session.deadline == NOW + 60
    take(session, 2, now=NOW + 30)
    assert session.deadline == NOW + 60
    short = new_session()
    short.granted(Grant(expires_at=WALL + 3600), "k", NOW, WALL, BEAT)
    assert short.deadline == NOW + BEAT


def test_a_closed_session_takes_nothing() -> None:
    session = open_session()
    session.close()
    assert session.state is State.CLOSED
    assert take(session, 2) is None
    assert take(session, 7) is None


def test_frames_are_taken_at_a_long_term_rate_with_a_burst() -> None:
    session = Session(False, NOW, 5.0, burst=3, most_accepts=1000)
    assert [session.take_frame(NOW, 2.0, 3) for _ in range(4)] == [True, True, True, False]
    session = Session(False, NOW, 5.0, burst=3, most_accepts=1000)
    for _ in range(3):
        session.take_frame(NOW, 2.0, 3)
    assert session.take_frame(NOW + 0.5, 2.0, 3)
    assert not session.take_frame(NOW + 0.6, 2.0, 3)


def test_an_idle_connection_saves_no_more_than_the_burst() -> None:
    session = Session(False, NOW, 5.0, burst=3, most_accepts=1000)
    taken = [session.take_frame(NOW + 9999, 2.0, 3) for _ in range(4)]
    assert taken == [True, True, True, False]


frames = st.builds(
    Frame,
    st.integers(-(2**15), 2**15 - 1),
    st.one_of(st.integers(-(2**31), 2**31 - 1), st.integers(0, 20)),
    st.integers(-(2**31), 2**31 - 1),
    st.binary(max_size=20),
)


@given(
    sent=st.lists(frames, max_size=10),
    websocket=st.booleans(),
    ext=st.booleans(),
    room=st.sampled_from(["", "live://1"]),
)
def test_any_frames_are_answered_with_their_version_and_sequence(
    sent: list[Frame], websocket: bool, ext: bool, room: str
) -> None:
    session = open_session(websocket, room, ext=ext)
    for frame in sent:
        action = session.receive_frame(frame, NOW)
        session.answered()
        if not isinstance(action, Acknowledge | None):  # which has no reply
            assert (action.version, action.sequence) == (frame.version, frame.sequence)
        assert session.accepts >= NOTHING


def test_a_connection_accepts_no_more_operations_than_it_may() -> None:
    session = open_session(accepts=frozenset(range(1, 1000)))
    assert take(session, 14, b"1000,1001") == RefuseOperations(b"1000,1001", 102, 7)
    assert take(session, 14, b"1000") == Reply(15, b"1000", 102, 7)
    assert take(session, 14, b"5,1000") == Reply(15, b"5,1000", 102, 7)
    assert take(session, 16, b"1,2") == Reply(17, b"1,2", 102, 7)
    assert take(session, 14, b"1001") == Reply(15, b"1001", 102, 7)
    assert session.accepts == frozenset(range(3, 1002))


def test_a_token_may_give_more_operations_than_a_client_may_add() -> None:
    session = open_session(accepts=frozenset(range(2000)))
    assert take(session, 14, b"5000") == RefuseOperations(b"5000", 102, 7)
    assert take(session, 14, b"5") == Reply(15, b"5", 102, 7)
    assert len(session.accepts) == 2000
