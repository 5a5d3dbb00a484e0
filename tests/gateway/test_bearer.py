import pytest

from bus.environment import Secret
from gateway.bearer import KeyRefusal, check_bearer

KEY = Secret("s3cret")


@pytest.mark.parametrize("header", ["Bearer s3cret", "bearer s3cret", "  BEARER   s3cret  "])
def test_the_key_opens(header: str) -> None:
    assert check_bearer(header, KEY) is None


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic s3cret", "s3cret"])
def test_no_key_is_missing(header: str | None) -> None:
    assert check_bearer(header, KEY) is KeyRefusal.MISSING


@pytest.mark.parametrize("key", ["s3cre", "s3cret ret", "S3CRET", "é", "\udcff"])
def test_another_key_is_wrong(key: str) -> None:
    assert check_bearer(f"Bearer {key}", KEY) is KeyRefusal.WRONG


@pytest.mark.parametrize("header", [None, "Bearer ", "Bearer s3cret"])
def test_nothing_opens_without_a_configured_key(header: str | None) -> None:
    assert check_bearer(header, Secret("")) is KeyRefusal.NOT_CONFIGURED


def test_no_refusal_holds_the_key() -> None:
    assert all("s3cret" not in one.value for one in KeyRefusal)
