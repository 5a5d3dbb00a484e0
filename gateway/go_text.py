"""DECIDE how Go reads a query and writes JSON, errors and redirects: what goim's callers see.

Sources: Go's `net/url` (parseQuery), `strconv` (ParseInt, Quote), `encoding/json`, `net/http`
(Redirect), and gin 1.7's form binding. Texts that are not UTF-8 hold surrogate escapes.
"""

import re
from ctypes import c_float
from html import escape
from json import dumps
from urllib.parse import unquote_to_bytes

MOST_EXACT = 1e15  # floats up to here are exact, and written without an exponent
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)
_NAMED_ESCAPES = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    '"': r"\"",
    "\\": r"\\",
}
_HTML_UNSAFE = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
_SURROGATES = re.compile("[\ud800-\udfff]")
_BYTE_BASE = 0xDC00  # a byte that is no UTF-8 stands as this plus its value (surrogateescape)


class ParameterRefused(ValueError):
    """A query parameter can't be used; the text is goim's where goim refuses it too."""


class Query:
    """A query string as Go's `url.ParseQuery` reads it.

    Go drops a pair with a bad escape or a `;` without a word, and with it what the caller meant.
    Here such a pair is refused, in Go's words, when its name is one that is asked for.
    """

    def __init__(self, raw: bytes) -> None:
        self._values: dict[str, list[str]] = {}
        self._broken: dict[str, str] = {}
        for pair in raw.split(b"&"):
            if pair:
                self._take(pair)

    def has(self, name: str) -> bool:
        """Tell whether the parameter is there, be it empty. Raises ParameterRefused."""
        return bool(self._all(name))

    def text(self, name: str) -> str:
        """Return the first value, `""` when there is none. Raises ParameterRefused."""
        return next(iter(_readable(name, self._all(name)[:1])), "")

    def texts(self, name: str) -> list[str]:
        """Return all values. Raises ParameterRefused."""
        return _readable(name, self._all(name))

    def integer(self, name: str, bits: int) -> int:
        """Return the first value as an integer of so many bits, 0 when there is none or `""`.

        Raises ParameterRefused.
        """
        values = self._all(name)
        return parse_integer(values[0] or "0", bits) if values else 0

    def integers(self, name: str, bits: int) -> list[int]:
        """Return all values as integers of so many bits. Raises ParameterRefused."""
        return [parse_integer(value or "0", bits) for value in self._all(name)]

    def _all(self, name: str) -> list[str]:
        if name in self._broken:
            raise ParameterRefused(self._broken[name])
        return self._values.get(name, [])

    def _take(self, pair: bytes) -> None:
        raw_name, _, raw_value = pair.partition(b"=")
        name = _unescape(raw_name)
        bad = _BAD_ESCAPE.search(raw_name) or _BAD_ESCAPE.search(raw_value)
        if b";" in pair:
            self._broken[name] = "invalid semicolon separator in query"
        elif bad is not None:
            self._broken[name] = f"invalid URL escape {quote(_text(bad[0]))}"
        else:
            self._values.setdefault(name, []).append(_unescape(raw_value))


def parse_integer(text: str, bits: int) -> int:
    """Return the decimal number as Go's `strconv.ParseInt(text, 10, bits)` does.

    Raises ParameterRefused with Go's text.
    """
    digits = text[1:] if text[:1] in ("+", "-") else text
    magnitude = _parse_unsigned(text, digits, 2**bits - 1)
    number = -magnitude if text[:1] == "-" else magnitude
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise _no_integer(text, "value out of range")
    return number


def quote(text: str) -> str:
    """Return the text in double quotes as Go's `strconv.Quote` writes it."""
    return '"' + "".join(map(_quote_char, text)) + '"'


def encode_json(value: object) -> bytes:
    """Return JSON as Go's `json.Marshal` writes it: `<`, `>`, `&` escaped, non-ASCII as it is."""
    text = dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _SURROGATES.sub(r"\\ufffd", text.translate(_HTML_UNSAFE)).encode()


def float32(number: float) -> float | int:
    """Return the shortest number that is the same in 32 bits: 1.8, not 1.7999999523162842."""
    candidates = (float(f"{number:.{digits}g}") for digits in range(1, 10))
    same = (one for one in candidates if c_float(one).value == c_float(number).value)
    shortest = next(same, number)
    is_whole = shortest.is_integer() and abs(shortest) < MOST_EXACT
    return int(shortest) if is_whole else shortest


def redirect_page(location: str) -> bytes:
    """Return the body of Go's `http.Redirect` with 301."""
    href = escape(location).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    return f'<a href="{href}">Moved Permanently</a>.\n\n'.encode()


def _parse_unsigned(text: str, digits: str, most: int) -> int:
    """Read digit by digit, as Go does: the first thing wrong decides which error it is."""
    if not digits:
        raise _no_integer(text, "invalid syntax")
    number = 0
    for char in digits:
        if char not in "0123456789":
            raise _no_integer(text, "invalid syntax")
        number = number * 10 + int(char)
        if number > most:
            raise _no_integer(text, "value out of range")
    return number


def _no_integer(text: str, why: str) -> ParameterRefused:
    return ParameterRefused(f"strconv.ParseInt: parsing {quote(text)}: {why}")


def _quote_char(char: str) -> str:
    point = ord(char)
    if char in _NAMED_ESCAPES:
        return _NAMED_ESCAPES[char]
    if char.isprintable():
        return char
    if 0xDC80 <= point <= 0xDCFF:
        return f"\\x{point - _BYTE_BASE:02x}"
    if point < 0x80:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def _readable(name: str, values: list[str]) -> list[str]:
    if any(_SURROGATES.search(value) for value in values):
        raise ParameterRefused(f"parameter {name} is not UTF-8")
    return values


def _unescape(raw: bytes) -> str:
    return _text(unquote_to_bytes(raw.replace(b"+", b" ")))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
