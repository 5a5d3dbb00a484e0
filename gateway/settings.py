"""The gateway's settings and limits, read once from the environment (docs/settings.md)."""

from dataclasses import dataclass, field

from bus.environment import Environment, Secret
from bus.limits import LimitModes
from bus.settings import BusSettings
from gateway.device_policy import ALL, DevicePolicies, DevicePolicyRefused, read_device_policies
from gateway.proxies import Proxies, ProxyRefused
from gateway.tls import tls_context


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client, address or member may use; each refusal is counted by its name."""

    connections: int = 18_000  # a worker; below the usual descriptor limit of 20,000
    connections_per_address: int = 20_000  # many users share one behind a proxy or a NAT
    connections_per_member: int = 500
    further_rooms: int = 100  # that one connection hears beside the one of op 12
    body_bytes: int = 4096  # goim's MaxBodySize, of a frame from a client
    message_bytes: int = 8192  # of a WebSocket message (goim's readBufSize)
    message_fragments: int = 64
    message_seconds: float = 10.0  # from a message's first fragment to its last
    head_bytes: int = 65_536  # of an HTTP request's line and headers
    upgrade_seconds: float = 5.0  # from accept to a whole request head
    auth_seconds: float = 5.0  # from then to a valid auth frame
    frames_per_second: float = 50.0  # a connection, as a long-term rate
    frames_burst: int = 200
    address_frames_per_second: float = 0.0  # no limit: many users share an address
    address_frames_burst: int = 1000
    address_messages_per_second: float = 0.0  # of its frames, those to rooms and members
    address_messages_burst: int = 200
    asks_at_once: int = 16  # of history and what is unread, being answered to one connection
    asks_per_second: float = 10.0  # and in the long run
    asks_burst: int = 50
    history_messages: int = 200  # of one page
    history_bytes: int = 65_536  # of its bodies, of which it has one at least
    accepted_operations: int = 1000  # by op 14; a token may give more
    waiting_frames: int = 64  # behind one that is being answered; then the socket isn't read
    send_buffer_bytes: int = 65_536  # in the kernel, for one connection
    unsent_bytes: int = 65_536  # in the process; past it, the connection catches up later
    stalled_seconds: float = 30.0  # not reading for so long: closed
    recent_messages: int = 128  # kept for each room held, so that a short gap costs no request
    recent_bytes: int = 262_144


@dataclass(frozen=True)
class HttpSettings:
    """Limits of the HTTP API."""

    max_body_bytes: int = 1_000_000  # goim's: what Kafka takes as a value
    max_connections: int = 1000  # a listener; those that ask nothing make room for others
    max_pipelined: int = 16  # requests of one connection behind the one that is answered
    max_requests: int = 256  # at once; times the body limit bounds their memory
    body_seconds: float = 20.0  # from a request's head to the end of its body
    request_seconds: float = 5.0  # for the router's answer
    presence_open: bool = True  # /api/v1/presence/* need no key
    key_pushes_per_second: float = 0.0  # with the bearer key, on this worker; 0: no limit
    key_pushes_burst: int = 1000

    @classmethod
    def read(cls, read: Environment) -> "HttpSettings":
        """Read GOIM_HTTP_*."""
        return cls(
            max_body_bytes=read.integer("GOIM_HTTP_MAX_BODY_BYTES", cls.max_body_bytes, 1),
            max_connections=read.integer("GOIM_HTTP_MAX_CONNECTIONS", cls.max_connections, 10),
            max_pipelined=read.integer("GOIM_HTTP_MAX_PIPELINED", cls.max_pipelined),
            max_requests=read.integer("GOIM_HTTP_MAX_REQUESTS", cls.max_requests, 1),
            body_seconds=read.number("GOIM_HTTP_BODY_SECONDS", cls.body_seconds, 0.1),
            request_seconds=read.number("GOIM_HTTP_REQUEST_SECONDS", cls.request_seconds, 0.1),
            presence_open=read.flag("GOIM_HTTP_PRESENCE_OPEN", cls.presence_open),
            key_pushes_per_second=read.number(
                "GOIM_HTTP_KEY_PUSHES_PER_SECOND", cls.key_pushes_per_second
            ),
            key_pushes_burst=read.integer("GOIM_HTTP_KEY_PUSHES_BURST", cls.key_pushes_burst, 1),
        )


@dataclass(frozen=True)
class Settings:
    """All settings of a gateway worker."""

    bus: BusSettings = field(default_factory=BusSettings)
    limits: Limits = field(default_factory=Limits)
    limit_modes: LimitModes = field(default_factory=LimitModes)
    http: HttpSettings = field(default_factory=HttpSettings)
    host: str = "0.0.0.0"
    port: int = 3102  # goim's WebSocket port; 0: any free one
    tcp_port: int = -1  # raw TCP, none by default; goim's is 3101
    wss_port: int = -1  # goim's is 3103
    tls_tcp_port: int = -1
    tls_certificate: str = ""  # PEM files
    tls_key: str = ""
    http_host: str = "127.0.0.1"  # the trusted listener: goim's HTTP API without a key
    http_port: int = -1  # none by default; goim's is 3111
    api_key: Secret = Secret("")  # for the HTTP API on `port`
    workers: int = 1
    origins: tuple[str, ...] = ()  # beside the page's own; "*": any
    proxies: Proxies = field(default_factory=Proxies)  # believed about clients' addresses
    text_messages: bool = True  # goim takes text messages like binary ones
    heartbeat_seconds: int = 240  # goim's: clients in the wild beat as seldom as that
    heartbeats_missed: int = 2
    ext_heartbeat_seconds: int = 25  # under the 55 s that proxies wait
    ext_heartbeats_missed: int = 3  # browsers slow the timers of hidden pages to one a minute
    devices: DevicePolicies = field(default_factory=DevicePolicies)  # of a member at once
    presence_seconds: float = 3.0  # between two reports
    audit_seconds: float = 60.0  # all topics are compared with the store in this time
    drain_seconds: float = 8.0
    silent_seconds: float = 3.0  # a service without an answer for so long counts as away
    hostname: str = ""  # told by nodes/*; empty: this host's name
    region: str = ""
    zone: str = ""
    weight: int = 10
    public_addresses: tuple[str, ...] = ()
    policies_file: str = ""

    @classmethod
    def read(cls, environment: Environment) -> "Settings":
        """Read PORT, WEB_CONCURRENCY and GOIM_*."""
        read, limits = environment, Limits()
        open_mode = read.text("GOIM_AUTH", "token", ("open", "token")) == "open"
        settings = cls(
            bus=BusSettings.read(read),
            limits=_read_limits(read, limits),
            limit_modes=LimitModes.read(read),
            http=HttpSettings.read(read),
            host=read.text("GOIM_HOST", cls.host),
            port=read.integer("PORT", cls.port, 0, 65535),
            tcp_port=read.integer("GOIM_TCP_PORT", cls.tcp_port, -1, 65535),
            wss_port=read.integer("GOIM_WSS_PORT", cls.wss_port, -1, 65535),
            tls_tcp_port=read.integer("GOIM_TLS_TCP_PORT", cls.tls_tcp_port, -1, 65535),
            tls_certificate=read.text("GOIM_TLS_CERTIFICATE"),
            tls_key=read.text("GOIM_TLS_KEY"),
            http_host=read.text("GOIM_HTTP_HOST", cls.http_host),
            http_port=read.integer("GOIM_HTTP_PORT", cls.http_port, -1, 65535),
            api_key=read.secret("GOIM_API_KEY"),
            workers=read.integer("WEB_CONCURRENCY", cls.workers, 1, 256),
            origins=read.texts("GOIM_ORIGINS", ("*",) if open_mode else ()),
            proxies=_read_proxies(read),
            text_messages=read.flag("GOIM_TEXT_MESSAGES", cls.text_messages),
            heartbeat_seconds=read.integer("GOIM_HEARTBEAT_SECONDS", cls.heartbeat_seconds, 1),
            heartbeats_missed=read.integer("GOIM_HEARTBEATS_MISSED", cls.heartbeats_missed, 1),
            ext_heartbeat_seconds=read.integer(
                "GOIM_EXT_HEARTBEAT_SECONDS", cls.ext_heartbeat_seconds, 1
            ),
            ext_heartbeats_missed=read.integer(
                "GOIM_EXT_HEARTBEATS_MISSED", cls.ext_heartbeats_missed, 1
            ),
            devices=_read_devices(read),
            presence_seconds=read.number("GOIM_PRESENCE_SECONDS", cls.presence_seconds, 0.05, 4),
            audit_seconds=read.number("GOIM_AUDIT_SECONDS", cls.audit_seconds, 0.1),
            drain_seconds=read.number("GOIM_DRAIN_SECONDS", cls.drain_seconds, 0, 3600),
            silent_seconds=read.number("GOIM_SILENT_SECONDS", cls.silent_seconds, 0.1, 60),
            hostname=read.text("GOIM_HOSTNAME"),
            region=read.text("GOIM_REGION"),
            zone=read.text("GOIM_ZONE"),
            weight=read.integer("GOIM_WEIGHT", cls.weight, 1),
            public_addresses=read.texts("GOIM_PUBLIC_ADDRESSES"),
            policies_file=read.text("GOIM_POLICIES"),
        )
        _check_tls(read, settings)
        ports = (settings.port, settings.tcp_port, settings.wss_port, settings.tls_tcp_port)
        if settings.workers > 1 and 0 in (*ports, settings.http_port):
            read.refuse("WEB_CONCURRENCY", "can't be over 1 where a port is 0: workers share ports")
        return settings


def _check_tls(read: Environment, settings: Settings) -> None:
    if settings.tls_certificate:
        try:
            tls_context(settings.tls_certificate, settings.tls_key)
        except OSError as error:
            read.refuse("GOIM_TLS_CERTIFICATE", f"or GOIM_TLS_KEY can't be used: {error}")
    elif settings.wss_port >= 0 or settings.tls_tcp_port >= 0:
        read.refuse("GOIM_TLS_CERTIFICATE", "must be set where a TLS port is")


def _read_devices(read: Environment) -> DevicePolicies:
    try:
        return read_device_policies(read.texts("GOIM_DEVICES", (ALL,)))
    except DevicePolicyRefused as refused:
        read.refuse("GOIM_DEVICES", str(refused))
        return DevicePolicies()


def _read_proxies(read: Environment) -> Proxies:
    try:
        return Proxies.read(read.texts("GOIM_TRUSTED_PROXIES"))
    except ProxyRefused as refused:
        read.refuse("GOIM_TRUSTED_PROXIES", str(refused))
        return Proxies()


def _read_limits(read: Environment, default: Limits) -> Limits:
    """Read each limit from GOIM_MAX_<NAME>, such as GOIM_MAX_BODY_BYTES."""
    values: dict[str, float] = {}
    for name in Limits.__dataclass_fields__:
        value = getattr(default, name)
        variable = f"GOIM_MAX_{name.upper()}"
        if isinstance(value, int):
            values[name] = read.integer(variable, value, 1)
        else:
            values[name] = read.number(variable, value, 0.001 if value else 0)
    return Limits(**values)  # type: ignore[arg-type]  # each has its default's type
