"""EDGE many races, each kind as often as the others: what is published on the way arrives once."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from chaos.arrivals import FAULTS
from chaos.racer import KINDS, Place, Racer

RACERS = 32
LINGER_SECONDS = 1.0  # for what comes once more
TOLD_FINDINGS = 20


@dataclass
class RaceFigures:
    """What came of all races."""

    seed: int
    races: Counter[str] = field(default_factory=Counter)  # by kind
    faults: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    published: int = 0
    received: int = 0
    logins: int = 0
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        """True when each message arrived once and in order."""
        return not any(self.faults.values()) and self.received == self.published

    def row(self) -> dict[str, Any]:
        """Return all of it as it is written to a file."""
        return {
            **{fault: self.faults[fault] for fault in FAULTS},
            "first": self.findings[:TOLD_FINDINGS],
            "seed": self.seed,
            "races": dict(self.races),
            "published": self.published,
            "received": self.received,
            "logins": self.logins,
            "seconds": round(self.seconds, 1),
        }

    @property
    def sentence(self) -> str:
        """Say it in words."""
        told = ", ".join(f"{fault} {self.faults[fault]}" for fault in FAULTS)
        return (
            f"{sum(self.races.values())} races in {self.seconds:.0f} s with seed {self.seed}: "
            f"{self.published} published, {self.received} received; {told}"
        )


async def run_races(
    place: Place, count: int, seed: int, first_mid: int, racers: int = RACERS
) -> RaceFigures:
    """Run so many races, by members from this one on. Raises TimeoutError when no login works."""
    figures, began = RaceFigures(seed), time.monotonic()
    everybody = [
        Racer(first_mid + number, place, Random(f"racer {seed} {number}"))
        for number in range(min(racers, count))
    ]
    random = Random(f"races {seed}")
    kinds = [KINDS[number % len(KINDS)] for number in range(count)]
    random.shuffle(kinds)
    try:
        async with asyncio.TaskGroup() as group:
            for number, racer in enumerate(everybody):
                group.create_task(_run_all(racer, kinds[number :: len(everybody)]))
        await asyncio.sleep(LINGER_SECONDS)
    finally:
        for racer in everybody:
            racer.end()
    figures.races.update(kinds)
    for racer in everybody:
        figures.faults.update(racer.arrivals.faults)
        figures.findings += racer.arrivals.findings
        figures.published += racer.published
        figures.received += racer.arrivals.received
        figures.logins += racer.logins
    figures.seconds = time.monotonic() - began
    return figures


async def _run_all(racer: Racer, kinds: list[str]) -> None:
    await racer.begin()
    for kind in kinds:
        await racer.race(kind)
