import pytest

from bus.codec import error_headers
from bus.connection import Reply
from bus.errors import BusError, NoResponders, RpcError
from bus.replies import ReplyUnreadable, read_reply
from schemas.messages_pb2 import KeyPushReply, SendReply


def test_an_answer_is_the_message() -> None:
    sent = SendReply(sequence=7)
    assert read_reply(Reply(sent.SerializeToString(), None, None), SendReply) == sent


def test_no_answer_is_its_error() -> None:
    with pytest.raises(NoResponders):
        read_reply(Reply(b"", None, NoResponders("goim.up")), SendReply)


def test_other_bytes_are_unreadable() -> None:
    with pytest.raises(ReplyUnreadable, match="the answer is no SendReply") as caught:
        read_reply(Reply(b"\xff", None, None), SendReply)
    assert isinstance(caught.value, BusError)


def test_a_refusal_in_the_field_is_raised() -> None:
    sent = SendReply()
    sent.error.code, sent.error.message, sent.error.retry = 429, "busy", "later"
    with pytest.raises(RpcError) as caught:
        read_reply(Reply(sent.SerializeToString(), None, None), SendReply)
    assert (caught.value.code, caught.value.message, caught.value.retry) == (429, "busy", "later")


def test_a_refusal_in_the_headers_is_raised() -> None:
    with pytest.raises(RpcError, match="403 not you"):
        read_reply(Reply(b"", error_headers(403, "not you"), None), KeyPushReply)
