from hypothesis import given
from hypothesis import strategies as st

from goimbus.positions import Positions
from tests.goimbus.fake_gateway import wire


@given(
    st.lists(st.integers(1, 2**40), min_size=1, max_size=20, unique=True).filter(
        lambda numbers: (
            max(numbers) - min(numbers) < 2**32 and all(number % 2**32 for number in numbers)
        )
    )
)
def test_all_64_bits_of_a_run_follow_from_its_end(numbers: list[int]) -> None:
    positions, run = Positions(), sorted(numbers)
    assert [positions.receive("all", run[-1], wire(number)) for number in run] == run


def test_what_was_not_stored_has_sequence_0_and_always_passes() -> None:
    positions = Positions({"all": 10})
    assert positions.receive("all", 0, 0) == 0
    assert positions.receive("all", 0, 0) == 0


def test_a_repeat_is_dropped_and_counted() -> None:
    positions = Positions({"room:live://1": 10})
    assert positions.receive("room:live://1", 12, 10) is None
    assert positions.receive("room:live://1", 12, 12) == 12
    assert positions.receive("room:live://1", 12, 12) is None
    assert positions.repeats == 2


def test_topics_have_positions_of_their_own() -> None:
    positions = Positions()
    assert positions.receive("room:a://1", 7, 7) == 7
    assert positions.receive("room:a://2", 5, 5) == 5
    assert positions.receive("member", 1, 1) == 1


def test_a_resume_holds_what_is_handled_not_what_is_only_received() -> None:
    positions = Positions({"member": 3, "room:a://1": -50, "room:b://2": 8})
    positions.receive("member", 9, 9)
    positions.handle("member", 5)
    assert positions.resume(("", "a://1")) == {"member": 5, "rooms": {"a://1": -50}}
    assert positions.resume(["", *positions.rooms]) == {
        "member": 5,
        "rooms": {"a://1": -50, "b://2": 8},
    }


def test_the_newest_n_are_asked_for_until_there_is_a_position() -> None:
    positions = Positions({"room:a://1": -50})
    positions.complete("room:a://1", 120)
    assert positions.resume(("", "a://1")) == {"rooms": {"a://1": -50}}
    positions.handle("room:a://1", 120)
    assert positions.resume(("", "a://1")) == {"rooms": {"a://1": 120}}


def test_an_acknowledgement_tells_each_progress_once() -> None:
    positions = Positions()
    positions.handle("room:a://1", 4)
    positions.handle("all", 2)
    positions.handle("all", 1)
    assert positions.acknowledge() == {"all": 2, "rooms": {"a://1": 4}}
    assert positions.acknowledge() == {}


def test_an_own_message_is_not_given_back_by_a_replay() -> None:
    positions = Positions()
    positions.sent("room:a://1", 5)
    assert [positions.receive("room:a://1", 6, low) for low in (4, 5, 6)] == [4, None, 6]


def test_own_messages_are_forgotten_when_the_topic_is_past_them() -> None:
    positions = Positions()
    positions.sent("room:a://1", 5)
    positions.complete("room:a://1", 9)
    positions.complete("room:a://1", 3)
    assert positions.receive("room:a://1", 5, 5) == 5


def test_a_stream_that_began_anew_is_followed_from_where_it_is() -> None:
    positions = Positions({"member": 900})
    positions.complete("member", 10)
    assert positions.receive("member", 11, 11) == 11
    positions.handle("member", 11)
    assert positions.resume([""]) == {"member": 11}


def test_a_gap_moves_on_and_never_back() -> None:
    positions = Positions({"member": 5})
    positions.skip("member", 9)
    assert positions.receive("member", 9, 9) is None
    positions.skip("member", 3)
    assert positions.receive("member", 10, 10) == 10
