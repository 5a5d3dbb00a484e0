"""Where the commands find a running Goimbus: the ports of `goimbus up`, NATS_URL."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bus.environment import Environment
from bus.settings import BusSettings
from goimbus.up_settings import UpSettings

EVERY_ADDRESS = ("", "0.0.0.0", "::")  # to listen on; not to connect to


@dataclass(frozen=True, slots=True)
class Addresses:
    """What of a running system the commands talk to."""

    http_url: str  # goim's HTTP API without a key
    websocket_url: str
    bus: BusSettings
    data_folder: Path

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> "Addresses":
        """Read PORT, GOIM_HTTP_PORT, NATS_URL or GOIM_NATS_PORT, GOIM_DATA_DIR.

        Raises SettingsRefused.
        """
        environment = Environment(variables)
        settings, bus = UpSettings.read(environment), BusSettings.read(environment)
        environment.check()
        if not settings.nats_url:
            bus = replace(bus, nats_url=f"nats://127.0.0.1:{settings.nats_port}")
        http_host = "127.0.0.1" if settings.http_host in EVERY_ADDRESS else settings.http_host
        return cls(
            http_url=f"http://{http_host}:{settings.http_port}",
            websocket_url=f"ws://127.0.0.1:{settings.port}/sub",
            bus=bus,
            data_folder=settings.data_folder,
        )
