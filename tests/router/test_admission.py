"""What a client may send, decided from the request's words alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.limits import MEMBER_CASTS, ROOM_MESSAGES
from router.admission import (
    Bucket,
    Sending,
    admit,
    delivery_headers,
    most_bytes,
    rate_buckets,
    read_direct,
    read_sending,
    take_token,
)
from router.errors import (
    BodyTooLarge,
    OperationRefused,
    RequestRefused,
    SenderUnknown,
    SendingForbidden,
)
from schemas.headers import CAST, FROM, ID, SESSION, STAMP, TO, encode_headers
from schemas.policies import Policy
from schemas.subjects import Subjects

SUBJECTS = Subjects("goim")


def sending(mid: int = 7, operation: int = 4, session: str = "g1.1") -> Sending:
    return Sending("room.live.1", "live", mid, operation, session, "")


@given(
    st.text(min_size=1, max_size=20),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**31), 2**31 - 1),
)
def test_what_a_gateway_asks_is_read_back(room: str, mid: int, operation: int) -> None:
    subject = SUBJECTS.upstream(f"live://{room}", mid, operation)
    headers = encode_headers({SESSION: "g1.7", ID: "7.phone.3"})
    read = read_sending(SUBJECTS, subject, headers)
    topic = SUBJECTS.upstream_parts(subject)[0]
    assert read == Sending(topic, "live", mid, operation, "g1.7", "7.phone.3")


def test_a_room_without_a_type_has_the_type_of_no_name() -> None:
    read = read_sending(SUBJECTS, SUBJECTS.upstream("lobby", 7, 4), None)
    assert (read.topic, read.room_type) == ("room.=.lobby", "")
    assert (read.session, read.message_id) == ("", "")


@pytest.mark.parametrize(
    "tail",
    [
        "",
        "a",
        "live.1.7",
        "live.1.7.4.5",
        "live.1.x.4",
        "live.1.7.x",
        "live.*.7.4",
        "*.1.7.4",
        ">.1.7.4",
        "live.a b.7.4",
        "live.=41.7.4",
        "live.=FF.7.4",
        "live..7.4",
        "live.=.7.4",
    ],
)
def test_a_subject_that_no_gateway_makes_is_refused(tail: str) -> None:
    with pytest.raises(RequestRefused):
        read_sending(SUBJECTS, f"goim.up.{tail}", None)


@pytest.mark.parametrize("name", [ID, SESSION])
@pytest.mark.parametrize("value", ["x" * 257, "a\tb", "a\x00b", "a\x7fb", "é" * 129])
def test_an_id_that_can_not_be_one_is_refused(name: str, value: str) -> None:
    with pytest.raises(RequestRefused):
        read_sending(SUBJECTS, "goim.up.live.1.7.4", encode_headers({name: value}))


def test_a_lone_line_feed_in_a_header_is_refused() -> None:
    block = b"NATS/1.0\r\nGoim-Session: g1.1\nNats-Rollup: all\r\n\r\n"
    with pytest.raises(RequestRefused):
        read_sending(SUBJECTS, "goim.up.live.1.7.4", block)


@pytest.mark.parametrize("operation", [4, 100, 1000, 2**31 - 1])
def test_messages_of_the_application_are_admitted(operation: int) -> None:
    admit(sending(operation=operation), 4096, Policy(), 4096)


@pytest.mark.parametrize("operation", [-1, 0, 1, 2, 3, 5, 7, 9, 12, 18, 29, 99])
def test_operations_of_the_protocol_are_not_for_rooms(operation: int) -> None:
    with pytest.raises(OperationRefused) as refused:
        admit(sending(operation=operation), 0, Policy(), 4096)
    assert refused.value.code == 405


def test_a_body_over_the_limit_is_refused() -> None:
    with pytest.raises(BodyTooLarge) as refused:
        admit(sending(), 4097, Policy(), 4096)
    assert (refused.value.code, refused.value.size, refused.value.limit) == (413, 4097, 4096)


def test_where_nobody_may_send_nobody_may() -> None:
    with pytest.raises(SendingForbidden) as refused:
        admit(sending(), 0, Policy(send="nobody"), 4096)
    assert refused.value.code == 403


def test_the_sender_is_told_by_headers_and_the_stamp_by_policy() -> None:
    headers = {FROM: "7", SESSION: "g1.1"}
    assert delivery_headers(sending(), Policy(stamp=False)) == headers
    assert delivery_headers(sending(), Policy(stamp=True)) == headers | {STAMP: "1"}
    assert delivery_headers(sending(mid=-1, session=""), Policy(stamp=False)) == {FROM: "-1"}


def test_a_direct_message_is_stamped_whatever_the_policy_and_says_whom_it_is_for() -> None:
    headers = delivery_headers(direct(), Policy(stamp=False))
    assert headers == {FROM: "5", TO: "9", SESSION: "g1.1", STAMP: "1"}


def direct(recipient: int = 9, message_id: str = "") -> Sending:
    headers = {SESSION: "g1.1"} | ({ID: message_id} if message_id else {})
    return read_direct(SUBJECTS, SUBJECTS.direct(recipient, 5, 1000), encode_headers(headers))


def test_a_direct_message_goes_to_both_sides_and_to_oneself_once() -> None:
    assert direct().topics == ("member.9", "member.5")
    assert direct(5).topics == ("member.5",)
    assert (direct().room_type, direct().recipient) == ("direct", 9)
    assert direct(message_id="5.phone.7").message_id == "direct.5.phone.7"
    assert direct().message_id == ""


@pytest.mark.parametrize("tail", ["9.5", "9.5.x", "0.5.4", "-9.5.4", f"{2**63}.5.4", "*.5.4"])
def test_a_direct_subject_that_no_gateway_makes_is_refused(tail: str) -> None:
    with pytest.raises(RequestRefused):
        read_direct(SUBJECTS, f"goim.direct.{tail}", None)


@pytest.mark.parametrize("sender", [0, -1])
def test_who_is_nobody_in_particular_sends_to_no_member(sender: int) -> None:
    with pytest.raises(SenderUnknown) as refused:
        read_direct(SUBJECTS, SUBJECTS.direct(9, sender, 4), None)
    assert refused.value.code == 403


def test_a_policy_may_want_smaller_bodies_and_never_larger_ones() -> None:
    sizes = [most_bytes(Policy(most_bytes=wanted), 4096) for wanted in (0, 100, 9000)]
    assert sizes == [4096, 100, 4096]
    with pytest.raises(BodyTooLarge) as refused:
        admit(sending(), 101, Policy(most_bytes=100), 4096)
    assert refused.value.limit == 100


ONLY_MEMBERS = Policy(send_per_second=4, send_burst=10, room_per_second=0)


def test_a_member_has_one_bucket_a_type_and_the_anonymous_one_a_connection() -> None:
    assert rate_buckets(sending(), ONLY_MEMBERS) == (Bucket("live:7", 0.25, 10),)
    anonymous = rate_buckets(sending(mid=0), ONLY_MEMBERS)
    assert anonymous == (Bucket("live:session.g1.1", 0.25, 10),)


def test_signals_have_a_bucket_of_their_own() -> None:
    signal = read_sending(SUBJECTS, "goim.up.live.1.7.4", encode_headers({CAST: "1"}))
    assert signal.cast
    policy = Policy(cast_per_second=2, cast_burst=3, room_per_second=0)
    assert rate_buckets(signal, policy) == (Bucket("live:cast.7", 0.5, 3, MEMBER_CASTS),)


def test_a_room_has_a_bucket_for_all_that_is_sent_to_it() -> None:
    policy = Policy(send_per_second=0, room_per_second=10, room_burst=20)
    for sent in (sending(), sending(mid=8), sending()._replace(cast=True)):
        room = rate_buckets(sent, policy)[-1]
        assert room == Bucket("live:to.room.live.1", 0.1, 20, ROOM_MESSAGES)
    assert rate_buckets(direct(), policy)[-1].name == "direct:to.member.9"


def test_a_rate_of_zero_is_no_limit_and_a_burst_of_zero_is_one() -> None:
    nothing = Policy(send_per_second=0, room_per_second=0)
    assert rate_buckets(sending(), nothing) == ()
    bursts = [one.burst for one in rate_buckets(sending(), Policy(send_burst=0, room_burst=0))]
    assert bursts == [1, 1]


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    bucket, full_at = Bucket("b", 0.5, 3), 0.0
    waits = []
    for now in (100.0, 100.0, 100.0, 100.0, 100.25, 100.5, 100.5, 200.0, 200.0, 200.0, 200.0):
        full_at, wait = take_token(full_at, now, bucket)
        waits.append(wait)
    assert waits == [0, 0, 0, 0.5, 0.25, 0, 0.5, 0, 0, 0, 0.5]
