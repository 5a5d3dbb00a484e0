"""EDGE a run of control actions under load: what each forbids, and how it is taken back.

In every room people talk all the time. Round after round each of them, or the room as a whole, is
met by an action that the seed chose; everything that reaches them although it is forbidden is in
their own logs. control_log.py judges it.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from chaos.control_log import LIMIT_SECONDS, Action, Figures
from chaos.control_people import Calls, Person

ROOM_TYPE = "control"
POLICY = {"send_per_second": 0, "room_per_second": 0}
HOLD_SECONDS = LIMIT_SECONDS + 0.3
SEND_SECONDS = 0.02  # between two tries of who may not send
EVENT_SECONDS = 10.0
ROOM_ROUNDS = 0.2  # of all rounds
PUBLIC, INVITATION = "public", "invitation"
Step = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Options:
    """What is run."""

    seed: int
    actions: int = 1000
    rooms: int = 6
    people: int = 4  # in each room
    devices: int = 4  # of each person
    pushes_per_second: float = 20.0  # in each room


@dataclass
class Control:
    """One run against a system."""

    options: Options
    calls: Calls
    urls: list[str]
    rooms: dict[str, list[Person]] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    heard: Counter[tuple[str, str]] = field(default_factory=Counter)
    pushes: int = 0
    longest_lag: float = 0.0
    _news: asyncio.Event = field(default_factory=asyncio.Event)  # another event was heard

    async def run(self) -> Figures:
        """Return what it came to."""
        await self._prepare()
        began = time.monotonic()
        background = [asyncio.ensure_future(self._push(room)) for room in self.rooms]
        background.append(asyncio.ensure_future(self._watch_lag()))
        try:
            await asyncio.gather(*(self._rounds(room) for room in self.rooms))
        finally:
            for task in background:
                task.cancel()
        seconds = time.monotonic() - began
        await self._hear_all()
        people = [one for room in self.rooms.values() for one in room]
        await asyncio.gather(*(one.close() for one in people))
        devices = [one for person in people for one in person.devices]
        return Figures(
            seed=self.options.seed,
            seconds=seconds,
            clients=len(devices),
            gateways=len((await self.calls.ask("nodes.instances"))["nodes"]),
            frames=sum(len(one.arrivals) for one in devices),
            pushes=self.pushes,
            longest_lag=self.longest_lag,
            actions=tuple(self.actions),
            asked_events=self.asked,
            heard_events=self.heard,
        )

    async def _prepare(self) -> None:
        connection, options = self.calls.connection, self.options
        policies = await connection.jetstream().key_value("GOIM_POLICY")
        await policies.put(ROOM_TYPE, json.dumps(POLICY).encode())
        await connection.subscribe("goim.event.room.>", cb=self._hear_room)
        await connection.subscribe("goim.event.account.>", cb=self._hear_account)
        names = [f"{ROOM_TYPE}://{options.seed}-{time.time_ns()}-{n}" for n in range(options.rooms)]
        await asyncio.gather(
            *(self._open(room, (PUBLIC, INVITATION)[n % 2]) for n, room in enumerate(names))
        )
        self.asked.clear()
        self.heard.clear()

    async def _open(self, room: str, access: str) -> None:
        options, calls = self.options, self.calls
        await calls.ask("rooms.open", room=room, access=access)
        registering = [
            Person.register(calls, self.urls, room, options.devices) for _ in range(options.people)
        ]
        people = self.rooms[room] = await asyncio.gather(*registering)
        for person in people:
            if access == INVITATION:
                await self._invite(person)
        await asyncio.gather(*(one.login() for one in people))

    async def _rounds(self, room: str) -> None:
        random = Random(f"{self.options.seed} {room.rpartition('-')[2]}")
        is_public = (await self.calls.ask("rooms.get", room=room))["room"]["access"] == PUBLIC
        share = self.options.actions / len(self.rooms)
        done = 0
        while done < share:
            before = len([one for one in self.actions if one.room == room])
            if random.random() < ROOM_ROUNDS:
                await self._meet_room(room, random.choice(["close", "regulate", "announce"]))
            else:
                names = ["ban", "kick", "mute", "revoke", "deactivate", "role"]
                chosen = [(one, random.choice(names)) for one in self.rooms[room]]
                await asyncio.gather(
                    *(self._meet(person, name, is_public) for person, name in chosen)
                )
            done += len([one for one in self.actions if one.room == room]) - before

    async def _meet(self, person: Person, name: str, is_public: bool) -> None:
        """Do something to one person, and take it back."""
        ask, room, mid = self.calls.ask, person.room, person.mid
        key = {"token": self.calls.api_key, "mid": mid}
        match name:
            case "ban":
                await self._forbid(name, [person], lambda: ask("rooms.ban", room=room, mid=mid))
                await self._allow("unban", person, lambda: ask("rooms.unban", room=room, mid=mid))
                await (person.enter() if is_public else self._come_back(person))
            case "kick":
                await self._forbid(name, [person], lambda: ask("rooms.kick", room=room, mid=mid))
                await (person.enter() if is_public else self._come_back(person))
            case "mute":
                mute = {"room": room, "mid": mid, "seconds": 600}
                await self._forbid_sending(name, [person], lambda: ask("rooms.mute", **mute))
                await self._allow("unmute", person, lambda: ask("rooms.unmute", room=room, mid=mid))
            case "revoke":
                token = person.token
                await self._forbid(
                    name, [person], lambda: ask("accounts.logout", token=token, everywhere=True)
                )
                await person.login()
            case "deactivate":
                await self._forbid(name, [person], lambda: ask("accounts.deactivate", **key))
                await self._allow("reactivate", person, lambda: ask("accounts.reactivate", **key))
                await person.login()
            case "role":
                person.role = "service" if person.role == "user" else "user"
                role = person.role
                await self._forbid(name, [person], lambda: ask("accounts.role", role=role, **key))
                await person.login()

    async def _meet_room(self, room: str, name: str) -> None:
        """Do something to everybody in a room, and take it back."""
        ask, people = self.calls.ask, self.rooms[room]
        access = (await ask("rooms.get", room=room))["room"]["access"]
        if name == "regulate" and access == PUBLIC:
            narrow = {"room": room, "access": INVITATION}
            await self._forbid(name, people, lambda: ask("rooms.regulate", **narrow))
            widen = {"room": room, "access": PUBLIC}
            await self._allow("regulate back", people[0], lambda: ask("rooms.regulate", **widen))
        elif name == "close":
            await self._forbid(name, people, lambda: ask("rooms.close", room=room))
            again = {"room": room, "access": access}
            await self._allow("open", people[0], lambda: ask("rooms.open", **again))
        else:
            few = {"room": room, "senders": "admins"}
            await self._forbid_sending("announce", people, lambda: ask("rooms.regulate", **few))
            all_of_them = {"room": room, "senders": "members"}
            await self._allow("talk", people[0], lambda: ask("rooms.regulate", **all_of_them))
            return
        await asyncio.gather(*(one.enter() for one in people))

    async def _forbid(self, name: str, people: list[Person], step: Step) -> None:
        """Do it, and look what still reaches the devices until it is taken back."""
        action = await self._do(name, people, step)
        await asyncio.sleep(HOLD_SECONDS)
        action.ended = time.monotonic()
        for device in (one for person in people for one in person.devices):
            for came, said in device.arrivals:
                if action.asked < came < action.ended:
                    action.seen.append(came)
                    action.let_through.append(said)

    async def _forbid_sending(self, name: str, people: list[Person], step: Step) -> None:
        """Do it, and try to send until it is taken back."""
        action = await self._do(name, people, step)
        until = action.asked + HOLD_SECONDS
        while (now := time.monotonic()) < until:
            taken = await asyncio.gather(*(one.try_to_send() for one in people))
            if any(taken):
                action.seen.append(now)
                action.let_through.append(now)
            await asyncio.sleep(SEND_SECONDS)
        action.ended = time.monotonic()

    async def _allow(self, name: str, person: Person, step: Step) -> None:
        await self._do(name, [person], step)

    async def _do(self, name: str, people: list[Person], step: Step) -> Action:
        one = people[0]
        action = Action(name, one.room, one.mid if len(people) == 1 else 0, time.monotonic())
        await step()
        action.answered = time.monotonic()
        self.actions.append(action)
        what = EVENTS[name]
        of_account = what in ACCOUNT_EVENTS
        whom = str(one.mid) if of_account or name in OF_MEMBERS else "0"
        self.asked[what, whom if of_account else f"{one.room} {whom}"] += 1
        return action

    async def _invite(self, person: Person) -> None:
        room, mid = person.room, person.mid
        await self.calls.ask("rooms.invite", room=room, mid=mid)
        await self.calls.ask("rooms.join", room=room, actor=mid)

    async def _come_back(self, person: Person) -> None:
        await self._invite(person)
        await person.enter()

    async def _push(self, room: str) -> None:
        while True:
            await self.calls.push(room)
            self.pushes += 1
            await asyncio.sleep(1 / self.options.pushes_per_second)

    async def _watch_lag(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(SEND_SECONDS)
            lag = time.monotonic() - began - SEND_SECONDS
            self.longest_lag = max(self.longest_lag, lag)

    async def _hear_all(self) -> None:
        """Wait for the events that are still on their way."""
        with suppress(TimeoutError):
            async with asyncio.timeout(EVENT_SECONDS):
                while self.asked - self.heard:
                    self._news.clear()
                    await self._news.wait()

    async def _hear_room(self, msg: Any) -> None:
        event = json.loads(msg.data)
        self.heard[event["event"], f"{event['room']} {event.get('subject', '0')}"] += 1
        self._news.set()

    async def _hear_account(self, msg: Any) -> None:
        event = json.loads(msg.data)
        self.heard[event["what"], str(event["mid"])] += 1
        self._news.set()


EVENTS = {
    "ban": "banned",
    "unban": "unbanned",
    "kick": "kicked",
    "mute": "muted",
    "unmute": "unmuted",
    "revoke": "logged_out",
    "deactivate": "deactivated",
    "reactivate": "activated",
    "role": "role_changed",
    "close": "closed",
    "open": "opened",
    "regulate": "regulated",
    "regulate back": "regulated",
    "announce": "regulated",
    "talk": "regulated",
}
ACCOUNT_EVENTS = {"logged_out", "deactivated", "activated", "role_changed"}
OF_MEMBERS = {"ban", "unban", "kick", "mute", "unmute"}


async def run_control(options: Options, nats_url: str, api_key: str, urls: list[str]) -> Figures:
    """Run it against a system whose clients connect to `urls`."""
    calls = await Calls.connect(nats_url, api_key)
    try:
        return await Control(options, calls, urls).run()
    finally:
        await calls.connection.close()
