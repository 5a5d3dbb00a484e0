"""Planted faults hit resuming clients now and then, and nobody else."""

from dataclasses import replace

from chaos.planted import EVERY, PLANTS, Plant
from chaos.population import Persona, make_population
from schemas.frame import Frame

FIRST, SECOND, *_ = [one for one in make_population(1, 64) if one.protocol == "resuming"]


def frame(number: int) -> Frame:
    return Frame(1, 1000, number, b"%d" % number)


def numbers(plant: Plant, persona: Persona, given: range, topic: str = "member") -> list[int]:
    """Return the numbers of what a client takes in when it is given these."""
    return [one.sequence for number in given for one in plant.change(persona, topic, frame(number))]


def test_without_a_name_nothing_is_changed() -> None:
    given = range(1, 5 * EVERY)
    assert numbers(Plant(), FIRST, given) == list(given)


def test_only_stored_frames_of_resuming_clients_are_changed() -> None:
    plant = Plant(PLANTS)
    given = range(1, 5 * EVERY)
    assert numbers(plant, replace(FIRST, protocol="plain"), given) == list(given)
    assert len([plant.change(FIRST, "all", frame(0)) for _ in given]) == len(given)


def test_each_fault_does_what_it_is_called() -> None:
    given = range(1, EVERY + 3)
    every = list(given)
    last = every.index(EVERY)
    assert numbers(Plant(["drop"]), FIRST, given) == every[:last] + every[last + 1 :]
    assert numbers(Plant(["repeat"]), FIRST, given) == every[: last + 1] + every[last:]
    swapped = [*every[:last], EVERY + 1, EVERY, *every[last + 2 :]]
    assert numbers(Plant(["swap"]), FIRST, given) == swapped


def test_a_leak_is_of_a_members_message_and_goes_to_another_member() -> None:
    plant = Plant(["leak"])
    stranger = replace(SECOND, mid=FIRST.mid + 1)
    assert numbers(plant, FIRST, range(1, EVERY + 2), "all") == list(range(1, EVERY + 2))
    assert numbers(plant, FIRST, range(300, 302)) == [300, 301]
    assert numbers(plant, stranger, range(500, 502)) == [500, 300, 501]


def test_a_swap_waits_for_the_next_frame_of_its_topic() -> None:
    plant = Plant(["swap"])
    assert numbers(plant, FIRST, range(1, EVERY + 1)) == list(range(1, EVERY))
    assert numbers(plant, FIRST, range(500, 502), "all") == [500, 501]
    assert numbers(plant, FIRST, range(502, 503)) == [502, EVERY]
