"""The router's settings and limits, read once from the environment."""

from dataclasses import dataclass, field

from bus.environment import Environment, Secret
from bus.limits import LimitModes
from bus.settings import BusSettings

UNDELIVERED = ("reference", "body", "off")
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


@dataclass(frozen=True)
class PublisherSettings:
    """How stored messages are grouped, bounded and retried (publisher.py)."""

    group_seconds: float = 0.003  # least time between the starts of two batches
    batch_from: int = 8  # fewer are quicker one by one; about 200 where syncing is relaxed
    batch_most: int = 1000  # nats-server's own limit
    queue_messages: int = 20_000
    queue_bytes: int = 67_108_864
    seconds: float = 4.0  # to be confirmed, retries included; under the callers' 5 s
    attempt_seconds: float = 2.0
    dedupe_seconds: int = 120  # for which the streams remember an id

    @classmethod
    def read(cls, read: Environment) -> "PublisherSettings":
        """Read GOIM_PUBLISH_* and GOIM_DEDUPE_SECONDS."""
        return cls(
            group_seconds=read.number("GOIM_PUBLISH_GROUP_SECONDS", cls.group_seconds, 0, 0.1),
            batch_from=read.integer("GOIM_PUBLISH_BATCH_FROM", cls.batch_from, 2, 1000),
            batch_most=read.integer("GOIM_PUBLISH_BATCH_MOST", cls.batch_most, 1, 1000),
            queue_messages=read.integer("GOIM_PUBLISH_QUEUE_MESSAGES", cls.queue_messages, 1),
            queue_bytes=read.integer("GOIM_PUBLISH_QUEUE_BYTES", cls.queue_bytes, 1),
            seconds=read.number("GOIM_PUBLISH_SECONDS", cls.seconds, 0.1, 60),
            attempt_seconds=read.number(
                "GOIM_PUBLISH_ATTEMPT_SECONDS", cls.attempt_seconds, 0.05, 60
            ),
            dedupe_seconds=read.integer("GOIM_DEDUPE_SECONDS", cls.dedupe_seconds, 10, 3600),
        )


@dataclass(frozen=True)
class PushSettings:
    """Bounds of the push calls (pushing.py)."""

    body_bytes: int = 1_000_000  # goim's: the largest value of its Kafka topic
    targets: int = 10_000  # keys or mids of one push
    gateway_seconds: float = 2.0  # for a gateway to answer a push to keys
    undelivered: str = "reference"  # events about what nobody got: without or with "body"; "off"
    undelivered_waiting: int = 20_000  # messages to be looked at; what is beyond makes no event

    @classmethod
    def read(cls, read: Environment) -> "PushSettings":
        """Read GOIM_PUSH_* and GOIM_UNDELIVERED*."""
        return cls(
            body_bytes=read.integer("GOIM_PUSH_MAX_BYTES", cls.body_bytes, 1),
            targets=read.integer("GOIM_PUSH_MAX_TARGETS", cls.targets, 1),
            gateway_seconds=read.number("GOIM_PUSH_GATEWAY_SECONDS", cls.gateway_seconds, 0.05, 60),
            undelivered=read.text("GOIM_UNDELIVERED", cls.undelivered, UNDELIVERED),
            undelivered_waiting=read.integer(
                "GOIM_UNDELIVERED_WAITING", cls.undelivered_waiting, 1
            ),
        )


@dataclass(frozen=True)
class PresenceSettings:
    """Where presence is kept, and for how long a gateway is believed (presence.py)."""

    redis_url: Secret = Secret("redis://127.0.0.1:6379")
    redis_verify: bool = True  # the certificate of a rediss:// URL
    redis_seconds: float = 1.0  # for one answer of Redis
    redis_connections: int = 16
    lease_seconds: float = 10.0  # a gateway unheard of for so long holds nobody any more
    janitor_seconds: float = 2.0  # between two looks for ended leases
    who_most: int = 1000  # sessions in one answer of goim.presence.who
    members_most: int = 1000  # in one request of goim.presence.members
    grace_seconds: float = 5.0  # a member who is back within it was never away
    seen_seconds: int = 30 * 86_400  # when a member was seen last is known for so long
    switches: int = 6  # a minute, between devices of which a member may not have both
    settle_seconds: float = 0.25  # between two looks for members whose grace is over

    @classmethod
    def read(cls, read: Environment) -> "PresenceSettings":
        """Read REDIS_URL, GOIM_REDIS_* and the times and bounds of presence."""
        url = read.secret("REDIS_URL") or cls.redis_url
        if not url.startswith(REDIS_SCHEMES):
            read.refuse("REDIS_URL", f"must begin with one of {', '.join(REDIS_SCHEMES)}")
        return cls(
            redis_url=url,
            redis_verify=read.flag("GOIM_REDIS_VERIFY", cls.redis_verify),
            redis_seconds=read.number("GOIM_REDIS_SECONDS", cls.redis_seconds, 0.05, 60),
            redis_connections=read.integer(
                "GOIM_REDIS_CONNECTIONS", cls.redis_connections, 2, 1000
            ),
            lease_seconds=read.number("GOIM_LEASE_SECONDS", cls.lease_seconds, 1, 3600),
            janitor_seconds=read.number("GOIM_JANITOR_SECONDS", cls.janitor_seconds, 0.1, 3600),
            who_most=read.integer("GOIM_WHO_MOST", cls.who_most, 1, 100_000),
            members_most=read.integer("GOIM_MEMBERS_MOST", cls.members_most, 1, 100_000),
            grace_seconds=read.number("GOIM_OFFLINE_SECONDS", cls.grace_seconds, 0, 3600),
            seen_seconds=read.integer("GOIM_SEEN_SECONDS", cls.seen_seconds, 60, 10**9),
            switches=read.integer("GOIM_DEVICE_SWITCHES", cls.switches, 1, 1000),
            settle_seconds=read.number("GOIM_SETTLE_SECONDS", cls.settle_seconds, 0.01, 60),
        )


@dataclass(frozen=True)
class NodeSettings:
    """What `goim.nodes.weighted` tells clients beside the gateways' own data (nodes.py)."""

    domain: str = "localhost"  # goim's defaultDomain: told when there is no gateway
    host_domain: str = ""  # goim's hostDomain: `web` clients get hostname + this
    tcp_port: int = 0  # 0: as the best gateway reports
    ws_port: int = 0
    wss_port: int = 0
    heartbeat_seconds: int = 240  # goim's, and the gateway's
    heartbeats_missed: int = 2
    backoff_max_delay: int = 300  # goim's backoff: seconds, for the client's reconnect
    backoff_base_delay: int = 3
    backoff_factor: float = 1.8
    backoff_jitter: float = 0.3

    @classmethod
    def read(cls, read: Environment) -> "NodeSettings":
        """Read GOIM_NODE_*, GOIM_BACKOFF_*, GOIM_HEARTBEAT_SECONDS, GOIM_HEARTBEATS_MISSED."""
        return cls(
            domain=read.text("GOIM_NODE_DOMAIN", cls.domain),
            host_domain=read.text("GOIM_NODE_HOST_DOMAIN", cls.host_domain),
            tcp_port=read.integer("GOIM_NODE_TCP_PORT", cls.tcp_port, 0, 65535),
            ws_port=read.integer("GOIM_NODE_WS_PORT", cls.ws_port, 0, 65535),
            wss_port=read.integer("GOIM_NODE_WSS_PORT", cls.wss_port, 0, 65535),
            heartbeat_seconds=read.integer("GOIM_HEARTBEAT_SECONDS", cls.heartbeat_seconds, 1),
            heartbeats_missed=read.integer("GOIM_HEARTBEATS_MISSED", cls.heartbeats_missed, 1),
            backoff_max_delay=read.integer("GOIM_BACKOFF_MAX_DELAY", cls.backoff_max_delay),
            backoff_base_delay=read.integer("GOIM_BACKOFF_BASE_DELAY", cls.backoff_base_delay),
            backoff_factor=read.number("GOIM_BACKOFF_FACTOR", cls.backoff_factor, 1, 100),
            backoff_jitter=read.number("GOIM_BACKOFF_JITTER", cls.backoff_jitter, 0, 10),
        )


@dataclass(frozen=True)
class Settings:
    """All settings of a router."""

    bus: BusSettings = field(default_factory=BusSettings)
    publisher: PublisherSettings = field(default_factory=PublisherSettings)
    push: PushSettings = field(default_factory=PushSettings)
    presence: PresenceSettings = field(default_factory=PresenceSettings)
    nodes: NodeSettings = field(default_factory=NodeSettings)
    max_body_bytes: int = 4096  # goim's MaxBodySize, for what clients send
    limit_modes: LimitModes = field(default_factory=LimitModes)
    policies_file: str = ""

    @classmethod
    def read(cls, environment: Environment) -> "Settings":
        """Read NATS_URL, REDIS_URL and GOIM_*."""
        return cls(
            bus=BusSettings.read(environment),
            publisher=PublisherSettings.read(environment),
            push=PushSettings.read(environment),
            presence=PresenceSettings.read(environment),
            nodes=NodeSettings.read(environment),
            max_body_bytes=environment.integer("GOIM_MAX_BODY_BYTES", cls.max_body_bytes, 1),
            limit_modes=LimitModes.read(environment),
            policies_file=environment.text("GOIM_POLICIES"),
        )
