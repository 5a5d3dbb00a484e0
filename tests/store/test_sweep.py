import pytest

from store.sweep import (
    MARGIN_SEQUENCES,
    Sweep,
    decode_sequence,
    decode_sweep,
    encode_sweep,
    first_sequence,
)


def test_a_sweep_is_read_as_it_was_written() -> None:
    sweep = Sweep(1_764_000_000.5, {"GOIM_ROOM": 7})
    assert decode_sweep(encode_sweep(sweep)) == sweep


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b"7", b"\xff", b'{"at":"x","ends":{}}'])
def test_an_unreadable_sweep_counts_as_none(value: bytes) -> None:
    assert decode_sweep(value) == Sweep()


def test_a_mark_is_digits() -> None:
    assert decode_sequence(b"123") == 123
    assert decode_sequence(b"-1") == decode_sequence(b"") == decode_sequence(b"9" * 20) == 0


def test_a_lost_stream_goes_on_above_all_it_can_have_had() -> None:
    sweep = Sweep(1.0, {"GOIM_ROOM": 500})
    assert first_sequence(sweep, "GOIM_ROOM") == 500 + MARGIN_SEQUENCES
    assert first_sequence(sweep, "GOIM_ALL") == 1
