from dataclasses import replace

import pytest

from goimbus.push_request import (
    Kind,
    Push,
    Pushed,
    PushFailed,
    http_path,
    nats_headers,
    nats_subject,
    read_http_answer,
    read_key_answer,
    read_stream_answer,
)
from schemas.messages_pb2 import PushReply
from schemas.subjects import IdRefused, Subjects

ROOM = Push("room", "live://a b&c", 1000, b"x")
MEMBER = Push("member", "123", 1001, b"x")
KEY = Push("key", "k/1", 1002, b"x")
ALL = Push("all", "", 1003, b"x", speed=50)


@pytest.mark.parametrize(
    ("push", "path"),
    [
        (ROOM, "/goim/push/room?operation=1000&type=live&room=a+b%26c&detail=1"),
        (MEMBER, "/goim/push/mids?operation=1001&mids=123&detail=1"),
        (KEY, "/goim/push/keys?operation=1002&keys=k%2F1&detail=1"),
        (ALL, "/goim/push/all?operation=1003&speed=50&detail=1"),
        (replace(ALL, speed=0, id="i 1"), "/goim/push/all?operation=1003&id=i+1&detail=1"),
    ],
)
def test_a_push_by_http_is_goims_request(push: Push, path: str) -> None:
    assert http_path(push) == path


def test_a_room_without_a_type_is_refused_by_http_and_not_on_nats() -> None:
    push = replace(ROOM, target="lobby")
    with pytest.raises(PushFailed, match="'lobby' is no room id such as live://1000"):
        http_path(push)
    assert nats_subject(push, Subjects()) == "goim.push.room.=.lobby.1000"


@pytest.mark.parametrize(
    ("push", "subject"),
    [
        (ROOM, "goim.push.room.live.a=20b=26c.1000"),
        (MEMBER, "goim.push.member.123.1001"),
        (ALL, "goim.push.all.1003"),
    ],
)
def test_a_push_on_nats_is_a_subject(push: Push, subject: str) -> None:
    assert nats_subject(push, Subjects()) == subject


def test_an_id_that_has_no_place_in_a_subject_is_refused() -> None:
    with pytest.raises(IdRefused):
        nats_subject(replace(ROOM, target="live://"), Subjects())


def test_the_headers_are_the_id_and_the_speed() -> None:
    assert nats_headers(ROOM) is None
    assert nats_headers(replace(ALL, id="i1")) == (
        b"NATS/1.0\r\nNats-Msg-Id: all.i1\r\nGoim-Speed: 50\r\n\r\n"
    )


def test_the_http_answer_says_what_became_of_it() -> None:
    answer = b'{"code":0,"message":"","detail":{"sessions":2,"stored":[7],"dropped":1}}'
    assert read_http_answer("member", answer) == Pushed("member", (7,), 2, 1)
    assert read_http_answer("all", b'{"code":0,"message":""}') == Pushed("all")


@pytest.mark.parametrize("answer", [b"", b"404 page not found", b"[]", b"{}", b"\xff", b"5"])
def test_an_answer_of_something_else_is_a_failure(answer: bytes) -> None:
    with pytest.raises(PushFailed, match="no goim HTTP API"):
        read_http_answer("room", answer)
    with pytest.raises(PushFailed, match="no stream"):
        read_stream_answer("room", answer)


def test_a_refusal_is_told_with_its_words() -> None:
    with pytest.raises(PushFailed, match=r"refused: too much \(-400\)"):
        read_http_answer("room", b'{"code":-400,"message":"too much"}')
    with pytest.raises(PushFailed, match=r"refused: without words \(-400\)"):
        read_http_answer("room", b'{"code":-400,"message":""}')
    with pytest.raises(PushFailed, match=r"refused: full \(503\)"):
        read_stream_answer("room", b'{"error":{"code":503,"description":"full"}}')


def test_the_streams_answer_is_the_sequence() -> None:
    assert read_stream_answer("all", b'{"stream":"GOIM_ALL","seq":9}') == Pushed("all", (9,))
    again = read_stream_answer("all", b'{"stream":"GOIM_ALL","seq":9,"duplicate":true}')
    assert again.sentence == "stored as 9 before"


@pytest.mark.parametrize(
    ("pushed", "sentence", "lost"),
    [
        (Pushed("room", (7,), 0, 0), "stored as 7", False),
        (Pushed("member", (7,), 0, 0), "stored as 7, 0 sessions online", False),
        (Pushed("member", (7,), 1, 0), "stored as 7, 1 session online", False),
        (Pushed("room", (), 0, 0), "not stored", False),
        (Pushed("key", (), 1, 0), "not stored, 1 session online", False),
        (Pushed("key", (), 0, 0), "not stored, 0 sessions online", True),
        (
            Pushed("key", (), 1, 1),
            "not stored, 1 session online, 1 dropped: their connections did not read",
            True,
        ),
    ],
)
def test_the_sentence_says_what_happened(pushed: Pushed, sentence: str, lost: bool) -> None:
    assert (pushed.sentence, pushed.is_lost) == (sentence, lost)


def test_the_router_counts_a_push_to_a_key() -> None:
    kind: Kind = "key"
    assert read_key_answer(PushReply(sessions=3, dropped=1)) == Pushed(kind, (), 3, 1)
