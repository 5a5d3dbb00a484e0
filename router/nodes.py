"""DECIDE which gateways a client should try, by goim's weighting.

A gateway's share of the work is its weight over all weights; its load is its connections over
all connections, halved. Its current weight is its weight plus (share - load) x all connections.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor

from router.settings import NodeSettings
from schemas.messages_pb2 import Backoff, Node, WeightedReply

MOST_NODES = 5  # goim's _maxNodes
LEAST_WEIGHT = 1
MOST_WEIGHT = 1 << 20
WEB = "web"


@dataclass(slots=True)
class Candidate:
    """One host: its workers, which share addresses, count as one."""

    hostname: str
    addresses: tuple[str, ...]
    ports: tuple[int, int, int]  # TCP, WebSocket, WebSocket with TLS
    weight: int
    connections: int


class Balancer:
    """Ranks the hosts; the best one counts as one connection fuller until it is heard of again."""

    def __init__(self) -> None:
        self._chosen: dict[str, tuple[int, int]] = {}  # hostname -> seen_ms, times chosen since

    def rank(self, nodes: Iterable[Node]) -> list[Candidate]:
        """Return up to five hosts that take clients, best first."""
        taking = [node for node in nodes if not node.draining]
        candidates = self._gather(taking)
        weights = sum(one.weight for one in candidates)
        connections = sum(one.connections for one in candidates)
        candidates.sort(
            key=lambda one: (-current_weight(one, weights, connections), one.connections)
        )
        if candidates:
            best = candidates[0].hostname
            seen, times = self._chosen[best]
            self._chosen[best] = (seen, times + 1)
        return candidates[:MOST_NODES]

    def _gather(self, nodes: list[Node]) -> list[Candidate]:
        hosts: dict[str, Candidate] = {}
        seen: dict[str, int] = {}
        for node in nodes:
            ports = (node.tcp_port, node.ws_port, node.wss_port)
            host = hosts.setdefault(
                node.hostname, Candidate(node.hostname, tuple(node.addresses), ports, 0, 0)
            )
            host.weight += max(node.weight, LEAST_WEIGHT)
            host.connections += node.connections
            seen[node.hostname] = max(seen.get(node.hostname, 0), node.seen_ms)
        before, self._chosen = self._chosen, {}
        for name, seen_ms in seen.items():
            last_seen, times = before.get(name, (seen_ms, 0))
            self._chosen[name] = (seen_ms, times if last_seen == seen_ms else 0)
            hosts[name].connections += self._chosen[name][1]
        return list(hosts.values())


def current_weight(host: Candidate, all_weights: int, all_connections: int) -> int:
    """Return goim's current weight; 0 for all when nobody is connected anywhere."""
    if all_connections == 0:
        return 0
    share = host.weight / all_weights
    load = host.connections / all_connections * 0.5
    more = (share - load) * all_connections
    down = floor(more)
    weight = host.weight + (down if down - more >= -0.5 else ceil(more))
    return max(weight, LEAST_WEIGHT) if share < load else min(weight, MOST_WEIGHT)


def weighted_reply(
    candidates: list[Candidate], platform: str, settings: NodeSettings
) -> WeightedReply:
    """Return what goim's nodes/weighted says: hostnames for `web`, addresses for the others."""
    if platform == WEB:
        names = [one.hostname + settings.host_domain for one in candidates]
    else:
        names = [address for one in candidates for address in one.addresses]
    tcp_port, ws_port, wss_port = candidates[0].ports if candidates else (0, 0, 0)
    return WeightedReply(
        domain=settings.domain,
        tcp_port=settings.tcp_port or max(tcp_port, 0),
        ws_port=settings.ws_port or max(ws_port, 0),
        wss_port=settings.wss_port or max(wss_port, 0),
        heartbeat=settings.heartbeat_seconds,
        heartbeat_max=settings.heartbeats_missed,
        nodes=names or [settings.domain],
        backoff=Backoff(
            max_delay=settings.backoff_max_delay,
            base_delay=settings.backoff_base_delay,
            factor=settings.backoff_factor,
            jitter=settings.backoff_jitter,
        ),
    )
