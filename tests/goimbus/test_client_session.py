"""The client's side of the protocol, frame by frame, without a socket."""

from json import dumps, loads

import pytest

from goimbus.client_answers import Answered
from goimbus.client_session import MOST_NUMBER, ClientSession, Identity, LoggedIn
from goimbus.messages import Gap, Message
from goimbus.positions import MOST_OWN, Positions
from goimbus.reconnect import Ending
from schemas.frame import MAX_BODY_BYTES, Frame, decode_message
from schemas.operations import Operation


def session(first_number: int = 100, token: str = "") -> ClientSession:
    return ClientSession(Identity(token=token), Positions(), first_number)


def frame(operation: int, body: bytes = b"", sequence: int = 0) -> Frame:
    return Frame(1, operation, sequence, body)


def logged_in(ext: bool = True, token: str = "") -> ClientSession:
    one = session(token=token)
    one.connect()
    one.receive(frame(Operation.AUTH_REPLY, b'{"ext":1,"key":"k"}' if ext else b""), False)
    assert one.extended == ext
    return one


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b'{"ext":1,"heartbeat":25}', 25),
        (b'{"ext":1,"heartbeat":0}', 30),
        (b'{"ext":1,"heartbeat":"x"}', 30),
        (b'{"ext":1}', 30),
        (b"", 30),
        (b"\xff", 30),
        (b"[1]", 30),
        (b'{"heart_beat":5}', 30),
    ],
)
def test_the_heartbeat_is_what_the_login_told_or_30_s(body: bytes, seconds: float) -> None:
    one = session()
    one.connect()
    assert one.receive(frame(Operation.AUTH_REPLY, body), False) == [LoggedIn(seconds)]


def test_what_comes_before_the_login_is_ignored() -> None:
    one = session()
    one.connect()
    assert one.receive(frame(1000, b"x"), True) == []


def test_a_server_that_answers_without_ext_gets_no_acknowledgements() -> None:
    one = logged_in(ext=False)
    one.positions.handle("member", 5)
    assert one.acknowledgement() == b""


def test_an_acknowledgement_is_an_op_18_with_positions() -> None:
    one = logged_in()
    one.positions.handle("room:live://1", 2**40)
    sent = decode_message(one.acknowledgement())
    assert (sent.operation, loads(sent.body)) == (18, {"rooms": {"live://1": 2**40}})
    assert one.acknowledgement() == b""


def test_numbers_stay_over_0_and_within_an_int32() -> None:
    one = session(first_number=MOST_NUMBER - 1)
    assert [one.send(b"", 4)[0] for _ in range(3)] == [MOST_NUMBER, 1, 2]


def test_a_stock_servers_echo_is_the_answer_and_nothing_else_is() -> None:
    one = logged_in(ext=False)
    number, _ = one.send(b"x", 1000)
    not_echoes = [
        frame(1000, b"", number + 1),
        frame(1000, b"with a body", number),
        frame(1001, b"", number),
    ]
    for other in not_echoes:
        assert one.receive(other, False) == [Message("", other.operation, other.body)]
    assert one.receive(frame(1000, b"", number), True) == [Message("", 1000, b"")]
    assert one.receive(frame(1000, b"", number), False) == [Answered(number)]


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b'"x"'])
def test_an_op_5_that_is_no_answer_is_a_message(body: bytes) -> None:
    one = logged_in()
    number, _ = one.send(b"x", 4)
    run = dumps({"topic": "all", "sequence": number}).encode()
    assert one.receive(frame(Operation.TOPIC, run), False) == []
    assert one.receive(frame(5, body, number), False) == [Message("all", 5, body, number)]


def test_a_refusal_without_words_is_still_one() -> None:
    one = logged_in()
    number, _ = one.send(b"x", 4)
    answer = one.receive(frame(5, dumps({"error": {}}).encode(), number), False)
    assert answer == [Answered(number, error_code=-1, error_words="refused")]


def test_notices_are_taken_inside_an_envelope_too() -> None:
    one = logged_in()
    gap = dumps({"topic": "all", "after": 1, "to": 9}).encode()
    assert one.receive(frame(Operation.GAP, gap), True) == [Gap("all", 1, 9)]
    assert one.receive(frame(Operation.CLOSING, b'{"code":1001}'), True) == [Ending(1001)]


def test_the_online_count_may_be_pushed_with_any_heartbeat_reply() -> None:
    one = logged_in()
    one.receive(frame(Operation.HEARTBEAT_REPLY, b"\x00\x00\x00\x07"), False)
    assert one.online == 7


def test_what_nobody_waits_for_is_not_sent_again() -> None:
    one = logged_in()
    number, sent = one.send(b"x", 4)
    kept, again = one.send(b"y", 4)
    one.forget(number)
    assert one.unanswered() == [again]
    assert kept != number
    assert sent != again


def test_a_room_that_was_left_is_left_again_where_the_token_names_it() -> None:
    one = logged_in(token="t")
    one.change_room("")
    one.forget(101)
    one.connect()
    one.receive(frame(Operation.AUTH_REPLY, b'{"ext":1,"room":"live://1"}'), False)
    (frame_again,) = one.unanswered()
    assert decode_message(frame_again)[1:] == (Operation.CHANGE_ROOM, 102, b"")


def test_a_room_is_asked_for_again_where_a_stock_server_read_a_token() -> None:
    one = logged_in(ext=False, token="t")
    one.change_room("live://2")
    one.forget(101)
    one.connect()
    one.receive(frame(Operation.AUTH_REPLY), False)
    (frame_again,) = one.unanswered()
    assert decode_message(frame_again).body == b"live://2"


def test_own_messages_are_remembered_up_to_a_bound() -> None:
    positions = Positions()
    for number in range(1, MOST_OWN + 2):
        positions.sent("all", number)
    assert positions.receive("all", 1, 1) == 1
    assert positions.receive("all", 2, 2) is None


def test_what_was_sent_to_a_room_is_not_sent_again_to_another() -> None:
    one = logged_in()
    one.identity.room = "live://1"
    first, _ = one.send(b"for room 1", 4)
    one.change_room("live://2")
    second, frame_of_second = one.send(b"for room 2", 4)
    assert one.abandon_other_rooms() == []  # on its way, in order
    assert one.disconnect() == [first]
    one.connect()
    one.receive(frame(Operation.AUTH_REPLY, b'{"ext":1,"room":"live://2"}'), False)
    assert one.unanswered() == [frame_of_second]
    one.disconnect()
    one.change_room("live://3")
    assert one.abandon_other_rooms() == [second]


def test_where_it_is_in_rooms_that_it_has_left_is_told_at_the_next_login() -> None:
    one = logged_in()
    one.change_room("live://2")
    for topic in ("member", "room:live://1", "room:live://2"):
        one.positions.handle(topic, 7)
    told = loads(decode_message(one.connect()).body)
    assert told["room_id"] == "live://2"
    assert told["resume"] == {"member": 7, "rooms": {"live://1": 7, "live://2": 7}}


def test_positions_of_more_rooms_than_an_auth_frame_takes_are_left_out() -> None:
    one = logged_in()
    for number in range(300):
        one.positions.handle(f"room:live://{number}", 2**40)
    body = decode_message(one.connect()).body
    assert len(body) <= MAX_BODY_BYTES
    assert len(loads(body)["resume"]["rooms"]) > 50
