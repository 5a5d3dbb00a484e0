"""How presence is written in Redis."""

from hypothesis import given
from hypothesis import strategies as st

from router.rows import (
    Leases,
    PresenceKeys,
    decode_row,
    encode_row,
    gateway_of,
    owner_session,
    read_leases,
)
from schemas.messages_pb2 import Session

texts = st.text(max_size=20)


@given(
    texts,
    st.integers(-(2**63), 2**63 - 1),
    texts,
    texts,
    st.integers(0, 2**52),
    st.lists(texts, max_size=3),
)
def test_a_session_is_read_as_it_was_written(
    key: str, mid: int, room: str, platform: str, since_ms: int, rooms: list[str]
) -> None:
    session = Session(
        session="g1.7",
        key=key,
        mid=mid,
        room=room,
        platform=platform,
        since_ms=since_ms,
        rooms=rooms,
    )
    read = decode_row("g1.7", encode_row(session))
    session.gateway = "g1"
    assert read == session


def test_the_gateway_is_all_of_a_session_but_its_number() -> None:
    assert gateway_of("host-12-ab.7") == "host-12-ab"
    assert gateway_of("odd") == "odd"


def test_the_owner_of_a_key_is_told_with_its_member() -> None:
    assert owner_session(b"7 g1.7") == "g1.7"
    assert owner_session(b"-1 g1.7") == "g1.7"


def test_only_leases_that_have_not_ended_hold_sessions() -> None:
    leases = read_leases([b"1000", b"500000"], [[b"g1", 1_000_501.0], [b"g2", 1_000_500.0]])
    assert leases == Leases({"g1": 1_000_501.0})
    assert leases.holds("g1.7")
    assert not leases.holds("g2.7")


def test_all_keys_of_one_prefix_are_on_one_node_of_a_redis_cluster() -> None:
    keys = PresenceKeys("goim")
    names = [keys.leases, keys.nodes, keys.owners, keys.rate("a"), keys.member(7)]
    names += [keys.sessions("g1"), keys.rooms("g1"), keys.room("live://1")]
    assert all(name.startswith("{goim}:") for name in names)
    assert len(set(names)) == len(names)
