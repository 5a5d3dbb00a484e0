import pytest

from schemas import messages_pb2
from schemas.account_calls import ACCOUNT_CALLS
from schemas.call import FROM_HTTP, Call, Caller
from schemas.calls import CALLS, find_call
from schemas.subjects import Subjects


def test_no_two_calls_share_a_subject_or_a_path() -> None:
    assert len({call.path for call in CALLS}) == len(CALLS)
    assert len({call.subject(Subjects()) for call in CALLS}) == len(CALLS)


@pytest.mark.parametrize("call", CALLS, ids=[call.path for call in CALLS])
def test_a_call_can_say_no_and_is_described(call: Call) -> None:
    assert "error" in call.reply.DESCRIPTOR.fields_by_name
    assert call.words.endswith(".")
    assert find_call(call.full_name) is call


def test_who_makes_an_account_call_can_be_known() -> None:
    for call in ACCOUNT_CALLS:
        asked = set(call.request.DESCRIPTOR.fields_by_name)
        assert "token" in asked or call.caller is Caller.ANYONE, call.name
        assert asked & set(FROM_HTTP), call.name


def test_subject_and_path_follow_from_the_name() -> None:
    request, reply = messages_pb2.LoginRequest, messages_pb2.LoginReply
    call = Call("accounts", "login", request, reply, Caller.ANYONE, "Log in.")
    assert call.subject(Subjects("site")) == "site.accounts.login"
    assert call.path == "/api/v1/accounts/login"
