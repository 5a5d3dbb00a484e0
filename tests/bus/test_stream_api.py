import pytest

from bus.errors import StreamApiRefused
from bus.stream_api import acknowledged


@pytest.mark.parametrize(
    "payload",
    [b"", b"x", b"[]", b"{}", b'{"seq":0}', b'{"error":{"err_code":10003}}', b'{"seq":"x"}'],
)
def test_what_is_no_acknowledgement_stores_nothing(payload: bytes) -> None:
    with pytest.raises(StreamApiRefused):
        acknowledged("subject", payload)
