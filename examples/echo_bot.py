"""Answers what members say in rooms such as bot://1. NATS_URL says where NATS is."""

import asyncio
import os

import nats


async def main() -> None:
    nc = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))
    heard = await nc.subscribe("goim.room.bot.*.kept.*", "echo")
    async for msg in heard.messages:
        if "Goim-From" in (msg.headers or {}):  # from a member; not from a bot, so no loop
            push = msg.subject.replace("goim.", "goim.push.", 1).replace(".kept.", ".")
            await nc.publish(push, b"echo: " + msg.data)


asyncio.run(main())
