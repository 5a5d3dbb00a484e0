"""An id that tells its time is stored once, or refused: never a second time."""

import time

import pytest

from bus.connection import Bus
from router.batches import Outcome
from router.dated_ids import CLOCK_SECONDS, certain_seconds, id_refusal
from router.errors import IdTooOld, RequestRefused
from router.publisher import Publisher
from tests.router.streams import read_stream

NOW = 1_764_450_000.5
ROOM = "room.live.1"


@pytest.mark.parametrize(
    "text", ["", "order-17", "a@b", "@12", "order@1764450000.1", "@1764450000 "]
)
def test_an_id_that_tells_no_time_is_taken(text: str) -> None:
    assert id_refusal(text, NOW, 120, 4) is None


@pytest.mark.parametrize("age", [-59, 0, 50, 110])
def test_an_id_that_can_be_remembered_is_taken(age: int) -> None:
    assert id_refusal(f"order-17@{int(NOW) - age}", NOW, 120, 4) is None


@pytest.mark.parametrize("age", [112, 120, 1_000_000])
def test_an_older_one_is_refused_for_ever(age: int) -> None:
    refusal = id_refusal(f"room.live.1.order-17@{int(NOW) - age}", NOW, 120, 4)
    assert isinstance(refusal, IdTooOld)
    assert (refusal.code, refusal.retry, refusal.reason) == (409, "never", "id_too_old")
    assert f"the first try was {age} s ago" in str(refusal)


def test_a_time_that_is_still_to_come_is_refused() -> None:
    assert isinstance(id_refusal(f"x@{int(NOW) + 62}", NOW, 120, 4), RequestRefused)


@pytest.mark.parametrize(("dedupe", "store"), [(120, 4), (30, 4), (10, 4), (10, 0.1)])
def test_what_is_taken_is_stored_before_the_stream_forgets(dedupe: float, store: float) -> None:
    assert 0 < certain_seconds(dedupe, store) <= dedupe - store
    assert dedupe < 30 or certain_seconds(dedupe, store) + store + CLOCK_SECONDS <= dedupe


async def test_a_message_is_stored_once_or_refused(bus: Bus, publisher: Publisher) -> None:
    now = int(time.time())
    first, again, late = [
        await publisher.store_one(ROOM, 1000, b"x", message_id=f"order@{at}")
        for at in (now, now, now - 115)
    ]
    assert again == Outcome(first.sequence, duplicate=True)
    assert isinstance(late.error, IdTooOld)
    assert len(await read_stream(bus, "ROOM")) == 1
    assert publisher.counts["refused_IdTooOld"] == 1
