"""Each promise, kept and broken on purpose: the judge tells one from the other."""

import pytest

from chaos.judge import PROMISES, Verdict, judge
from chaos.ledger import NO_TOPIC, Ledger
from schemas.subjects import ALL_TOPIC
from tests.chaos.books import MEMBER, ROOM, book_of, device_of, give

PROTOCOLS = ("resuming", "acknowledging", "plain")
LOOSE = ("acknowledging", "plain")


def broken(ledger: Ledger) -> dict[str, int]:
    """Return how often each promise was broken, without those that were kept."""
    verdict = judge(ledger)
    return {promise: verdict.counts[promise] for promise in PROMISES if verdict.counts[promise]}


def found(verdict: Verdict, promise: str) -> list[tuple[int, int]]:
    return [(one.number, one.sequence) for one in verdict.findings[promise]]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_all_messages_once_and_in_order_break_nothing(protocol: str) -> None:
    ledger = book_of(MEMBER, MEMBER, MEMBER)
    give(ledger, device_of(ledger, protocol), MEMBER, (1, 2, 3))
    verdict = judge(ledger)
    assert verdict.is_clean
    assert (verdict.delivered, verdict.repeated) == (3, 0)


@pytest.mark.parametrize("protocol", LOOSE)
def test_a_message_that_never_came_is_lost(protocol: str) -> None:
    ledger = book_of(MEMBER, MEMBER, MEMBER)
    give(ledger, device_of(ledger, protocol), MEMBER, (1, 3))
    assert broken(ledger) == {"lost": 1}
    assert found(judge(ledger), "lost") == [(2, 20)]


def test_a_message_passed_over_is_a_gap_nobody_announced() -> None:
    ledger = book_of(MEMBER, MEMBER, MEMBER)
    give(ledger, device_of(ledger, "resuming"), MEMBER, (1, 3))
    assert broken(ledger) == {"lost": 1, "unannounced_gaps": 1}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_member_is_due_what_came_before_its_device_and_after_its_end(protocol: str) -> None:
    ledger = book_of(MEMBER, MEMBER, MEMBER)
    give(ledger, device_of(ledger, protocol), MEMBER, (2,))
    assert broken(ledger)["lost"] == 2


def test_a_message_that_comes_again_is_a_duplicate_for_who_tells_where_it_is() -> None:
    ledger = book_of(MEMBER, MEMBER)
    log = device_of(ledger, "resuming")
    give(ledger, log, MEMBER, (1, 2))
    log.opened()
    give(ledger, log, MEMBER, (2,))
    assert broken(ledger) == {"duplicated": 1}


@pytest.mark.parametrize("protocol", LOOSE)
def test_others_may_get_messages_again_on_another_connection(protocol: str) -> None:
    ledger = book_of(MEMBER, MEMBER)
    log = device_of(ledger, protocol)
    give(ledger, log, MEMBER, (1, 2))
    log.opened()
    give(ledger, log, MEMBER, (1, 2))
    assert broken(ledger) == {}
    assert judge(ledger).repeated == 2


@pytest.mark.parametrize("protocol", LOOSE)
def test_no_connection_goes_back(protocol: str) -> None:
    ledger = book_of(MEMBER, MEMBER)
    give(ledger, device_of(ledger, protocol), MEMBER, (1, 2, 1))
    assert broken(ledger) == {"out_of_order": 1}


@pytest.mark.parametrize("protocol", LOOSE)
def test_a_message_that_comes_first_after_a_later_one_is_out_of_order(protocol: str) -> None:
    ledger = book_of(MEMBER, MEMBER)
    log = device_of(ledger, protocol)
    give(ledger, log, MEMBER, (2,))
    log.opened()
    give(ledger, log, MEMBER, (1, 2))
    assert broken(ledger) == {"out_of_order": 1}


def test_two_messages_that_change_places_are_out_of_order() -> None:
    ledger = book_of(MEMBER, MEMBER, MEMBER)
    give(ledger, device_of(ledger, "resuming"), MEMBER, (1, 3, 2))
    assert broken(ledger) == {"out_of_order": 1, "unannounced_gaps": 1}


@pytest.mark.parametrize("protocol", ["resuming", "acknowledging"])
def test_a_gap_may_be_announced_where_newer_messages_fill_the_retention(protocol: str) -> None:
    ledger = book_of(MEMBER, MEMBER, MEMBER)
    ledger.retained = {MEMBER: 1}
    log = device_of(ledger, protocol)
    log.gap(ledger.index(MEMBER), 0, 20)
    give(ledger, log, MEMBER, (3,))
    assert broken(ledger) == {}
    assert judge(ledger).announced == 1


def test_what_is_retained_is_not_gone_whatever_is_announced() -> None:
    ledger = book_of(MEMBER, MEMBER, MEMBER)
    ledger.retained = {MEMBER: 2}
    log = device_of(ledger, "resuming")
    log.gap(ledger.index(MEMBER), 0, 20)
    give(ledger, log, MEMBER, (3,))
    assert broken(ledger) == {"lost": 2, "unannounced_gaps": 1}
    ledger.retained = {}
    assert broken(ledger) == {"lost": 3, "unannounced_gaps": 2}


def test_the_end_of_retention_is_no_loss_for_who_can_not_be_told_and_a_gap_for_who_is_not() -> None:
    ledger = book_of(ROOM, ROOM, ROOM)
    ledger.retained = {ROOM: 1}
    give(ledger, device_of(ledger, "plain", room=True), ROOM, (1, 3))
    assert broken(ledger) == {}
    give(ledger, device_of(ledger, "resuming", room=True), ROOM, (1, 3))
    assert broken(ledger) == {"lost": 1, "unannounced_gaps": 1}


def test_who_is_told_to_be_complete_has_all_up_to_there() -> None:
    ledger = book_of(MEMBER, MEMBER)
    log = device_of(ledger, "resuming")
    give(ledger, log, MEMBER, (1,))
    log.live(ledger.index(MEMBER), 20)
    assert broken(ledger) == {"lost": 1, "unannounced_gaps": 1}


def test_who_is_told_to_be_complete_further_back_hears_of_another_stream() -> None:
    ledger = book_of(MEMBER, MEMBER)
    log = device_of(ledger, "resuming")
    give(ledger, log, MEMBER, (1, 2))
    log.live(ledger.index(MEMBER), 10)
    assert broken(ledger) == {"out_of_order": 1}


def test_a_room_begins_where_a_resuming_device_is_told_to_be() -> None:
    ledger = book_of(ROOM, ROOM, ROOM)
    log = device_of(ledger, "resuming", room=True)
    log.live(ledger.index(ROOM), 20)
    assert broken(ledger) == {"lost": 1}
    give(ledger, log, ROOM, (3,))
    assert broken(ledger) == {}


@pytest.mark.parametrize("protocol", LOOSE)
def test_a_room_begins_where_the_store_has_a_position(protocol: str) -> None:
    ledger = book_of(ROOM, ROOM, ROOM)
    device_of(ledger, protocol, room=True)
    assert broken(ledger) == {}
    ledger.note_positions(7, "phone", {ROOM: 20})
    ledger.note_positions(7, "phone", {ROOM: 30})
    assert broken(ledger) == {"lost": 1}


@pytest.mark.parametrize("protocol", LOOSE)
def test_one_visit_to_a_room_has_no_hole(protocol: str) -> None:
    ledger = book_of(ROOM, ROOM, ROOM)
    log = device_of(ledger, protocol, room=True)
    give(ledger, log, ROOM, (1, 3))
    assert broken(ledger) == {"lost": 1}
    log.opened()
    log.entered(ledger.index(ROOM))
    give(ledger, log, ROOM, (2, 3))
    assert broken(ledger) == {"out_of_order": 1}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_somebody_else_is_sent_is_forbidden(protocol: str) -> None:
    ledger = book_of("member.8", ROOM)
    log = device_of(ledger, protocol)
    give(ledger, log, "member.8", (1,))
    give(ledger, log, ROOM, (2,))
    assert broken(ledger)["forbidden"] == 2


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_room_that_was_left_or_lost_with_the_connection_is_forbidden(protocol: str) -> None:
    ledger = book_of(ROOM, ROOM, ROOM)
    log = device_of(ledger, protocol, room=True)
    give(ledger, log, ROOM, (1,))
    log.left(ledger.index(ROOM))
    give(ledger, log, ROOM, (2,))
    assert broken(ledger)["forbidden"] == 1
    log.entered(ledger.index(ROOM))
    log.opened()
    give(ledger, log, ROOM, (3,))
    assert broken(ledger)["forbidden"] == 2


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_operation_that_is_not_accepted_is_neither_due_nor_allowed(protocol: str) -> None:
    ledger = Ledger()
    for topic in (MEMBER, ALL_TOPIC):
        number = ledger.publish([topic], 1001, stored=True)
        ledger.store(topic, 10 * number, number)
    log = device_of(ledger, protocol)
    assert broken(ledger) == {}
    log.frame(ledger.index(MEMBER) if log.ext else NO_TOPIC, 1001, 1, 0)
    assert broken(ledger) == {"forbidden": 1}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_frame_is_what_was_published_where_it_was_published(protocol: str) -> None:
    ledger = book_of(MEMBER, MEMBER)
    log = device_of(ledger, protocol)
    told = ledger.index(MEMBER) if log.ext else NO_TOPIC
    log.frame(told, 1000, 1, 11)
    log.frame(told, 1007, 2, 20)
    log.frame(told, 1000, 77, 0)
    assert broken(ledger) == {"altered": 3}


def test_what_came_and_is_in_no_stream_is_altered() -> None:
    ledger = Ledger()
    ledger.publish([MEMBER], 1000, stored=True)
    give(ledger, device_of(ledger, "resuming"), MEMBER, (1,))
    assert broken(ledger) == {"altered": 1}


def test_what_is_not_stored_may_be_lost_but_comes_once_on_a_connection() -> None:
    ledger = Ledger()
    ledger.publish(["key.key"], 1000, stored=False)
    ledger.publish(["key.other"], 1000, stored=False)
    log = device_of(ledger, "plain")
    assert broken(ledger) == {}
    log.frame(NO_TOPIC, 1000, 1, 0)
    log.opened()
    log.frame(NO_TOPIC, 1000, 1, 0)
    assert broken(ledger) == {}
    log.frame(NO_TOPIC, 1000, 1, 0)
    log.frame(NO_TOPIC, 1000, 2, 0)
    assert broken(ledger) == {"duplicated": 1, "forbidden": 1}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_own_message_comes_back_to_later_connections_at_most(protocol: str) -> None:
    ledger = Ledger()
    log = device_of(ledger, protocol, room=True)
    number = ledger.publish([ROOM], 1000, True, log.name, connection=1)
    ledger.store(ROOM, 10, number)
    ledger.note_positions(7, "phone", {ROOM: 0})
    assert broken(ledger) == {}
    give(ledger, log, ROOM, (number,))
    assert broken(ledger) == {"duplicated": 1}
    log.opened()
    log.entered(ledger.index(ROOM))
    give(ledger, log, ROOM, (number,))
    assert broken(ledger) == {"duplicated": 1}


def test_what_was_acknowledged_is_in_its_stream_once_under_its_sequence() -> None:
    ledger = book_of("member.9", "member.9", "member.9")
    ledger.stored["member.9"] = [(10, 1), (25, 2), (40, 1)]
    assert broken(ledger) == {"lost": 1, "duplicated": 1, "altered": 1}
    verdict = judge(ledger)
    assert found(verdict, "lost") == [(3, 30)]
    assert found(verdict, "duplicated") == [(1, 40)]
    assert found(verdict, "altered") == [(2, 20)]


def test_a_stream_that_lost_its_end_is_a_loss_and_strangers_in_it_are_told() -> None:
    ledger = book_of(MEMBER)
    give(ledger, device_of(ledger, "plain"), MEMBER, (1,))
    ledger.store(MEMBER, 20, 0)
    ledger.went_back.append("GOIM_MEMBER")
    assert broken(ledger) == {"lost": 1, "altered": 1}


def test_a_push_to_two_members_is_one_message_in_two_topics() -> None:
    ledger = Ledger()
    number = ledger.publish([MEMBER, "member.8"], 1000, stored=True)
    for topic, sequence in ((MEMBER, 10), ("member.8", 11)):
        ledger.store(topic, sequence, number)
    ledger.acknowledge(number, [10, 11], 1.0)
    give(ledger, device_of(ledger, "plain"), MEMBER, (number,))
    assert broken(ledger) == {}
