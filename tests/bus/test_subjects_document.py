"""docs/subjects.md says what is so: names are checked, and what can run is run."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.js.api import RePublish, StreamConfig

from bus.errors import BusError, PublishRefused
from bus.service import Service
from bus.settings import BusSettings
from schemas import headers, messages_pb2, subjects
from schemas.messages_pb2 import RoomsReply, RoomsRequest
from schemas.subjects import Subjects, encode_token
from tests.bus.conftest import Connect, MakeServer
from tests.bus.servers import NatsServer

CHECKOUT = Path(__file__).parent.parent.parent
TEXT = (CHECKOUT / "docs" / "subjects.md").read_text()
GOIM = Subjects("goim")
NOT_SENT_ALONE = {"Positions", "RoomGrant", "StoredMessage", "Want", "TopicMessages"}
NOT_SENT_ALONE |= {"DevicePosition", "KeyPush", "CloseSession", "Session", "Node", "Backoff"}
NOT_SENT_ALONE |= {
    "LoginView",
    "Named",
    "Account",
    "RoomCount",
    "Room",
    "Restriction",
    "ReadState",
    "Conversation",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("name", messages_pb2.DESCRIPTOR.message_types_by_name)
def test_every_message_that_is_sent_is_named(name: str) -> None:
    assert (f"`{name}`" in TEXT) == (name not in NOT_SENT_ALONE)


HEADERS = [headers.FROM, headers.TO, headers.STAMP, headers.SESSION, headers.ID, headers.CAST]


@pytest.mark.parametrize("name", HEADERS)
def test_every_header_of_ours_is_named(name: str) -> None:
    assert f"`{name}`" in TEXT
    assert f"`{headers.SPEED}`" in TEXT


@pytest.mark.parametrize(
    "subject",
    [
        GOIM.push("room.<type>.<id>", "<op>"),
        GOIM.push("member.<mid>", "<op>"),
        GOIM.push("all", "<op>"),
        GOIM.kept("room.<type>.<id>", "<op>"),
        GOIM.interest("<topic>"),
        GOIM.gateway("<gateway>"),
        "goim.room.<type>.<id>.cast.<op>",
        "goim.up.<type>.<id>.<mid>.<op>",
        "goim.direct.<to>.<from>.<op>",
        "goim.admit.<type>",
        *(GOIM.stream(kind) for kind in ("ROOM", "MEMBER", "ALL")),
        *(GOIM.bucket(kind) for kind in ("POLICY", "POSITION", "TRIMMED", "ROOMS")),
    ],
)
def test_every_subject_stream_and_bucket_is_there(subject: str) -> None:
    assert f"`{subject}`" in TEXT


@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_the_documents_encoding_is_ours(text: str) -> None:
    code = next(block for block in blocks("python") if "def encode_token" in block)
    names: dict[str, object] = {}
    exec(code, names)
    assert names["encode_token"](text) == encode_token(text)  # type: ignore[operator]
    assert subjects.room_topic("chat://a.b") == "room.chat.a=2Eb"


async def test_the_example_runs(
    server: NatsServer, settings: BusSettings, connect: Connect, tmp_path: Path
) -> None:
    async def rooms(request: RoomsRequest) -> RoomsReply:
        return RoomsReply(online=dict.fromkeys(request.rooms, 2))

    bus = await connect(BusSettings(nats_url=server.url, prefix="goim"))
    config = StreamConfig(
        name=GOIM.stream("ROOM"),
        subjects=[GOIM.push("room.*.*", "*")],
        republish=RePublish(
            src=GOIM.push("room.*.*", "*"),
            dest="goim.room.{{wildcard(1)}}.{{wildcard(2)}}.kept.{{wildcard(3)}}",
        ),
    )
    await bus.jetstream.add_stream(config)
    service = Service(bus, "router", "0.1.0", "for the example")
    service.serve("rooms", GOIM.rpc("presence", "rooms"), RoomsRequest, RoomsReply, rooms)
    await bus.flush()
    code = next(block for block in blocks("python") if "nats.connect" in block)
    script = tmp_path / "example.py"
    script.write_text(code.replace("nats://127.0.0.1:4222", server.url))
    example = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await example.communicate()
    assert example.returncode == 0
    assert set(output.decode().splitlines()) == {
        'delivered goim.room.live.1000.kept.1000 1 {"text":"hello"}',
        "stored {'stream': 'GOIM_ROOM', 'seq': 1}",
        "online {'online': {'live://1000': 2}}",
    }
    await service.stop()


@pytest.mark.parametrize(
    ("user", "password", "forbidden"),
    [
        ("publisher", "change-me-1", "goim.room.live.1000.kept.1000"),
        ("gateway", "change-me-2", "goim.push.room.live.1000.1000"),
        ("gateway", "change-me-2", "$JS.API.STREAM.DELETE.GOIM_ROOM"),
        ("auth", "change-me-3", "goim.push.all.1"),
        ("router", "change-me-4", "goim.room.live.1000.kept.1000"),
        ("store", "change-me-5", "goim.push.all.1"),
        ("moderator", "change-me-6", "goim.push.all.1"),
    ],
)
async def test_the_permissions_hold(
    make_server: MakeServer, connect: Connect, user: str, password: str, forbidden: str
) -> None:
    (config,) = blocks("conf")
    server = await make_server(config).start()
    url = f"nats://{user}:{password}@127.0.0.1:{server.port}"
    bus = await connect(BusSettings(nats_url=url))
    with pytest.raises(PublishRefused):
        await bus.call(forbidden, b"", seconds=30)
    if user == "publisher":
        with pytest.raises(BusError, match="nobody answers"):
            await bus.call(GOIM.push("room.live.1000", 1000), b"")
    assert bus.permission_errors == 1


def test_the_services_are_named_as_here() -> None:
    for name in ("auth", "router", "store"):
        assert f"`goim-{name}`" in TEXT
        assert os.path.exists(CHECKOUT / name)
