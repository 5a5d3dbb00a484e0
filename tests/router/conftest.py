"""The router's parts on real servers, and minimal streams."""

from collections.abc import AsyncIterator

import pytest

from bus.connection import Bus
from bus.environment import Secret
from bus.settings import BusSettings
from router.directory import Directory
from router.presence import Presence
from router.publisher import Publisher
from router.redis_link import RedisLink
from router.rows import PresenceKeys
from router.settings import PresenceSettings
from tests.router.streams import PATIENT, make_streams


@pytest.fixture
async def bus(nats_url: str, prefix: str) -> AsyncIterator[Bus]:
    bus = await Bus.connect(
        BusSettings(nats_url=nats_url, prefix=prefix, request_seconds=30), "test"
    )
    yield bus
    await bus.drain()


@pytest.fixture
async def streams(bus: Bus) -> None:
    await make_streams(bus)


@pytest.fixture
async def publisher(bus: Bus, streams: None) -> AsyncIterator[Publisher]:
    publisher = Publisher(bus, PATIENT)
    yield publisher
    publisher.close()


@pytest.fixture
def presence_settings(redis_url: str) -> PresenceSettings:
    return PresenceSettings(redis_url=Secret(redis_url), redis_seconds=30, lease_seconds=60)


@pytest.fixture
def presence_keys(prefix: str) -> PresenceKeys:
    return PresenceKeys(prefix)


@pytest.fixture
async def redis(presence_settings: PresenceSettings) -> AsyncIterator[RedisLink]:
    link = RedisLink(presence_settings)
    yield link
    await link.close()


@pytest.fixture
def presence(
    redis: RedisLink, presence_keys: PresenceKeys, presence_settings: PresenceSettings
) -> Presence:
    return Presence(redis, presence_keys, presence_settings)


@pytest.fixture
def directory(
    redis: RedisLink, presence_keys: PresenceKeys, presence_settings: PresenceSettings
) -> Directory:
    return Directory(redis, presence_keys, presence_settings)
