"""The four pushes of services, with real streams and gateways that answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bus.connection import Bus
from bus.environment import Secret
from bus.service import Answer
from router.directory import Directory
from router.errors import BodyTooLarge, PresenceAway, RequestRefused
from router.presence import Presence
from router.publisher import Publisher
from router.pushing import KEYS_AT_ONCE, Pushing
from router.redis_link import RedisLink
from router.rows import PresenceKeys
from router.settings import PresenceSettings, PublisherSettings, PushSettings
from schemas.headers import FROM, MESSAGE_ID, SPEED
from schemas.messages_pb2 import PushReply, PushRequest
from schemas.policies import Policy
from tests.router.gateways import Gateway
from tests.router.reports import session, snapshot
from tests.router.streams import read_stream
from tests.until import until

SETTINGS = PushSettings(body_bytes=1000, targets=2000, gateway_seconds=20)


def policy_of(room_type: str) -> Policy:
    return Policy(keep=room_type != "fleeting")


@pytest.fixture
def pushing(bus: Bus, publisher: Publisher, directory: Directory) -> Pushing:
    return Pushing(bus, publisher, directory, policy_of, SETTINGS)


@pytest.fixture
async def lonely(bus: Bus, publisher: Publisher, tmp_path: Path) -> AsyncIterator[Pushing]:
    """Pushing while Redis is away."""
    settings = PresenceSettings(redis_url=Secret(f"unix://{tmp_path}/none.sock"))
    redis = RedisLink(settings)
    directory = Directory(redis, PresenceKeys("t"), settings)
    yield Pushing(bus, publisher, directory, policy_of, SETTINGS)
    await redis.close()


async def at_once(push: Callable[[PushRequest, Answer], None], request: PushRequest) -> PushReply:
    """Return the answer of a push that is called back with it."""
    answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    push(request, answered.set_result)
    reply: PushReply = await answered
    return reply


async def test_keys_are_pushed_by_one_command_to_each_gateway_that_holds_some(
    bus: Bus, pushing: Pushing, presence: Presence
) -> None:
    one, two, idle = Gateway(bus, "g1"), Gateway(bus, "g2"), Gateway(bus, "g3")
    one.dropped = 1
    await presence.report(snapshot("g1", session("g1", 1, "a"), session("g1", 2, "b")))
    await presence.report(snapshot("g2", session("g2", 1, "c")))
    await presence.report(snapshot("g3", session("g3", 1, "d")))
    keys = ["a", "nobody", "c", "b", "a"]
    reply = await pushing.push_keys(PushRequest(operation=1002, body=b"x", keys=keys))
    assert (reply.sessions, reply.dropped, reply.stored) == (3, 1, False)
    assert not reply.HasField("error")
    (push,) = one.pushes
    assert (list(push.keys), push.operation, push.body) == (["a", "b"], 1002, b"x")
    assert [list(push.keys) for push in two.pushes] == [["c"]]
    assert idle.pushes == []


async def test_many_keys_of_one_gateway_go_in_several_commands(
    bus: Bus, pushing: Pushing, presence: Presence
) -> None:
    gateway = Gateway(bus, "g1")
    keys = [f"key-{number}" for number in range(KEYS_AT_ONCE + 1)]
    sessions = (session("g1", number, key) for number, key in enumerate(keys))
    await presence.report(snapshot("g1", *sessions))
    reply = await pushing.push_keys(PushRequest(operation=1, keys=keys))
    assert reply.sessions == KEYS_AT_ONCE + 1
    assert len(gateway.pushes) == 2


async def test_keys_that_nobody_has_are_fine_and_no_keys_are_not(pushing: Pushing) -> None:
    reply = await pushing.push_keys(PushRequest(operation=1, keys=["nobody"]))
    assert (reply.sessions, reply.HasField("error")) == (0, False)
    with pytest.raises(RequestRefused):
        await pushing.push_keys(PushRequest(operation=1))


async def test_a_gateway_that_is_gone_holds_nobody(pushing: Pushing, presence: Presence) -> None:
    await presence.report(snapshot("g1", session("g1", 1, "a")))
    reply = await pushing.push_keys(PushRequest(operation=1, keys=["a"]))
    assert (reply.sessions, reply.HasField("error")) == (0, False)
    assert pushing.counts["gateways_gone"] == 1


async def test_a_silent_gateway_is_an_error_beside_what_the_others_did(
    bus: Bus, pushing: Pushing, presence: Presence
) -> None:
    silent = Gateway(bus, "g1")
    silent.silent = True
    Gateway(bus, "g2")
    await presence.report(snapshot("g1", session("g1", 1, "a")))
    await presence.report(snapshot("g2", session("g2", 1, "b")))
    pushed = asyncio.ensure_future(pushing.push_keys(PushRequest(operation=1, keys=["a", "b"])))
    await until(lambda: bool(silent.pushes) and len(bus.requests) <= 1)  # the other has answered
    bus.requests.expire(asyncio.get_running_loop().time() + SETTINGS.gateway_seconds)
    reply = await pushed
    assert (reply.sessions, reply.error.code, reply.error.retry) == (1, 503, "later")


async def test_without_redis_keys_can_not_be_pushed_and_all_else_can(
    bus: Bus, lonely: Pushing
) -> None:
    with pytest.raises(PresenceAway):
        await lonely.push_keys(PushRequest(operation=1, keys=["a"]))
    mids = await lonely.push_mids(PushRequest(operation=1, mids=[7]))
    assert (mids.stored, mids.sessions, list(mids.sequences)) == (True, 0, [1])
    assert (await at_once(lonely.push_room, PushRequest(operation=1, type="live", room="1"))).stored
    assert (await at_once(lonely.push_all, PushRequest(operation=1))).stored
    assert lonely.counts["counts_missed"] == 1


async def test_members_get_a_message_each_and_who_is_none_is_skipped(
    bus: Bus, pushing: Pushing, presence: Presence
) -> None:
    await presence.report(snapshot("g1", *(session("g1", n, mid=7) for n in range(3))))
    request = PushRequest(operation=0, body=b"x", mids=[7, 0, -5, 8, 7], id="event")
    reply = await pushing.push_mids(request)
    assert (reply.stored, reply.sessions, list(reply.sequences)) == (True, 3, [1, 2])
    stored = await read_stream(bus, "MEMBER")
    assert [one.subject for one in stored] == [
        bus.subjects.push("member.7", 0),
        bus.subjects.push("member.8", 0),
    ]
    assert [one.header(MESSAGE_ID) for one in stored] == ["member.7.event", "member.8.event"]
    assert all(one.header(FROM) == "" for one in stored)
    again = await pushing.push_mids(request)
    assert list(again.sequences) == [1, 2]
    assert len(await read_stream(bus, "MEMBER")) == 2


async def test_the_id_of_a_push_to_one_member_is_the_messages_id(
    bus: Bus, pushing: Pushing
) -> None:
    await pushing.push_mids(PushRequest(operation=1, mids=[0, 8], id="event"))
    (stored,) = await read_stream(bus, "MEMBER")
    assert stored.header(MESSAGE_ID) == "member.8.event"


async def test_a_push_to_no_member_does_nothing(bus: Bus, pushing: Pushing) -> None:
    reply = await pushing.push_mids(PushRequest(operation=1, mids=[0, -1]))
    assert (reply.stored, list(reply.sequences), reply.HasField("error")) == (False, [], False)
    assert await read_stream(bus, "MEMBER") == []


async def test_a_room_push_is_stored_with_its_id(bus: Bus, pushing: Pushing) -> None:
    request = PushRequest(operation=1000, type="live", room="a b", body=b"x", id="event")
    assert list((await at_once(pushing.push_room, request)).sequences) == [1]
    assert list((await at_once(pushing.push_room, request)).sequences) == [1]
    (stored,) = await read_stream(bus, "ROOM")
    assert stored.subject == bus.subjects.push("room.live.a=20b", 1000)
    assert stored.header(MESSAGE_ID) == "room.live.a=20b.event"


async def test_a_room_type_that_keeps_nothing_is_delivered_only(bus: Bus, pushing: Pushing) -> None:
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    bus.subscribe(
        bus.subjects.interest("room.fleeting.1"),
        lambda subject, reply, payload, headers: heard.set_result(payload),
    )
    request = PushRequest(operation=1, type="fleeting", room="1", body=b"x")
    reply = await at_once(pushing.push_room, request)
    assert (reply.stored, list(reply.sequences), reply.HasField("error")) == (False, [], False)
    assert await heard == b"x"
    assert await read_stream(bus, "ROOM") == []


async def test_a_push_to_all_tells_its_speed(bus: Bus, pushing: Pushing) -> None:
    for speed in (0, -3, 500):
        await at_once(pushing.push_all, PushRequest(operation=1, body=b"x", speed=speed))
    assert [one.header(SPEED) for one in await read_stream(bus, "ALL")] == ["", "", "500"]


@pytest.mark.parametrize(
    "request_",
    [
        PushRequest(type="live", room="1"),
        PushRequest(operation=1, room="1"),
        PushRequest(operation=1, type="live"),
        PushRequest(operation=1, type="live", room="x" * 200),
        PushRequest(operation=1, type="live", room="1", id="a\r\nNats-Rollup: all"),
        PushRequest(operation=1, type="live", room="1", id="x" * 300),
    ],
)
async def test_a_room_push_that_makes_no_sense_is_refused(
    bus: Bus, pushing: Pushing, request_: PushRequest
) -> None:
    with pytest.raises(RequestRefused) as refused:
        await at_once(pushing.push_room, request_)
    assert refused.value.code == 400
    assert await read_stream(bus, "ROOM") == []


async def test_a_push_to_all_without_operation_is_refused(pushing: Pushing) -> None:
    with pytest.raises(RequestRefused):
        await at_once(pushing.push_all, PushRequest(body=b"x"))


async def test_limits_hold_for_every_kind_of_push(pushing: Pushing) -> None:
    large = PushRequest(operation=1, type="live", room="1", keys=["a"], mids=[1], body=b"x" * 1001)
    for push in (pushing.push_keys, pushing.push_mids):
        with pytest.raises(BodyTooLarge):
            await push(large)
    for push_at_once in (pushing.push_room, pushing.push_all):
        with pytest.raises(BodyTooLarge):
            await at_once(push_at_once, large)
    with pytest.raises(RequestRefused):
        await pushing.push_mids(PushRequest(operation=1, mids=range(1, 2002)))
    with pytest.raises(RequestRefused):
        await pushing.push_keys(PushRequest(operation=1, keys=map(str, range(2001))))


async def test_what_was_not_stored_is_told_by_the_first_error(
    bus: Bus, directory: Directory
) -> None:
    publisher = Publisher(bus, PublisherSettings(seconds=0.2, attempt_seconds=0.1))
    pushing = Pushing(bus, publisher, directory, policy_of, SETTINGS)
    reply = await pushing.push_mids(PushRequest(operation=1, mids=[7, 8]))
    assert (reply.stored, list(reply.sequences)) == (False, [0, 0])
    assert (reply.error.code, reply.error.retry) == (503, "later")
    publisher.close()


async def test_one_id_is_stored_once_in_each_room_and_for_each_member(
    bus: Bus, pushing: Pushing
) -> None:
    for _ in range(2):
        for room in ("1", "2"):
            request = PushRequest(operation=1000, type="live", room=room, body=b"x", id="event")
            assert (await at_once(pushing.push_room, request)).stored
        for mids in ([7], [7, 8]):
            assert (await pushing.push_mids(PushRequest(operation=1, mids=mids, id="event"))).stored
        assert (await at_once(pushing.push_all, PushRequest(operation=1, id="event"))).stored
    counts = [len(await read_stream(bus, kind)) for kind in ("ROOM", "MEMBER", "ALL")]
    assert counts == [2, 2, 1]
