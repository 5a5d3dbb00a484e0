"""Op 20 on the wire: to rooms and members, signals, who may, and what each side gets."""

from collections.abc import AsyncIterator
from json import dumps, loads
from typing import Any

import pytest_asyncio

from schemas.headers import CAST, FROM, ID, SESSION, STAMP, TO, encode_headers, header_value
from schemas.messages_pb2 import Error
from schemas.policies import Policy
from tests.gateway.clients import Client
from tests.gateway.harness import Harness, running_gateway

ADA: dict[str, Any] = {"mid": 5, "key": "phone", "ext": 1, "accepts": [1000]}
SEND_TO, REPLY = 20, 5


@pytest_asyncio.fixture
async def harness(nats_url: str, prefix: str) -> AsyncIterator[Harness]:
    async with running_gateway(nats_url, prefix) as running:
        yield running


async def send_to(client: Client, sequence: int = 9, **values: Any) -> Any:
    """Send op 20 and return what op 5 says."""
    client.send(SEND_TO, dumps({"operation": 1000, "body": "hello"} | values).encode(), 1, sequence)
    while (frame := await client.receive()).operation != REPLY:
        pass
    assert frame.sequence == sequence
    return loads(frame.body)


def sent(harness: Harness) -> tuple[str, bytes, bytes]:
    """Return the last request to the router, its subject without the prefix."""
    subject, body, headers = harness.router.sent[-1]
    return subject.removeprefix(f"{harness.bus.subjects.prefix}."), body, headers


async def test_a_message_to_a_room_and_one_to_a_member(harness: Harness) -> None:
    client = await harness.ws(**ADA, room_id="chat://1")
    assert await send_to(client, room="chat://2") == {"sequence": 1}
    subject, body, headers = sent(harness)
    assert (subject, body) == ("up.chat.2.5.1000", b"hello")
    assert header_value(headers, ID) == "5.phone.9"
    assert await send_to(client, member=9, operation=4, sequence=10) == {"sequence": 2}
    subject, body, headers = sent(harness)
    assert subject == "direct.9.5.4"
    (connection,) = harness.gateway.hub.connections.values()
    told = [header_value(headers, name) for name in (ID, SESSION, CAST)]
    assert told == ["5.phone.10", connection.session_id, ""]


async def test_bytes_arrive_as_bytes(harness: Harness) -> None:
    client = await harness.tcp(**ADA)
    body = dumps({"member": 9, "operation": 1000, "bytes": "\xff\x00é"}).encode()
    client.send(SEND_TO, body)
    while (await client.receive()).operation != REPLY:
        pass
    assert sent(harness)[1] == b"\xff\x00\xe9"


async def test_a_signal_is_marked_and_has_no_id(harness: Harness) -> None:
    client = await harness.ws(**ADA)
    for target in ({"member": 9}, {"room": "chat://2"}):
        await send_to(client, cast=True, **target)
        headers = sent(harness)[2]
        assert [header_value(headers, name) for name in (CAST, ID)] == ["1", ""]


async def test_a_body_that_makes_no_sense_is_told_and_the_next_frame_is_taken(
    harness: Harness,
) -> None:
    client = await harness.ws(**ADA)
    error = (await send_to(client, room="chat://2", cats=True))["error"]
    assert (error["code"], error["reason"], error["retry"]) == (400, "malformed", "never")
    assert "cats" in error["message"]
    client.send(SEND_TO, b"\xff")
    client.send(2, sequence=8)
    frames = [await client.receive() for _ in range(2)]
    assert [(one.operation, one.sequence) for one in frames] == [(5, 1), (3, 8)]
    assert harness.router.sent == []
    assert harness.gateway.counters.refused["send_400"] == 2


async def test_without_extensions_it_is_answered_as_goim_does(harness: Harness) -> None:
    client = await harness.tcp(mid=5)
    assert await client.ask(SEND_TO, b'{"member":9,"operation":4,"body":"x"}') == (1, 20, 1, b"")
    assert harness.router.sent == []


def post(client: Client, sequence: int, **values: Any) -> None:
    """Send op 20 and wait for nothing."""
    client.send(SEND_TO, dumps({"operation": 1000, "body": "x"} | values).encode(), 1, sequence)


async def replies(client: Client, count: int) -> list[tuple[int, int]]:
    """Return operations and sequences of the next replies."""
    found: list[tuple[int, int]] = []
    while len(found) < count:
        frame = await client.receive()
        if frame.operation != 19:
            found.append((frame.operation, frame.sequence))
    return found


async def test_a_slow_answer_holds_up_only_what_goes_to_the_same_room_or_member(
    harness: Harness,
) -> None:
    harness.router.holds = True
    client = await harness.ws(**ADA, room_id="chat://1")
    post(client, 1, room="chat://1")
    post(client, 2, room="chat://1")
    post(client, 3, room="chat://2")
    post(client, 4, member=9)
    post(client, 5, member=9, cast=True)
    client.send(2, sequence=6)
    assert await replies(client, 1) == [(3, 6)]
    await harness.is_true(lambda: len(harness.router.sent) == 3)
    client.send(4, b"behind them", sequence=7)
    client.send(2, sequence=8)
    harness.router.let_go()
    await harness.is_true(lambda: len(harness.router.sent) == 5)
    harness.router.let_go()
    await harness.is_true(lambda: len(harness.router.sent) == 6)
    harness.router.let_go()
    told = await replies(client, 7)
    assert sorted(told[:3]) == [(5, 1), (5, 3), (5, 4)]
    assert sorted(told[3:5]) == [(5, 2), (5, 5)]
    assert told[5:] == [(5, 7), (3, 8)]
    prefix = harness.bus.subjects.prefix
    sent_to = [subject.removeprefix(f"{prefix}.") for subject, _, _ in harness.router.sent]
    first, second = sent_to[:3], sent_to[3:5]
    assert sorted(first) == ["direct.9.5.1000", "up.chat.1.5.1000", "up.chat.2.5.1000"]
    assert sorted(second) == ["direct.9.5.1000", "up.chat.1.5.1000"]
    assert sent_to[5] == "up.chat.1.5.4"
    (connection,) = harness.gateway.hub.connections.values()
    assert connection.sends is None


async def test_so_many_that_are_not_answered_and_no_more_frames_are_taken(
    nats_url: str, prefix: str
) -> None:
    async with running_gateway(nats_url, prefix, {"waiting_frames": 5}) as harness:
        harness.router.holds = True
        client = await harness.tcp(**ADA)
        for number in range(1, 8):
            post(client, number, member=number)
        client.send(2, sequence=8)
        await harness.is_true(lambda: len(harness.router.sent) == 5)
        (connection,) = harness.gateway.hub.connections.values()
        assert connection.session.waiting
        assert len(connection.backlog or ()) == 3
        harness.router.holds = False
        harness.router.let_go()
        told = await replies(client, 8)
        assert sorted(told) == [(3, 8), *((5, number) for number in range(1, 8))]
        assert connection.transport.is_reading()


async def test_who_leaves_before_the_answers_is_not_missed(harness: Harness) -> None:
    harness.router.holds = True
    client = await harness.tcp(**ADA)
    for number in range(1, 4):
        post(client, number, member=9)
    await harness.router.arrived.wait()
    client.reset()
    await harness.emptied()
    harness.router.let_go()
    await harness.delivered()
    assert len(harness.router.sent) == 1


async def test_what_the_router_refuses_is_told_with_its_reason(harness: Harness) -> None:
    client = await harness.ws(**ADA)
    harness.router.error = Error(
        code=403, message="no advertising", reason="spam", retry="never", after=0
    )
    expected = {"code": 403, "message": "no advertising", "reason": "spam", "retry": "never"}
    assert (await send_to(client, member=9))["error"] == expected | {"after": 0}


SEND_ONLY = [{"pattern": "chat://1", "send": True}]
HEAR_ONLY = [{"pattern": "chat://1", "receive": True}]


CASES = [  # the token's rights, who may send by the type's policy, how it enters, the code
    (SEND_ONLY, "members", "", 0),  # a bot that hears nothing
    (SEND_ONLY, "anyone", "", 0),
    (HEAR_ONLY, "members", "", 403),
    (HEAR_ONLY, "anyone", "", 403),
    (HEAR_ONLY, "anyone", "focus", 0),
    (HEAR_ONLY, "anyone", "further", 0),
    (HEAR_ONLY, "members", "further", 403),
    ([], "members", "", 403),
    (SEND_ONLY, "services", "", 403),
    (SEND_ONLY, "nobody", "", 0),  # the router says so
]


async def test_who_may_send_to_a_room_is_said_by_the_token_or_by_being_in_it(
    harness: Harness,
) -> None:
    codes = []
    for number, (rights, send, enters, _) in enumerate(CASES):
        harness.policies.own["chat"] = Policy(send=send)
        harness.auth.grant = {"rooms": rights}
        client = await harness.ws(**ADA | {"key": f"{number}"})
        if enters == "focus":
            client.send(12, b"chat://1")
        elif enters:
            client.send(21, b'{"room":"chat://1"}')
        answer = await send_to(client, room="chat://1")
        codes.append(answer.get("error", {}).get("code", 0))
    assert codes == [code for *_, code in CASES]
    assert len(harness.router.sent) == codes.count(0)


async def test_a_room_that_is_for_services_takes_what_a_services_token_sends(
    harness: Harness,
) -> None:
    harness.policies.own = {"chat": Policy(send="services"), "direct": Policy(send="services")}
    client = await harness.ws(**ADA)
    for target in ({"room": "chat://1"}, {"member": 9}):
        assert (await send_to(client, **target))["error"]["reason"] == "only_services"
    harness.auth.grant = {"role": "service"}
    bot = await harness.ws(**ADA | {"key": "bot"})
    for target in ({"room": "chat://1"}, {"member": 9}):
        assert "sequence" in await send_to(bot, **target)


async def test_awkward_rooms_reach_no_subject_raw(harness: Harness) -> None:
    client = await harness.ws(**ADA)
    for room in ("*", "a.b", ">", "chat://*", "\0", "chat://a b\r\n", "\U0001f600"):
        assert "sequence" in await send_to(client, room=room)
        subject = sent(harness)[0]
        assert len(subject.split(".")) == 5
        assert set("*> \r\n\0").isdisjoint(subject)
        assert subject.isascii()


def direct(harness: Harness) -> dict[str, str]:
    """The headers of a direct message that the phone sent."""
    session = harness.gateway.hub.by_key["phone"].session_id
    return {FROM: "5", TO: "9", STAMP: "1", SESSION: session}


async def test_a_direct_message_reaches_all_devices_of_both_but_the_one_that_sent_it(
    harness: Harness,
) -> None:
    sender = await harness.ws(**ADA)
    tablet = await harness.tcp(**ADA | {"key": "tablet"})
    plain = await harness.tcp(mid=9, key="bob", accepts=[1000])
    await harness.settled()
    for topic in ("member.9", "member.5"):
        harness.store.publish(topic, b"hi", headers=direct(harness))
    harness.store.publish("member.5", b"later")
    told = loads((await tablet.bodies(1))[0])
    assert {name: told[name] for name in ("from", "to", "sequence", "body")} == {
        "from": 5,
        "to": 9,
        "sequence": harness.store.end - 1,
        "body": "hi",
    }
    assert loads((await plain.bodies(1))[0])["to"] == 9
    assert await tablet.bodies(1) == await sender.bodies(1) == [b"later"]


async def test_a_device_that_was_away_gets_direct_messages_by_replay(harness: Harness) -> None:
    await harness.ws(**ADA)
    await harness.settled()
    headers = direct(harness)
    for body in (b"one", b"two"):
        harness.store.publish("member.5", body, headers=headers)
    tablet = await harness.ws(**ADA | {"key": "tablet"})
    missed = [loads(one) for one in await tablet.bodies(2)]
    assert [(one["from"], one["to"], one["body"]) for one in missed] == [
        (5, 9, "one"),
        (5, 9, "two"),
    ]


async def test_signals_are_stamped_with_sequence_0_and_not_given_back_to_who_sent_them(
    harness: Harness,
) -> None:
    sender = await harness.ws(**ADA, room_id="chat://1")
    other = await harness.ws(**ADA | {"key": "tablet"}, room_id="chat://1")
    await harness.settled()
    bus, headers = harness.bus, direct(harness)
    in_room = {name: value for name, value in headers.items() if name != TO}
    for topic, block in (("room.chat.1", in_room), ("member.5", headers)):
        bus.publish(bus.subjects.cast(topic, 1000), b"typing", headers=encode_headers(block))
    bus.publish(bus.subjects.cast("member.5", 1000), b"unstamped")
    signals = set(await other.bodies(3))
    stamps = sorted((loads(one) for one in signals - {b"unstamped"}), key=len)
    assert all(one.pop("time") > 1_764_000_000_000 for one in stamps)
    assert stamps == [
        {"from": 5, "sequence": 0, "body": "typing"},
        {"from": 5, "to": 9, "sequence": 0, "body": "typing"},
    ]
    assert await sender.bodies(1) == [b"unstamped"]
