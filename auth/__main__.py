"""Run the auth service until SIGTERM: settings, bus, revocations, accounts, checks; then drain."""

from contextlib import suppress

import structlog

from auth.account_settings import OFF
from auth.accounts import open_accounts
from auth.bus import serve_checks
from auth.responder import Responder
from auth.settings import Settings
from auth.watching import RevocationWatch
from bus.bucket import Bucket
from bus.connection import Bus
from bus.errors import BusError
from bus.lifecycle import run_service, until_told_to_stop
from bus.logs import configure_logs
from bus.metrics import Metrics
from bus.monitoring import monitored

log = structlog.get_logger()


async def serve(settings: Settings) -> None:
    """Answer checks and account calls until told to stop."""
    configure_logs("auth", settings.bus.log_format, settings.bus.log_level)
    rules = settings.rules
    if rules.unsigned:
        log.warning("auth_open", meaning="GOIM_AUTH=open: clients are who they say they are")
    bus = await Bus.connect(settings.bus, "auth")
    revoked = Bucket(bus, "REVOKED", settings.accounts.replicas, msg_ttl=True)
    watch = RevocationWatch(revoked, rules.revocations)
    await watch.load()
    with_accounts = settings.accounts.mode != OFF
    accounts = (
        await open_accounts(bus, settings.accounts, rules, revoked) if with_accounts else None
    )
    responder = Responder(rules, traced=settings.bus.log_level == "debug")
    service = serve_checks(bus, responder, accounts)
    metrics = Metrics()
    for source in (responder, service, *((accounts,) if accounts else ())):
        metrics.add(source.readings)
    async with monitored(bus, metrics):
        with suppress(BusError):  # NATS went away already: its return subscribes again
            await bus.flush()
        log.info("auth_started", service=service.id, keys=sorted(rules.tokens.ring.by_kid))
        await until_told_to_stop()
    await service.stop()
    if accounts is not None:
        await accounts.close()
    await watch.close()
    await bus.drain()
    refused = sum(responder.refused.values())
    log.info("auth_stopped", granted=responder.granted, refused=refused)


if __name__ == "__main__":
    run_service(Settings.read, serve)
