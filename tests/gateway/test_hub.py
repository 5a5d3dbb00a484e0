"""Who is connected here, and who finds no place."""

from dataclasses import dataclass

from gateway.hub import Hub
from gateway.settings import Limits


@dataclass(eq=False)
class Seat:
    """A connection as the hub sees it."""

    number: int
    address: str = "10.0.0.1"


def hub_of(**limits: int) -> Hub[Seat]:
    return Hub(Limits(**limits))


def test_each_limit_has_its_name() -> None:
    hub = hub_of(connections=3, connections_per_address=2)
    for address in ("10.0.0.1", "10.0.0.1"):
        assert hub.has_place(address) == ""
        hub.accept(address)
    assert hub.has_place("10.0.0.1") == "connections_per_address"
    assert hub.has_place("10.0.0.2") == ""
    hub.accept("10.0.0.2")
    assert hub.has_place("10.0.0.3") == "connections"
    hub.release("10.0.0.1")
    assert hub.has_place("10.0.0.1") == ""


def test_an_address_without_sockets_is_forgotten() -> None:
    hub = hub_of()
    hub.accept("10.0.0.1")
    hub.accept("10.0.0.1")
    assert (hub.sockets, hub.addresses) == (2, {"10.0.0.1": 2})
    hub.release("10.0.0.1")
    hub.release("10.0.0.1")
    assert (hub.sockets, hub.addresses) == (0, {})


def test_a_member_has_so_many_connections_and_an_anonymous_one_no_limit() -> None:
    hub = hub_of(connections_per_member=2)
    first, second = Seat(1), Seat(2)
    hub.add(first, "a", 5)
    assert hub.member_has_place(5)
    hub.add(second, "b", 5)
    assert not hub.member_has_place(5)
    assert hub.by_member == {5: (first, second)}
    hub.add(Seat(3), "c", 0)
    hub.add(Seat(4), "d", -7)
    assert set(hub.by_member) == {5}
    hub.remove(first, "a", 5)
    assert hub.member_has_place(5)
    assert hub.by_member == {5: (second,)}


def test_a_key_stays_with_who_has_it_now() -> None:
    hub = hub_of()
    older, newer = Seat(1), Seat(2)
    hub.add(older, "phone", 5)
    hub.add(newer, "phone", 5)
    hub.remove(older, "phone", 5)
    assert hub.by_key == {"phone": newer}
    assert hub.connections == {2: newer}
    hub.remove(newer, "phone", 5)
    assert (hub.by_key, hub.connections, hub.by_member) == ({}, {}, {})


def test_removing_who_is_not_there_changes_nothing() -> None:
    hub = hub_of()
    there = Seat(1)
    hub.add(there, "phone", 5)
    hub.remove(Seat(9), "tablet", 6)
    assert (hub.by_key, hub.connections, hub.by_member) == (
        {"phone": there},
        {1: there},
        {5: (there,)},
    )


def test_rooms_are_counted_and_changes_are_noted() -> None:
    hub = hub_of()
    hub.move("", "live://1")
    hub.move("", "live://1")
    hub.move("live://1", "live://2")
    assert hub.rooms == {"live://1": 1, "live://2": 1}
    assert hub.changed_rooms == {"live://1", "live://2"}
    hub.changed_rooms = set()
    hub.move("live://1", "")
    assert hub.rooms == {"live://2": 1}
    assert hub.changed_rooms == {"live://1"}
    assert hub.rooms["live://1"] == 0
