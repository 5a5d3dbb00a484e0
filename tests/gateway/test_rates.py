"""How fast an address may go on."""

from gateway.rates import Rates


def test_an_address_has_a_burst_and_then_its_rate() -> None:
    rates = Rates(per_second=2, burst=3)
    waits = [rates.wait("one", now) for now in (10, 10, 10, 10, 10.25, 10.5, 10.5)]
    assert waits == [0, 0, 0, 0.5, 0.25, 0, 0.5]
    assert rates.wait("other", 10) == 0
    assert [rates.wait("one", 99) for _ in range(4)] == [0, 0, 0, 0.5]


def test_without_a_rate_there_is_no_limit_and_nothing_is_kept() -> None:
    rates = Rates(per_second=0, burst=1)
    assert [rates.wait("one", 10) for _ in range(1000)] == [0] * 1000
    assert len(rates) == 0


def test_only_addresses_that_came_of_late_are_kept() -> None:
    rates = Rates(per_second=10, burst=5)
    for number in range(10_000):
        rates.wait(f"address {number}", number * 0.01)
        assert len(rates) <= 12
