"""goim's captured frames against a running system, over TCP and WebSocket, to the byte."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.frame import encode_frame
from schemas.operations import Operation
from tests.system.goim_socket import GoimSocket, masked, unique
from tests.system.running_system import RunningSystem
from tests.system.test_commands import run

FILE = Path(__file__).parents[1] / "vectors" / "goim.json"
VECTORS: dict[str, dict[str, Any]] = {
    one["id"]: one for one in json.loads(FILE.read_text())["vectors"]
}
FROM_CLIENT = [
    (one["id"], transport)
    for one in VECTORS.values()
    if one["direction"] == "client->server" and one["id"] not in ("V57", "V58")
    for transport in ("tcp", "ws")
    if transport in one["transport"]
]
CLOSE = "a WebSocket close frame, then the end"
# goim's faults: what is done instead. None: the connection is closed.
FIXED: dict[str, str | None] = {
    "V15": "0000001400100001000000030000000400000000",  # online 0 after leaving the room
    "V32": None,  # a packet length below 16 is no frame
    "V33": None,
    "V39": None,  # RFC 6455 section 5.1: an unmasked frame closes
    "V43": None,  # answered with a close frame
    "V45": None,  # a packet length over the message's is no frame
    "V46": None,
    "V64": VECTORS["V62"]["reply_hex_tcp"][:40] * 8,  # all eight are answered
}


def port(system: RunningSystem, transport: str) -> int:
    return system.port if transport == "ws" else system.tcp_port


def prepare(client: GoimSocket, vector: dict[str, Any]) -> None:
    """Bring the connection where the vector wants it."""
    if not vector.get("precondition", "").startswith("authed"):
        return
    fields = {"mid": 7, "key": unique(), "room_id": f"live://{unique()}", "accepts": [1000]}
    if '"nr"' in vector["precondition"]:
        fields = {"mid": 7, "key": unique()}
    assert client.login(json.dumps(fields)).operation == Operation.AUTH_REPLY
    for text in vector.get("before_hex", ()):
        client.send(bytes.fromhex(text))
        client.receive()


def bytes_to_send(vector: dict[str, Any], transport: str) -> bytes:
    """Return what goes over the socket, whole where the file has only its beginning."""
    if transport == "ws" and "ws_hex" in vector:
        return bytes.fromhex(vector["ws_hex"])
    frame = bytes.fromhex(vector["hex"]).ljust(vector.get("total_bytes", 0), b"z")
    return masked(frame) if transport == "ws" else frame


@pytest.mark.parametrize(("name", "transport"), FROM_CLIENT)
def test_a_client_frame_is_answered_as_by_goim(
    system: RunningSystem, name: str, transport: str
) -> None:
    vector = VECTORS[name]
    with GoimSocket(transport, port(system, transport)) as client:
        prepare(client, vector)
        expected: str | None = vector.get(f"reply_hex_{transport}", "")
        closes = bool(vector.get("closes", {}).get(transport))
        if name in FIXED:
            expected = FIXED[name]
            closes = expected is None
            if expected is not None and transport == "ws":
                expected = f"8214{expected}"
        size = len(expected or "") // 2
        client.socket.sendall(bytes_to_send(vector, transport))
        answer, ended = client.receive_rest(lambda taken: not closes and len(taken) >= size)
    if closes and transport == "ws":
        assert answer[:1] == b"\x88", CLOSE
        expected, answer = "", b""
    assert (answer.hex(), ended) == (expected or "", closes)


def test_the_upgrade_is_answered_with_three_headers(system: RunningSystem) -> None:
    with GoimSocket("ws", system.port) as client:
        assert client.upgrade.hex() == VECTORS["V57"]["reply_hex_ws"]


def test_a_query_string_on_sub_is_allowed(system: RunningSystem) -> None:
    request = bytes.fromhex(VECTORS["V58"]["hex"])
    with GoimSocket("tcp", system.port) as client:
        client.socket.sendall(request)
        assert client.receive_bytes_until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")


def push(system: RunningSystem, path: str, body: bytes) -> None:
    answer = httpx.post(f"{system.http_url}/goim/push/{path}", content=body, timeout=30)
    assert answer.json() == {"code": 0, "message": ""}


def wait_until_found(system: RunningSystem, room: str) -> None:
    """Wait until the router knows who is in the room, and by which key."""
    while not json.loads(run(system, "who", "--json", "room", room).stdout)["found"]:
        pass


PUSHED = {
    "V47": ("room?operation=1000&type=live&room={room}", [b"room message"]),
    "V49": ("room?operation=9999&type=live&room={room}", [b"x"]),
    "V50": ("mids?operation=1000&mids={mid}", [b"mid message"]),
    "V51": ("keys?operation=1002&keys={key}", [b'{"test":1}']),
    "V52": ("all?operation=1000", [b"broadcast message"]),
    "V53": ("mids?operation=1000&mids={mid}", [b""]),
    "V54": ("mids?operation=5&mids={mid}", [b'{"test":1}']),
    "V56": ("mids?operation=1000&mids={mid}", [b"y" * 5000]),
}


@pytest.mark.parametrize("transport", ["tcp", "ws"])
@pytest.mark.parametrize("name", PUSHED)
def test_a_push_arrives_as_from_goim(system: RunningSystem, name: str, transport: str) -> None:
    vector = VECTORS[name]
    path, bodies = PUSHED[name]
    mid = int(unique("")[:11], 16)
    fields = {"mid": mid, "key": unique(), "room_id": f"live://{unique()}", "accepts": [1000, 1002]}
    with GoimSocket(transport, port(system, transport)) as client:
        client.login(json.dumps(fields))
        client.send(encode_frame(Operation.SUBSCRIBE, b"5"))
        client.receive()
        room = str(fields["room_id"]).partition("://")[2]
        if "{key}" in path:
            wait_until_found(system, str(fields["room_id"]))
        for body in bodies:
            push(system, path.format(room=room, mid=mid, key=fields["key"]), body)
        size = vector.get("total_bytes", {}).get(transport) or len(vector["hex"]) // 2
        if transport == "ws":
            shown = vector["ws_hex"]
            size = vector.get("total_bytes", {}).get("ws") or len(shown) // 2
        else:
            shown = vector["hex"]
        assert client.receive_bytes(size).hex().startswith(shown)
        assert client.receive_rest() == (b"", False)


def test_every_vector_that_clients_may_rely_on_is_tried() -> None:
    tried = {name for name, _ in FROM_CLIENT} | PUSHED.keys() | {"V48", "V57", "V58"}
    relied_on = {one["id"] for one in VECTORS.values() if one["policy"] in ("must", "fix")}
    assert relied_on <= tried
    # A push by goim's own comet, and what its logic writes into Kafka: there is neither here.
    assert VECTORS.keys() - tried == {"V55", "V59", "V60", "V61"}


@pytest.mark.parametrize("transport", ["tcp", "ws"])
def test_three_room_pushes_keep_their_frames_and_order(
    system: RunningSystem, transport: str
) -> None:
    room = unique()
    with GoimSocket(transport, port(system, transport)) as client:
        client.login(json.dumps({"mid": 1, "key": unique(), "room_id": f"live://{room}"}))
        for body in (b"m1", b"m2", b"m3"):
            push(system, f"room?operation=1001&type=live&room={room}", body)
        frames = client.receive_pushes(3)
    wanted = bytes.fromhex(VECTORS["V48"]["hex"])
    assert b"".join(encode_frame(one.operation, one.body) for one in frames) == wanted
