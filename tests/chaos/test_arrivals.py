"""What did not come once and in order is found."""

from chaos.arrivals import Arrivals


def book(*stored: int) -> Arrivals:
    arrivals = Arrivals()
    for sequence in stored:
        arrivals.store("member", sequence)
    return arrivals


def test_all_that_came_once_and_in_order_is_complete() -> None:
    arrivals = book(1, 5, 9)
    for sequence in (1, 5, 9):
        assert not arrivals.complete
        arrivals.receive("member", sequence)
    assert arrivals.complete
    assert not arrivals.faults


def test_a_message_may_come_before_its_publisher_is_told() -> None:
    arrivals = book()
    arrivals.receive("member", 3)
    assert not arrivals.complete
    arrivals.store("member", 3)
    assert arrivals.complete
    assert not arrivals.faults


def test_what_comes_again_is_duplicated_whatever_came_between() -> None:
    arrivals = book(1, 2)
    for sequence in (1, 2, 1):
        arrivals.receive("member", sequence)
    assert arrivals.faults == {"duplicated": 1}
    assert arrivals.findings == ["duplicated: member, sequence 1"]


def test_what_comes_late_is_out_of_order_and_topics_are_apart() -> None:
    arrivals = book(1, 7)
    arrivals.store("room", 4)
    for topic, sequence in (("member", 7), ("room", 4), ("member", 1)):
        arrivals.receive(topic, sequence)
    assert arrivals.complete
    assert arrivals.faults == {"out_of_order": 1}


def test_what_never_came_is_lost_once_and_told_gaps_are_faults() -> None:
    arrivals = book(1, 2)
    arrivals.receive("member", 1)
    arrivals.tell_gap("member", 2)
    arrivals.give_up()
    assert arrivals.complete
    assert arrivals.faults == {"lost": 1, "gaps_told": 1}
