"""Fuzz the query of goim's HTTP routes, read as Go reads it.

A finding is an exception other than the two that are answered, an answer that is no JSON, a request
that can't travel, or a query that the standard library reads differently.
"""

import re
from contextlib import suppress
from json import loads
from urllib.parse import parse_qsl

from gateway.go_text import ParameterRefused, Query, encode_json, parse_integer
from gateway.goim_answers import Answer, parameter_refusal
from gateway.goim_http import ROUTES, NoKeys, answer, slash_redirect
from tests.fuzz.running import fuzz

NAMES = ("operation", "keys", "mids", "type", "room", "rooms", "speed", "limit", "platform", "id")
PATHS = tuple(ROUTES)
INT64 = 2**63
SURROGATES = re.compile("[\ud800-\udfff]")


def check_input(data: bytes) -> None:
    """Use the first byte to choose a route, the rest as its query. Raises AssertionError."""
    path, raw = PATHS[data[0] % len(PATHS) if data else 0], data[1:]
    route, query = ROUTES[path], Query(raw)
    try:
        asked = route.ask(query, "192.0.2.1")
    except ParameterRefused as refused:
        _check_json(parameter_refusal(str(refused)))
    except NoKeys:
        pass
    else:
        if asked is not None:
            assert type(asked).FromString(asked.SerializeToString()) == asked
        with suppress(ParameterRefused):
            _check_json(answer(route, route.reply_type(), query))
    _check_redirect(route.method, path, raw)
    _check_reading(raw, query)
    text = raw.decode("utf-8", "surrogateescape")
    assert loads(encode_json(text)) == SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)
    _check_integer(text)


def _check_json(given: Answer) -> None:
    values = loads(given.body)
    assert isinstance(values["code"], int)
    assert isinstance(values["message"], str)


def _check_redirect(method: str, path: str, raw: bytes) -> None:
    redirect = slash_redirect(method, f"{path}/", raw)
    assert redirect is not None
    redirect.location.encode("ascii")  # it becomes a header


def _check_reading(raw: bytes, query: Query) -> None:
    """Compare with the standard library, where all escapes are whole."""
    ascii_query = "".join(chr(byte) if byte < 0x80 else f"%{byte:02x}" for byte in raw)
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(ascii_query, keep_blank_values=True, errors="surrogateescape"):
        found.setdefault(name, []).append(value)
    for name in NAMES:
        with suppress(ParameterRefused):
            assert query.texts(name) == found.get(name, [])


def _check_integer(text: str) -> None:
    try:
        number = parse_integer(text, 64)
    except ParameterRefused:
        plain = text.isascii() and text.lstrip("+-").isdigit() and len(text) < 19
        assert not plain or text[1:2] in ("+", "-")
        return
    assert number == int(text)
    assert -INT64 <= number < INT64


if __name__ == "__main__":
    fuzz(check_input)
