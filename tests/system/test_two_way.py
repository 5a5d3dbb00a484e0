"""Op 20 through all services: to members and rooms, signals, a moderator in plain nats-py."""

import asyncio
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import nats
import pytest

from schemas.frame import encode_frame
from tests.system.goim_socket import GoimSocket, unique
from tests.system.running_system import RunningSystem

OPERATION = 1000
MEMBER, ALL = "member", "all"


class Talker(GoimSocket):
    """An `ext` client in bytes: sends op 20, tells stored messages and signals apart."""

    def __init__(self, transport: str, port: int, mid: int, **token: Any) -> None:
        super().__init__(transport, port)
        self.number = 0
        wanted = {"mid": mid, "key": unique(), "accepts": [OPERATION], "ext": 1} | token
        assert json.loads(self.login(json.dumps(wanted)).body)["mid"] == mid
        self.got: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def send_to(self, number: int = 0, **values: Any) -> dict[str, Any]:
        """Send op 20 and return the answer; what comes before it is kept."""
        self.number = number or self.number + 1
        body = json.dumps({"operation": OPERATION} | values).encode()
        self.send(encode_frame(20, body, 1, self.number))
        while True:
            for frame in self.receive_pushes(1):
                if frame.operation == 5 and frame.sequence == self.number:
                    answer: dict[str, Any] = json.loads(frame.body)
                    return answer
                self.keep(frame)

    def keep(self, frame: Any) -> None:
        if frame.operation == OPERATION:
            self.got.append(json.loads(frame.body))

    def next(self, count: int = 1) -> list[dict[str, Any]]:
        """Return the next messages."""
        while len(self.got) < count:
            for frame in self.receive_pushes(1):
                self.keep(frame)
        taken, self.got = self.got[:count], self.got[count:]
        return taken

    def live(self, label: str) -> Self:
        """Wait until it is live on a topic."""
        while True:
            for frame in self.receive_pushes(1):
                self.keep(frame)
                if frame.operation == 19:
                    values = json.loads(frame.body)
                    if values.get("live") and values["topic"] == label:
                        return self


@pytest.fixture
def mids() -> Iterator[int]:
    """Members that nobody else is."""
    return iter(int.from_bytes(unique().encode()[-6:]) + number for number in range(9))


def bodies(messages: list[dict[str, Any]]) -> list[Any]:
    return [one["body"] for one in messages]


def test_both_sides_devices_get_a_direct_message_once_and_in_order(
    system: RunningSystem, mids: Iterator[int]
) -> None:
    ada, bob = next(mids), next(mids)
    with (
        Talker("ws", system.port, ada) as phone,
        Talker("tcp", system.tcp_port, ada) as tablet,
        Talker("ws", system.port, bob) as bobs,
    ):
        for one in (phone, tablet, bobs):
            one.live(MEMBER)
        told = [phone.send_to(member=bob, body=f"{number}")["sequence"] for number in range(15)]
        assert told == sorted(set(told))
        again = phone.send_to(number=15, member=bob, body="14")
        assert again == {"sequence": told[-1], "duplicate": True}
        answer = bobs.send_to(member=ada, body="and back")
        on_tablet, at_bobs = tablet.next(16), bobs.next(15)
        assert [one["sequence"] for one in on_tablet[:15]] == told
        expected = [f"{number}" for number in range(15)]
        assert bodies(on_tablet) == [*expected, "and back"]
        assert bodies(at_bobs) == expected
        assert {(one["from"], one["to"]) for one in at_bobs} == {(ada, bob)}
        (back,) = phone.next()
        assert (back["from"], back["to"], back["body"]) == (bob, ada, "and back")
        assert back["sequence"] != answer["sequence"] > 0


def test_who_was_away_gets_direct_messages_of_both_directions_on_coming_back(
    system: RunningSystem, mids: Iterator[int]
) -> None:
    ada, bob = next(mids), next(mids)
    with Talker("ws", system.port, ada) as phone, Talker("tcp", system.tcp_port, bob) as bobs:
        for number in range(3):
            assert phone.send_to(member=bob, body=f"to bob {number}")["sequence"]
        assert bobs.send_to(member=ada, body="to ada")["sequence"]
        assert phone.send_to(member=ada, body="to myself")["sequence"]
    expected = [*(f"to bob {number}" for number in range(3)), "to ada", "to myself"]
    with Talker("tcp", system.tcp_port, ada) as tablet:
        assert bodies(tablet.next(5)) == expected
    with Talker("ws", system.port, bob) as new:
        assert bodies(new.next(4)) == expected[:4]


def test_a_room_gets_what_a_bot_sends_that_hears_nothing_and_signals_are_not_kept(
    system: RunningSystem, mids: Iterator[int]
) -> None:
    room, ada, bot = f"chat://{unique()}", next(mids), next(mids)
    label = f"room:{room}"
    with (
        Talker("ws", system.port, ada, room_id=room) as reader,
        Talker("tcp", system.tcp_port, bot) as sender,
    ):
        reader.live(label)
        stored = sender.send_to(room=room, body="beep")["sequence"]
        assert sender.send_to(room=room, body="typing", cast=True) == {"sequence": 0}
        assert sender.send_to(member=ada, body="to you alone", cast=True) == {"sequence": 0}
        got = sorted(reader.next(3), key=lambda one: str(one["body"]))
        assert bodies(got) == ["beep", "to you alone", "typing"]
        assert [one["sequence"] for one in got] == [stored, 0, 0]
        assert [one.get("to") for one in got] == [None, ada, None]
    with Talker("ws", system.port, ada, room_id=room, resume={"rooms": {room: -10}}) as again:
        again.live(label)
        assert bodies(again.got) == ["beep"]


def test_each_limit_of_a_room_type_is_told_on_the_wire(
    system: RunningSystem, mids: Iterator[int]
) -> None:
    room_type = unique("slow")
    slow = {"send_per_second": 0.001, "send_burst": 2, "cast_per_second": 0.001, "cast_burst": 1}
    crowd = {"room_per_second": 0.001, "room_burst": 4, "most_bytes": 10}
    asyncio.run(set_policy(system, room_type, **slow, **crowd))
    room = f"{room_type}://1"
    with (
        Talker("ws", system.port, next(mids)) as one,
        Talker("ws", system.port, next(mids)) as two,
        Talker("ws", system.port, next(mids)) as scout,  # the others' tokens stay untouched
    ):
        while scout.send_to(room=room, body="x" * 11).get("error", {}).get("code") != 413:
            room = f"{room_type}://{unique()}"  # until the router has heard of the policy
        told = [
            one.send_to(room=room, body="1"),
            one.send_to(room=room, body="2"),
            one.send_to(room=room, body="3"),
            one.send_to(room=room, body="4", cast=True),
            one.send_to(room=room, body="5", cast=True),
            two.send_to(room=room, body="6"),
            two.send_to(room=room, body="7"),
        ]
    reasons = [one.get("error", {}).get("reason", "") for one in told]
    assert reasons == ["", "", "member_messages", "", "member_casts", "", "room_messages"]
    errors = [one["error"] for one in told if "error" in one]
    assert {(one["code"], one["retry"]) for one in errors} == {(429, "later")}
    assert all(0 < one["after"] <= 1000 for one in errors)


@contextlib.contextmanager
def documented_moderator(system: RunningSystem) -> Iterator[None]:
    """Run the moderator of docs/rooms.md, for a room type of this test."""
    text = (Path(__file__).parents[2] / "docs" / "rooms.md").read_text()
    (code,) = (one for one in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "admit" in one)
    assert len(code.splitlines()) <= 26
    code = code.replace("nats://127.0.0.1:4222", system.nats_url)
    asks = """await nc.request("goim.admit.any", b'{"body": ""}', timeout=20)"""
    answers = f"{asks}\n    print(flush=True)\n    await asyncio.Event"
    code = code.replace("await asyncio.Event", answers)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        yield
    finally:
        process.kill()
        process.communicate()


async def set_policy(system: RunningSystem, room_type: str, **values: object) -> None:
    connection = await nats.connect(system.nats_url)
    bucket = await connection.jetstream(timeout=20).key_value("GOIM_POLICY")
    await bucket.put(room_type, json.dumps(values).encode())
    await connection.close()


def test_the_documented_moderator_changes_and_refuses(
    system: RunningSystem, mids: Iterator[int]
) -> None:
    room_type = unique("forum")
    policy = {"open": True, "send": "anyone", "admit": "required", "admit_seconds": 20}
    asyncio.run(set_policy(system, room_type, send_per_second=0, **policy))
    room = f"{room_type}://1"
    with (
        Talker("ws", system.port, next(mids), room_id=room) as sender,
        Talker("tcp", system.tcp_port, next(mids), room_id=room) as reader,
    ):
        reader.live(f"room:{room}")
        error: dict[str, Any] = {}
        while error.get("code") in (None, 429):  # until the router has heard of the policy
            error = sender.send_to(room=room, body="too early").get("error", {})
        assert (error["code"], error["reason"], error["retry"]) == (503, "admission_away", "later")
        with documented_moderator(system):
            assert sender.send_to(room=room, body="hello")["sequence"]
            assert sender.send_to(room=room, body="damn it")["sequence"]
            error = sender.send_to(room=room, body="see http://spam.example")["error"]
            assert (error["code"], error["reason"]) == (403, "no_links")
            assert error["message"] == "no links here"
        (first,) = reader.next()
        while first["body"] == "too early":
            (first,) = reader.next()
        assert bodies([first, *reader.next()]) == ["hello", "**** it"]
