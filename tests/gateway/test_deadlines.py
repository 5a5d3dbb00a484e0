"""Whose time is up: nobody is let go early, or forgotten, or kept after the end."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from gateway.deadlines import LOOK_SECONDS, SPREAD_SECONDS, Deadlines


@dataclass(eq=False)
class Owner:
    """Somebody with a deadline."""

    deadline: float | None
    watched: int = 0


def watching() -> Deadlines[Owner]:
    return Deadlines()


def test_an_owner_is_due_once_soon_after_its_deadline() -> None:
    deadlines, owner = watching(), Owner(105.4)
    deadlines.watch(owner, 100.0)
    assert list(deadlines.due(105.3)) == []
    assert list(deadlines.due(106.0)) == [owner]
    assert list(deadlines.due(200.0)) == []
    assert len(deadlines) == 0


def test_a_deadline_that_moved_on_is_met_at_its_new_time() -> None:
    deadlines, owner = watching(), Owner(105.0)
    deadlines.watch(owner, 100.0)
    owner.deadline = 580.0
    found = [now for now in range(100, 700) if list(deadlines.due(now))]
    assert found == [581]


def test_a_deadline_that_moved_nearer_is_met_when_it_is_told() -> None:
    deadlines, owner = watching(), Owner(580.0)
    deadlines.watch(owner, 100.0)
    owner.deadline = 101.5
    deadlines.watch(owner, 100.0)
    found = [now for now in range(100, 700) if list(deadlines.due(now))]
    assert found == [102]
    assert len(deadlines) == 0


def test_a_deadline_that_moved_nearer_is_met_at_the_next_look_at_the_latest() -> None:
    deadlines, owner = watching(), Owner(580.0)
    deadlines.watch(owner, 100.0)
    owner.deadline = 101.5
    (found,) = [now for now in range(100, 700) if list(deadlines.due(now))]
    assert found <= 100 + LOOK_SECONDS


def test_those_who_came_together_are_not_looked_at_together() -> None:
    deadlines = watching()
    owners = [Owner(580.0) for _ in range(100)]
    for owner in owners:
        deadlines.watch(owner, 100.0)
    seconds = {owner.watched for owner in owners}
    assert seconds == set(range(111 - SPREAD_SECONDS, 111))
    assert set(deadlines.owners()) == set(owners)


def test_an_owner_that_ended_is_let_go_within_one_look() -> None:
    deadlines, owner = watching(), Owner(580.0)
    deadlines.watch(owner, 100.0)
    owner.deadline = None
    assert list(deadlines.due(100.0 + LOOK_SECONDS)) == []
    assert len(deadlines) == 0


def test_an_owner_with_no_deadline_is_not_watched() -> None:
    deadlines = watching()
    deadlines.watch(Owner(None), 100.0)
    assert len(deadlines) == 0


def test_one_that_is_watched_after_a_later_one_is_not_delayed_by_it() -> None:
    deadlines, late, early = watching(), Owner(104.5), Owner(103.0)
    deadlines.watch(late, 100.0)
    assert list(deadlines.due(100.5)) == []
    deadlines.watch(early, 100.6)
    assert list(deadlines.due(104.0)) == [early]
    assert list(deadlines.due(110.0)) == [late]


def test_a_deadline_in_the_past_is_due_at_the_next_second() -> None:
    deadlines = watching()
    assert list(deadlines.due(100.0)) == []
    owner = Owner(50.0)
    deadlines.watch(owner, 100.2)
    assert list(deadlines.due(101.0)) == [owner]


def test_the_clock_may_jump_far() -> None:
    deadlines, owner = watching(), Owner(103.0)
    deadlines.watch(owner, 100.0)
    assert list(deadlines.due(5000.0)) == [owner]


@given(
    moves=st.lists(st.tuples(st.floats(0, 30), st.one_of(st.none(), st.floats(0.1, 40)))),
    step=st.floats(0.1, 3),
)
def test_nobody_is_late_by_more_than_a_look_or_early(
    moves: list[tuple[float, float | None]], step: float
) -> None:
    deadlines, now = watching(), 1000.0
    owners: list[Owner] = []
    for pause, seconds in moves:
        now = collect(deadlines, now, now + pause, step)
        owner = Owner(None if seconds is None else now + seconds)
        owners.append(owner)
        deadlines.watch(owner, now)
    collect(deadlines, now, now + 60, step)
    assert all(owner.deadline is None for owner in owners)
    assert len(deadlines) == 0


def collect(deadlines: Deadlines[Owner], now: float, until: float, step: float) -> float:
    """Let time pass in steps; those who are due have no deadline afterwards."""
    while now < until:
        now += step
        for owner in deadlines.due(now):
            assert owner.deadline is not None
            assert now - step - 2 <= owner.deadline <= now
            owner.deadline = None
    return now
