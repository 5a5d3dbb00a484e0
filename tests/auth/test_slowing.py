import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.slowing import (
    AddressTries,
    Failures,
    Rate,
    Tries,
    decode_failures,
    encode_failures,
    network_of,
    seconds_to_wait,
    whole_seconds,
)


def test_a_burst_is_free_then_one_in_so_many_seconds() -> None:
    tries = Tries(Rate(3, 10.0))
    assert [tries.take("a", 0.0) for _ in range(5)] == [0, 0, 0, 10, 10]
    assert tries.take("a", 9.0) == 1
    assert [tries.take("a", 10.0), tries.take("a", 10.0)] == [0, 10]
    assert [tries.take("a", 100.0) for _ in range(4)] == [0, 0, 0, 10]
    assert tries.counts == {"taken": 7, "refused": 5}


def test_everyone_has_a_bucket_of_their_own_and_nobody_in_particular_none() -> None:
    tries = Tries(Rate(1, 10.0))
    assert [tries.take(who, 0.0) for who in ("a", "b", "a")] == [0, 0, 10]
    assert [tries.take("", 0.0) for _ in range(5)] == [0] * 5
    unlimited = Tries(Rate(0, 10.0))
    assert [unlimited.take("a", 0.0) for _ in range(5)] == [0] * 5
    assert len(unlimited) == 0


def test_what_is_given_back_can_be_taken_again() -> None:
    tries = Tries(Rate(1, 10.0))
    for _ in range(5):
        assert tries.take("a", 0.0) == 0
        tries.give_back("a")
    tries.give_back("nobody")
    assert tries.take("a", 0.0) == 0


def test_of_too_many_buckets_the_longest_untouched_go() -> None:
    tries = Tries(Rate(1, 10.0), most=2)
    for who in ("a", "b", "a", "c"):
        tries.take(who, 0.0)
    assert len(tries) == 2
    assert tries.counts["forgotten"] == 1
    assert [tries.take("a", 0.0), tries.take("b", 0.0)] == [10, 0]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 20)), max_size=60))
def test_no_more_is_taken_than_the_rate_allows(steps: list[tuple[str, float]]) -> None:
    tries, now = Tries(Rate(3, 5.0)), 0.0
    taken: dict[str, list[float]] = {"a": [], "b": []}
    for who, seconds in steps:
        now += seconds
        if tries.take(who, now) == 0:
            taken[who].append(now)
    for times in taken.values():
        for place, began in enumerate(times):
            for number, ended in enumerate(times[place:], 1):
                assert number <= 3 + (ended - began) / 5.0 + 1e-6


def test_failures_make_a_name_wait_longer_and_longer() -> None:
    waits = [seconds_to_wait(Failures(count, 100.0), 3, 60.0, 100.0) for count in range(12)]
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert seconds_to_wait(Failures(10**9, 100.0), 3, 60.0, 130.0) == 30
    assert seconds_to_wait(Failures(5, 100.0), 3, 60.0, 105.0) == 0


def test_a_count_is_kept_and_an_unreadable_one_is_none() -> None:
    failures = Failures(3, 5.5)
    assert decode_failures(encode_failures(failures)) == failures
    assert decode_failures(None) == decode_failures(b"{") == decode_failures(b"[]") == Failures()


def test_a_wait_is_told_in_whole_seconds() -> None:
    assert [whole_seconds(wait) for wait in (0.001, 1.0, 1.2)] == [1, 1, 2]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("a host", "a host"),
    ],
)
def test_one_subscriber_s_addresses_are_one(address: str, network: str) -> None:
    assert network_of(address) == network


def test_addresses_of_one_network_share_a_bucket() -> None:
    tries = AddressTries(Rate(1, 10.0))
    assert tries.take("2001:db8::1", 0.0) == 0
    assert tries.take("2001:db8::2", 0.0) == 10
    tries.give_back("2001:db8::3")
    assert tries.take("2001:db8::4", 0.0) == 0
