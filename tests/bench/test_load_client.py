"""The load client in C against servers whose every byte is known."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.errors import FiguresUnsound
from bench.load_client import LoadClient, load_client
from bench.nats_link import NatsLink
from bench.target import OPERATION, Target
from goimbus.embedded import ANY_PORT, find_nats_server, nats_server, running
from schemas.frame import encode_batch, encode_frame
from schemas.operations import Operation

CORES = frozenset(os.sched_getaffinity(0))
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
LOGGED_IN = encode_frame(Operation.AUTH_REPLY, b"", 1, 1)
THREE_MESSAGES = encode_batch([encode_frame(OPERATION, b"hello")] * 3)


@contextmanager
def server_that_sends(*pieces: bytes) -> Iterator[Target]:
    """Accept one client; send a piece after each time that it has sent something."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for piece in pieces:
                    accepted.recv(4096)
                    accepted.sendall(piece)
                accepted.recv(4096)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        yield Target("fake", {"ws": port, "tcp": port}, 0, {"fake": os.getpid()}, "fake")
        thread.join()


def websocket(payload: bytes) -> bytes:
    if len(payload) < 126:
        return b"\x82" + bytes([len(payload)]) + payload
    return b"\x82\x7e" + len(payload).to_bytes(2, "big") + payload


def test_messages_in_an_envelope_count_one_by_one(sink: Path) -> None:
    after_login = websocket(LOGGED_IN) + websocket(THREE_MESSAGES)
    with (
        server_that_sends(SWITCHING, after_login) as target,
        load_client(sink, CORES, target) as client,
    ):
        answer = client.connect("ws", 1, expect=3)
    assert (answer["ready"], answer["frames"], answer["faults"]) == (1, 3, 0)


def test_frames_count_on_tcp_too(sink: Path) -> None:
    frames = LOGGED_IN + encode_frame(OPERATION, b"x" * 300) * 2
    with server_that_sends(frames) as target, load_client(sink, CORES, target) as client:
        answer = client.connect("tcp", 1, expect=2)
    assert (answer["frames"], answer["faults"]) == (2, 0)


@pytest.mark.parametrize("split", [1, 5, 17, 30, 60])
def test_a_message_may_come_in_pieces(sink: Path, split: int) -> None:
    data = websocket(LOGGED_IN) + websocket(THREE_MESSAGES)
    with (
        server_that_sends_in_two(SWITCHING, data, split) as target,
        load_client(sink, CORES, target) as client,
    ):
        answer = client.connect("ws", 1, expect=3)
    assert (answer["frames"], answer["faults"]) == (3, 0)


@contextmanager
def server_that_sends_in_two(upgrade: bytes, data: bytes, split: int) -> Iterator[Target]:
    """Send `data` in two pieces; a ping, and its answer, show that the first one was read."""
    ping = b"\x89\x00"
    with server_that_sends(upgrade, ping + data[:split], data[split:]) as target:
        yield target


def test_a_refused_upgrade_is_a_failed_client(sink: Path) -> None:
    refusal = b"HTTP/1.1 403 Forbidden\r\n\r\n"
    with (
        server_that_sends(refusal) as target,
        load_client(sink, CORES, target) as client,
        pytest.raises(FiguresUnsound, match="not all clients could log in"),
    ):
        client.connect("ws", 1)


@pytest.fixture
def client(sink: Path, baseline: Target) -> Iterator[LoadClient]:
    with load_client(sink, CORES, baseline) as client:
        yield client


@pytest.mark.parametrize("transport", ["ws", "tcp"])
@pytest.mark.parametrize("window", [1, 7])
def test_a_closed_loop_counts_each_frame_of_each_receiver(
    client: LoadClient, transport: str, window: int
) -> None:
    client.connect(transport, 5)
    measured = client.publish_in_loop(
        "room.bench.0", stored=True, window=window, receivers=5, seconds=0.2
    )
    assert measured.answer["messages"] > 0
    assert measured.answer["frames"] / measured.answer["messages"] == pytest.approx(5, abs=5)
    assert measured.answer["wanted"] % 5 == 0
    assert measured.lost_percent == 0


def test_a_message_to_a_member_reaches_its_connection_only(client: LoadClient) -> None:
    client.connect("ws", 4, first_mid=50)
    measured = client.publish_in_loop(
        "member.%d", stored=False, window=2, receivers=1, seconds=0.2, first=50, numbers=4
    )
    assert measured.answer["missing"] == 0
    assert measured.answer["frames"] > 0


def test_members_who_come_back_get_what_they_missed(client: LoadClient) -> None:
    client.connect("ws", 3)
    client.disconnect()
    with NatsLink(client.target.publish_port) as link:
        link.publish_all((f"goim.push.member.{mid}.1000", b"missed") for mid in (1, 2, 3) * 2)
    answer = client.connect("ws", 3, expect=2)
    assert (answer["complete"], answer["frames"]) == (3, 6)


def test_what_goes_in_batches_is_stored_in_batches(sink: Path, tmp_path: Path) -> None:
    binary = find_nats_server(os.environ)
    with running(nats_server(binary, tmp_path, ANY_PORT, "goim")) as url:
        port = int(url.rpartition(":")[2])
        target = Target("NATS", {}, port, {"NATS": os.getpid()}, "NATS")
        stream = {"name": "ROOM", "subjects": ["room.*"], "allow_atomic": True}
        with NatsLink(port) as link, load_client(sink, CORES, target) as client:
            link.ask_json("$JS.API.STREAM.CREATE.ROOM", stream)
            answer = client.measure(
                "ask",
                port=port,
                subject="room.%d",
                numbers=3,
                reply="answer",
                body=b"hello".hex(),
                window=10,
                batch=5,
                seconds=0.2,
                warm=0,
            ).answer
            state = link.ask_json("$JS.API.STREAM.INFO.ROOM", {"subjects_filter": ">"})["state"]
    assert answer["errors"] == 0
    # Not counted: a window of the warm-up, and one that is on its way at the end.
    assert 0 < answer["messages"] <= state["messages"] <= answer["messages"] + 20
    assert answer["messages"] % 5 == state["messages"] % 5 == 0
    assert set(state["subjects"]) == {"room.0", "room.1", "room.2"}


def test_messages_by_the_clock_are_timed_from_sending_to_the_last_receiver(
    client: LoadClient,
) -> None:
    client.connect("ws", 3)
    answer = client.measure(
        "pace",
        port=client.target.publish_port,
        subject="goim.room.bench.0.cast.1000",
        receivers=3,
        rate=200,
        seconds=1,
        warm=0,
    ).answer
    assert answer["messages"] > 0
    assert answer["incomplete"] == 0
    assert 0 < answer["frame_ms_p50"] <= answer["last_ms_max"]


def test_what_clients_send_is_answered_and_reaches_the_others_in_the_room(
    client: LoadClient,
) -> None:
    client.connect("ws", 6, rooms=2)
    answer = client.measure("send", window=2, seconds=0.2, warm=0).answer
    assert answer["answers"] > 0
    assert answer["frames"] == pytest.approx(2 * answer["answers"], abs=8)


def test_a_mix_pushes_beats_moves_and_reconnects(client: LoadClient) -> None:
    client.connect("ws", 4, rooms=2)
    rates = {"room_rate": 100, "member_rate": 100, "heartbeat_rate": 100}
    answer = client.measure(
        "mix",
        port=client.target.publish_port,
        room_subject="goim.room.bench.%d.cast.1000",
        member_subject="goim.member.%d.cast.1000",
        change_rate=20,
        reconnect_rate=20,
        seconds=1,
        warm=0,
        **rates,
    ).answer
    assert answer["frames"] > 0
    assert answer["answered"] > 0
    assert answer["changes"] > 0
    assert answer["reconnects"] > 0
    ready = answer["ready"]
    while ready < 4:  # who left last may need a while to be back
        ready = client.command("hold", seconds=0.1)["ready"]
    assert ready == 4
