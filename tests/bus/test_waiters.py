import asyncio

from hypothesis import given
from hypothesis import strategies as st

from bus.waiters import NEVER, Waiters


async def test_those_who_wait_for_less_are_woken() -> None:
    waiters = Waiters()
    low, high, same = waiters.add(5), waiters.add(9), waiters.add(5)
    waiters.wake(5)
    assert (low.done(), same.done(), high.done()) == (True, True, False)
    assert waiters.next == 9
    waiters.wake(100)
    assert high.done()
    assert (waiters.next, len(waiters)) == (NEVER, 0)


async def test_one_who_gave_up_is_forgotten() -> None:
    waiters = Waiters()
    first, second = waiters.add(3), waiters.add(7)
    waiters.discard(first)
    assert (len(waiters), waiters.next) == (1, 7)
    second.cancel()
    waiters.wake(7)
    assert len(waiters) == 0


@given(numbers=st.lists(st.integers(0, 50)), reached=st.integers(0, 50))
def test_exactly_those_at_or_below_are_woken(numbers: list[int], reached: int) -> None:
    async def check() -> None:
        waiters = Waiters()
        futures = [(number, waiters.add(number)) for number in numbers]
        waiters.wake(reached)
        assert all(future.done() == (number <= reached) for number, future in futures)
        assert waiters.next == min((n for n in numbers if n > reached), default=NEVER)

    asyncio.run(check())
