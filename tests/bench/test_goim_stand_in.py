import pytest

pytest.importorskip("grpc")
from bench import goim_stand_in as stand_in


@pytest.mark.parametrize(("value", "data"), [(0, b"\0"), (127, b"\x7f"), (300, b"\xac\x02")])
def test_numbers_are_written_as_protobuf_does(value: int, data: bytes) -> None:
    assert stand_in.varint(value) == data


def test_a_field_is_found_among_others() -> None:
    message = stand_in.number_field(1, 5) + stand_in.bytes_field(2, b"x" * 200)
    message += stand_in.bytes_field(3, b"token")
    assert stand_in.read_bytes_field(message, 3) == b"token"
    assert stand_in.read_bytes_field(message, 4) == b""
