"""Fuzz what a logged-in `ext` client may send: every operation of goim and of the extensions.

A finding is an exception, an answer that no frame can hold, or an action with a room that is more
than a refusal away from subjects, a number over 64 bits, or text that JSON can't carry.
"""

from contextlib import suppress
from json import dumps
from typing import Any

from gateway.asks import AskRefused, read_history_wish, read_reading
from gateway.grants import Grant
from gateway.send_to import SendToRefused, read_send_to
from gateway.session import Ask, Reply, Session
from schemas.frame import Frame, encode_frame
from schemas.operations import Operation
from schemas.subjects import IdRefused, Subjects, room_topic
from tests.fuzz.running import fuzz

OPERATIONS = (*(int(operation) for operation in Operation), 100, -1)
INT64, MOST_MESSAGES = 2**63, 200
NOW, WALL, BEAT = 1000.0, 1_800_000_000.0, 60.0
SUBJECTS = Subjects()


def check_input(data: bytes) -> None:
    """Use the first byte to choose an operation, the rest as the body, twice."""
    operation, body = OPERATIONS[data[0] % len(OPERATIONS) if data else 0], data[1:]
    for websocket in (False, True):
        session = Session(websocket, NOW, auth_seconds=5.0, burst=200, most_accepts=1000)
        grant = Grant(mid=5, key="k", accepts=frozenset({1000}), ext=True)
        session.granted(grant, "k", NOW, WALL, BEAT)
        session.room = "live://1000"
        for sequence in (1, 2):
            action = session.receive_frame(Frame(1, operation, sequence, body), NOW)
            session.answered()
            if isinstance(action, Reply):
                encode_frame(action.operation, action.body, action.version, action.sequence)
            elif action is not None and not isinstance(action, Ask):
                _check_values(action)
        assert all(-(2**31) <= number < 2**31 for number in session.accepts)
    _check_question(body)
    with suppress(SendToRefused):
        _check_values(read_send_to(body))


def _check_question(body: bytes) -> None:
    with suppress(AskRefused):
        _check_values(read_history_wish(body, MOST_MESSAGES))
    with suppress(AskRefused):
        _check_values(read_reading(body))


def _check_values(value: Any) -> None:
    match value:
        case bool() | None | float() | bytes() | bytearray():
            pass
        case int():
            assert -INT64 <= value < INT64
        case str():
            dumps(value).encode()
            with suppress(IdRefused):
                room_topic(value).encode("ascii")
                SUBJECTS.upstream(value, 5, 4).encode("ascii")
        case dict():
            for name, one in value.items():
                _check_values(name)
                _check_values(one)
        case tuple() | list() | frozenset() | set():
            for one in value:
                _check_values(one)
        case _:
            raise AssertionError(f"{type(value).__name__} in an action")


if __name__ == "__main__":
    fuzz(check_input)
