from hypothesis import given
from hypothesis import strategies as st

from auth.codes import ACTIVATION, ALPHABET, RESET, is_right, make_code, pending


def test_a_code_is_ten_characters_that_nobody_misreads() -> None:
    code = make_code()
    assert len(code) == 11
    assert set(code.replace("-", "")) <= set(ALPHABET)
    assert not set("ILOU") & set(ALPHABET)
    assert len({make_code() for _ in range(1000)}) == 1000


def test_a_code_may_be_typed_as_it_was_heard() -> None:
    kept = pending("01234-56789", ACTIVATION, 100)
    for typed in ("0123456789", "ol234 56789", "OI234-56789", " 0-1-2-3-4-5-6-7-8-9 "):
        assert is_right(typed, kept, ACTIVATION, 99.9)


def test_a_code_is_for_one_thing_until_one_time() -> None:
    kept = pending("01234-56789", ACTIVATION, 100)
    assert not is_right("01234-56789", kept, RESET, 0)
    assert not is_right("01234-56789", kept, ACTIVATION, 100)
    assert not is_right("01234-56789", None, ACTIVATION, 0)
    assert "01234" not in repr(kept)


@given(st.text(st.characters()))
def test_any_other_text_is_wrong(text: str) -> None:
    assert not is_right(text, pending(make_code(), RESET, 100), RESET, 0)
    assert not is_right(text, None, RESET, 0)
