"""The store's settings, read once from the environment. Each has its reason beside it."""

from dataclasses import dataclass

from bus.environment import Environment
from bus.settings import BusSettings
from schemas.policies import DAY_SECONDS

KIB = 1024
MIB = 1024 * KIB
LEAST_GRACE_SECONDS = 120


@dataclass(frozen=True)
class Settings:
    """How the store keeps and answers."""

    bus: BusSettings
    policies: str = ""  # path of a JSON file with room types; empty: only the built-in ones
    replicas: int = 1  # 3 in a cluster, so that one lost disk loses nothing
    page_messages: int = 500  # of one topic in one reply: some 50 KB of chat
    page_bytes: int = 512 * KIB  # of one reply: a quarter of NATS's max_payload as we run it
    cache_bytes: int = 64 * MIB  # some 400,000 messages of 150 bytes, for a storm of reconnects
    cache_seconds: float = 300.0  # at least, at most twice: for who was away for some minutes
    message_bytes: int = MIB  # of one stored message, headers included: NATS's default payload
    wait_seconds: float = 4.0  # for a view to catch up; below the caller's 5 s, who learns why
    sweep_seconds: float = 60.0  # between two ends of retention: how exact "1 hour" is on disk
    grace_seconds: int = DAY_SECONDS  # all stores may be away that long and still tell each gap
    forget_seconds: int = 180 * DAY_SECONDS  # a device that moved no position for half a year
    event_seconds: int = 30 * DAY_SECONDS  # for those who read events after an absence
    dedupe_seconds: int = 120  # for which an id is remembered; nats-server holds each in memory

    @classmethod
    def read(cls, environment: Environment) -> "Settings":
        """Read GOIM_REPLICAS, GOIM_POLICIES, GOIM_STORE_*, GOIM_DEDUPE_SECONDS and the bus's."""
        whole, number = environment.integer, environment.number
        settings = cls(
            bus=BusSettings.read(environment),
            policies=environment.text("GOIM_POLICIES"),
            replicas=whole("GOIM_REPLICAS", cls.replicas, 1, 5),
            page_messages=whole("GOIM_STORE_PAGE_MESSAGES", cls.page_messages, 1, 5000),
            page_bytes=whole("GOIM_STORE_PAGE_BYTES", cls.page_bytes, KIB, 32 * MIB),
            cache_bytes=whole("GOIM_STORE_CACHE_BYTES", cls.cache_bytes, 0),
            cache_seconds=number("GOIM_STORE_CACHE_SECONDS", cls.cache_seconds, 1, 86_400),
            message_bytes=whole("GOIM_STORE_MESSAGE_BYTES", cls.message_bytes, KIB, 32 * MIB),
            wait_seconds=number("GOIM_STORE_WAIT_SECONDS", cls.wait_seconds, 0.1, 60),
            sweep_seconds=number("GOIM_STORE_SWEEP_SECONDS", cls.sweep_seconds, 1, 3600),
            grace_seconds=whole("GOIM_STORE_GRACE_SECONDS", cls.grace_seconds, LEAST_GRACE_SECONDS),
            forget_seconds=whole(
                "GOIM_STORE_FORGET_SECONDS", cls.forget_seconds, DAY_SECONDS, 3650 * DAY_SECONDS
            ),
            event_seconds=whole(
                "GOIM_STORE_EVENT_SECONDS", cls.event_seconds, 3600, 3650 * DAY_SECONDS
            ),
            dedupe_seconds=whole("GOIM_DEDUPE_SECONDS", cls.dedupe_seconds, 10, 3600),
        )
        if settings.grace_seconds < settings.dedupe_seconds:
            words = "must be no less than GOIM_DEDUPE_SECONDS: JetStream wants that"
            environment.refuse("GOIM_STORE_GRACE_SECONDS", words)
        return settings
