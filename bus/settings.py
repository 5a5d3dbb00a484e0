"""The settings every service has: where NATS is, the subject prefix, how to log."""

from dataclasses import dataclass

from bus.environment import Environment


@dataclass(frozen=True)
class BusSettings:
    """How to reach NATS and how to be seen there."""

    nats_url: str = "nats://127.0.0.1:4222"  # comma list for a cluster
    nats_credentials: str = ""  # path of a .creds file
    prefix: str = "goim"
    ping_seconds: float = 3.0  # two unanswered: the peer is dead, so at most 9 s to notice
    request_seconds: float = 5.0  # default deadline of a request
    log_format: str = "text"  # or json
    log_level: str = "info"
    metrics_port: int = 0  # 0: no metrics listener of its own
    direct: bool = True  # NATS_DIRECT=0 falls back to nats-py's own subscriptions

    @classmethod
    def read(cls, environment: Environment) -> "BusSettings":
        """Read NATS_URL, NATS_CREDENTIALS, NATS_DIRECT, GOIM_SUBJECT_PREFIX, GOIM_LOG_*."""
        prefix = environment.text("GOIM_SUBJECT_PREFIX", "goim")
        if not prefix.isalnum() or not prefix.isascii():
            environment.refuse("GOIM_SUBJECT_PREFIX", "must be letters and digits only")
        return cls(
            nats_url=environment.text("NATS_URL", DEFAULT.nats_url),
            nats_credentials=environment.text("NATS_CREDENTIALS"),
            prefix=prefix,
            ping_seconds=environment.number(
                "GOIM_NATS_PING_SECONDS", DEFAULT.ping_seconds, 0.2, 60
            ),
            request_seconds=environment.number(
                "GOIM_REQUEST_SECONDS", DEFAULT.request_seconds, 0.1, 60
            ),
            log_format=environment.text("GOIM_LOG_FORMAT", "text", ("text", "json")),
            log_level=environment.text(
                "GOIM_LOG_LEVEL", "info", ("debug", "info", "warning", "error")
            ),
            metrics_port=environment.integer("GOIM_METRICS_PORT", 0, 0, 65535),
            direct=environment.flag("NATS_DIRECT", True),
        )


DEFAULT = BusSettings()
