"""DECIDE what the bodies of ops 14, 16, 18, 21 and 23 say."""

from json import loads

INT32, INT64 = 2**31, 2**63
INT32_DIGITS = 10
NO_OPERATIONS: frozenset[int] = frozenset()


def read_operations(body: bytes) -> frozenset[int]:
    """Return the operations of an op 14 or 16 body, decimal int32 with commas, no spaces.

    One bad number makes the whole list count for nothing, as in goim.
    """
    numbers = set()
    for text in body.split(b",") if body else ():
        digits = text[1:] if text[:1] in (b"+", b"-") else text
        magnitude = digits.lstrip(b"0") or digits[:1]  # int() takes no more than 4,300 digits
        if not digits.isdigit() or len(magnitude) > INT32_DIGITS:
            return NO_OPERATIONS
        number = -int(magnitude) if text[:1] == b"-" else int(magnitude)
        if not -INT32 <= number < INT32:
            return NO_OPERATIONS
        numbers.add(number)
    return frozenset(numbers)


def read_room_wish(body: bytes) -> tuple[str, int | None] | None:
    """Return room and resume of an op 21 or 23 body, None for one that makes no sense.

    `{"room": "live://1000", "resume": 99}`
    """
    try:
        values = loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    room, resume = values.get("room"), values.get("resume")
    if not isinstance(room, str):
        return None
    if resume is not None and (type(resume) is not int or not -INT64 <= resume < INT64):
        return None
    return room, resume


def read_positions(body: bytes) -> dict[str, int]:
    """Return the positions of an op 18 body, `{}` for one that makes no sense.

    `{"member": 5, "all": 2, "rooms": {"live://1000": 99}}`
    """
    try:
        values = loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(values, dict):
        return {}
    rooms = values.pop("rooms", None)
    if isinstance(rooms, dict):
        values.update(rooms)
    return {
        topic: number
        for topic, number in values.items()
        if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < INT64
    }
