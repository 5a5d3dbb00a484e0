"""EDGE `goim.admit.<type>`: who may change or refuse a message before it is published.

All questions are under way at once, so that a slow answer holds up nobody else; but what one
sender sends to one topic goes on in the order in which it came.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from functools import partial

from bus.connection import Bus, Reply
from bus.errors import NoResponders, RequestTimeout
from bus.logs import RareLog
from bus.metrics import Reading
from router.admission import Sending, most_bytes
from router.errors import AdmissionAway
from router.readings import totals
from router.verdicts import AnswerUnusable, Verdict, admit_request, read_verdict
from schemas.policies import Policy

OFF, REQUIRED = "off", "required"
RESULTS = ("allowed", "changed", "refused", "absent", "late", "failed", "unusable")
LEAST_SECONDS = 0.01
OnVerdict = Callable[[Verdict], None]


class _Waiting:
    """One message on its way through; it goes on when those before it have."""

    __slots__ = ("on_verdict", "verdict")

    def __init__(self, on_verdict: OnVerdict) -> None:
        self.on_verdict = on_verdict
        self.verdict: Verdict | None = None


class Responder:
    """Asks about messages where the policy of their room type says so."""

    def __init__(self, bus: Bus, max_body_bytes: int) -> None:
        self.counts: Counter[str] = Counter()
        self._bus = bus
        self._max_body_bytes = max_body_bytes
        self._rows: dict[tuple[str, int, str], deque[_Waiting]] = {}  # by topic and sender
        self._log = RareLog("admission_away")

    def ask(self, sending: Sending, policy: Policy, body: bytes, on_verdict: OnVerdict) -> None:
        """Call `on_verdict` once, at once where nobody is to be asked; it must not raise."""
        key = (sending.topic, sending.mid, sending.session if sending.mid <= 0 else "")
        row = self._rows.get(key)
        if policy.admit == OFF and row is None:
            on_verdict(Verdict(body))
            return
        if row is None:
            row = self._rows[key] = deque()
        waiting = _Waiting(on_verdict)
        row.append(waiting)
        if policy.admit == OFF:
            waiting.verdict = Verdict(body)
            return
        receive = partial(self._receive, key, waiting, policy, body)
        subject, seconds = self._bus.subjects.admit(sending.room_type), policy.admit_seconds
        payload = admit_request(sending, body)
        self._bus.request(subject, payload, receive, max(seconds, LEAST_SECONDS))

    def readings(self) -> Iterable[Reading]:
        """What was counted, for Prometheus."""
        results = {result: self.counts[result] for result in RESULTS}
        words = "messages that goim.admit was asked about, by what it said"
        yield totals("admissions", words, "result", results)

    def _receive(
        self,
        key: tuple[str, int, str],
        waiting: _Waiting,
        policy: Policy,
        body: bytes,
        reply: Reply,
    ) -> None:
        waiting.verdict = self._judge(policy, body, reply)
        row = self._rows[key]
        while row and row[0].verdict is not None:
            first = row.popleft()
            assert first.verdict is not None
            first.on_verdict(first.verdict)
        if not row:
            del self._rows[key]

    def _judge(self, policy: Policy, body: bytes, reply: Reply) -> Verdict:
        if reply.error is not None:
            return self._without(policy, body, _result_of(reply.error), str(reply.error))
        try:
            verdict = read_verdict(reply.payload, body, most_bytes(policy, self._max_body_bytes))
        except AnswerUnusable as error:
            return self._without(policy, body, "unusable", str(error))
        if verdict.error is not None:
            self.counts["refused"] += 1
        else:
            self.counts["allowed" if verdict.body == body else "changed"] += 1
        return verdict

    def _without(self, policy: Policy, body: bytes, result: str, problem: str) -> Verdict:
        """Nobody said anything that counts."""
        self.counts[result] += 1
        self._log.warning(result=result, error=problem)
        return Verdict(body, AdmissionAway(problem) if policy.admit == REQUIRED else None)


def _result_of(error: Exception) -> str:
    if isinstance(error, NoResponders):
        return "absent"
    return "late" if isinstance(error, RequestTimeout) else "failed"
