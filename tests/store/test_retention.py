from schemas.policies import (
    ALL_RETAIN_SECONDS,
    BUILT_IN,
    DEFAULT,
    MEMBER_RETAIN_MESSAGES,
    MEMBER_RETAIN_SECONDS,
    Policy,
)
from store.retention import Limits, Purge, Retention, needed_limits, purges

POLICIES = {"live": BUILT_IN["live"], "a b": Policy(retain_messages=7), "": Policy(first=3)}


def policy_of(room_type: str) -> Policy:
    return POLICIES.get(room_type, DEFAULT)


def test_a_room_is_retained_as_its_type_says() -> None:
    retention = Retention(policy_of)
    assert retention.limits("ROOM", "room.live.1") == Limits(1000, 3600)
    assert retention.limits("ROOM", "room.a=20b.1").messages == 7
    assert retention.policy("room.=.1").first == 3
    assert retention.policy("room.=FF.1") is DEFAULT


def test_members_and_all_have_limits_of_their_own() -> None:
    retention = Retention(policy_of)
    member = Limits(MEMBER_RETAIN_MESSAGES, MEMBER_RETAIN_SECONDS)
    assert retention.limits("MEMBER", "member.1") == member
    assert retention.limits("ALL", "all").seconds == ALL_RETAIN_SECONDS


def test_nothing_is_promised_that_the_stream_does_not_hold_yet() -> None:
    retention = Retention(policy_of)
    retention.hold({"ROOM": Limits(50, 600)})
    assert retention.limits("ROOM", "room.live.1") == Limits(50, 600)
    assert retention.limits("ROOM", "room.a=20b.1") == Limits(7, 600)
    assert (retention.longest("ROOM"), retention.longest("ALL")) == (600, 0)


def test_the_streams_must_hold_what_the_longest_policy_wants() -> None:
    needed = needed_limits([Policy(retain_messages=5000), Policy(retain_seconds=10**7)])
    assert needed["ROOM"] == Limits(5000, 10**7)
    assert needed_limits([])["ROOM"] == Limits(DEFAULT.retain_messages, DEFAULT.retain_seconds)


def test_purges_end_a_minute_behind_and_spare_types_that_live_longer() -> None:
    def stored_by(seconds: float) -> int:
        return int(seconds)  # one message a second, sequence 0 at time 0

    def stored(topic: str) -> str:
        return f"goim.push.{topic}.*"

    found = purges(stored, {"live": 3600, "chat": 86_400}, 86_400, stored_by, 100_000)
    assert found == [Purge("", 13_540), Purge("goim.push.room.live.*.*", 96_340)]
    assert purges(stored, {"live": 3600}, 86_400, stored_by, 3000) == []
