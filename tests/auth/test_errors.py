from auth.errors import Refused, TokenExpired, all_reasons
from schemas.close_codes import CloseCode


def test_reasons_are_metric_labels_and_there_once() -> None:
    reasons = all_reasons()
    assert len(set(reasons)) == len(reasons)
    assert all(one.isascii() and one.replace("_", "").islower() for one in reasons)


def test_only_a_new_token_helps_against_an_expired_one() -> None:
    assert TokenExpired.code is CloseCode.TOKEN_EXPIRED
    assert Refused.code is CloseCode.TOKEN_REFUSED
