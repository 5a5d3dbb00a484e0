"""structlog, set up once: one event a line, as text or JSON, on standard error."""

import logging
import sys
from functools import partial
from time import monotonic
from typing import Any

import structlog
from structlog.typing import EventDict

RARE_LOG_SECONDS = 10.0


def configure_logs(service: str, log_format: str = "text", level: str = "info") -> None:
    """Send every event to standard error with time, level and service name.

    What libraries log by the standard library's logging, from warnings on, comes the same way.
    """
    number = logging.getLevelName(level.upper())
    in_text = log_format != "json"
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            partial(_add_service, service),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if in_text else [structlog.processors.format_exc_info]),
            _text_renderer() if in_text else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=max(number, logging.WARNING), force=True)


class _ToStructlog(logging.Handler):
    """Hands over what libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno,
            "library_log",
            library=record.name,
            words=record.getMessage(),
            exc_info=record.exc_info,
        )


def _add_service(service: str, _: Any, __: str, event: EventDict) -> EventDict:
    event.setdefault("service", service)
    return event


def _text_renderer() -> structlog.typing.Processor:
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        pad_event_to=24,
        exception_formatter=structlog.dev.plain_traceback,
    )


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
        now = monotonic()
        if now < self._next_at:
            return False
        self._next_at = now + RARE_LOG_SECONDS
        return True
