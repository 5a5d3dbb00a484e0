"""Run a router until SIGTERM: bus, policies, parts, metrics; then drain."""

from contextlib import suppress

import structlog

from bus.connection import Bus
from bus.errors import BusError
from bus.lifecycle import look_for_cycles_seldom, run_service, until_told_to_stop
from bus.logs import configure_logs
from bus.metrics import Metrics
from bus.monitoring import monitored
from bus.policies import PolicyBook
from router.room_part import Rooms
from router.router import Router
from router.settings import Settings

log = structlog.get_logger()


async def serve(settings: Settings) -> None:
    """Serve until told to stop."""
    configure_logs("router", settings.bus.log_format, settings.bus.log_level)
    bus = await Bus.connect(settings.bus, "router")
    policies = await PolicyBook.load(bus, settings.policies_file)
    rooms = await Rooms.load(bus, policies.of)
    router = Router(bus, settings, policies.of, rooms)
    metrics = Metrics()
    metrics.add(policies.readings)
    router.measure(metrics)
    async with monitored(bus, metrics):
        with suppress(BusError):  # NATS is told again when it is back
            await bus.flush()
        look_for_cycles_seldom()
        log.info("router_started", service=router.service.id)
        await until_told_to_stop()
        log.info("router_draining", waiting=router.publisher.waiting)
        await router.drain()
    await policies.close()
    await bus.drain()
    log.info("router_stopped")


if __name__ == "__main__":
    run_service(Settings.read, serve)
