"""EDGE one client that uses the Python client library, which comes back and resumes by itself.

Its ledger holds what the application is given. A client that the server has ended for good is
made anew with the positions of the old one, as an application does that is started again.
"""

import asyncio

from chaos.ledger import DeviceLog, encode_body, label_topic, read_body
from chaos.population import OPERATION, ROOM_TYPE, Persona
from chaos.world import World
from goimbus.client import Client, ClientHooks
from goimbus.client_errors import ClientError
from goimbus.messages import Gap, Live, Message
from schemas.subjects import room_topic

RETRY_SECONDS = (0.05, 0.8)
TICK_SECONDS = (0.5, 2.0)
SEND_CHANCE, SWITCH_CHANCE, FURTHER_CHANCE = 0.3, 0.1, 0.1
LOOK_SECONDS = 0.1
QUIET_SECONDS = 1.5


class LibraryDevice:
    """One device with the library's client."""

    def __init__(self, persona: Persona, world: World) -> None:
        self.persona = persona
        self.world = world
        self.random = world.random(persona.name)
        self.log = DeviceLog(
            persona.name,
            persona.mid,
            persona.device,
            persona.key,
            ext=True,
            resumes=True,
            accepts=frozenset(persona.accepts),
        )
        world.ledger.devices[persona.name] = self.log
        self._room = self.random.choice(persona.rooms)
        self._further: tuple[str, ...] = ()
        self._positions: dict[str, int] = {}
        self._client: Client | None = None
        self._live: set[str] = set()
        self._last_at = 0.0
        self._unsettled = set(persona.rooms)

    @property
    def settled(self) -> bool:
        """True when the device has been in all its rooms since the mischief ended."""
        return self.world.settling and not self._unsettled

    @property
    def is_connected(self) -> bool:
        """True while it is logged in."""
        return self._client is not None and self._client.connected

    @property
    def heard(self) -> set[str]:
        """The rooms that it is in."""
        client = self._client
        return {client.room, *client.rooms} - {""} if client and client.connected else set()

    def unsettle(self) -> None:
        """Go through all rooms once more."""
        self._unsettled = set(self.persona.rooms)

    async def run(self) -> None:
        """Live until the run is over."""
        self.log.opened()
        for room in self.persona.rooms:  # what it was sent may be given after it has left
            self.log.entered(self.world.ledger.index(room_topic(room)))
        while not self.world.over:
            client = self._make_client()
            try:
                async with client:
                    self._client = client
                    await self._live_with(client)
            except ClientError as error:
                self.world.note_refusal(type(error).__name__)
            finally:
                self._positions, self._room = client.positions, client.room or self._room
                self._further = client.rooms
                self._client = None
            await asyncio.sleep(self.random.uniform(*RETRY_SECONDS))

    def _make_client(self) -> Client:
        persona = self.persona
        url = f"ws://127.0.0.1:{self.world.ports['ws']}/sub"
        if persona.transport == "tcp":
            url = f"tcp://127.0.0.1:{self.world.ports['tcp']}"
        return Client(
            url,
            token=self.world.token(persona),
            mid=persona.mid,
            room=self._room,
            key=persona.key,
            platform=persona.platform,
            accepts=persona.accepts,
            resume=self._positions,
            rooms=self._further,
            hooks=ClientHooks(on_live=self._note_live),
            jitter=self.random.random,
        )

    async def _live_with(self, client: Client) -> None:
        acting = asyncio.create_task(self._act(client))
        try:
            async for item in client:
                self._note(item)
        finally:
            acting.cancel()
            await asyncio.gather(acting, return_exceptions=True)

    async def _act(self, client: Client) -> None:
        while not self.world.over:
            await asyncio.sleep(self.random.uniform(*TICK_SECONDS))
            chance = self.random.random()
            try:
                if self.world.settling:
                    await self._settle(client)
                elif chance < SEND_CHANCE and client.room.startswith(ROOM_TYPE):
                    await self._send(client)
                elif chance < SEND_CHANCE + SWITCH_CHANCE:
                    await self.switch()
                elif chance < SEND_CHANCE + SWITCH_CHANCE + FURTHER_CHANCE:
                    await self._change_further(client)
            except ClientError as error:
                self.world.note_refusal(f"library: {type(error).__name__}")
        await client.close()

    async def _send(self, client: Client) -> None:
        topic = room_topic(client.room)
        number = self.world.ledger.publish([topic], OPERATION, True, self.persona.name)
        sequence = await client.send(encode_body(number), OPERATION)
        self.world.ledger.acknowledge(number, [sequence], self.world.now())

    async def switch(self) -> None:
        """Go to another of the device's rooms."""
        client = self._client
        rooms = [room for room in self.persona.rooms if client is None or room != client.room]
        if rooms and client is not None:
            await self._enter(client, self.random.choice(rooms))

    async def _change_further(self, client: Client) -> None:
        """Hear one room more, or one less."""
        room = self.random.choice(self.persona.rooms)
        if room in client.rooms:
            await client.leave(room)
        else:
            self._expect_live(client, room)
            await client.join(room)

    async def _enter(self, client: Client, room: str) -> None:
        self._expect_live(client, room)
        await client.change_room(room)

    def _expect_live(self, client: Client, room: str) -> None:
        """Wait for word that it is live, unless it is heard already and goes on as it is."""
        if room != client.room and room not in client.rooms:
            self._live.discard(f"room:{room}")

    async def _settle(self, client: Client) -> None:
        while self._unsettled and client.connected and not self.world.over:
            room = client.room if client.room in self._unsettled else min(self._unsettled)
            if room != client.room:
                await self._enter(client, room)
            quiet = self.world.now() - self._last_at > QUIET_SECONDS
            if quiet and f"room:{room}" in self._live:
                self._unsettled.discard(room)
            await asyncio.sleep(LOOK_SECONDS)

    def _note(self, item: Message | Gap) -> None:
        now = self.world.now()
        self._last_at = now
        if isinstance(item, Gap):
            self.log.gap(self._index(item.topic), item.after, item.to)
            return
        self.world.pulse.beat(now, self.persona.manner)
        number = read_body(item.body).number
        self.log.frame(self._index(item.topic), item.operation, number, item.sequence)

    def _note_live(self, live: Live) -> None:
        self._live.add(live.topic)
        self.log.live(self._index(live.topic), live.sequence)

    def _index(self, label: str) -> int:
        topic = label_topic(label, self.persona.mid, self.persona.key)
        return self.world.ledger.index(topic)
