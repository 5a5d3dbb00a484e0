from hypothesis import given
from hypothesis import strategies as st

from schemas.headers import encode_headers
from store.last_sent import LEAST_PAIRS, LastSent

ROOM = "room.chat.1"


def sent_by(*senders: int | str) -> LastSent:
    """Messages of these members, under sequences from 1 on."""
    sent = LastSent()
    for number, sender in enumerate(senders, 1):
        sent.note(ROOM, number, encode_headers({"Goim-From": str(sender)}))
    return sent


@given(st.lists(st.integers(1, 40), max_size=150), st.integers(0, 150))
def test_each_senders_last_message_is_known_until_it_is_gone(
    senders: list[int], gone_to: int
) -> None:
    sent = sent_by(*senders)
    sent.trim(ROOM, gone_to)
    for mid in range(1, 41):
        mine = [number for number, one in enumerate(senders, 1) if one == mid and number > gone_to]
        assert sent.of(ROOM, mid) == max(mine, default=0)


def test_it_does_not_grow_with_the_messages() -> None:
    sent = sent_by(*[1, 2, 3] * 1000)
    assert sent.pairs <= LEAST_PAIRS
    assert (sent.of(ROOM, 1), sent.of(ROOM, 3)) == (2998, 3000)


def test_nor_beyond_twice_the_senders() -> None:
    sent = sent_by(*[*range(1, 101)] * 20)
    assert sent.pairs <= 200
    assert sent.of(ROOM, 1) == 1901


def test_a_room_without_messages_is_forgotten() -> None:
    sent = sent_by(1, 2)
    sent.trim("room.chat.2", 9)
    sent.trim(ROOM, 2)
    assert (sent.pairs, sent.of(ROOM, 2)) == (0, 0)
    sent = sent_by(1, 2)
    sent.clear()
    assert (sent.pairs, sent.of(ROOM, 2)) == (0, 0)


def test_what_no_member_sent_or_is_read_again_is_ignored() -> None:
    assert sent_by("", "x", 0, 2**63).pairs == 0
    sent = sent_by(7, 7)
    sent.note(ROOM, 2, encode_headers({"Goim-From": "7"}))
    sent.discard(ROOM, 2)
    assert (sent.pairs, sent.of(ROOM, 7)) == (2, 2)
