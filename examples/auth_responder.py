"""A site's own answer to who a client is, in place of `python -m auth` (docs/tokens.md)."""

import asyncio
import json
import sys

import nats
from nats.aio.client import Client
from nats.micro import add_service
from nats.micro.request import Request

SESSIONS = {"letmein": 123}  # a site asks its own database


async def check(request: Request) -> None:
    """Answer one check: the auth body is a session's name here, so the client sends just that."""
    mid = SESSIONS.get(json.loads(request.data).get("token", ""))
    rooms = [{"pattern": "live://*", "receive": True, "send": True, "history": True}]
    grant = {"mid": mid, "accepts": [1000], "rooms": rooms}
    refusal = {"error": {"code": 4001, "message": "no such session", "retry": "never"}}
    await request.respond(json.dumps(grant if mid else refusal).encode())


async def answer_checks(url: str, prefix: str = "goim") -> Client:
    """Answer each check on NATS; gateways look for a service of this name to be ready."""
    connection = await nats.connect(url)
    service = await add_service(connection, name=f"{prefix}-auth", version="1.0.0")
    await service.add_endpoint(name="check", subject=f"{prefix}.auth.check", handler=check)
    await connection.flush()
    return connection


async def main() -> None:
    """Answer until interrupted. The first argument is the address of NATS."""
    await answer_checks(sys.argv[1] if len(sys.argv) > 1 else "nats://127.0.0.1:4222")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
