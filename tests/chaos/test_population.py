"""A seed is a population, and every mixture of clients is in it."""

from chaos.population import (
    DEVICES_OF_A_MEMBER,
    FORBIDDEN_ROOM,
    MANNERS,
    OPERATION,
    PROTOCOLS,
    TRANSPORTS,
    make_population,
)


def test_the_same_seed_has_the_same_clients() -> None:
    assert make_population(3, 64) == make_population(3, 64)
    assert make_population(3, 64) != make_population(4, 64)


def test_every_mixture_is_there() -> None:
    mixtures = {(one.protocol, one.transport, one.manner) for one in make_population(1, 26)}
    every = {(one, two, three) for one in PROTOCOLS for two in TRANSPORTS for three in MANNERS}
    assert mixtures == every | {("library", transport, "steady") for transport in TRANSPORTS}


def test_members_have_devices_of_their_own_names() -> None:
    people = make_population(2, 101)
    assert len(people) == 101
    assert len({one.device for one in people}) == len({one.name for one in people}) == 101
    devices = [one.mid for one in people]
    assert max(devices.count(mid) for mid in devices) == DEVICES_OF_A_MEMBER
    assert min(devices) > 0


def test_everybody_has_rooms_none_has_the_forbidden_one_and_only_plain_clients_no_key() -> None:
    for one in make_population(5, 200):
        assert one.rooms
        assert len(set(one.rooms)) == len(one.rooms)
        assert FORBIDDEN_ROOM not in one.rooms
        assert OPERATION in one.accepts
        assert one.key or one.protocol == "plain"
