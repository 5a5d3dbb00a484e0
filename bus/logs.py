"""structlog, set up once: one event a line, as text or JSON, on standard error."""

import logging
import sys
import time
from typing import Any

import structlog

RARE_LOG_SECONDS = 10.0


def configure_logs(service: str, log_format: str = "text", level: str = "info") -> None:
    """Send every event to standard error with time, level and service name."""
    renderer: structlog.typing.Processor
    if log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)


class RareLog:
    """Counts all that goes wrong in one place, and logs the first and then one in 10 s."""

    def __init__(self, event: str) -> None:
        self.count = 0
        self._event = event
        self._next_at = 0.0

    def exception(self, **fields: Any) -> None:
        """Count the exception being handled; log it with its stack when it is time."""
        if self._is_time():
            structlog.get_logger().exception(self._event, count=self.count, **fields)

    def warning(self, **fields: Any) -> None:
        """Count it; log it when it is time."""
        if self._is_time():
            structlog.get_logger().warning(self._event, count=self.count, **fields)

    def _is_time(self) -> bool:
        self.count += 1
        now = time.monotonic()
        if now < self._next_at:
            return False
        self._next_at = now + RARE_LOG_SECONDS
        return True
