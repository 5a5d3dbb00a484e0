"""Clients of nats-server's own WebSocket, in the load client."""

import os
from pathlib import Path

from bench.cores import Cores
from bench.load_client import load_client
from bench.nats_server import running_nats

CORES = frozenset(os.sched_getaffinity(0))


def test_all_get_what_is_published_to_their_room_and_nothing_else(
    sink: Path, tmp_path: Path
) -> None:
    cores = Cores(CORES, CORES, CORES)
    with (
        running_nats(tmp_path, cores) as target,
        load_client(sink, CORES, target) as client,
    ):
        client.connect("ws", 6, rooms=2)
        measured = client.publish_in_loop(
            "room.bench.0", stored=True, window=4, receivers=3, seconds=0.1
        )
        assert measured.answer["missing"] == 0
        assert measured.answer["frames"] >= 3
        assert measured.answer["faults"] == 0
        client.disconnect()
