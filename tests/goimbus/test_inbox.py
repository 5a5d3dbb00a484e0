import asyncio

import pytest

from goimbus.client_errors import ClientClosed
from goimbus.inbox import HARD_FACTOR, Inbox
from goimbus.messages import Message


def message(number: int, size: int = 1) -> Message:
    return Message("all", 1, b"x" * size, number)


async def test_items_come_out_in_order_and_then_the_failure() -> None:
    inbox = Inbox(10, 1000)
    inbox.put(message(1))
    inbox.put(message(2))
    inbox.end(ClientClosed())
    inbox.end(RuntimeError())
    assert [await inbox.get(), await inbox.get()] == [message(1), message(2)]
    with pytest.raises(ClientClosed):
        await inbox.get()


async def test_a_cancelled_get_loses_nothing() -> None:
    inbox = Inbox(10, 1000)
    for number in range(200):
        waiting = asyncio.create_task(inbox.get())
        await asyncio.sleep(0)
        inbox.put(message(number))
        if number % 2:
            await asyncio.sleep(0)
        waiting.cancel()
        result = (await asyncio.gather(waiting, return_exceptions=True))[0]
        if isinstance(result, asyncio.CancelledError):
            result = await inbox.get()
        assert result == message(number)


@pytest.mark.parametrize(("messages", "size_bytes"), [(2, 1000), (1000, 20)])
async def test_the_socket_waits_while_it_is_full_in_messages_or_bytes(
    messages: int, size_bytes: int
) -> None:
    inbox = Inbox(messages, size_bytes)
    await inbox.until_space()
    inbox.put(message(1, 10))
    inbox.put(message(2, 10))
    reading = asyncio.create_task(inbox.until_space())
    await inbox.paused.wait()
    await inbox.get()
    await reading
    assert not inbox.paused.is_set()


async def test_an_awaited_answer_lets_it_grow_to_its_hard_bound() -> None:
    inbox = Inbox(1, 1000)
    inbox.put(message(1))
    reading = asyncio.create_task(inbox.until_space())
    await inbox.paused.wait()
    inbox.await_answer()
    await reading
    for number in range(HARD_FACTOR):
        inbox.put(message(number))
    reading = asyncio.create_task(inbox.until_space())
    await inbox.paused.wait()
    inbox.stop_awaiting_answer()
    for _ in range(HARD_FACTOR + 1):
        await inbox.get()
    await reading
