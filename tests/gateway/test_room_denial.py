"""A token that is good in rooms with a record alone: in at login, op 12, 21 and sending, or not."""

from collections.abc import AsyncIterator
from json import dumps, loads

import pytest

from gateway.grants import RoomRight
from gateway.room_denial import TOKEN_FORBIDS, room_denial, token_gives
from schemas.operations import Operation
from schemas.policies import BUILT_IN, DEFAULT, Policy
from tests.gateway.harness import Harness, running_gateway
from tests.gateway.test_room_rights import KEY, PRIVATE, ROOM, TOPIC, bucket_of, left, write

RECORDED = {"pattern": "*", "receive": True, "send": True, "history": True, "recorded": True}
RIGHTS = (RoomRight("*", recorded=True), RoomRight("team://*", send=False))


def policy_of(room_type: str) -> Policy:
    return BUILT_IN.get(room_type, DEFAULT)


@pytest.mark.parametrize(
    ("right", "room", "is_given"),
    [
        ("receive", "chat://us", False),
        ("receive", "live://us", True),
        ("send", "live://us", False),
        ("receive", "team://us", True),
        ("send", "team://us", False),
        ("receive", "team://", False),
        ("receive", "team://" + "x" * 129, False),
    ],
)
def test_without_a_record_only_plain_rights_count(right: str, room: str, is_given: bool) -> None:
    denial = room_denial(right, 2, RIGHTS, room, policy_of, None)
    assert denial == (None if is_given else TOKEN_FORBIDS)
    assert not token_gives("send", RIGHTS, room, "room.any", None)


@pytest.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix, with_rooms=True) as running:
        running.auth.grant = {"rooms": [RECORDED]}
        yield running


async def test_the_record_lets_its_members_in_and_keeps_others_out(harness: Harness) -> None:
    await write(harness, PRIVATE)
    member = await harness.ws(mid=2, room_id=ROOM, ext=1)
    await member.until_live(f"room:{ROOM}")
    assert "sequence" in loads((await member.ask(4, b"hello")).body)
    for room, words in (
        (ROOM, "the room is for its members"),
        ("chat://no-record", "the token does not open that room"),
    ):
        stranger = await harness.ws()
        stranger.send(Operation.AUTH, dumps({"mid": 9, "room_id": room}).encode())
        closed = await stranger.closed()
        assert (closed.code, closed.words) == (4006, words)
        client = await harness.ws(mid=9, ext=1)
        await client.until_live("all")
        answer = await client.ask(Operation.CHANGE_ROOM, room.encode())
        assert loads(answer.body)["error"]["message"] == words
        answer = await client.ask(Operation.JOIN_ROOM, dumps({"room": room}).encode())
        assert loads(answer.body)["error"]["message"] == words
        answer = await client.ask(Operation.HISTORY, dumps({"room": room}).encode())
        assert loads(answer.body)["error"]["message"] == words


async def test_who_was_let_in_by_a_record_leaves_when_it_is_deleted(harness: Harness) -> None:
    await write(harness, PRIVATE)
    member = await harness.ws(mid=2, room_id=ROOM, ext=1)
    await member.until_live(f"room:{ROOM}")
    await harness.settled()
    await (await bucket_of(harness)).delete(KEY)
    error = await left(member)
    assert (error["reason"], error["retry"]) == ("token_forbids", "never")
    harness.store.publish(TOPIC, b"not for it")
    await harness.delivered()
    await member.is_quiet()


async def test_a_message_to_a_room_needs_its_record_too(harness: Harness) -> None:
    await write(harness, PRIVATE)
    member = await harness.ws(mid=2, ext=1)
    await member.until_live("all")
    target = {"room": "chat://no-record", "operation": 4, "body": "hello"}
    answer = await member.ask(Operation.SEND_TO, dumps(target).encode())
    assert loads(answer.body)["error"]["reason"] == "not_in_room"
    answer = await member.ask(Operation.SEND_TO, dumps(target | {"room": ROOM}).encode())
    assert "sequence" in loads(answer.body)
