"""A message is sent again only while its number is surely known."""

from goimbus.first_tries import MOST_KEPT, FirstTries


def test_time_counts_from_the_first_try() -> None:
    tries = FirstTries(100)
    assert [tries.seconds_left(7, now) for now in (50, 80, 150, 151)] == [100, 70, 0, -1]
    assert tries.seconds_left(8, 150) == 100


def test_what_was_stored_or_refused_for_sure_begins_anew() -> None:
    tries = FirstTries(100)
    for code in (0, 429):
        assert tries.seconds_left(7, 0) == 100
        tries.settle(7, code)
        assert tries.seconds_left(7, 500) == 100
        tries.settle(7, 0)


def test_one_that_may_have_been_stored_does_not() -> None:
    tries = FirstTries(100)
    tries.seconds_left(7, 0)
    tries.settle(7, 503)
    assert tries.seconds_left(7, 60) == 40


def test_the_oldest_are_forgotten() -> None:
    tries = FirstTries(100)
    for number in range(MOST_KEPT + 10):
        tries.seconds_left(number, 0)
        tries.settle(number, 503)
    assert len(tries._tries) == MOST_KEPT
    assert tries.seconds_left(MOST_KEPT + 9, 90) == 10
