import pytest

from schemas.close_codes import CloseCode, Retry

MAX_REASON_BYTES = 123  # of a close frame, RFC 6455 section 5.5
SENDABLE = {*range(1000, 1004), *range(1007, 1012), *range(3000, 5000)}  # section 7.4


def test_each_number_is_used_once() -> None:
    numbers = [code.number for code in CloseCode]
    assert len(numbers) == len(set(numbers)) == len(CloseCode.__members__)


@pytest.mark.parametrize("code", CloseCode)
def test_a_code_fits_a_websocket_close_frame(code: CloseCode) -> None:
    assert code.number in SENDABLE
    assert 0 < len(code.words.encode()) <= MAX_REASON_BYTES
    assert isinstance(code.retry, Retry)


@pytest.mark.parametrize("code", CloseCode)
def test_a_number_leads_back_to_its_code(code: CloseCode) -> None:
    assert CloseCode.of(code.number) is code


def test_an_unknown_number_is_an_error_on_our_side() -> None:
    assert CloseCode.of(4999) is CloseCode.INTERNAL_ERROR
