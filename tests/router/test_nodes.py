"""Which gateways clients are told, as goim weighs them."""

import pytest

from router.nodes import MOST_NODES, Balancer, Candidate, current_weight, weighted_reply
from router.settings import NodeSettings
from schemas.messages_pb2 import Node
from tests.router.reports import node

SETTINGS = NodeSettings(domain="conn.goim.io", host_domain=".goim.io")


def names(nodes: list[Node], balancer: Balancer | None = None) -> list[str]:
    return [one.hostname for one in (balancer or Balancer()).rank(nodes)]


def host(weight: int, connections: int) -> Candidate:
    return Candidate("h", ("h",), (0, 0, 0), weight, connections)


@pytest.mark.parametrize(
    ("weight", "connections", "weights", "total", "expected"),
    [
        (10, 0, 20, 0, 0),  # nobody is connected anywhere
        (10, 100, 20, 200, 60),  # 10 + (0.5 - 0.25) * 200
        (10, 200, 20, 200, 10),  # share and load are equal
        (10, 190, 110, 200, 1),  # overloaded: (0.09 - 0.475) * 200 is far below 1
        (10, 3, 30, 10, 12),  # 10 + 1.83, rounded
        (10, 3, 25, 9, 12),  # 10 + 2.1, rounded
        (2**20, 0, 2**20, 1, 2**20),
    ],
)
def test_the_current_weight_is_goims(
    weight: int, connections: int, weights: int, total: int, expected: int
) -> None:
    assert current_weight(host(weight, connections), weights, total) == expected


def test_the_emptier_host_comes_first() -> None:
    nodes = [node("a", connections=100), node("b", connections=10), node("c", connections=50)]
    assert names(nodes) == ["host-b", "host-c", "host-a"]


def test_at_most_five_hosts_are_told() -> None:
    assert len(names([node(f"g{number}") for number in range(9)])) == MOST_NODES


def test_draining_gateways_are_not_told() -> None:
    assert names([node("a", draining=True), node("b")]) == ["host-b"]
    assert names([node("a", draining=True)]) == []


def test_of_two_equal_hosts_the_first_alternates() -> None:
    balancer = Balancer()
    nodes = [node("a", connections=10, seen_ms=1), node("b", connections=10, seen_ms=1)]
    firsts = [names(nodes, balancer)[0] for _ in range(6)]
    assert firsts.count("host-a") == firsts.count("host-b") == 3


def test_a_new_beat_tells_better_than_what_was_chosen_since() -> None:
    balancer = Balancer()
    for _ in range(50):
        balancer.rank([node("a", connections=10, seen_ms=1)])
    (best,) = balancer.rank([node("a", connections=10, seen_ms=2)])
    assert best.connections == 10


def test_workers_of_one_host_count_as_one() -> None:
    workers = [node(f"g{n}", hostname="h", addresses=["h.example"], connections=5) for n in (1, 2)]
    (host,) = Balancer().rank(workers)
    assert (host.weight, host.connections, host.addresses) == (20, 10, ("h.example",))


def test_web_clients_get_hostnames_and_the_others_every_address() -> None:
    nodes = [node("a", hostname="comet1", addresses=["10.0.0.1", "10.0.0.2"])]
    candidates = Balancer().rank(nodes)
    assert list(weighted_reply(candidates, "web", SETTINGS).nodes) == ["comet1.goim.io"]
    addresses = ["10.0.0.1", "10.0.0.2"]
    assert list(weighted_reply(candidates, "ios", SETTINGS).nodes) == addresses
    assert list(weighted_reply(candidates, "", SETTINGS).nodes) == addresses


def test_without_gateways_the_default_domain_is_told() -> None:
    reply = weighted_reply([], "web", SETTINGS)
    assert list(reply.nodes) == ["conn.goim.io"]
    assert (reply.tcp_port, reply.ws_port, reply.wss_port) == (0, 0, 0)


def test_ports_are_the_best_gateways_unless_set() -> None:
    candidates = Balancer().rank([node("a", tcp_port=1, ws_port=2, wss_port=3)])
    reply = weighted_reply(candidates, "web", SETTINGS)
    assert (reply.tcp_port, reply.ws_port, reply.wss_port) == (1, 2, 3)
    fixed = NodeSettings(tcp_port=3101, ws_port=80, wss_port=443)
    reply = weighted_reply(candidates, "web", fixed)
    assert (reply.tcp_port, reply.ws_port, reply.wss_port) == (3101, 80, 443)


def test_heartbeat_and_backoff_are_told() -> None:
    reply = weighted_reply([], "web", SETTINGS)
    assert (reply.domain, reply.heartbeat, reply.heartbeat_max) == ("conn.goim.io", 240, 2)
    assert (reply.backoff.max_delay, reply.backoff.base_delay) == (300, 3)
    assert (round(reply.backoff.factor, 4), round(reply.backoff.jitter, 4)) == (1.8, 0.3)
