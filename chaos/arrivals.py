"""DECIDE whether all that is due to one client came: each message once, and in order."""

from collections import Counter, defaultdict

FAULTS = ("lost", "duplicated", "out_of_order", "gaps_told")


class Arrivals:
    """By topic: what is stored for a client that resumes, and what it got."""

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self.findings: list[str] = []
        self.received = 0
        self._due: defaultdict[str, set[int]] = defaultdict(set)  # and did not come yet
        self._early: defaultdict[str, set[int]] = defaultdict(
            set
        )  # came before it was acknowledged
        self._seen: defaultdict[str, set[int]] = defaultdict(set)
        self._highest: Counter[str] = Counter()

    @property
    def complete(self) -> bool:
        """True when nothing is missing, and nothing came that nobody published."""
        return not any(self._due.values()) and not any(self._early.values())

    def store(self, topic: str, sequence: int) -> None:
        """The publisher was told that a message is stored."""
        if sequence in self._early[topic]:
            self._early[topic].discard(sequence)
        else:
            self._due[topic].add(sequence)

    def receive(self, topic: str, sequence: int) -> None:
        """A message has come."""
        self.received += 1
        if sequence in self._seen[topic]:
            self._note("duplicated", topic, sequence)
            return
        if sequence < self._highest[topic]:
            self._note("out_of_order", topic, sequence)
        self._highest[topic] = max(self._highest[topic], sequence)
        self._seen[topic].add(sequence)
        if sequence in self._due[topic]:
            self._due[topic].discard(sequence)
        else:
            self._early[topic].add(sequence)

    def tell_gap(self, topic: str, to: int) -> None:
        """The client was told that messages are gone; none is."""
        self._note("gaps_told", topic, to)

    def give_up(self) -> None:
        """Wait no longer for what did not come."""
        for topic, sequences in self._due.items():
            for sequence in sorted(sequences):
                self._note("lost", topic, sequence)
        self._due.clear()
        self._early.clear()

    def _note(self, fault: str, topic: str, sequence: int) -> None:
        self.faults[fault] += 1
        self.findings.append(f"{fault}: {topic}, sequence {sequence}")
