"""A site's own answer to who a client is, in place of `python -m auth` (docs/tokens.md)."""

import asyncio
import json
import sys

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

SESSIONS = {"letmein": 123}  # a site asks its own database


async def answer_checks(url: str, subject: str = "goim.auth.check") -> Client:
    """Answer each check: the auth body is a session's name here, so the client sends just that."""

    async def check(message: Msg) -> None:
        mid = SESSIONS.get(json.loads(message.data).get("token", ""))
        rooms = [{"pattern": "live://*", "receive": True, "send": True, "history": True}]
        grant = {"mid": mid, "accepts": [1000], "rooms": rooms}
        refusal = {"error": {"code": 4001, "message": "no such session", "retry": "never"}}
        await message.respond(json.dumps(grant if mid else refusal).encode())

    connection = await nats.connect(url)
    await connection.subscribe(subject, "site", cb=check)
    await connection.flush()
    return connection


async def main() -> None:
    """Answer until interrupted. The first argument is the address of NATS."""
    await answer_checks(sys.argv[1] if len(sys.argv) > 1 else "nats://127.0.0.1:4222")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
