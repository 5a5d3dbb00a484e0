"""`nats pub` and `nats req` for documents' commands, where the NATS command line is not there."""

import asyncio
import os
import sys

import nats


async def main(verb: str, subject: str, body: str = "") -> int:
    """Publish, or request and print the answer."""
    connection = await nats.connect(os.environ["NATS_URL"])
    try:
        if verb == "pub":
            await connection.publish(subject, body.encode())
            await connection.flush()
        else:
            sys.stdout.write((await connection.request(subject, body.encode())).data.decode())
    finally:
        await connection.close()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
