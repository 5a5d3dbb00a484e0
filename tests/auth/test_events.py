import json

import pytest
from nats.js.api import StreamConfig

from auth.errors import AccountRefused
from auth.events import Events
from bus.connection import Bus
from schemas.messages_pb2 import AccountEvent

EVENT = AccountEvent(what="forgot", mid=7, code="secret")


async def test_an_event_is_kept_for_a_mailer_that_is_away(account_bus: Bus) -> None:
    events = Events(account_bus)
    await events.ensure(1)
    await events.send(EVENT)
    stream = account_bus.subjects.stream("ACCOUNT_EVENT")
    subject = account_bus.subjects.rpc("event", "account.forgot")
    kept = await account_bus.jetstream.get_last_msg(stream, subject)
    assert json.loads(kept.data or b"") == {"what": "forgot", "mid": "7", "code": "secret"}
    info = await account_bus.jetstream.stream_info(stream)
    assert info.config.max_age == 3600
    assert events.counts == {"forgot": 1}


async def test_a_stream_of_the_site_s_own_keeps_the_events_instead(account_bus: Bus) -> None:
    prefix = account_bus.subjects.prefix
    config = StreamConfig(name=f"{prefix}_ALL_EVENTS", subjects=[f"{prefix}.event.>"])
    await account_bus.jetstream.add_stream(config)
    events = Events(account_bus)
    await events.ensure(1)
    await events.send(EVENT)
    info = await account_bus.jetstream.stream_info(f"{prefix}_ALL_EVENTS")
    assert info.state.messages == 1


async def test_an_event_that_nobody_keeps_is_refused_or_told_as_lost(account_bus: Bus) -> None:
    events = Events(account_bus)
    with pytest.raises(AccountRefused, match="the event could not be stored"):
        await events.send(EVENT)
    await events.tell(EVENT)
    assert (events.lost, events.counts.total()) == (2, 0)
