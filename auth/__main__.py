"""Run the auth service until SIGTERM: settings, bus, checks, metrics; then drain."""

from contextlib import suppress

import structlog

from auth.bus import serve_checks
from auth.responder import Responder
from auth.settings import Settings
from bus.connection import Bus
from bus.errors import BusError
from bus.lifecycle import run_service, until_told_to_stop
from bus.logs import configure_logs
from bus.metrics import Metrics
from bus.monitoring import monitored

log = structlog.get_logger()


async def serve(settings: Settings) -> None:
    """Answer checks until told to stop."""
    configure_logs("auth", settings.bus.log_format, settings.bus.log_level)
    rules = settings.rules
    if rules.unsigned:
        log.warning("auth_open", meaning="GOIM_AUTH=open: clients are who they say they are")
    bus = await Bus.connect(settings.bus, "auth")
    responder = Responder(rules, traced=settings.bus.log_level == "debug")
    service = serve_checks(bus, responder)
    metrics = Metrics()
    metrics.add(responder.readings)
    metrics.add(service.readings)
    async with monitored(bus, metrics):
        with suppress(BusError):  # NATS went away already: its return subscribes again
            await bus.flush()
        log.info("auth_started", service=service.id, keys=sorted(rules.tokens.ring.by_kid))
        await until_told_to_stop()
    await service.stop()
    await bus.drain()
    refused = sum(responder.refused.values())
    log.info("auth_stopped", granted=responder.granted, refused=refused)


if __name__ == "__main__":
    run_service(Settings.read, serve)
