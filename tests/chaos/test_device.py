"""A raw client never says by a frame that it has read what it has not."""

import asyncio
import select
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from chaos.device import Device
from chaos.ledger import Ledger, encode_body
from chaos.planted import Plant
from chaos.population import OPERATION, Persona
from chaos.world import World
from schemas.frame import decode_frames, encode_frame
from schemas.operations import Operation

PERSONA = Persona("1-plain", 1, "k", "p", "plain", "tcp", "half-open", ("chaos://room 1",), (1000,))


@dataclass
class Server:
    """Answers logins and nothing else; `writers` are its connections."""

    port: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        self.writers.append(writer)
        try:
            while data := await reader.read(4096):
                for frame in decode_frames(data, 4096).frames:
                    if frame.operation == Operation.AUTH:
                        sequence = frame.sequence
                        writer.write(encode_frame(Operation.AUTH_REPLY, sequence=sequence))
        except ConnectionResetError:
            pass
        finally:
            writer.close()
            self.ended.set()


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    yield server
    for writer in server.writers:
        writer.close()
    listener.close()
    await listener.wait_closed()


async def logged_in(server: Server) -> Device:
    world = World(Ledger(), {"tcp": server.port}, "x" * 32, 1)
    device = Device(PERSONA, world, Plant())
    assert await device.log_in()
    return device


async def test_a_connection_on_which_an_answer_stays_out_is_cut(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = await logged_in(server)
    monkeypatch.setattr("chaos.device.ANSWER_SECONDS", 0.05)
    await device.beat()
    await server.ended.wait()
    assert not device.is_connected
    assert not await device.until_answered()
    assert device.world.refusals == {"no answer": 1}


async def test_who_waits_for_an_answer_of_somebody_else_goes_on_without_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = await logged_in(server)
    monkeypatch.setattr("chaos.device.ANSWER_SECONDS", 0.05)
    beating = asyncio.create_task(device.beat())
    await asyncio.sleep(0)
    assert not await device.until_answered()
    await beating


async def test_what_came_to_a_slow_client_is_read_before_it_is_cut_off(server: Server) -> None:
    device = await logged_in(server)
    assert device.connection is not None
    number = device.world.ledger.publish(["member.1"], OPERATION, True)
    device.connection.pause()
    server.writers[0].write(encode_frame(OPERATION, encode_body(number)))
    await server.writers[0].drain()
    select.select([device.connection._transport.get_extra_info("socket")], [], [])  # it is there
    device.cut()
    assert device.log.frames == 1
    await server.ended.wait()


async def test_one_who_never_reads_again_has_not_got_it(server: Server) -> None:
    device = await logged_in(server)
    await device.hang()
    server.writers[0].write(encode_frame(OPERATION, encode_body(1)))
    await server.writers[0].drain()
    device.close_hung()
    await server.ended.wait()
    assert device.log.frames == 0
