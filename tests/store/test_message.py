import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.headers import encode_headers
from schemas.messages_pb2 import StoredMessage, TopicMessages
from schemas.subjects import Subjects
from store.message import as_entry, encode_message, push_head, split_subject

HEAD = push_head(Subjects("goim"))
SERVER = {
    "Nats-Stream": "GOIM_ROOM",
    "Nats-Subject": "goim.push.room.live.1000.1000",
    "Nats-Time-Stamp": "2026-11-25T01:12:04.320946573Z",
}


def read(headers: bytes, payload: bytes = b"") -> StoredMessage:
    encoded = encode_message(HEAD, 77, headers, payload)
    assert encoded is not None
    return StoredMessage.FromString(encoded)


def test_a_plain_push_has_a_sequence_an_operation_a_time_and_its_body() -> None:
    message = read(encode_headers(SERVER), b'{"test":1}')
    expected = StoredMessage(
        sequence=77, operation=1000, body=b'{"test":1}', time_ms=1_795_569_124_320
    )
    assert message == expected


def test_what_the_router_wrote_comes_along() -> None:
    own = {"Goim-From": "123", "Goim-Stamp": "1", "Goim-Session": "gateway.9"}
    message = read(encode_headers(own | SERVER))
    assert (message.sender, message.stamp, message.session) == (123, True, "gateway.9")
    assert message.recipient == 0
    assert read(encode_headers(own | {"Goim-To": "9"} | SERVER)).recipient == 9


def test_the_servers_headers_win_over_forged_ones() -> None:
    forged = encode_headers({"Nats-Sequence": "9999", "Nats-Subject": "goim.push.all.1"})
    message = read(forged[:-2] + encode_headers(SERVER)[10:])
    assert (message.sequence, message.operation) == (77, 1000)
    forged = encode_headers({"Nats-Time-Stamp": "2000-01-01T00:00:00Z", "Goim-From": "1"})
    assert read(forged[:-2] + encode_headers(SERVER)[10:]).time_ms == 1_795_569_124_320


def test_headers_that_make_no_sense_count_as_absent() -> None:
    own = {"Goim-From": "someone", "Goim-Stamp": "yes"}
    message = read(encode_headers(SERVER | own | {"Nats-Time-Stamp": "yesterday"}))
    assert (message.sender, message.stamp, message.time_ms) == (0, False, 0)
    assert read(encode_headers(SERVER | {"Goim-From": str(2**63)})).sender == 0


@pytest.mark.parametrize(
    ("subject", "parts"),
    [
        ("goim.push.all.9", ("all", 9)),
        ("goim.push.member.5.-1", ("member.5", -1)),
        ("goim.push.room.live.1.2147483647", ("room.live.1", 2_147_483_647)),
        ("goim.push.all.2147483648", None),
        ("goim.push.all.-2147483649", None),
        ("goim.push.all.99999999999999999999", None),
        ("goim.push.all.x", None),
        ("goim.push.all.", None),
        ("goim.push.all.-", None),
        ("goim.push.all.²", None),
        ("goim.push.all.1_0", None),
    ],
)
def test_an_operation_is_what_a_frame_can_carry(
    subject: str, parts: tuple[str, int] | None
) -> None:
    assert split_subject(HEAD, subject) == parts


def test_a_message_no_frame_can_carry_is_unreadable() -> None:
    assert (
        encode_message(HEAD, 1, encode_headers(SERVER | {"Nats-Subject": "goim.push.all.x"}), b"")
        is None
    )


@given(st.lists(st.builds(StoredMessage, sequence=st.integers(1, 2**63), body=st.binary())))
def test_entries_put_end_to_end_are_the_messages_of_a_page(messages: list[StoredMessage]) -> None:
    page = TopicMessages(topic="all")
    page.MergeFromString(b"".join(as_entry(one.SerializeToString()) for one in messages))
    assert list(page.messages) == messages
