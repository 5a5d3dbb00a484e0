"""What clients send is in the book before it is sent."""

from json import loads
from random import Random

from chaos.ledger import Ledger, read_body
from chaos.population import Persona, make_population
from chaos.sendings import make_sending
from chaos.world import World
from schemas.operations import Operation
from schemas.subjects import member_topic, room_topic

ROOM = "chaos://room 1"


def persona_of(protocol: str) -> Persona:
    return next(one for one in make_population(1, 64) if one.protocol == protocol)


def make_world() -> World:
    return World(Ledger(), {}, "", 1, mids=[1, 2, 3])


def test_a_plain_client_sends_into_rooms_alone() -> None:
    world, random = make_world(), Random(1)
    for number in range(50):
        sending = make_sending(persona_of("plain"), world, random, ROOM, 1, number)
        assert sending is not None
        assert (sending.room, sending.operation) == (ROOM, 1000)
        assert world.ledger.messages[sending.number - 1].topics == (room_topic(ROOM),)
        assert read_body(sending.body).number == sending.number
        assert sending.sequences(7) == [7]
    assert make_sending(persona_of("plain"), world, random, "fleeting://1", 1, 1) is None


def test_one_with_the_extensions_sends_to_members_too_wherever_it_is() -> None:
    world, random, persona = make_world(), Random(1), persona_of("resuming")
    made = [make_sending(persona, world, random, ROOM, 1, number) for number in range(100)]
    direct = [one for one in made if one is not None and not one.room]
    assert 10 < len(direct) < 60
    for sending in direct:
        values = loads(sending.body)
        topics = world.ledger.messages[sending.number - 1].topics
        assert sending.operation == Operation.SEND_TO
        assert topics[0] == member_topic(values["member"])
        assert topics[-1] == member_topic(persona.mid)
        assert read_body(values["body"].encode()).number == sending.number
        assert sending.sequences(7) == [0] * (len(topics) - 1) + [7]
        assert sending.fits("anywhere")
