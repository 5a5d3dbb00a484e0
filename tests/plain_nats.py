"""What tests need of a plain nats-py connection."""

from nats.aio.client import Client


async def settle(connection: Client) -> None:
    """Return when the server has handled all that this connection asked for and published.

    nats-py's own `flush` does not say so: its PING overtakes what waits in the buffer.
    """
    inbox = connection.new_inbox()
    arrivals = await connection.subscribe(inbox)
    await connection.publish(inbox)
    await arrivals.next_msg(20)
    await arrivals.unsubscribe()
