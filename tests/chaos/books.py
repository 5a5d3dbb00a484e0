"""A ledger for the tests: messages of one member and one room, and devices that get them."""

from collections.abc import Iterable

from chaos.ledger import NO_TOPIC, DeviceLog, Ledger

MEMBER, ROOM = "member.7", "room.chaos.1"


def book_of(*topics: str, acked: bool = True) -> Ledger:
    """Return a ledger with one stored message a topic: numbers from 1, sequences 10 times that."""
    ledger = Ledger()
    for topic in topics:
        number = ledger.publish([topic], 1000, stored=True)
        ledger.store(topic, 10 * number, number)
        if acked:
            ledger.acknowledge(number, [10 * number], now=1.0)
    return ledger


def device_of(ledger: Ledger, protocol: str, room: bool = False) -> DeviceLog:
    """Return a device of member 7 that has just logged in, in the room if it is to be."""
    log = DeviceLog(
        name=f"{protocol} device",
        mid=7,
        device="phone",
        key="key",
        ext=protocol != "plain",
        resumes=protocol == "resuming",
        accepts=frozenset((1000,)),
    )
    ledger.devices[log.name] = log
    log.opened()
    if room:
        log.entered(ledger.index(ROOM))
    return log


def give(ledger: Ledger, log: DeviceLog, topic: str, numbers: Iterable[int]) -> None:
    """Let these messages come to a device."""
    for number in numbers:
        told = ledger.index(topic) if log.ext else NO_TOPIC
        log.frame(told, 1000, number, 10 * number if log.ext else 0)
