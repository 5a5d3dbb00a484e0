"""DECIDE what a client sends: into the room that it is in, or to another member."""

from json import dumps
from random import Random

from chaos.ledger import encode_body
from chaos.population import OPERATION, ROOM_TYPE, Persona
from chaos.world import World
from schemas.operations import Operation
from schemas.subjects import member_topic, room_topic

DIRECT_CHANCE = 0.3
SIZES = (0, 40, 200)


class Sending:
    """A message that the client sends until it is answered, under one number."""

    def __init__(
        self, number: int, room: str, operation: int, body: bytes, frame_number: int, copies: int
    ) -> None:
        self.number = number
        self.room = room  # "": it goes to a member, wherever the client is
        self.operation = operation
        self.body = body
        self.frame_number = frame_number
        self._copies = copies

    def fits(self, room: str) -> bool:
        """Tell whether it can be sent by a client in this room."""
        return self.room in ("", room)

    def sequences(self, told: int) -> list[int]:
        """Return what an answer tells of each copy: only the last one's sequence."""
        return [0] * (self._copies - 1) + [told]


def make_sending(
    persona: Persona, world: World, random: Random, room: str, connection: int, frame_number: int
) -> Sending | None:
    """Note in the book what is sent next, and return it; None when there is nothing to send."""
    ledger, size = world.ledger, random.choice(SIZES)
    if persona.ext and world.mids and random.random() < DIRECT_CHANCE:
        to = random.choice(world.mids)
        topics = list(dict.fromkeys((member_topic(to), member_topic(persona.mid))))
        number = ledger.publish(topics, OPERATION, True, persona.name, connection)
        text = encode_body(number, size).decode()
        body = dumps({"member": to, "operation": OPERATION, "body": text}).encode()
        return Sending(number, "", Operation.SEND_TO, body, frame_number, len(topics))
    if not room.startswith(ROOM_TYPE):
        return None
    number = ledger.publish([room_topic(room)], OPERATION, True, persona.name, connection)
    return Sending(number, room, OPERATION, encode_body(number, size), frame_number, 1)
