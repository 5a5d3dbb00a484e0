"""What a client sends to a given room or member (op 20)."""

from abc import ABC, abstractmethod
from json import dumps

from goimbus.messages import MEMBER_TOPIC, room_topic

NO_TARGETS = (501, "the server sends only to the room that the client is in")  # no extensions


class Sends(ABC):
    """The part of `Client` that names where a message goes."""

    async def send_to(
        self,
        body: bytes | str,
        operation: int = 4,
        *,
        room: str = "",
        member: int = 0,
        cast: bool = False,
        number: int = 0,
    ) -> int:
        """Send to a room, or to a member directly; return the message's sequence.

        A direct message's is that of the member's own topic. With `cast` it is a signal, such as
        "is typing": given to who is there, and never stored. Over a lost connection it is sent
        again, and stored once. Raises as `send`, SendRefused also where a server has no
        extensions.
        """
        target: dict[str, object] = {"member": member} if member else {"room": room}
        values = target | {"operation": operation} | _body(body)
        if cast:
            values["cast"] = True
        topic = MEMBER_TOPIC if member else room_topic(room)
        return await self._send_to("" if cast else topic, dumps(values).encode(), number)

    @abstractmethod
    async def _send_to(self, topic: str, body: bytes, number: int) -> int:
        """Send an op 20 frame, whose message is stored in this topic; return its sequence."""


def _body(body: bytes | str) -> dict[str, object]:
    if isinstance(body, str):
        return {"body": body}
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"bytes": body.decode("latin-1")}
