"""The settings every service has: where NATS is, the subject prefix, how to log."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bus.environment import Environment

SCHEMES = ("nats", "tls", "ws", "wss")


@dataclass(frozen=True)
class BusSettings:
    """How to reach NATS and how to be seen there."""

    nats_url: str = field(default="nats://127.0.0.1:4222", repr=False)  # comma list for a cluster
    nats_credentials: str = ""  # path of a .creds file
    prefix: str = "goim"
    ping_seconds: float = 2.0  # two unanswered: the peer is dead, noticed within 6 s
    request_seconds: float = 5.0  # default deadline of a request
    max_queued_bytes: int = 32 << 20  # waiting to be sent while NATS is slow
    max_requests: int = 100_000  # waiting for an answer
    inbox_prefix: str = "_INBOX"  # where answers come, for permissions per service
    log_format: str = "text"  # or json
    log_level: str = "info"
    metrics_port: int = 0  # 0: no metrics listener of its own (bus/monitoring.py)
    metrics_host: str = "127.0.0.1"
    direct: bool = True  # NATS_DIRECT=0 falls back to nats-py's own subscriptions

    @classmethod
    def read(cls, environment: Environment) -> "BusSettings":
        """Read NATS_URL, NATS_CREDENTIALS, NATS_DIRECT, GOIM_SUBJECT_PREFIX, GOIM_NATS_*,
        GOIM_REQUEST_SECONDS, GOIM_METRICS_PORT, GOIM_METRICS_HOST, GOIM_LOG_FORMAT and
        GOIM_LOG_LEVEL.
        """
        prefix = environment.text("GOIM_SUBJECT_PREFIX", "goim")
        if not re.fullmatch("[a-z0-9]{1,32}", prefix):
            environment.refuse("GOIM_SUBJECT_PREFIX", "must be small letters and digits")
        nats_url = environment.text("NATS_URL", DEFAULT.nats_url)
        if not all(map(is_nats_url, nats_url.split(","))):
            environment.refuse("NATS_URL", "must be nats://host:port, or several after commas")
        inbox_prefix = environment.text("GOIM_NATS_INBOX_PREFIX", DEFAULT.inbox_prefix)
        if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", inbox_prefix):
            environment.refuse("GOIM_NATS_INBOX_PREFIX", "must be a subject without wildcards")
        return cls(
            nats_url=nats_url,
            nats_credentials=environment.text("NATS_CREDENTIALS"),
            prefix=prefix,
            ping_seconds=environment.number(
                "GOIM_NATS_PING_SECONDS", DEFAULT.ping_seconds, 0.2, 60
            ),
            request_seconds=environment.number(
                "GOIM_REQUEST_SECONDS", DEFAULT.request_seconds, 0.1, 60
            ),
            max_queued_bytes=environment.integer(
                "GOIM_NATS_QUEUED_BYTES", DEFAULT.max_queued_bytes, 1 << 16
            ),
            max_requests=environment.integer("GOIM_NATS_REQUESTS", DEFAULT.max_requests, 1),
            inbox_prefix=inbox_prefix,
            log_format=environment.text("GOIM_LOG_FORMAT", "text", ("text", "json")),
            log_level=environment.text(
                "GOIM_LOG_LEVEL", "info", ("debug", "info", "warning", "error")
            ),
            metrics_port=environment.integer("GOIM_METRICS_PORT", 0, 0, 65535),
            metrics_host=environment.text("GOIM_METRICS_HOST", DEFAULT.metrics_host),
            direct=environment.flag("NATS_DIRECT", True),
        )


def is_nats_url(text: str) -> bool:
    """Tell whether nats-py can make an address of it."""
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"nats://{text}")
        return bool(parts.hostname) and parts.scheme in SCHEMES and parts.port != 0
    except ValueError:
        return False


DEFAULT = BusSettings()
