"""docs/rooms.md lists the calls, refusals, events and limits that there are."""

import re
from pathlib import Path

import pytest

from router.errors import RoomReason
from schemas.policies import BUILT_IN, DEFAULT
from schemas.room_calls import BY_HTTP, ROOM_CALLS


@pytest.fixture
def text(checkout: Path) -> str:
    return (checkout / "docs" / "rooms.md").read_text()


def section(text: str, title: str) -> str:
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(part: str) -> list[list[str]]:
    lines = [line for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_call_is_listed(text: str) -> None:
    cells = [row[0] for row in rows(section(text, "The calls"))]
    listed = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(listed) == sorted(call.name for call in ROOM_CALLS)


def test_every_refusal_is_listed_with_its_code_and_retry(text: str) -> None:
    listed = [(row[0], row[1], row[2]) for row in rows(section(text, "Refusals"))]
    assert listed == [
        (f"`{one.name.lower()}`", str(one.code), one.retry.value) for one in RoomReason
    ]
    for reason in BY_HTTP:
        assert f"`{reason}`" in text


def test_the_calls_name_reasons_that_there_are(text: str) -> None:
    known = {one.name.lower() for one in RoomReason}
    named = {reason for call in ROOM_CALLS for reason in call.reasons}
    assert named <= known
    assert known - named == {"muted", "announcements"}  # answers to what clients send


def test_every_event_that_is_made_is_listed(text: str, checkout: Path) -> None:
    code = (checkout / "router" / "rooms.py").read_text()
    made = set(re.findall(r'Deed\([^\n]*?, "(\w+)"', code))
    listed = set(re.findall(r"`(\w+)`", section(text, "Events").split("`opened`", 1)[1]))
    assert made <= listed | {"opened"}
    assert len(made) > 15


def test_the_limits_are_those_of_the_policies(text: str) -> None:
    for row in rows(section(text, "What a room is")):
        name = row[0].strip("`")
        if hasattr(DEFAULT, name):
            told = [cell.strip("`") for cell in row[1:3]]
            assert told == [str(getattr(one, name)) for one in (DEFAULT, BUILT_IN["live"])]
