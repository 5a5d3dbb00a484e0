"""What the client asks of the past, over reconnects too."""

import asyncio
from dataclasses import replace
from json import dumps, loads
from typing import Any

import pytest

from goimbus.client import ClientHooks
from goimbus.client_errors import AnswerTimeout, AskRefused
from goimbus.client_history import HistoryPage, OldMessage, ReadState, Unread, read_history
from schemas.frame import Frame, encode_frame
from schemas.operations import Operation
from tests.goimbus.fake_gateway import FakeConnection, FakeGateway
from tests.goimbus.scene import QUICK, client_of, enter
from tests.goimbus.scene import running_gateway as running_gateway


async def answer(connection: FakeConnection, **values: Any) -> tuple[int, dict[str, Any]]:
    """Answer the next question; return what was asked."""
    frame = await connection.read()
    await reply(connection, frame, **values)
    return frame.operation, loads(frame.body)


async def reply(connection: FakeConnection, frame: Frame, **values: Any) -> None:
    operation = frame.operation + 1
    await connection.write(encode_frame(operation, dumps(values).encode(), 1, frame.sequence))


async def test_a_page_is_asked_for_and_given(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway))
    messages = [
        {"sequence": 2**40, "operation": 4, "time": 7, "from": 5, "to": 9, "body": "hé"},
        {"sequence": 2**40 + 1, "operation": 1000, "time": 8, "from": 0, "bytes": "ÿ\0"},
        "nonsense",
    ]
    asking = asyncio.create_task(scene.client.history(member=9, before=2**41, limit=2))
    asked = await answer(scene.connection, member=9, messages=messages, more=True)
    assert asked == (Operation.HISTORY, {"member": 9, "before": 2**41, "limit": 2})
    assert await asking == HistoryPage(
        (
            OldMessage(2**40, 4, "hé".encode(), 5, 7, 9),
            OldMessage(2**40 + 1, 1000, b"\xff\0", 0, 8),
        ),
        more=True,
    )
    asking = asyncio.create_task(scene.client.history(room="chat://7"))
    asked = await answer(scene.connection, room="chat://7", messages=[], more=False, gap=12)
    assert asked == (Operation.HISTORY, {"room": "chat://7", "before": 0, "limit": 50})
    assert await asking == HistoryPage((), more=False, gone_to=12)
    await scene.client.close()


def test_an_answer_that_makes_no_sense_is_an_empty_page() -> None:
    for told in ({}, {"messages": 5}, {"messages": [5], "gap": "x"}):
        assert read_history(told) == HistoryPage((), more=False)


async def test_what_is_read_is_said_and_what_is_not_is_told(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway))
    state = {"read": 12, "unread": 3, "last": 2**40}
    asking = asyncio.create_task(scene.client.read(rooms={"vip://7": 1}, members={9: 12}))
    asked = await answer(
        scene.connection,
        rooms={"vip://7": {"error": {"code": 403, "message": "no"}}},
        members={"9": state, "x": state, "8": None},
    )
    assert asked == (Operation.READ, {"rooms": {"vip://7": 1}, "members": {"9": 12}})
    told = await asking
    assert told == Unread({}, {9: ReadState(12, 3, 2**40)}, {"vip://7": "no"})
    asking = asyncio.create_task(scene.client.unread())
    assert await answer(scene.connection, rooms={"a": state}, members=5, more=True) == (
        Operation.READ,
        {},
    )
    assert await asking == Unread({"a": ReadState(12, 3, 2**40)}, more=True)
    assert await scene.client.read() == Unread()
    await scene.client.close()


async def test_a_refusal_is_raised_with_its_words(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway))
    asking = asyncio.create_task(scene.client.history(room="vip://7"))
    await answer(scene.connection, room="vip://7", error={"code": 403, "message": "not yours"})
    with pytest.raises(AskRefused) as refused:
        await asking
    assert (refused.value.code, str(refused.value)) == (403, "not told: not yours (403)")
    await scene.client.close()


async def test_a_question_is_asked_again_on_the_next_connection(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway))
    asking = asyncio.create_task(scene.client.unread())
    first = await scene.connection.read()
    scene.connection.cut()
    second = await gateway.log_in()
    again = await second.read()
    assert again == first
    await reply(second, again, members={"9": {"unread": 3}})
    assert (await asking).members == {9: ReadState(0, 3, 0)}
    second.cut()
    third = await gateway.log_in()
    asking_more = asyncio.create_task(scene.client.history(member=9))
    assert (await third.read()).operation == Operation.HISTORY
    await scene.client.close()
    await asyncio.gather(asking_more, return_exceptions=True)


async def test_what_is_not_answered_in_time_is_forgotten(gateway: FakeGateway) -> None:
    limits = replace(QUICK, answer_seconds=0.01)
    scene = await enter(gateway, client_of(gateway, limits=limits))
    with pytest.raises(AnswerTimeout):
        await scene.client.unread()
    late = await scene.connection.read()
    await reply(scene.connection, late, members={})
    assert scene.client._session.questions.to_send() == []
    await scene.client.close()


async def test_what_is_read_elsewhere_is_told_to_the_hook(gateway: FakeGateway) -> None:
    told: asyncio.Queue[Unread] = asyncio.Queue()
    hooks = ClientHooks(on_read=told.put_nowait)
    scene = await enter(gateway, client_of(gateway, hooks=hooks))
    body = b'{"members": {"9": {"read": 4, "unread": 1, "last": 5}}}'
    await scene.connection.write(encode_frame(Operation.READ_REPLY, body))
    assert (await told.get()).members == {9: ReadState(4, 1, 5)}
    await scene.client.close()
    scene = await enter(gateway, client_of(gateway))  # without the hook: nothing happens
    await scene.connection.write(encode_frame(Operation.READ_REPLY, body))
    await scene.connection.push_run("member", (7, b"x"))
    assert [one.body for one in await scene.take(1)] == [b"x"]
    await scene.client.close()


async def test_a_server_without_extensions_tells_nothing(gateway: FakeGateway) -> None:
    scene = await enter(gateway, client_of(gateway), ext=False)
    with pytest.raises(AskRefused) as refused:
        await scene.client.unread()
    assert refused.value.code == 501
    scene.connection.cut()
    again = await gateway.accept()
    asking = asyncio.create_task(scene.client.history(member=9))
    await again.log_in(ext=False)
    with pytest.raises(AskRefused):
        await asking
    await scene.client.close()
