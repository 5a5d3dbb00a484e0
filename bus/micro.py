"""What a NATS micro service tells about itself (NATS ADR-32), as data."""

import time
from dataclasses import dataclass, field
from json import dumps
from typing import Any

from bus.direct import DirectSubscription

ERROR = "Nats-Service-Error"
ERROR_CODE = "Nats-Service-Error-Code"
VERBS = ("PING", "INFO", "STATS")
NANOSECONDS = 1_000_000_000


@dataclass(slots=True)
class Endpoint:
    """One subject that is served, and its counters."""

    name: str
    subject: str
    queue: str
    requests: int = 0
    errors: int = 0
    refused: int = 0  # of the errors: too much was under way
    last_error: str = ""
    seconds: float = 0.0  # of work, summed up
    active: int = 0  # requests under way
    subscription: DirectSubscription | None = None

    def note_error(self, code: int, words: str) -> None:
        """Count an answer that says no."""
        self.errors += 1
        self.last_error = f"{code}:{words}"


@dataclass(slots=True)
class Description:
    """A service as `$SRV` requests see it."""

    name: str
    id: str
    version: str
    description: str
    endpoints: list[Endpoint] = field(default_factory=list)
    started: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))

    def subjects(self) -> list[str]:
        """Where the service is asked about itself: all, by name, by id."""
        tails = ("", f".{self.name}", f".{self.name}.{self.id}")
        return [f"$SRV.{verb}{tail}" for verb in VERBS for tail in tails]

    def answer(self, verb: str) -> bytes:
        """Return the answer to PING, INFO or STATS."""
        told: dict[str, Any] = {
            "type": f"io.nats.micro.v1.{verb.lower()}_response",
            "name": self.name,
            "id": self.id,
            "version": self.version,
            "metadata": {},
        }
        if verb == "INFO":
            told["description"] = self.description
            told["endpoints"] = [_identity(one) | {"metadata": {}} for one in self.endpoints]
        elif verb == "STATS":
            told["started"] = self.started
            told["endpoints"] = [_identity(one) | _statistics(one) for one in self.endpoints]
        return dumps(told).encode()


def _identity(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "subject": endpoint.subject,
        "queue_group": endpoint.queue,
    }


def _statistics(endpoint: Endpoint) -> dict[str, Any]:
    nanoseconds = int(endpoint.seconds * NANOSECONDS)
    return {
        "num_requests": endpoint.requests,
        "num_errors": endpoint.errors,
        "last_error": endpoint.last_error,
        "processing_time": nanoseconds,
        "average_processing_time": nanoseconds // max(1, endpoint.requests),
        "data": {"active": endpoint.active, "refused": endpoint.refused},
    }
