import asyncio

from structlog.testing import capture_logs

from auth.background import MOST_TASKS, Background


async def test_a_failure_is_counted_and_logged_and_the_others_go_on() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    done = asyncio.Event()

    async def work() -> None:
        done.set()

    background = Background()
    with capture_logs() as events:
        background.begin(fail(), "fail")
        background.begin(work(), "work")
        await background.finish()
    assert done.is_set()
    assert background.counts == {"failed": 1, "done": 1}
    assert (events[0]["work"], events[0]["error"]) == ("fail", "ZeroDivisionError")


async def test_what_is_too_much_is_not_begun_and_counted() -> None:
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    background = Background()
    for _ in range(MOST_TASKS + 2):
        background.begin(wait(), "wait")
    assert background.counts["not_begun"] == 2
    gate.set()
    await background.finish()
    assert background.counts["done"] == MOST_TASKS
