"""What can be measured: where clients connect, where messages are published, what is running."""

from dataclasses import dataclass, field

from schemas.subjects import Subjects

OPERATION = 1000  # of all messages, and what clients accept
SUBJECTS = Subjects()


@dataclass(frozen=True, slots=True)
class Target:
    """A running server: ours, the baseline, or another one behind something that speaks NATS."""

    name: str
    ports: dict[str, int]  # by transport: "ws", "tcp"
    publish_port: int  # speaks NATS
    processes: dict[str, int]  # process ids by name
    server: str  # which of them holds the clients
    speaks: str = "goim"  # or "centrifugo"
    http_port: int = 0  # goim's HTTP API
    details: dict[str, str] = field(default_factory=dict)

    def client_transport(self, transport: str) -> str:
        """Return how the load client is to speak."""
        return self.speaks if self.speaks != "goim" else transport

    def subject(self, topic: str, stored: bool) -> str:
        """Return where a message for a topic is published."""
        way = SUBJECTS.push if stored else SUBJECTS.cast
        return way(topic, OPERATION)
