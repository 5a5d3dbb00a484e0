"""What can be measured: where clients connect, where messages are published, what is running."""

from dataclasses import dataclass

from bench.errors import PartFailed
from bench.processes import cpu_seconds
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
    speaks: str = "goim"  # or "centrifugo", "nats"
    http_port: int = 0  # goim's HTTP API
    stores: bool = True  # so that no message may be missing
    batch: int = 0  # so many messages are pushed together, where so many are in flight

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU time of each process so far. Raises PartFailed when one has ended."""
        try:
            return {part: cpu_seconds(process_id) for part, process_id in self.processes.items()}
        except OSError as error:
            raise PartFailed(self.name, f"a process of it has ended ({error})") from error

    def client_transport(self, transport: str) -> str:
        """Return how the load client is to speak."""
        return self.speaks if self.speaks != "goim" else transport

    def subject(self, topic: str, stored: bool, window: int = 1) -> str:
        """Return where a message for a topic is published."""
        way = SUBJECTS.push if self.batches(window) or (stored and self.stores) else SUBJECTS.cast
        return way(topic, OPERATION)

    def batches(self, window: int) -> bool:
        """Tell whether messages wait for others there, when so many are in flight."""
        return 0 < self.batch <= window
