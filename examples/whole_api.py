"""Makes every call of the API on a running system, with plain nats-py alone (docs/api.md).

    NATS_URL=nats://127.0.0.1:4222 GOIM_API_KEY=... python examples/whole_api.py

It makes two accounts and a room of its own, and says what it did. Bodies are base64 in JSON.
"""

import asyncio
import json
import os
from base64 import b64decode, b64encode
from secrets import token_hex
from typing import Any

import nats

API_KEY = os.environ.get("GOIM_API_KEY", "")
PASSWORD = "correct horse battery"
MADE: set[str] = set()


async def ask(nc: nats.NATS, call: str, refused: str = "", **fields: Any) -> dict[str, Any]:
    """Make a call such as `rooms.open`; it must be refused for this reason, or carried out."""
    reply = await nc.request(f"goim.{call}", json.dumps(fields).encode(), timeout=10)
    answer: dict[str, Any] = json.loads(reply.data)
    reason = answer.get("error", {}).get("reason", "")
    assert reason == refused, f"{call} {fields}: {answer}"
    MADE.add(f"goim.{call}")
    return answer


async def accounts(nc: nats.NATS, ann: str, bob: str) -> tuple[int, int]:
    """Register, log in, change, close and open accounts; return the mids of two."""
    for name in (ann, bob):
        await ask(nc, "accounts.register", name=name, password=PASSWORD, token=API_KEY)
    await ask(nc, "accounts.activate", "code_refused", name=ann, code="0000-0000")
    await ask(nc, "accounts.login", "login_failed", name=ann, password="not the password")
    login = await ask(nc, "accounts.login", name=ann, password=PASSWORD, platform="web")
    login = await ask(nc, "accounts.refresh", refresh_token=login["refresh_token"])
    mine = (await ask(nc, "accounts.logins", token=login["token"]))["logins"]
    assert [one["platform"] for one in mine] == ["web"]
    login = await ask(
        nc,
        "accounts.password",
        token=login["token"],
        old_password=PASSWORD,
        new_password=PASSWORD + "!",
    )
    token = login["token"]
    await ask(nc, "accounts.forgot", name=ann)
    await ask(nc, "accounts.reset", "code_refused", name=ann, code="0000-0000", password=PASSWORD)
    await ask(nc, "accounts.rename", token=token, new_name=f"{ann} the second")
    assert (await ask(nc, "accounts.show", token=token))["account"]["name"].endswith("second")
    named = await ask(nc, "accounts.names", token=token, names=[bob])
    listed = await ask(nc, "accounts.list", token=API_KEY, text=bob)
    assert [one["mid"] for one in named["members"]] == [one["mid"] for one in listed["accounts"]]
    two = {"token": API_KEY, "mid": listed["accounts"][0]["mid"]}
    await ask(nc, "accounts.role", role="service", **two)
    await ask(nc, "accounts.deactivate", **two)
    await ask(nc, "accounts.reactivate", **two)
    check = json.dumps({"token": login["auth"]}).encode()
    grant = await nc.request("goim.auth.check", check, timeout=10)
    assert json.loads(grant.data)["mid"] == int(login["mid"])
    await ask(nc, "accounts.logout", token=token)
    return int(login["mid"]), int(two["mid"])


async def rooms(nc: nats.NATS, room: str, ann: int, bob: int) -> None:
    """Let Ann open a room, with Bob in it in every way there is."""
    mine = {"room": room, "actor": ann}
    await ask(nc, "rooms.open", name="Us", access="invitation", **mine)
    await ask(nc, "rooms.join", "not_invited", room=room, actor=bob)
    await ask(nc, "rooms.rename", name="All of us", **mine)
    await ask(nc, "rooms.describe", description="where we talk", **mine)
    await ask(nc, "rooms.invite", mid=bob, **mine)
    await ask(nc, "rooms.join", room=room, actor=bob)
    for call in ("promote", "demote", "mute", "unmute", "kick", "ban", "unban", "invite"):
        await ask(nc, f"rooms.{call}", mid=bob, **mine)
    await ask(nc, "rooms.join", room=room, actor=bob)
    await ask(nc, "rooms.regulate", senders="admins", **mine)
    await ask(nc, "rooms.regulate", senders="members", **mine)
    await ask(nc, "rooms.hand_over", mid=bob, **mine)
    await ask(nc, "rooms.close", "not_owner", **mine)
    shown = (await ask(nc, "rooms.get", **mine))["room"]
    assert (shown["owner"], shown["role"]) == (str(bob), "admin")
    for call in ("list", "search"):
        found = await ask(nc, f"rooms.{call}", actor=ann, text="all of us")
        assert room in [one["room"] for one in found["rooms"]]


async def messages(nc: nats.NATS, room: str, ann: int, bob: int) -> None:
    """Push in every way, let members talk to the room and to each other, read it all again."""
    kind, name = room.split("://")
    body = b64encode(b"hello").decode()
    heard = await nc.subscribe(f"goim.room.{kind}.{name}.>")
    await ask(nc, "pushes.room", type=kind, room=name, operation=1000, body=body)
    assert (await heard.next_msg(10)).data == b"hello"
    await ask(nc, "pushes.mids", mids=[ann, bob], operation=1000, body=body, id=token_hex(8))
    await ask(nc, "pushes.keys", keys=["nobody"], operation=1000, body=body)
    await ask(nc, "pushes.all", operation=1000, body=body)
    stored = await nc.request(f"goim.push.room.{kind}.{name}.1000", b"by a publish", timeout=10)
    assert json.loads(stored.data)["seq"]
    said = await nc.request(f"goim.up.{kind}.{name}.{ann}.4", b'{"by":"Ann"}', timeout=10)
    assert said.data
    assert "Nats-Service-Error" not in (said.headers or {})
    direct = await nc.request(f"goim.direct.{bob}.{ann}.4", b"hi Bob", timeout=10)
    assert direct.data
    assert "Nats-Service-Error" not in (direct.headers or {})
    page = (await ask(nc, "store.history", room=room))["page"]["messages"]
    assert [b64decode(one["body"]) for one in page] == [b"hello", b"by a publish", b'{"by":"Ann"}']
    talk = (await ask(nc, "store.history", mid=bob, peer=ann))["page"]["messages"]
    assert [b64decode(one["body"]) for one in talk] == [b"hi Bob"]
    peers = (await ask(nc, "store.conversations", mid=bob))["conversations"]
    assert [one["peer"] for one in peers] == [str(ann)]
    unread = await ask(nc, "store.unread", mid=bob, rooms=[room], all_members=True)
    assert unread["members"][str(ann)]["unread"] == 1
    last = unread["members"][str(ann)]["last"]
    read = await ask(nc, "store.read", mid=bob, members={str(ann): last})
    assert "unread" not in read["members"][str(ann)]


async def presence(nc: nats.NATS, room: str, ann: int) -> None:
    """Ask who is there."""
    found = (await ask(nc, "presence.members", mids=[ann]))["members"]
    assert not found[0].get("online")
    await ask(nc, "presence.who", room=room)
    assert (await ask(nc, "presence.rooms", rooms=[room]))["online"] == {room: 0}
    await ask(nc, "presence.total")
    await ask(nc, "presence.top", type="chat", limit=5)
    assert (await ask(nc, "nodes.weighted", platform="web"))["nodes"]
    assert (await ask(nc, "nodes.instances"))["nodes"]


async def unmade(nc: nats.NATS) -> set[str]:
    """Return what else the services answer, as they say themselves."""
    inbox = nc.new_inbox()
    answers = await nc.subscribe(inbox)
    await nc.publish("$SRV.INFO", b"", inbox)
    served: dict[str, set[str]] = {}
    while {"goim-auth", "goim-router", "goim-store"} - served.keys():
        info = json.loads((await answers.next_msg(10)).data)
        served[info["name"]] = {one["subject"] for one in info["endpoints"]}
    return set().union(*served.values()) - MADE


async def main() -> None:
    """Do it all."""
    nc = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))
    tag = token_hex(6)
    room = f"chat://{tag}"
    events = await nc.subscribe(f"goim.event.room.chat.{tag}.*")
    ann, bob = await accounts(nc, f"Ann {tag}", f"Bob {tag}")
    await rooms(nc, room, ann, bob)
    await messages(nc, room, ann, bob)
    await presence(nc, room, ann)
    await ask(nc, "rooms.leave", room=room, actor=ann)
    await ask(nc, "rooms.close", room=room, reason="that was all")
    said = [json.loads((await events.next_msg(10)).data)["event"] for _ in range(19)]
    print(f"{len(MADE)} calls made; the room: {' '.join(said)}")  # noqa: T201
    print("left to gateways:", *sorted(await unmade(nc)))  # noqa: T201
    await nc.close()


asyncio.run(main())
