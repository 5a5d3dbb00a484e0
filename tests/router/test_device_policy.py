"""How many devices a member has at once, on a real Valkey: who closes, and that none take turns."""

import pytest

from router.presence import Presence, Reported
from router.redis_link import RedisLink
from router.rows import PresenceKeys
from router.settings import PresenceSettings
from schemas.messages_pb2 import Session
from tests.router.reports import report, session, snapshot


def device(gateway: str, number: int, platform: str, devices: str, since_ms: int) -> Session:
    """A session of member 7, whose key is its own."""
    one = session(gateway, number, mid=7, since_ms=since_ms)
    one.platform, one.devices = platform, devices
    return one


@pytest.fixture
async def gateways(presence: Presence) -> Presence:
    """Two gateways, a phone and a laptop of the member on the first."""
    phone, laptop = device("g1", 1, "ios", "all", 10), device("g1", 2, "mac", "all", 20)
    await presence.report(snapshot("g1", phone, laptop, session("g1", 3, mid=8)))
    await presence.report(snapshot("g2"))
    return presence


async def connect(presence: Presence, one: Session) -> Reported:
    return await presence.report(report("g2", one, sessions=1))


async def test_all_devices_may_stay(gateways: Presence) -> None:
    for policy in ("all", "", "unheard of"):
        assert (await connect(gateways, device("g2", 1, "ios", policy, 30))).closing == []


async def test_one_per_platform_closes_the_older_of_that_platform(gateways: Presence) -> None:
    reported = await connect(gateways, device("g2", 1, "ios", "platform", 30))
    assert reported.closing == ["g1.1"]


async def test_newest_closes_all_older_ones_on_every_gateway_and_no_other_member(
    gateways: Presence,
) -> None:
    reported = await connect(gateways, device("g2", 1, "web", "newest", 30))
    assert reported.closing == ["g1.1", "g1.2"]


async def test_a_login_that_is_reported_late_is_the_one_to_close(gateways: Presence) -> None:
    reported = await connect(gateways, device("g2", 1, "web", "newest", 15))
    assert reported.closing == ["g2.1"]


async def test_a_device_that_is_closing_is_no_rival_to_later_ones(gateways: Presence) -> None:
    await connect(gateways, device("g2", 1, "web", "newest", 15))
    reported = await gateways.report(report("g2", device("g2", 2, "web", "newest", 30), sessions=2))
    assert reported.closing == ["g1.1", "g1.2", "g2.1"]


async def test_a_repeated_report_closes_nobody_else(gateways: Presence) -> None:
    await connect(gateways, device("g2", 1, "web", "newest", 30))
    await gateways.report(report("g1", left=["g1.1", "g1.2"], sessions=1))
    again = await gateways.report(snapshot("g2", device("g2", 1, "web", "newest", 30)))
    assert again.closing == []


async def test_a_rival_on_a_dead_gateway_is_none(
    gateways: Presence, redis: RedisLink, presence_keys: PresenceKeys
) -> None:
    await redis.run_one("ZADD", presence_keys.leases, 1, "g1")
    assert (await connect(gateways, device("g2", 1, "web", "newest", 15))).closing == []


async def test_devices_that_come_back_again_and_again_do_not_take_turns_for_ever(
    presence: Presence, presence_settings: PresenceSettings
) -> None:
    await presence.report(snapshot("g1", device("g1", 1, "web", "newest", 1)))
    holder, losers = "g1.1", []
    for number in range(2, 21):
        newcomer = device("g1", number, "web", "newest", number)
        (loser,) = (await presence.report(report("g1", newcomer, sessions=2))).closing
        losers.append(loser)
        if loser == holder:
            holder = newcomer.session
        await presence.report(report("g1", left=[loser], sessions=1))
    last = f"g1.{presence_settings.switches + 1}"
    assert holder == last
    assert last not in losers
    assert presence.counts["switches_refused"] == 19 - presence_settings.switches
