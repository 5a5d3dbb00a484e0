"""DECIDE whether and when a client comes back after its connection ended.

Full jitter: a random part of a delay that doubles from 0.5 s to 30 s, so that clients which a
server lost together do not come back together. A server that says when is believed.
"""

from dataclasses import dataclass

from schemas.close_codes import CloseCode, Retry

BASE_SECONDS = 0.5
MOST_SECONDS = 30.0
MOST_TOLD_SECONDS = 3600.0  # a server's told delay is believed up to here
STABLE_SECONDS = 10.0  # a login that held so long starts the delays from the base again
NO_CLOSE_CODE = 1006  # RFC 6455 7.1.5: the connection ended without a close frame


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection ended, as its last frames told it."""

    code: int = NO_CLOSE_CODE  # schemas/close_codes.py, or what a foreign server sent
    words: str = ""
    retry: Retry | None = None  # as op 29 said it; None: by the table
    after_seconds: float = 0.0

    @property
    def decision(self) -> Retry:
        """What a well-behaved client does now."""
        return self.retry if self.retry is not None else CloseCode.of(self.code).retry

    @property
    def reason(self) -> str:
        """The words for people."""
        if self.code == NO_CLOSE_CODE:
            return self.words or "the connection was lost"
        if self.words:
            return f"{self.words} ({self.code})"
        code = CloseCode.of(self.code)
        known = code.number == self.code
        return f"{code.words} ({self.code})" if known else f"closed with code {self.code}"


class Backoff:
    """Counts attempts and says how long to wait before the next one."""

    def __init__(self) -> None:
        self.attempts = 0

    def delay_seconds(self, ending: Ending, random: float) -> float:
        """Return the wait for this attempt; `random` is from 0 to 1.

        A told delay is never undercut, but gets up to half of itself on top.
        """
        most = min(MOST_SECONDS, BASE_SECONDS * 2.0 ** min(self.attempts, 16))
        self.attempts += 1
        if ending.after_seconds > 0:
            return ending.after_seconds + random * max(BASE_SECONDS, ending.after_seconds / 2)
        return random * most

    def logged_in_for(self, seconds: float) -> None:
        """Start from the base again when the last login held long enough."""
        if seconds >= STABLE_SECONDS:
            self.attempts = 0


def read_closing_notice(values: object) -> Ending:
    """Return what an op 29 body says; whatever is missing or odd in it falls back to the table."""
    if not isinstance(values, dict):
        return Ending()
    code, after, retry = values.get("code"), values.get("after"), values.get("retry")
    known = {one.value: one for one in Retry}
    return Ending(
        code=code if isinstance(code, int) else NO_CLOSE_CODE,
        words=str(values.get("message") or ""),
        retry=known.get(retry) if isinstance(retry, str) else None,
        after_seconds=min(float(after), MOST_TOLD_SECONDS)
        if isinstance(after, int | float) and after > 0
        else 0.0,
    )
