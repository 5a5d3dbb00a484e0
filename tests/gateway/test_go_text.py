import json
import math
from ctypes import c_float

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.go_text import (
    ParameterRefused,
    Query,
    encode_json,
    float32,
    parse_integer,
    quote,
    redirect_page,
)

INT64 = st.integers(-(2**63), 2**63 - 1)


@given(INT64)
def test_any_integer_is_read_back(number: int) -> None:
    assert parse_integer(str(number), 64) == number
    assert parse_integer(f"{number:+025d}", 64) == number


@given(st.text())
def test_no_text_is_anything_but_a_decimal_number_or_refused(text: str) -> None:
    try:
        number = parse_integer(text, 32)
    except ParameterRefused:
        return
    assert text.isascii()
    assert number == int(text)
    assert -(2**31) <= number < 2**31


@pytest.mark.parametrize("text", ["2147483648", "-2147483649", "4294967296x", "9" * 30 + "x"])
def test_a_number_too_large_is_told_before_a_later_wrong_character(text: str) -> None:
    with pytest.raises(ParameterRefused, match=r"value out of range$"):
        parse_integer(text, 32)


@pytest.mark.parametrize(
    "text", ["", "+", "-", " 1", "1 ", "1_0", "0x1", "1.0", "٣", "4294967295x"]
)
def test_what_is_no_number_is_invalid_syntax(text: str) -> None:
    with pytest.raises(ParameterRefused, match=r"invalid syntax$"):
        parse_integer(text, 32)


def test_quoting_is_gos() -> None:
    assert quote('a"\\\n\x00\x7f') == r'"a\"\\\n\x00\x7f"'
    assert quote("é\u2028\U000e0001 \udcff") == r'"é\u2028\U000e0001 \xff"'


def test_a_query_is_read_as_go_reads_it() -> None:
    query = Query(b"&&a=1&a=2&b&=x&c=x%20y+z&%64=%E6%88%BF&e=1=2&")
    assert query.texts("a") == ["1", "2"]
    assert query.text("a") == "1"
    assert query.has("b")
    assert query.text("b") == ""
    assert query.text("") == "x"
    assert query.text("c") == "x y z"
    assert query.text("d") == "房"
    assert query.text("e") == "1=2"
    assert not query.has("A")
    assert query.integer("a", 32) == 1
    assert query.integers("a", 32) == [1, 2]
    assert (query.integer("b", 32), query.integer("none", 32)) == (0, 0)
    assert query.integers("b", 64) == [0]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"a=%zz", 'invalid URL escape "%zz"'),
        (b"a=1&a=x%4", 'invalid URL escape "%4"'),
        (b"a=%%41", 'invalid URL escape "%%4"'),
        (b"a=1;b=2", "invalid semicolon separator in query"),
        (b"a=%ff", "parameter a is not UTF-8"),
        (b"a=%ed%a0%80", "parameter a is not UTF-8"),
    ],
)
def test_what_go_would_drop_is_refused_where_it_is_asked_for(raw: bytes, words: str) -> None:
    query = Query(raw + b"&c=3")
    assert query.text("c") == "3"
    assert query.text("b") == ""
    with pytest.raises(ParameterRefused) as refused:
        query.text("a")
    assert str(refused.value) == words


def test_only_the_value_that_counts_must_be_readable() -> None:
    query = Query(b"a=1&a=%ff")
    assert query.text("a") == "1"
    with pytest.raises(ParameterRefused):
        query.texts("a")


@given(st.binary())
def test_any_bytes_are_a_query(raw: bytes) -> None:
    Query(raw)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_is_valid_and_harmless_in_html(text: str) -> None:
    encoded = encode_json({"message": text})
    assert json.loads(encoded) == {"message": text}
    assert not set("<>&\u2028\u2029") & set(encoded.decode())


def test_what_is_not_utf8_becomes_the_replacement_character() -> None:
    assert encode_json("a\udcff") == b'"a\\ufffd"'


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_32_bit_number_stays_itself_in_fewer_digits(number: float) -> None:
    short = float32(number)
    assert c_float(short).value == number
    assert short == float(f"{short:.9g}")
    assert math.copysign(1, short or 1) == math.copysign(1, number or 1)


def test_a_32_bit_number_is_told_as_go_tells_it() -> None:
    told = [json.dumps(float32(c_float(number).value)) for number in (1.8, 0.3, 2.0)]
    assert told == ["1.8", "0.3", "2"]


def test_a_redirects_page_escapes_its_address() -> None:
    page = redirect_page("/x?a=<b>&'\"")
    assert page == b'<a href="/x?a=&lt;b&gt;&amp;&#39;&#34;">Moved Permanently</a>.\n\n'
