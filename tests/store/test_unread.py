import pytest

from schemas.headers import encode_headers
from schemas.messages_pb2 import ConversationsRequest, ReadState
from store.conversations import Conversations
from store.errors import FieldRefused
from store.index import TopicIndex
from store.last_sent import LastSent
from store.positions import MOST_READ
from store.unread import (
    Known,
    check_count,
    check_member,
    check_peers,
    newly_read,
    page_of_conversations,
    peer_state,
    read_reply,
    room_state,
    room_topics,
)

ROOM = "room.chat.1"


def known(
    senders: list[int], read: dict[str, int] | None = None, *, end: int = 100, mid: int = 5
) -> Known:
    """A room and a conversation of 5 with 9, both with these senders from sequence 1 on."""
    index, sent, talks = TopicIndex(), LastSent(), Conversations()
    for number, sender in enumerate(senders, 1):
        index.append(ROOM, number, 1000)
        sent.note(ROOM, number, encode_headers({"Goim-From": str(sender)}))
        talks.append(5, 9, number, own=sender == 5)
    return Known(index, sent, talks, mid, read or {}, end, end)


def state(read: int, unread: int, last: int) -> ReadState:
    return ReadState(read=read, unread=unread, last=last)


def test_all_is_unread_until_something_is_read() -> None:
    assert room_state(known([9, 9, 9]), ROOM) == state(0, 3, 3)
    assert peer_state(known([9, 9, 9]), 9) == state(0, 3, 3)
    read = {ROOM: 2, "member.9": 1}
    assert room_state(known([9, 9, 9], read), ROOM) == state(2, 1, 3)
    assert peer_state(known([9, 9, 9], read), 9) == state(1, 2, 3)


def test_who_sends_has_read_what_came_before() -> None:
    assert room_state(known([9, 5, 9], {ROOM: 1}), ROOM) == state(2, 1, 3)
    assert peer_state(known([9, 5, 9]), 9) == state(2, 1, 3)
    assert room_state(known([9, 5, 9], mid=7), ROOM) == state(0, 3, 3)


def test_what_is_not_retained_is_not_unread() -> None:
    one = known([9, 9, 9])
    one.rooms.trim_to(ROOM, 2)
    one.talks.trim("member.5", 3)
    assert room_state(one, ROOM) == state(0, 1, 3)
    assert peer_state(one, 9) == state(0, 0, 0)


def test_a_position_of_another_life_of_the_stream_counts_for_nothing() -> None:
    read = {ROOM: 101, "member.9": 101}
    assert room_state(known([9], read), ROOM) == state(0, 1, 1)
    assert peer_state(known([9], read), 9) == state(0, 1, 1)


def test_only_what_rises_is_kept_and_never_beyond_the_last() -> None:
    one = known([9, 9, 9], {ROOM: 2})
    assert newly_read(one, {ROOM: 2, "room.chat.2": 7}, {9: 0, 8: 5}) == {}
    assert newly_read(one, {ROOM: 3}, {9: 99}) == {ROOM: 3, "member.9": 3}
    assert newly_read(known([9, 5]), {ROOM: 1}, {9: 2}) == {}


def test_a_reply_names_rooms_and_peers_as_they_were_asked() -> None:
    reply = read_reply(known([9]), [("chat://1", ROOM), ("chat://2", "room.chat.2")], [9, 8], True)
    assert reply.rooms["chat://1"] == reply.members[9] == state(0, 1, 1)
    assert reply.rooms["chat://2"] == reply.members[8] == state(0, 0, 0)
    assert reply.more


def test_conversations_come_newest_first_page_by_page() -> None:
    talks = Conversations()
    for sequence, peer in ((1, 7), (2, 8), (3, 9), (4, 7)):
        talks.append(5, peer, sequence, own=peer == 9)
    one = Known(TopicIndex(), LastSent(), talks, 5, {}, 100, 100)
    page, more = page_of_conversations(one, ConversationsRequest(limit=2))
    assert [(talk.peer, talk.state) for talk in page] == [(7, state(0, 2, 4)), (9, state(3, 0, 3))]
    assert more
    page, more = page_of_conversations(one, ConversationsRequest(before=3, limit=2))
    assert ([talk.peer for talk in page], more) == ([8], False)


def test_what_makes_no_sense_is_refused_in_words() -> None:
    check_member(1)
    check_count(MOST_READ)
    check_peers([1])
    assert room_topics(["chat://1"]) == {"chat://1": ROOM}
    for refused, words in (
        (lambda: check_member(0), "mid"),
        (lambda: check_count(MOST_READ + 1), "at most"),
        (lambda: check_peers([9, -1]), "-1"),
        (lambda: room_topics(["x" * 300]), "rooms"),
    ):
        with pytest.raises(FieldRefused, match=words):
            refused()
