"""DECIDE goim's auth JSON: text in, fields out, by the rules of Go's encoding/json.

goim v2 unmarshals the body into a struct (`internal/logic/conn.go` Connect), so Go's rules are
the protocol: names match in any letter case, the last of several wins though each must have the
right type, null leaves what was there, unknown names are skipped, `null` is an empty object, a
lone surrogate becomes U+FFFD. 600 bodies with Go's own verdict are in tests/auth/go_verdicts.json.

Five names are ours. `token`: a JWT. `ext`: the number 1, by which a client asks for goim's
extensions; any other value is an unknown field's. `resume`, positions, `device`, a text, and
`rooms`, room ids, are read where ext is 1.
"""

import re
from dataclasses import dataclass, field
from json import JSONDecodeError, JSONDecoder

from auth.errors import FieldRefused, JsonRefused

MAX_NESTING = 500  # Go takes 10,000; below Python's recursion limit, above any real body
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|([\[{])|([\]}])', re.DOTALL)
_WHOLE = re.compile(r"-?[0-9]{1,19}")  # all numbers of 64 bits


@dataclass(slots=True)
class GoimAuth:
    """What the auth JSON said; defaults stand for what it did not say."""

    mid: int = 0
    key: str = ""
    room_id: str = ""
    platform: str = ""
    accepts: list[int] = field(default_factory=list)
    token: str = ""
    ext: bool = False
    resume: dict[str, int] | None = None  # "member", "all" or a room id; -n: the newest n
    device: str = ""  # whose positions are meant; empty: the key, else the platform
    rooms: list[str] = field(default_factory=list)  # to hear at once, beside room_id


class _Number(str):
    """A number as it was written: Go refuses 1.0 and 1e3 where an int is wanted."""

    __slots__ = ()


class _Object(list[tuple[str, object]]):
    """An object as its pairs: of several with one name each must have the right type."""

    __slots__ = ()


class _NotJson(ValueError):
    """NaN or Infinity, which Python's parser takes and Go's does not."""


def decode_auth_json(text: str) -> GoimAuth:
    """Return the fields. Raises JsonRefused or FieldRefused, never anything else."""
    document = _parse(text)
    if document is None:
        return GoimAuth()
    if type(document) is not _Object:
        raise JsonRefused("it must be an object")
    auth = GoimAuth()
    ext = resume = device = rooms = None
    for written, value in document:
        name = _fold(written)
        if value is None:
            if name == "accepts":
                auth.accepts = []  # Go's null empties a slice and leaves all else
        elif name == "ext":
            ext = value
        elif name == "resume":
            resume = value
        elif name == "device":
            device = value
        elif name == "rooms":
            rooms = value
        else:
            _set_field(auth, name, value)
    auth.ext = type(ext) is _Number and ext == "1"
    if auth.ext and resume is not None:
        auth.resume = _positions(resume)
    if auth.ext and device is not None:
        auth.device = _text("device", device)
    if auth.ext and rooms is not None:
        auth.rooms = _room_ids(rooms)
    return auth


def decode_go_text(data: bytes) -> str:
    """Return UTF-8 as text, with U+FFFD for each byte that is none, as Go's parser reads it."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _NOT_UTF8.sub("\ufffd", data.decode(errors="surrogateescape"))


def _parse(text: str) -> object:
    if text.count("[") + text.count("{") > MAX_NESTING and _depth(text) > MAX_NESTING:
        raise JsonRefused(f"it is nested deeper than {MAX_NESTING}")
    try:
        return _decoder.decode(text)
    except JSONDecodeError as error:
        what = error.msg.lower().rstrip(": ").removesuffix(" at")
        raise JsonRefused(f"{what} at character {error.pos}") from None
    except _NotJson as error:
        raise JsonRefused(str(error)) from None


def _depth(text: str) -> int:
    depth = deepest = 0
    for found in _BRACKETS.finditer(text):
        if found[1]:
            depth += 1
            deepest = max(deepest, depth)
        elif found[2]:
            depth -= 1
    return deepest


def _set_field(auth: GoimAuth, name: str, value: object) -> None:
    match name:
        case "mid":
            auth.mid = _whole_number(name, value)
        case "key":
            auth.key = _text(name, value)
        case "room_id":
            auth.room_id = _text(name, value)
        case "platform":
            auth.platform = _text(name, value)
        case "accepts":
            auth.accepts = _operations(value, auth.accepts)
        case "token":
            auth.token = _text(name, value)


def _operations(value: object, before: list[int]) -> list[int]:
    """Read accepts. A null in it leaves the number an earlier accepts had at its place, else 0."""
    if type(value) is not list:
        raise FieldRefused("accepts", "an array of whole numbers of 32 bits")
    accepts = before[: len(value)] + [0] * (len(value) - len(before))
    for place, one in enumerate(value):
        if one is not None:
            accepts[place] = _whole_number("accepts", one, bits=32)
    return accepts


def _whole_number(name: str, value: object, bits: int = 64) -> int:
    if type(value) is _Number and _WHOLE.fullmatch(value):
        number = int(value)
        if -(1 << bits - 1) <= number < 1 << bits - 1:
            return number
    raise FieldRefused(name, f"a whole number of {bits} bits, without fraction or exponent")


def _text(name: str, value: object) -> str:
    if type(value) is not str:
        raise FieldRefused(name, "text")
    return _SURROGATE.sub("\ufffd", value)


def _positions(value: object) -> dict[str, int]:
    """Read `{"member": n, "all": n, "rooms": {"live://1": n}}`."""
    if type(value) is not _Object:
        raise FieldRefused("resume", "an object")
    topics: dict[str, int] = {}
    rooms: dict[str, int] = {}
    for name, position in value:
        match _fold(name):
            case "member" | "all" as topic if position is not None:
                topics[topic] = _whole_number(f"resume.{topic}", position)
            case "rooms" if position is not None:
                rooms.update(_room_positions(position))
    return rooms | topics


def _room_positions(value: object) -> dict[str, int]:
    if type(value) is not _Object:
        raise FieldRefused("resume.rooms", "an object")
    return {
        _SURROGATE.sub("\ufffd", room): _whole_number("resume.rooms", position)
        for room, position in value
        if position is not None
    }


def _room_ids(value: object) -> list[str]:
    """Read texts: whether there can be such a room is told of each, after the login."""
    if type(value) is not list:
        raise FieldRefused("rooms", "an array of room ids")
    return [_text("rooms", room) for room in value if room is not None]


def _fold(name: str) -> str:
    """Return a name as Go compares it: K (U+212A) is a k and U+017F an s, as in `casefold`."""
    return name.casefold()


def _refuse_constant(name: str) -> object:
    raise _NotJson(f"{name} is no JSON")


_decoder = JSONDecoder(
    object_pairs_hook=_Object,
    parse_float=_Number,
    parse_int=_Number,
    parse_constant=_refuse_constant,
)
