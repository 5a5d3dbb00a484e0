"""Run a store until SIGTERM: bus, policies, streams, views, requests; then drain.

`python -m store migrate` makes the streams, or brings them up to date, and ends.
"""

import sys

import structlog

from bus.connection import Bus
from bus.lifecycle import look_for_cycles_seldom, run_service, until_told_to_stop
from bus.logs import configure_logs
from bus.metrics import Metrics
from bus.monitoring import monitored
from bus.policies import PolicyBook
from store.assembly import Store, described, make_service, storage_of
from store.retention import Retention
from store.settings import Settings
from store.stream import Streams

log = structlog.get_logger()


async def serve(settings: Settings) -> None:
    """Answer requests until told to stop."""
    configure_logs("store", settings.bus.log_format, settings.bus.log_level)
    bus = await Bus.connect(settings.bus, "store")
    policies = await PolicyBook.load(bus, settings.policies)
    store = Store(bus, settings, policies)
    service = make_service(bus)
    service.start()
    metrics = Metrics()
    for source in (store.readings, policies.readings, service.readings):
        metrics.add(source)
    async with monitored(bus, metrics, store.problems):
        await store.start(service)
        look_for_cycles_seldom()
        await until_told_to_stop()
        log.info("store_draining", requests=service.active)
        await service.stop()
    await store.stop()
    await policies.close()
    await bus.drain()
    log.info("store_stopped")


async def migrate(settings: Settings) -> None:
    """Make the streams and buckets, or bring them up to date."""
    configure_logs("store", settings.bus.log_format, settings.bus.log_level)
    bus = await Bus.connect(settings.bus, "store-migrate")
    policies = await PolicyBook.load(bus, settings.policies)
    streams = Streams(bus, storage_of(bus, settings), Retention(policies.of))
    await streams.ensure_patiently(described(policies))
    log.info("streams_are_up_to_date", created=streams.created, updated=streams.updated)
    await policies.close()
    await bus.drain()


if __name__ == "__main__":
    run_service(Settings.read, migrate if "migrate" in sys.argv[1:] else serve)
