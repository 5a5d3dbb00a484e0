import pytest

from bus.errors import StreamApiRefused
from bus.stream_api import WRONG_LAST_SEQUENCE, acknowledged


@pytest.mark.parametrize(
    "payload",
    [b"", b"x", b"[]", b"{}", b'{"seq":0}', b'{"error":{"err_code":10003}}', b'{"seq":"x"}'],
)
def test_what_is_no_acknowledgement_stores_nothing(payload: bytes) -> None:
    with pytest.raises(StreamApiRefused):
        acknowledged("subject", payload)


@pytest.mark.parametrize(
    "error",
    [
        b'{"code":400,"err_code":10071,"description":"wrong last sequence: 7"}',
        b'{"code":400,"err_code":10164,"description":"wrong last sequence"}',  # of a cluster
    ],
)
def test_who_wrote_too_late_is_told_by_one_code(error: bytes) -> None:
    with pytest.raises(StreamApiRefused, match="wrong last sequence") as refused:
        acknowledged("subject", b'{"error":%b,"stream":"KV_GOIM_ROOMS","seq":0}' % error)
    assert refused.value.code == WRONG_LAST_SEQUENCE
