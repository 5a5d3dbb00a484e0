"""What `goimbus up` reads from the environment, and what it tells its children by it."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bus.environment import Environment
from bus.settings import BusSettings


@dataclass(frozen=True)
class UpSettings:
    """The settings of `goimbus up`; all others go to the services as they are."""

    host: str = "0.0.0.0"  # of port and tcp_port
    port: int = 3102  # WebSocket, HTTP API, page
    tcp_port: int = 3101  # goim's frames; -1: none
    http_host: str = "127.0.0.1"
    http_port: int = 3111  # goim's HTTP API without a key; -1: none
    nats_port: int = 4222  # the embedded nats-server, on loopback
    data_folder: Path = Path(".goimbus")
    auth: str = "open"
    nats_url: str = ""  # a running NATS to use; "": the embedded one
    redis_url: str = ""  # a running Redis to use; "": the embedded Valkey
    prefix: str = "goim"
    drain_seconds: float = 8.0  # that the gateway gives its clients

    @classmethod
    def read(cls, environment: Environment) -> "UpSettings":
        """Read PORT, GOIM_TCP_PORT, GOIM_HTTP_PORT, GOIM_NATS_PORT, GOIM_DATA_DIR and others."""
        return cls(
            host=environment.text("GOIM_HOST", cls.host),
            port=environment.integer("PORT", cls.port, 1, 65535),
            tcp_port=environment.integer("GOIM_TCP_PORT", cls.tcp_port, -1, 65535),
            http_host=environment.text("GOIM_HTTP_HOST", cls.http_host),
            http_port=environment.integer("GOIM_HTTP_PORT", cls.http_port, -1, 65535),
            nats_port=environment.integer("GOIM_NATS_PORT", cls.nats_port, 1, 65535),
            data_folder=Path(environment.text("GOIM_DATA_DIR", ".goimbus")).absolute(),
            auth=environment.text("GOIM_AUTH", cls.auth),
            nats_url=environment.text("NATS_URL"),
            redis_url=environment.text("REDIS_URL"),
            prefix=BusSettings.read(environment).prefix,
            drain_seconds=environment.number("GOIM_DRAIN_SECONDS", cls.drain_seconds),
        )

    def listening(self) -> list[tuple[str, str, int]]:
        """Return variable, host and number of each port that will be listened on."""
        ports = [
            ("PORT", self.host, self.port),
            ("GOIM_TCP_PORT", self.host, self.tcp_port),
            ("GOIM_HTTP_PORT", self.http_host, self.http_port),
        ]
        if not self.nats_url:
            ports.append(("GOIM_NATS_PORT", "127.0.0.1", self.nats_port))
        return [(variable, host, port) for variable, host, port in ports if port > 0]

    def path(self, variables: Mapping[str, str]) -> str:
        """Return a PATH on which `python` is the one that runs this."""
        return os.pathsep.join([os.path.dirname(sys.executable), variables.get("PATH", os.defpath)])

    def for_services(
        self, variables: Mapping[str, str], secrets: Mapping[str, str], nats: str, redis: str
    ) -> dict[str, str]:
        """Return the environment of the services: this one, with everything settled in it."""
        return {
            "GOIM_ACCOUNT_ACTIVATION": "none",  # there is no mailer on a machine for trials
            **variables,
            **secrets,
            "PATH": self.path(variables),
            "PYTHONUNBUFFERED": "1",
            "PORT": str(self.port),
            "GOIM_TCP_PORT": str(self.tcp_port),
            "GOIM_HTTP_PORT": str(self.http_port),
            "GOIM_DATA_DIR": str(self.data_folder),
            "GOIM_AUTH": self.auth,
            "NATS_URL": nats,
            "REDIS_URL": redis,
        }
