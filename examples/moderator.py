"""Refuses links and stars out bad words (policy admit). NATS_URL says where NATS is."""

import asyncio
import json
import os

import nats


async def main() -> None:
    nc = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))
    asked = await nc.subscribe("goim.admit.*", "moderators")
    async for msg in asked.messages:
        body = json.loads(msg.data).get("body", "").replace("damn", "****")
        refusal = {"code": 403, "reason": "no_links", "message": "no links here"}
        answer = {"error": refusal} if "http" in body else {"body": body} if body else {}
        await msg.respond(json.dumps(answer).encode())


asyncio.run(main())
