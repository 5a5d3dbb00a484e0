"""Which of two logins is the newer one, on a real Valkey: exactly one of them stays."""

import time

import pytest

from router.directory import Directory
from router.presence import Presence
from router.settings import PresenceSettings
from schemas.messages_pb2 import Session
from tests.router.reports import report, session, snapshot

LOGINS_OF_ONE_MILLISECOND = [(700, 300, "g1"), (300, 700, "g2"), (500, 500, "g2")]


@pytest.mark.parametrize("reported_first", ["g1", "g2"])
@pytest.mark.parametrize(("us_on_g1", "us_on_g2", "newer"), LOGINS_OF_ONE_MILLISECOND)
async def test_of_two_logins_in_one_millisecond_the_later_keeps_the_key_however_they_are_reported(
    presence: Presence,
    directory: Directory,
    us_on_g1: int,
    us_on_g2: int,
    newer: str,
    reported_first: str,
) -> None:
    logins = {"g1": login_at("g1", us_on_g1), "g2": login_at("g2", us_on_g2)}
    order = sorted(logins, key=lambda gateway: gateway != reported_first)
    for gateway in order:
        await presence.report(snapshot(gateway))
    for gateway in order:
        reported = await presence.report(report(gateway, logins[gateway]))
    older = "g2" if newer == "g1" else "g1"
    assert reported.closing == [logins[older].session]
    assert await directory.gateways_of_keys(["phone"]) == {newer: ["phone"]}


@pytest.mark.parametrize(("plain_ms", "closes"), [(1999, "g1.1"), (2000, "g1.1"), (2001, "g2.1")])
async def test_a_gateway_of_before_that_tells_milliseconds_only_is_in_order_with_new_ones(
    presence: Presence, plain_ms: int, closes: str
) -> None:
    await presence.report(snapshot("g1", session("g1", 1, "phone", 7, since_ms=plain_ms)))
    assert (await presence.report(snapshot("g2", login_at("g2", 5)))).closing == [closes]


async def test_a_gateway_whose_clock_is_an_hour_fast_has_no_newer_logins_by_it(
    presence: Presence,
) -> None:
    now_ms = int(time.time() * 1000)
    fast, right = login_at("g1", 0), login_at("g2", 0)
    fast.since_ms, right.since_ms = now_ms + 3_600_000, now_ms + 60_000
    for one in (fast, right):
        one.since_us = one.since_ms * 1000
    await presence.report(snapshot("g1", fast, sent_ms=fast.since_ms))
    reported = await presence.report(snapshot("g2", right, sent_ms=now_ms))
    assert reported.closing == ["g1.1"]


def login_at(gateway: str, microseconds: int) -> Session:
    """A login with the key `phone`, in a certain millisecond."""
    one = session(gateway, 1, "phone", 7, since_ms=2000)
    one.since_us = 2_000_000 + microseconds
    return one


@pytest.mark.parametrize("reported_first", ["g1", "g2"])
async def test_the_newest_of_a_members_devices_stays_if_only_by_microseconds(
    presence: Presence, reported_first: str
) -> None:
    logins = {"g1": login_at("g1", 700), "g2": login_at("g2", 300)}
    for number, one in enumerate(logins.values()):
        one.key, one.devices = f"device {number}", "newest"
    order = sorted(logins, key=lambda gateway: gateway != reported_first)
    for gateway in order:
        reported = await presence.report(snapshot(gateway, logins[gateway]))
    assert reported.closing == ["g2.1"]


async def test_a_device_that_takes_its_own_place_too_often_keeps_one_connection(
    presence: Presence, presence_settings: PresenceSettings
) -> None:
    await presence.report(snapshot("g1"))
    open_sessions: set[str] = set()
    for number in range(1, presence_settings.switches + 3):
        one = session("g1", number, "phone", 7, since_ms=number)
        one.devices = "newest"
        open_sessions.add(one.session)
        reported = await presence.report(report("g1", one, sessions=len(open_sessions)))
        open_sessions -= set(reported.closing)
        await presence.report(report("g1", left=reported.closing, sessions=len(open_sessions)))
        assert len(open_sessions) == 1
