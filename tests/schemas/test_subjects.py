import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.subjects import (
    ALL_TOPIC,
    MAX_ID_BYTES,
    NO_TYPE_TOKEN,
    IdRefused,
    Subjects,
    decode_token,
    encode_token,
    member_topic,
    room_topic,
    topic_room,
    topic_room_type,
)

SUBJECTS = Subjects("goim")
FORBIDDEN = set(".*> \r\n\0\t")

ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=32)
kinds = ids.filter(lambda text: "://" not in text)
awkward = pytest.mark.parametrize(
    "text",
    ["*", ">", "a.b", ".", "..", "a b", "a\r\nPUB x 0\r\n", "\0", "=", "=2A", "é", "\U0001f600"],
)


@given(text=ids)
@example("\U0001f600")
@example("a\0b")
@example("=41")
def test_a_token_decodes_to_the_id_and_holds_no_syntax(text: str) -> None:
    token = encode_token(text)
    assert decode_token(token) == text
    assert FORBIDDEN.isdisjoint(token)
    assert token.isascii()
    assert token != NO_TYPE_TOKEN


@given(one=ids, other=ids)
def test_two_ids_never_share_a_token(one: str, other: str) -> None:
    assert (encode_token(one) == encode_token(other)) == (one == other)


@awkward
def test_awkward_ids_become_one_harmless_token(text: str) -> None:
    token = encode_token(text)
    assert FORBIDDEN.isdisjoint(token)
    assert decode_token(token) == text
    assert len(SUBJECTS.push(room_topic(f"live://{text}"), 1000).split(".")) == 6


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 0), ("x" * 10_240, 10_240), ("é" * 65, 130), ("\ud800", 0), ("a\udfff", 0)],
)
def test_ids_that_cant_be_tokens_are_refused(text: str, size: int) -> None:
    with pytest.raises(IdRefused) as caught:
        encode_token(text)
    assert caught.value.size == size
    assert str(MAX_ID_BYTES) in str(caught.value)


def test_the_longest_subject_fits_a_control_line_of_nats_server() -> None:
    longest = "é" * (MAX_ID_BYTES // 2)
    subject = SUBJECTS.push(room_topic(f"{longest}://{longest}"), -(2**31))
    assert len(subject) < 1024


@given(kind=kinds, name=ids)
def test_a_room_topic_leads_back_to_the_room(kind: str, name: str) -> None:
    room = f"{kind}://{name}"
    assert topic_room(room_topic(room)) == room


@given(room=kinds)
def test_a_room_without_a_type_has_a_topic_of_its_own(room: str) -> None:
    topic = room_topic(room)
    assert topic_room(topic) == room
    assert topic_room_type(topic) == ""


@given(one=ids, other=ids)
def test_two_rooms_never_share_a_topic(one: str, other: str) -> None:
    def topic(room: str) -> str:
        try:
            return room_topic(room)
        except IdRefused:
            return f"refused {room}"

    assert (topic(one) == topic(other)) == (one == other)


@pytest.mark.parametrize("room", ["", "://", "live://", "://1000"])
def test_a_room_needs_an_id_and_where_it_has_a_type_a_name(room: str) -> None:
    with pytest.raises(IdRefused):
        room_topic(room)


def test_the_type_ends_at_the_first_separator() -> None:
    topic = room_topic("live://a://b")
    assert topic == "room.live.a=3A=2F=2Fb"
    assert (topic_room_type(topic), topic_room(topic)) == ("live", "live://a://b")


@pytest.mark.parametrize(
    ("topic", "subject"),
    [
        (room_topic("live://1000"), "goim.push.room.live.1000.1000"),
        (member_topic(123), "goim.push.member.123.1000"),
        (ALL_TOPIC, "goim.push.all.1000"),
    ],
)
def test_a_pushed_subject_leads_back_to_topic_and_operation(topic: str, subject: str) -> None:
    assert SUBJECTS.push(topic, 1000) == subject
    assert SUBJECTS.pushed_topic(subject) == (topic, 1000)


@pytest.mark.parametrize("subject", ["goim.room.live.1.kept.4", "other.push.all.4", "goim.push."])
def test_a_subject_that_is_no_push_is_refused(subject: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - int() words it, or we do
        SUBJECTS.pushed_topic(subject)


@given(kind=kinds, name=ids, mid=st.integers(-(2**63), 2**63), operation=st.integers(0, 2**31 - 1))
def test_an_upstream_subject_leads_back_to_its_parts(
    kind: str, name: str, mid: int, operation: int
) -> None:
    room = f"{kind}://{name}"
    subject = SUBJECTS.upstream(room, mid, operation)
    assert SUBJECTS.upstream_parts(subject) == (room_topic(room), mid, operation)


def test_two_prefixes_share_nothing() -> None:
    other = Subjects("other")
    assert SUBJECTS.stream("ROOM") == "GOIM_ROOM"
    assert other.stream("ROOM") == "OTHER_ROOM"
    assert other.bucket("POLICY") == "OTHER_POLICY"
    assert other.gateway("g1") == "other.gateway.g1"
    assert other.rpc("auth", "check") == "other.auth.check"
    assert other.cast("all", 7) == "other.all.cast.7"
    assert other.kept("room.*.*", "*") == "other.room.*.*.kept.*"
    assert other.interest("member.7") == "other.member.7.>"
    assert other.stored("member.7") == "other.push.member.7.*"


@pytest.mark.parametrize(
    ("topic", "stream"),
    [("room.live.1", "GOIM_ROOM"), ("member.1", "GOIM_MEMBER"), ("all", "GOIM_ALL")],
)
def test_each_topic_has_its_stream(topic: str, stream: str) -> None:
    assert SUBJECTS.topic_stream(topic) == stream


@given(mids=st.tuples(st.integers(1, 2**63 - 1), st.integers(-(2**63), 2**63 - 1)))
def test_a_direct_subject_names_both_members(mids: tuple[int, int]) -> None:
    assert SUBJECTS.direct_parts(SUBJECTS.direct(*mids, 1000)) == (*mids, 1000)


@pytest.mark.parametrize("tail", ["9.5", "9.5.4.4", "09.5.4", "9.+5.4", "9.5.4_0", "9.*.4", "9.5."])
def test_a_direct_subject_of_another_form_is_refused(tail: str) -> None:
    with pytest.raises(ValueError, match=r"direct|unpack|invalid"):
        SUBJECTS.direct_parts(f"goim.direct.{tail}")


@awkward
def test_any_room_type_has_a_subject_to_ask_for_admission(text: str) -> None:
    assert SUBJECTS.admit(text) == f"goim.admit.{encode_token(text)}"
    assert SUBJECTS.admit("") == "goim.admit.="
