"""Tell in the log when NATS goes and when it is back: once each, however often is tried."""

import time
from urllib.parse import ParseResult

import structlog

log = structlog.get_logger()

MOST_TOLD = 5  # different reasons in one outage


class Outage:
    """Whether NATS is away, since when, and which reasons were told."""

    def __init__(self) -> None:
        self.seconds = 0.0  # of all outages that have ended
        self._since: float | None = None
        self._ever = False
        self._reason = ""
        self._told: set[str] = set()

    def note_cut(self) -> None:
        """The connection is lost."""
        if self._since is None:
            self._since = time.monotonic()
            log.warning("nats_disconnected", reason=self._reason or "no answer")

    def note_failure(self, error: Exception) -> None:
        """A connection could not be made, or is about to be lost, for this reason."""
        words = str(error) or type(error).__name__
        if self._ever and self._since is None:
            self._reason = words
        elif words not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(words)
            log.warning("nats_unreachable", error=words)

    def note_return(self, server: ParseResult | None) -> None:
        """The connection stands."""
        away = 0.0 if self._since is None else time.monotonic() - self._since
        self.seconds += away
        address = "" if server is None else f"{server.hostname}:{server.port}"
        event = "nats_reconnected" if self._ever else "nats_connected"
        log.info(event, server=address, away_seconds=round(away, 3))
        self._since, self._ever, self._reason = None, True, ""
        self._told.clear()
