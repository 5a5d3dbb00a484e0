"""Presence on a real Valkey: reports, leases, takeovers of keys, wiped and restarted servers."""

import asyncio
from pathlib import Path

import pytest

from bus.environment import Secret
from goimbus.embedded import find_valkey_server, running, valkey_server
from router.directory import Directory
from router.errors import PresenceAway, RequestRefused
from router.presence import Presence, Reported, clock_difference
from router.redis_link import RedisLink
from router.rows import PresenceKeys
from router.settings import PresenceSettings
from schemas.messages_pb2 import PresenceReport
from tests.router.reports import node, report, session, snapshot
from tests.until import until

ROOM = "live://1000"


async def end_lease(redis: RedisLink, keys: PresenceKeys, gateway: str) -> None:
    """Move the clock past the end of a gateway's lease."""
    await redis.run_one("ZADD", keys.leases, 1, gateway)


async def left_behind(redis: RedisLink, keys: PresenceKeys) -> list[bytes]:
    """All keys but those of when members were seen last, which outlive what they are about."""
    left = await redis.run_one("KEYS", f"{keys.prefix}*")
    return sorted(key for key in left if b":seen:" not in key)


async def places(directory: Directory, *keys: str) -> dict[str, list[str]]:
    return await directory.gateways_of_keys(list(keys))


async def test_a_session_is_found_by_key_member_and_room_until_it_left(
    presence: Presence, directory: Directory
) -> None:
    one = session("g1", 1, "phone", mid=7, room=ROOM)
    reported = await presence.report(snapshot("g1", one, rooms={ROOM: 1}))
    assert not reported.reply.resend
    assert reported.reply.connections == 1
    assert await places(directory, "phone", "other") == {"g1": ["phone"]}
    assert await directory.count_members([7, 8]) == 1
    assert await directory.count_rooms([ROOM, "live://2"]) == {ROOM: 1}
    (found,) = (await directory.find_by_key("phone")).sessions
    assert (found.session, found.mid, found.room, found.gateway) == ("g1.1", 7, ROOM, "g1")
    assert found.since_ms == one.since_ms
    assert (await directory.find_by_room(ROOM, 5)).total == 1
    assert (await directory.find_by_member(7, 5)).total == 1
    gone = report("g1", left=["g1.1"], rooms={ROOM: 0}, sessions=0)
    assert (await presence.report(gone)).reply.connections == 0
    assert await places(directory, "phone") == {}
    assert await directory.count_members([7]) == 0
    assert await directory.count_rooms([ROOM]) == {}
    assert (await directory.find_by_room(ROOM, 5)).total == 0


async def test_a_gateway_that_was_never_heard_of_is_asked_for_everything(
    presence: Presence, directory: Directory
) -> None:
    reported = await presence.report(report("g1", session("g1", 1, "phone")))
    assert reported.reply.resend
    assert await places(directory, "phone") == {}
    assert not (await presence.report(snapshot("g1", session("g1", 1, "phone")))).reply.resend


async def test_an_ended_lease_hides_all_of_a_gateway_at_once_and_the_janitor_removes_it(
    presence: Presence, directory: Directory, redis: RedisLink, presence_keys: PresenceKeys
) -> None:
    sessions = [session("g1", n, f"key-{n}", mid=n, room=ROOM) for n in range(1, 2101)]
    await presence.report(snapshot("g1", *sessions, rooms={ROOM: 2100}))
    await presence.report(snapshot("g2", session("g2", 1, "other", mid=1), rooms={ROOM: 1}))
    await end_lease(redis, presence_keys, "g1")
    assert await places(directory, "key-5", "other") == {"g2": ["other"]}
    assert await directory.count_members([1, 2]) == 1
    assert await directory.count_rooms([ROOM]) == {ROOM: 1}
    assert await directory.count_all_rooms() == {ROOM: 1}
    assert await directory.count_connections() == 1
    assert [one.gateway for one in await directory.nodes()] == ["g2"]
    assert (await directory.find_any(10)).total == 1
    assert (await directory.find_by_room(ROOM, 10)).total == 0
    assert await presence.sweep() == 1
    assert await presence.sweep() == 0
    await presence.report(report("g2", leaving=True))
    assert await left_behind(redis, presence_keys) == []


async def test_a_lease_runs_for_its_time_from_the_last_report(
    redis: RedisLink,
    presence: Presence,
    presence_keys: PresenceKeys,
    presence_settings: PresenceSettings,
) -> None:
    async def now_ms() -> float:
        seconds, micros = await redis.run_one("TIME")
        return int(seconds) * 1000 + int(micros) / 1000

    lease_ms = presence_settings.lease_seconds * 1000
    before = await now_ms()
    await presence.report(snapshot("g1"))
    after = await now_ms()
    end = float(await redis.run_one("ZSCORE", presence_keys.leases, "g1"))
    assert before - 1 <= end - lease_ms <= after


async def test_a_gateway_whose_lease_ended_is_asked_for_everything_and_is_back(
    presence: Presence, directory: Directory, redis: RedisLink, presence_keys: PresenceKeys
) -> None:
    one = session("g1", 1, "phone")
    await presence.report(snapshot("g1", one))
    await end_lease(redis, presence_keys, "g1")
    assert (await presence.report(report("g1", sessions=1))).reply.resend
    assert await places(directory, "phone") == {}
    await presence.report(snapshot("g1", one))
    assert await presence.sweep() == 0
    assert await places(directory, "phone") == {"g1": ["phone"]}


async def test_leaving_drops_all_of_the_gateway(
    presence: Presence, redis: RedisLink, presence_keys: PresenceKeys
) -> None:
    sessions = [session("g1", n, mid=n, room=ROOM) for n in range(1, 50)]
    await presence.report(snapshot("g1", *sessions, rooms={ROOM: 49}))
    await presence.report(PresenceReport(node=node("g1"), leaving=True))
    assert await left_behind(redis, presence_keys) == []


async def test_another_number_of_sessions_than_redis_has_asks_for_everything(
    presence: Presence,
) -> None:
    await presence.report(snapshot("g1", session("g1", 1)))
    assert not (await presence.report(report("g1", sessions=1))).reply.resend
    assert (await presence.report(report("g1", sessions=2))).reply.resend


async def test_a_snapshot_replaces_what_was_known_without_a_moment_of_absence(
    presence: Presence, directory: Directory, redis: RedisLink, presence_keys: PresenceKeys
) -> None:
    kept, gone = session("g1", 1, "kept"), session("g1", 2, "gone")
    await presence.report(snapshot("g1", kept, gone, rooms={ROOM: 2, "live://2": 1}))
    first = await presence.report(snapshot("g1", sessions=0, rooms={ROOM: 1}))
    assert not first.reply.resend
    assert await places(directory, "kept", "gone") == {"g1": ["kept", "gone"]}
    assert await directory.count_all_rooms() == {ROOM: 1}
    assert first.reply.connections == 0
    second = await presence.report(report("g1", kept, sessions=1))
    assert not second.reply.resend
    stale = f"{presence_keys.prefix}:stale:g1"
    await redis.run_one("ZADD", stale, 1, "g1.2")
    third = await presence.report(report("g1", sessions=1))
    assert not third.reply.resend
    assert third.reply.connections == 1
    assert await places(directory, "kept", "gone") == {"g1": ["kept"]}


async def test_a_wiped_redis_is_filled_again_by_one_snapshot(
    presence: Presence, directory: Directory, redis: RedisLink, presence_keys: PresenceKeys
) -> None:
    one = session("g1", 1, "phone", mid=7, room=ROOM)
    await presence.report(snapshot("g1", one, rooms={ROOM: 1}))
    await redis.run_one("DEL", *await left_behind(redis, presence_keys))
    assert (await presence.report(report("g1", sessions=1))).reply.resend
    assert not (await presence.report(snapshot("g1", one, rooms={ROOM: 1}))).reply.resend
    assert await places(directory, "phone") == {"g1": ["phone"]}
    assert await directory.count_rooms([ROOM]) == {ROOM: 1}


async def test_a_redis_that_was_restarted_is_not_believed(
    presence: Presence, directory: Directory, redis: RedisLink, presence_keys: PresenceKeys
) -> None:
    one, two = session("g1", 1, "phone"), session("g1", 2, "tablet")
    await presence.report(snapshot("g1", one))
    await redis.run_one("HSET", f"{presence_keys.prefix}:epochs", "g1", "another run")
    assert (await presence.report(report("g1", two, sessions=1))).reply.resend
    assert await places(directory, "phone", "tablet") == {"g1": ["phone"]}
    assert not (await presence.report(snapshot("g1", two))).reply.resend


async def replacement(
    presence: Presence, older_mid: int, newer_mid: int, newer_gateway: str = "g2"
) -> Reported:
    """A session with the key of one that is there already."""
    await presence.report(snapshot("g1", session("g1", 1, "phone", older_mid)))
    if newer_gateway != "g1":
        await presence.report(snapshot(newer_gateway))
    newer = session(newer_gateway, 2, "phone", newer_mid)
    count = 2 if newer_gateway == "g1" else 1
    return await presence.report(report(newer_gateway, newer, sessions=count))


@pytest.mark.parametrize(("older_mid", "newer_mid"), [(7, 7), (0, 7), (-1, 7), (0, 0), (0, -1)])
async def test_the_same_key_again_closes_the_older_session_of_the_member_or_of_nobody(
    presence: Presence, directory: Directory, older_mid: int, newer_mid: int
) -> None:
    reported = await replacement(presence, older_mid, newer_mid)
    assert reported.closing == ["g1.1"]
    assert await places(directory, "phone") == {"g2": ["phone"]}


@pytest.mark.parametrize("newer_mid", [8, 0, -1])
async def test_the_key_of_a_member_can_not_be_taken_by_another(
    presence: Presence, directory: Directory, newer_mid: int
) -> None:
    reported = await replacement(presence, 7, newer_mid)
    assert reported.closing == ["g2.2"]
    assert await places(directory, "phone") == {"g1": ["phone"]}


async def test_the_same_key_again_on_the_same_gateway_closes_the_older_session(
    presence: Presence, directory: Directory
) -> None:
    assert (await replacement(presence, 7, 7, "g1")).closing == ["g1.1"]
    assert await places(directory, "phone") == {"g1": ["phone"]}


async def test_the_older_session_that_leaves_last_does_not_take_the_new_ones_key_with_it(
    presence: Presence, directory: Directory
) -> None:
    await replacement(presence, 7, 7)
    await presence.report(report("g1", left=["g1.1"], sessions=0))
    assert await places(directory, "phone") == {"g2": ["phone"]}
    assert await directory.count_members([7]) == 1


async def test_a_closing_is_repeated_to_its_gateway_until_the_session_is_gone(
    presence: Presence,
) -> None:
    await replacement(presence, 7, 7)
    assert (await presence.report(report("g1", sessions=1))).closing == ["g1.1"]
    assert (await presence.report(report("g2", sessions=1))).closing == []
    assert (await presence.report(report("g1", left=["g1.1"], sessions=0))).closing == []


async def test_a_replaced_session_that_changes_its_room_does_not_take_its_key_back(
    presence: Presence, directory: Directory
) -> None:
    await replacement(presence, 7, 7)
    await presence.report(report("g1", session("g1", 1, "phone", 7, ROOM), sessions=1))
    assert await places(directory, "phone") == {"g2": ["phone"]}


async def test_of_two_logins_the_later_keeps_the_key_though_it_is_reported_first(
    presence: Presence, directory: Directory
) -> None:
    await presence.report(snapshot("g1"))
    await presence.report(snapshot("g2"))
    await presence.report(report("g2", session("g2", 2, "phone", 7, since_ms=2003)))
    reported = await presence.report(report("g1", session("g1", 1, "phone", 7, since_ms=2000)))
    assert reported.closing == ["g1.1"]
    assert await places(directory, "phone") == {"g2": ["phone"]}


def test_a_clock_that_is_wrong_by_more_than_a_second_is_corrected() -> None:
    assert clock_difference(0, 5_000_000) == 0
    assert clock_difference(5_000_000, 5_000_900) == 0
    assert clock_difference(5_000_000, 8_000_000) == 3_000_000
    assert clock_difference(8_000_000, 5_000_000) == -3_000_000


async def test_the_key_of_a_session_whose_gateway_is_gone_is_free(
    presence: Presence, directory: Directory, redis: RedisLink, presence_keys: PresenceKeys
) -> None:
    await presence.report(snapshot("g1", session("g1", 1, "phone", 7)))
    await end_lease(redis, presence_keys, "g1")
    reported = await presence.report(snapshot("g2", session("g2", 2, "phone", 8)))
    assert reported.closing == []
    assert await places(directory, "phone") == {"g2": ["phone"]}
    await presence.sweep()
    assert await places(directory, "phone") == {"g2": ["phone"]}


async def test_in_snapshots_the_younger_session_has_the_key_whatever_order_they_come_in(
    presence: Presence, directory: Directory
) -> None:
    young = session("g1", 1, "phone", 7, since_ms=2000)
    old = session("g2", 2, "phone", 7, since_ms=1000)
    await presence.report(snapshot("g1", young))
    assert (await presence.report(snapshot("g2", old))).closing == ["g2.2"]
    assert await places(directory, "phone") == {"g1": ["phone"]}


async def test_in_snapshots_an_older_member_keeps_its_key_from_another(
    presence: Presence, directory: Directory
) -> None:
    await presence.report(snapshot("g1", session("g1", 1, "phone", 8, since_ms=2000)))
    old = session("g2", 2, "phone", 7, since_ms=1000)
    assert (await presence.report(snapshot("g2", old))).closing == ["g1.1"]
    assert await places(directory, "phone") == {"g2": ["phone"]}


async def test_one_report_may_hold_thousands_of_sessions(
    presence: Presence, directory: Directory, redis: RedisLink
) -> None:
    sessions = [session("g1", n, f"key-{n}", mid=n + 1) for n in range(3500)]
    before = redis.round_trips
    reported = await presence.report(snapshot("g1", *sessions))
    assert redis.round_trips - before == 2
    assert not reported.reply.resend
    assert reported.reply.connections == 3500
    assert len((await places(directory, *(f"key-{n}" for n in range(3500))))["g1"]) == 3500
    gone = [one.session for one in sessions[:3000]]
    reported = await presence.report(report("g1", left=gone, sessions=500))
    assert not reported.reply.resend
    assert await directory.count_connections() == 500


async def test_any_text_is_kept_as_it_is(presence: Presence, directory: Directory) -> None:
    key, room = 'k"\\\x00é €', "type://*.> \r\n"
    mid = 2**63 - 1
    await presence.report(snapshot("g1", session("g1", 1, key, mid, room), rooms={room: 1}))
    (found,) = (await directory.find_by_room(room, 5)).sessions
    assert (found.key, found.room, found.mid) == (key, room, mid)
    assert await places(directory, key) == {"g1": [key]}
    assert await directory.count_members([mid]) == 1
    assert await directory.count_rooms([room]) == {room: 1}


@pytest.mark.parametrize("gateway", ["", "a.b", "a b", "*", ">", "é", "a\r\n"])
async def test_a_report_of_an_impossible_gateway_is_refused(
    presence: Presence, gateway: str
) -> None:
    with pytest.raises(RequestRefused):
        await presence.report(snapshot(gateway))


async def test_a_report_of_another_gateways_session_is_refused(presence: Presence) -> None:
    with pytest.raises(RequestRefused):
        await presence.report(snapshot("g1", session("g2", 1)))


async def test_without_redis_everything_says_so_and_works_when_it_is_back(
    tmp_path: Path, prefix: str
) -> None:
    keys = PresenceKeys(prefix)
    server = valkey_server(find_valkey_server({}), tmp_path)
    with running(server) as url:
        settings = PresenceSettings(redis_url=Secret(url), redis_seconds=20)
        redis = RedisLink(settings)
        presence = Presence(redis, keys, settings)
        directory = Directory(redis, keys, settings)
        await presence.report(snapshot("g1", session("g1", 1, "phone")))
    with pytest.raises(PresenceAway):
        await presence.report(report("g1", sessions=1))
    with pytest.raises(PresenceAway):
        await directory.gateways_of_keys(["phone"])
    assert redis.away
    assert redis.failures == 2
    with running(server):
        assert (await presence.report(report("g1", sessions=1))).reply.resend
        assert not redis.away
        await presence.report(snapshot("g1", session("g1", 1, "phone")))
        assert await places(directory, "phone") == {"g1": ["phone"]}
        await redis.close()


async def test_the_janitor_goes_on_after_redis_was_away(tmp_path: Path, prefix: str) -> None:
    settings = PresenceSettings(
        redis_url=Secret(f"unix://{tmp_path}/none.sock"), janitor_seconds=0.01
    )
    redis = RedisLink(settings)
    presence = Presence(redis, PresenceKeys(prefix), settings)
    janitor = asyncio.ensure_future(presence.sweep_forever())
    await until(lambda: presence.counts["sweeps_failed"] >= 2 or janitor.done())
    assert not janitor.done()
    janitor.cancel()
    await redis.close()
