"""EDGE the people of a control run: accounts with several devices, which log what reaches them."""

import asyncio
import json
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import nats
from nats.aio.client import Client as Nats

from goimbus.client import Client
from goimbus.client_errors import ClientError, RoomRefused
from goimbus.messages import Message
from schemas.subjects import room_topic

PASSWORD = "correct horse battery"
ASK_SECONDS = 10.0
AGAIN_SECONDS = 0.02
OPERATION = 1000


class CallRefused(Exception):
    """A call of the run was refused that must not be."""

    def __init__(self, call: str, error: dict[str, Any]) -> None:
        self.call = call
        self.error = error

    def __str__(self) -> str:
        return f"{self.call}: {self.error}"


@dataclass(slots=True)
class Calls:
    """The API, asked by plain NATS."""

    connection: Nats
    api_key: str

    @classmethod
    async def connect(cls, nats_url: str, api_key: str) -> "Calls":
        """Return it, connected."""
        return cls(await nats.connect(nats_url), api_key)

    async def ask(self, call: str, **fields: Any) -> dict[str, Any]:
        """Return the answer. Raises CallRefused."""
        payload = json.dumps(fields).encode()
        reply = await self.connection.request(f"goim.{call}", payload, timeout=ASK_SECONDS)
        answer: dict[str, Any] = json.loads(reply.data)
        if "error" in answer:
            raise CallRefused(call, answer["error"])
        return answer

    async def push(self, room: str) -> None:
        """Say in a room what time it is."""
        subject = f"goim.push.{room_topic(room)}.{OPERATION}"
        await self.connection.publish(subject, json.dumps({"at": time.monotonic()}).encode())


@dataclass
class Device:
    """One connection of a member, made anew whenever its member logs in.

    `further`: the room is one that it hears by op 21.
    """

    url: str
    room: str
    key: str
    further: bool = False
    arrivals: list[tuple[float, float]] = field(default_factory=list)  # when it came, was said
    client: Client | None = None
    reader: asyncio.Task[None] | None = None

    async def connect(self, token: str) -> None:
        """Be in the room with this token. Raises ClientError."""
        await self.close()
        room, rooms = ("", [self.room]) if self.further else (self.room, [])
        client = Client(self.url, token=token, room=room, key=self.key, rooms=rooms)
        await client.__aenter__()
        self.client = client
        self.reader = asyncio.create_task(self._read(client))

    async def enter(self) -> None:
        """Come back into the room that the device was put out of.

        Its gateway may not have heard yet that it is let in again. Raises TimeoutError.
        """
        assert self.client is not None
        async with asyncio.timeout(ASK_SECONDS):
            while True:
                with suppress(RoomRefused):
                    change = self.client.join if self.further else self.client.change_room
                    await change(self.room)
                    return
                await asyncio.sleep(AGAIN_SECONDS)

    async def close(self) -> None:
        """Be gone."""
        if self.client is not None:
            await self.client.close()
        if self.reader is not None:
            await self.reader

    async def _read(self, client: Client) -> None:
        with suppress(ClientError):
            async for message in client:
                if isinstance(message, Message) and message.operation in (4, OPERATION):
                    self.arrivals.append((time.monotonic(), _said_at(message.body)))


@dataclass
class Person:
    """A member with an account, all devices in one room."""

    calls: Calls
    name: str
    room: str
    devices: list[Device]
    mid: int = 0
    token: str = ""
    role: str = "user"

    @classmethod
    async def register(cls, calls: Calls, urls: list[str], room: str, devices: int) -> "Person":
        """Make an account; its devices are over these addresses in turns."""
        name = f"member {secrets.token_hex(6)}"
        made = [
            Device(urls[number % len(urls)], room, secrets.token_hex(8), number % 4 > 1)
            for number in range(devices)
        ]
        person = cls(calls, name, room, made)
        answer = await calls.ask(
            "accounts.register", name=name, password=PASSWORD, token=calls.api_key
        )
        person.mid = int(answer["mid"])
        return person

    async def login(self) -> None:
        """Get a token, and connect all devices with it."""
        answer = await self.calls.ask("accounts.login", name=self.name, password=PASSWORD)
        self.token = answer["token"]
        await asyncio.gather(*(one.connect(self.token) for one in self.devices))

    async def enter(self) -> None:
        """Come back into the room with all devices."""
        await asyncio.gather(*(one.enter() for one in self.devices))

    async def try_to_send(self) -> bool:
        """Send to the room; tell whether it was taken."""
        client = self.devices[0].client
        assert client is not None
        try:
            await client.send(json.dumps({"at": time.monotonic()}))
        except (ClientError, RoomRefused):
            return False
        return True

    async def close(self) -> None:
        """Let all devices go."""
        await asyncio.gather(*(one.close() for one in self.devices))


def _said_at(body: bytes) -> float:
    """Return when a message was said, a member's in its stamp too."""
    values = json.loads(body)
    at: float = json.loads(values["body"])["at"] if "body" in values else values["at"]
    return at
