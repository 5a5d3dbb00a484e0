"""What documents use of the NATS command line, for where it is not installed.

nats pub SUBJECT BODY [-H 'Name: value']; nats req SUBJECT BODY; nats kv put|del BUCKET KEY [VALUE]
"""

import asyncio
import os
import sys

import nats
from nats.aio.client import Client

from tests.plain_nats import settle


async def run(connection: Client, words: list[str]) -> None:
    """Carry out one command."""
    match words:
        case ["pub", subject, body, *rest]:
            headers = dict(text.split(": ", 1) for text in rest if text != "-H")
            await connection.publish(subject, body.encode(), headers=headers or None)
            await settle(connection)
        case ["req", subject, body]:
            reply = await connection.request(subject, body.encode(), timeout=20)
            sys.stdout.write(reply.data.decode())
        case ["kv", "put", bucket, key, value]:
            await (await connection.jetstream(timeout=20).key_value(bucket)).put(
                key, value.encode()
            )
        case ["kv", "del", bucket, key]:
            await (await connection.jetstream(timeout=20).key_value(bucket)).delete(key)
        case _:
            sys.exit(f"not known here: nats {' '.join(words)}")


async def main() -> None:
    """Connect to NATS_URL and do what the arguments say."""
    connection = await nats.connect(os.environ["NATS_URL"])
    try:
        await run(connection, sys.argv[1:])
    finally:
        await connection.close()


if __name__ == "__main__":
    asyncio.run(main())
