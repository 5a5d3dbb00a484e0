"""DECIDE which promises did not come true, from the ledger of a run.

What is promised to whom, and counted as what when it is broken:

    everybody     what was acknowledged is in its stream, once                 lost, duplicated
                  a frame is what was published, where it was published               altered
                  no frame of a room that one is not in, of another member, of
                  another key, of an operation that one does not accept             forbidden
                  not its own message, on the connection that sent it             duplicated
    `ext` that    each stored message of its topics once                     lost, duplicated
    resumes       in the order of the stream                                     out_of_order
                  nothing is passed over that was not announced (op 28)      unannounced_gaps
                  nothing is announced that retention has left                        lost
    all others    each stored message of its topics; after a cut it may come again       lost
                  in the order of the stream, whenever it comes first            out_of_order

A member's topic begins with its first message: a new device gets all that is retained. A room's,
and that of messages to all, begins where the device first was: with an `ext` client that resumes
where it was told to be live, with others where the store has a position of theirs, and in any
case between the first and the last message of one visit. What is not stored may be lost, and what
a device sent itself may come to its later connections or not.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from chaos.ledger import NO_TOPIC, DeviceLog, Event, Kind, Ledger, Published, key_topic
from schemas.subjects import ALL_TOPIC, member_topic

PROMISES = ("lost", "duplicated", "out_of_order", "unannounced_gaps", "forbidden", "altered")
MOST_TOLD = 20  # findings of each kind that are told one by one


class Finding(NamedTuple):
    """One broken promise; number and sequence are 0 where there is none."""

    device: str  # "" for what a stream or a publisher saw
    topic: str
    number: int
    sequence: int
    words: str


@dataclass
class Verdict:
    """How often each promise was broken, and the first findings of each."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    delivered: int = 0  # frames
    repeated: int = 0  # to clients that may get a message again
    announced: int = 0  # gaps told

    @property
    def is_clean(self) -> bool:
        """True when every promise came true."""
        return not any(self.counts[promise] for promise in PROMISES)

    def add(self, promise: str, finding: Finding) -> None:
        """Count a broken promise."""
        self.counts[promise] += 1
        told = self.findings.setdefault(promise, [])
        if len(told) < MOST_TOLD:
            told.append(finding)


class Stored:
    """One topic as its stream holds it."""

    def __init__(self, entries: list[tuple[int, int]]) -> None:
        self.sequences = [sequence for sequence, _ in entries]
        self.numbers = [number for _, number in entries]
        self.of_number = {number: sequence for sequence, number in reversed(entries)}

    def above(self, after: int, to: int | None = None) -> Iterator[tuple[int, int]]:
        """Yield (sequence, number) of the messages in (after, to]."""
        start = bisect_right(self.sequences, after)
        end = len(self.sequences) if to is None else bisect_right(self.sequences, to)
        for at in range(start, end):
            yield self.sequences[at], self.numbers[at]


NOTHING = Stored([])


class Truth:
    """What was published and is stored."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.strangers: list[tuple[str, int]] = []  # in a stream, and published by nobody
        self.stored: dict[str, Stored] = {}
        for topic, entries in ledger.stored.items():
            known = [one for one in entries if ledger.message(one[1]) is not None]
            self.stored[topic] = Stored(known)
            if len(known) < len(entries):
                self.strangers += [(topic, one[0]) for one in entries if one not in known]

    def topic(self, name: str) -> Stored:
        """Return what is stored of a topic."""
        return self.stored.get(name, NOTHING)


def judge(ledger: Ledger) -> Verdict:
    """Return the verdict over a run that is over."""
    verdict, truth = Verdict(), Truth(ledger)
    _judge_storage(truth, verdict)
    for log in ledger.devices.values():
        DeviceJudge(truth, log, verdict).judge()
    return verdict


def _judge_storage(truth: Truth, verdict: Verdict) -> None:
    """Compare what publishers were told with what the streams hold."""
    for stream in truth.ledger.went_back:
        words = "the stream lost its end, or was made anew"
        verdict.add("lost", Finding("", stream, 0, 0, words))
    for topic, number, sequence in truth.ledger.acked:
        held = truth.topic(topic).of_number.get(number)
        if held is None:
            words = "acknowledged, and not in the stream"
            verdict.add("lost", Finding("", topic, number, sequence, words))
        elif sequence and held != sequence:
            words = f"acknowledged under another sequence than {held}, which the stream has"
            verdict.add("altered", Finding("", topic, number, sequence, words))
    for topic, sequence in truth.strangers:
        verdict.add("altered", Finding("", topic, 0, sequence, "stored, and published by nobody"))
    for topic, stored in truth.stored.items():
        for sequence, number in stored.above(0):
            if stored.of_number[number] != sequence:
                finding = Finding("", topic, number, sequence, "stored a second time")
                verdict.add("duplicated", finding)


class DeviceJudge:
    """Goes through what one device saw."""

    def __init__(self, truth: Truth, log: DeviceLog, verdict: Verdict) -> None:
        self._truth = truth
        self._log = log
        self._verdict = verdict
        self._names = truth.ledger.topics
        self._own_topics = {member_topic(log.mid), ALL_TOPIC, key_topic(log.key)}
        self._rooms: set[str] = set()  # whose frames may come now
        self._connection = 0
        self._unstored: set[int] = set()  # numbers that came on this connection
        self._courses: dict[str, Course] = {}

    def judge(self) -> None:
        """Add what is wrong to the verdict."""
        for event in self._log.events():
            match event.kind:
                case Kind.OPENED:
                    self._connection = event.first
                    self._rooms.clear()
                    self._unstored.clear()
                    for course in self._courses.values():
                        course.begin_visit()
                case Kind.ENTERED:
                    self._rooms.add(self._names[event.topic])
                    self._course(self._names[event.topic]).begin_visit()
                case Kind.LEFT:
                    self._rooms.discard(self._names[event.topic])
                case Kind.FRAME:
                    self._judge_frame(event)
                case Kind.GAP:
                    self._verdict.announced += 1
                    self._course(self._names[event.topic]).announce(event.first, event.second)
                case Kind.LIVE:
                    self._course(self._names[event.topic]).reach(event.first)
        for topic in {*self._courses, member_topic(self._log.mid)}:
            self._course(topic).end()

    def _judge_frame(self, event: Event) -> None:
        self._verdict.delivered += 1
        told = "" if event.topic == NO_TOPIC else self._names[event.topic]
        message = self._truth.ledger.message(event.first)
        if message is None:
            self._add("altered", told, event.first, event.second, "nobody published this")
            return
        topic = self._topic_of(message, told)
        if topic is None:
            words = f"it was published to {' '.join(message.topics)}"
            self._add("forbidden", told, event.first, event.second, words)
            return
        if event.operation != message.operation:
            words = f"came with operation {event.operation}, not {message.operation}"
            self._add("altered", topic, event.first, event.second, words)
        if not self._may_get(topic, message):
            self._add("forbidden", topic, event.first, event.second, "it had no right to it")
        if message.stored:
            self._judge_stored(topic, message, event)
        elif event.first in self._unstored:
            words = "came twice on one connection"
            self._add("duplicated", topic, event.first, 0, words)
        self._unstored.add(event.first)

    def _topic_of(self, message: Published, told: str) -> str | None:
        """Return the topic under which this device may have got the message."""
        if told:
            return told if told in message.topics else None
        own = [one for one in message.topics if one in self._own_topics]
        rooms = [one for one in message.topics if one.startswith("room.")]
        return next(iter((*own, *rooms)), None)

    def _may_get(self, topic: str, message: Published) -> bool:
        if topic.startswith("room."):
            return topic in self._rooms
        return topic in self._own_topics and message.operation in self._log.accepts

    def _judge_stored(self, topic: str, message: Published, event: Event) -> None:
        sequence = self._truth.topic(topic).of_number.get(event.first)
        if sequence is None:
            words = "came, and is not in the stream"
            self._add("altered", topic, event.first, event.second, words)
            return
        if event.second and event.second != sequence:
            words = f"came under another sequence than {sequence}"
            self._add("altered", topic, event.first, event.second, words)
        if message.sender != self._log.name:
            self._course(topic).receive(sequence, event.first)
        elif message.connection == self._connection:
            words = "came back to the connection that sent it"
            self._add("duplicated", topic, event.first, sequence, words)

    def _course(self, topic: str) -> "Course":
        course = self._courses.get(topic)
        if course is None:
            kind = StrictCourse if self._log.resumes else Course
            course = self._courses[topic] = kind(self._truth, self._log, topic, self._verdict)
        return course

    def _add(self, promise: str, topic: str, number: int, sequence: int, words: str) -> None:
        self._verdict.add(promise, Finding(self._log.name, topic, number, sequence, words))


class Course:
    """How one stored topic came to one device that may get a message again after a cut."""

    def __init__(self, truth: Truth, log: DeviceLog, topic: str, verdict: Verdict) -> None:
        self._stored = truth.topic(topic)
        self._messages = truth.ledger.messages
        self._log = log
        self._topic = topic
        self._verdict = verdict
        self._seen: set[int] = set()
        self._highest = 0
        self._visit: tuple[int, int] | None = None  # its first and last sequence
        self._visits: list[tuple[int, int]] = []
        self._announced: list[tuple[int, int]] = []
        self._retained = truth.ledger.retained.get(topic)
        known = truth.ledger.positions.get((log.mid, log.device), {})
        self._begin = 0 if topic == member_topic(log.mid) else known.get(topic)

    def begin_visit(self) -> None:
        """The device is there anew: the next message may be one that it had before."""
        if self._visit is not None:
            self._visits.append(self._visit)
        self._visit = None

    def receive(self, sequence: int, number: int) -> None:
        """A message has come."""
        again = sequence in self._seen
        if self._visit is not None and sequence <= self._visit[1]:
            words = f"came after {self._visit[1]} on the same visit"
            self._add("out_of_order", number, sequence, words)
        elif not again and sequence < self._highest:
            self._add("out_of_order", number, sequence, f"came first after {self._highest}")
        self._verdict.repeated += again
        self._seen.add(sequence)
        self._highest = max(self._highest, sequence)
        first, last = self._visit or (sequence, sequence)
        self._visit = (first, max(last, sequence))

    def announce(self, after: int, to: int) -> None:
        """Messages are said to be gone; they may be, where newer ones fill the retention."""
        self._announced.append((after, to))
        newer = sum(1 for _ in self._stored.above(to))
        if self._retained is None or newer < self._retained:
            self._add("lost", 0, to, f"said to be gone after {after}, and retained")

    def reach(self, sequence: int) -> None:
        """The topic is said to be complete up to there."""

    def end(self) -> None:
        """Nothing comes any more: what is due and did not come is lost."""
        self.begin_visit()
        for sequence, number in self._stored.above(0):
            excused = self._is_told(sequence) if self._log.ext else self._may_be_gone(sequence)
            if sequence not in self._seen and not excused and self._is_due(sequence, number):
                self._add("lost", number, sequence, "never came")

    def _is_told(self, sequence: int) -> bool:
        """Tell whether the device was told that the message is gone, and it could be."""
        told = any(first < sequence <= last for first, last in self._announced)
        return told and self._may_be_gone(sequence)

    def _may_be_gone(self, sequence: int) -> bool:
        """Tell whether retention may have ended for the message by now."""
        if self._retained is None:
            return False
        return sequence < self._stored.sequences[-self._retained :][0]

    def _is_due(self, sequence: int, number: int) -> bool:
        begun = self._begin is not None and sequence > self._begin
        within = any(first < sequence < last for first, last in self._visits)
        return (begun or within) and self._is_meant(number)

    def _is_meant(self, number: int) -> bool:
        """Tell whether the device is to get it: it accepts it, and did not send it itself."""
        message = self._messages[number - 1]
        if message.sender == self._log.name:
            return False
        return self._topic.startswith("room.") or message.operation in self._log.accepts

    def _add(self, promise: str, number: int, sequence: int, words: str) -> None:
        self._verdict.add(promise, Finding(self._log.name, self._topic, number, sequence, words))


class StrictCourse(Course):
    """How it came to an `ext` device that resumes: each message once."""

    def __init__(self, truth: Truth, log: DeviceLog, topic: str, verdict: Verdict) -> None:
        super().__init__(truth, log, topic, verdict)
        self._begin = 0 if topic == member_topic(log.mid) else None

    def receive(self, sequence: int, number: int) -> None:
        """A message has come."""
        if sequence in self._seen:
            self._add("duplicated", number, sequence, "came a second time")
            return
        if sequence < self._highest:
            self._add("out_of_order", number, sequence, f"came after {self._highest}")
        elif self._begin is None:
            self._begin = sequence - 1
        else:
            self._look_for_gap(sequence - 1)
        self._seen.add(sequence)
        self._highest = max(self._highest, sequence)

    def reach(self, sequence: int) -> None:
        """The topic is said to be complete up to there."""
        if sequence < self._highest:
            words = f"said to be complete only up to there, after {self._highest}"
            self._add("out_of_order", 0, sequence, words)
            return
        if self._begin is None:
            self._begin = sequence
        else:
            self._look_for_gap(sequence)
        self._highest = max(self._highest, sequence)

    def _look_for_gap(self, to: int) -> None:
        after = max(self._highest, self._begin or 0)
        for sequence, number in self._stored.above(after, to):
            told = self._is_told(sequence)
            if not told and sequence not in self._seen and self._is_meant(number):
                self._add("unannounced_gaps", number, sequence, f"passed over on the way to {to}")

    def _is_due(self, sequence: int, number: int) -> bool:
        return self._begin is not None and sequence > self._begin and self._is_meant(number)
