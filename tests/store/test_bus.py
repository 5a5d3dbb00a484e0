"""The store's requests over a real nats-server."""

import asyncio
import json

from bus.stream_api import request_api
from schemas.messages_pb2 import (
    DevicePosition,
    HistoryReply,
    HistoryRequest,
    LastReply,
    LastRequest,
    PositionReply,
    PositionRequest,
    Want,
)
from schemas.policies import Policy
from store.bus import MOST_TOPICS, MOST_WANTS
from tests.store.harness import System, bodies, sequences


async def test_a_member_away_for_1000_messages_gets_each_once_and_in_order(system: System) -> None:
    await system.start_store()
    mine = [b"%d" % number for number in range(1000)]
    topics = [topic for _ in mine for topic in ("member.7", "member.8")]
    await system.publish_many(topics, [body for body in mine for _ in range(2)])
    got, page = await system.replay_all(Want(topic="member.7", mid=7, device="ios"))
    assert bodies(got) == mine
    assert page.reached == 2000
    assert page.gap_to == 0
    nothing = await system.replay_one(Want(topic="member.7", has_after=True, after=page.reached))
    assert not nothing.messages


async def test_two_devices_each_get_what_they_missed(system: System) -> None:
    await system.start_store()
    first = await system.publish("member.7", b"one")
    await system.save(7, "ios", {"member.7": first})
    await system.publish("member.7", b"two")
    ios = await system.replay_one(Want(topic="member.7", mid=7, device="ios"))
    web = await system.replay_one(Want(topic="member.7", mid=7, device="web"))
    assert bodies(ios.messages) == [b"two"]
    assert bodies(web.messages) == [b"one", b"two"]


async def test_a_device_never_seen_gets_members_messages_but_no_rooms_or_alls(
    system: System,
) -> None:
    await system.start_store()
    for topic in ("member.7", "room.chat.1", "all"):
        await system.publish(topic, b"old")
    wants = [Want(topic=one, mid=7, device="x") for one in ("member.7", "room.chat.1", "all")]
    reply = await system.replay(*wants)
    assert [bodies(page.messages) for page in reply.topics] == [[b"old"], [], []]
    assert [page.gap_to for page in reply.topics] == [0, 0, 0]
    assert all(page.reached == 1 and not page.more for page in reply.topics)


async def test_a_device_that_was_in_a_room_for_a_moment_gets_what_it_missed(
    system: System,
) -> None:
    await system.start_store()
    old = await system.publish("room.chat.1", b"old")
    wants = [Want(topic=one, mid=7, device="x") for one in ("room.chat.1", "all")]
    await system.replay(*wants)
    await system.publish("room.chat.1", b"missed")
    await system.publish("all", b"missed too")
    other = await system.start_store()
    assert other.store.views.positions.table.topics("7.x") == {"room.chat.1": old, "all": 0}
    reply = await system.replay(*wants)
    assert [bodies(page.messages) for page in reply.topics] == [[b"missed"], [b"missed too"]]


async def test_a_device_that_says_where_it_is_or_has_no_name_leaves_no_position(
    system: System,
) -> None:
    process = await system.start_store()
    await system.publish("room.chat.1", b"one")
    await system.replay(
        Want(topic="room.chat.1", mid=7, device="x", has_after=True, after=1),
        Want(topic="room.chat.1", mid=7, device="x", newest=1),
        Want(topic="room.chat.1", mid=0, device="x"),
        Want(topic="member.7", mid=7, device="x"),
    )
    assert len(process.store.views.positions.table) == 0


async def test_how_many_messages_are_above_a_sequence_is_told_where_it_is_asked(
    system: System,
) -> None:
    await system.start_store()
    for operation in (1000, 1001, 1000):
        await system.publish("room.chat.1", b"x", operation)
    topics = ["room.chat.1", "room.chat.2", "nonsense"]
    reply = await system.ask("last", LastRequest(topics=topics, after=[1, 0, 0]), LastReply)
    assert (list(reply.sequences), list(reply.counts)) == ([3, 0, 0], [2, 0, 0])
    assert list(reply.ends) == [3, 3, 0]
    reply = await system.ask("last", LastRequest(topics=topics), LastReply)
    assert list(reply.counts) == []


async def test_a_room_type_may_show_newcomers_its_newest(system: System) -> None:
    system.policies.described["chat"] = Policy(first=2)
    await system.start_store()
    await system.publish_many(["room.chat.1"] * 5, [b"%d" % number for number in range(5)])
    page = await system.replay_one(Want(topic="room.chat.1", mid=7, device="new"))
    assert bodies(page.messages) == [b"3", b"4"]
    newest = await system.replay_one(Want(topic="room.chat.1", mid=7, device="new", newest=3))
    assert bodies(newest.messages) == [b"2", b"3", b"4"]


async def test_a_live_room_replays_only_the_last_two_minutes(system: System) -> None:
    await system.start_store()
    await system.publish("room.live.1", b"seen")
    missed = await system.publish("room.live.1", b"missed")
    want = Want(topic="room.live.1", has_after=True, after=1)
    (message,) = (await system.replay_one(want)).messages
    assert message.body == b"missed"
    system.clock.at = message.time_ms / 1000 + 119
    assert bodies((await system.replay_one(want)).messages) == [b"missed"]
    system.clock.at = message.time_ms / 1000 + 122
    page = await system.replay_one(want)
    assert (list(page.messages), page.gap_to, page.started_after) == ([], 0, missed)


async def test_the_end_of_retention_is_told_as_a_gap(system: System) -> None:
    await system.start_store()
    first = await system.publish("room.chat.1", b"first")
    await system.save(7, "ios", {"room.chat.1": first})
    lost = await system.publish("room.chat.1", b"lost")
    want = Want(topic="room.chat.1", mid=7, device="ios")
    assert (await system.replay_one(want)).gap_to == 0
    system.clock.ahead = 7 * 86_400 + 2
    page = await system.replay_one(want)
    assert (page.started_after, page.gap_to, list(page.messages)) == (first, lost, [])
    again = Want(topic="room.chat.1", has_after=True, after=page.reached)
    assert (await system.replay_one(again)).gap_to == 0


async def test_a_room_keeps_its_newest_and_tells_of_the_rest(system: System) -> None:
    system.policies.described["tiny"] = Policy(retain_messages=3)
    await system.start_store()
    for number in range(6):  # of three operations: the limit is for the room
        await system.publish("room.tiny.1", b"%d" % number, operation=1000 + number % 3)
    page = await system.replay_one(Want(topic="room.tiny.1", has_after=True, after=1))
    assert bodies(page.messages) == [b"3", b"4", b"5"]
    assert page.gap_to == 3
    assert (await system.replay_one(Want(topic="room.tiny.1", has_after=True, after=3))).gap_to == 0


async def test_no_gap_is_told_when_nothing_was_lost(system: System) -> None:
    await system.start_store()
    for number in range(3):
        await system.publish("room.chat.1", b"%d" % number)
        await system.publish("room.chat.2", b"%d" % number)
    system.clock.ahead = 7 * 86_400 + 2  # all of it is too old, all of it was seen
    page = await system.replay_one(Want(topic="room.chat.1", has_after=True, after=5))
    assert (page.gap_to, list(page.messages), page.reached) == (0, [], 6)
    never = await system.replay_one(Want(topic="room.chat.9", has_after=True, after=1))
    assert never.gap_to == 0


async def test_a_message_says_who_sent_it_and_when_and_how_to_deliver_it(system: System) -> None:
    await system.start_store()
    before = system.clock()
    own = {"Goim-From": "9", "Goim-Stamp": "1", "Goim-Session": "g.1", "Nats-Sequence": "5000"}
    sequence = await system.publish("room.chat.1", b"hello", 4, own)
    page = await system.replay_one(Want(topic="room.chat.1", has_after=True, after=0))
    message = page.messages[0]
    assert (message.sequence, message.operation, message.body) == (sequence, 4, b"hello")
    assert (message.sender, message.stamp, message.session) == (9, True, "g.1")
    assert before * 1000 - 1 <= message.time_ms <= system.clock() * 1000 + 1


async def test_a_message_acknowledged_before_the_request_is_always_in_the_answer(
    system: System,
) -> None:
    await system.start_store()
    await system.start_store()
    after = 0
    for number in range(100):
        sequence = await system.publish("member.7", b"%d" % number)
        want = Want(topic="member.7", has_after=True, after=after)
        assert sequences((await system.replay_one(want)).messages) == [sequence]
        after = sequence


async def test_a_position_acknowledged_before_the_request_is_seen_by_every_store(
    system: System,
) -> None:
    await system.start_store()
    await system.start_store()
    for number in range(60):
        sequence = await system.publish("member.7", b"%d" % number)
        assert (await system.save(7, "ios", {"member.7": sequence})).saved == 1
        page = await system.replay_one(Want(topic="member.7", mid=7, device="ios"))
        assert (list(page.messages), page.started_after) == ([], sequence)


async def test_a_page_of_many_wants_is_bounded_and_goes_on(system: System) -> None:
    system.more_settings["page_bytes"] = 20_000
    await system.start_store()
    topics = [f"member.{mid}" for mid in range(1, 65) for _ in range(5)]
    await system.publish_many(topics, [b"x" * 1000] * len(topics))
    wants = [Want(topic=f"member.{mid}", mid=mid, device="d") for mid in range(1, 65)]
    got: dict[str, int] = {}
    turns = 0
    while wants:
        reply = await system.replay(*wants)
        assert reply.ByteSize() < 30_000
        for page in reply.topics:
            got[page.topic] = got.get(page.topic, 0) + len(page.messages)
        wants = [
            Want(topic=page.topic, has_after=True, after=page.reached)
            for page in reply.topics
            if page.more
        ]
        turns += 1
    assert got == {f"member.{mid}": 5 for mid in range(1, 65)}
    assert turns >= 16


async def test_a_message_longer_than_a_page_is_still_sent(system: System) -> None:
    system.more_settings["page_bytes"] = 1024
    await system.start_store()
    long = b"x" * 500_000
    await system.publish_many(["member.7"] * 2, [long, b"short"])
    got, _ = await system.replay_all(Want(topic="member.7", has_after=True))
    assert bodies(got) == [long, b"short"]


async def test_history_pages_both_ways_through_500_messages_of_one_millisecond(
    system: System,
) -> None:
    await system.start_store()
    mine = [b"%d" % number for number in range(500)]
    await system.publish_many(["room.chat.1"] * 500, mine)
    back: list[bytes] = []
    before = 0
    while True:
        page = await system.history("room.chat.1", before=before, limit=70)
        back = bodies(page.messages) + back
        if not page.more:
            break
        before = page.messages[0].sequence
    assert back == mine
    forward = bodies((await system.history("room.chat.1", after=1, limit=100)).messages)
    after = 101
    while True:
        page = await system.history("room.chat.1", after=after, limit=100)
        forward += bodies(page.messages)
        after = page.reached
        if not page.more:
            break
    assert forward == mine[1:]
    assert len((await system.history("room.chat.1", limit=9999)).messages) == 500


async def test_a_deleted_message_is_skipped_and_is_no_gap(system: System) -> None:
    store = await system.start_store()
    for number in range(3):
        await system.publish("room.chat.1", b"%d" % number)
    stream = system.subjects.stream("ROOM")
    await request_api(system.bus, f"STREAM.MSG.DELETE.{stream}", {"seq": 2, "no_erase": True})
    for _ in range(2):
        page = await system.replay_one(Want(topic="room.chat.1", has_after=True, after=0))
        assert (bodies(page.messages), page.gap_to) == ([b"0", b"2"], 0)
    assert store.store.messages.gone == 1


async def test_last_sequences_are_told_in_bulk(system: System) -> None:
    await system.start_store()
    await system.publish("member.7", b"")
    await system.publish("member.8", b"")
    await system.publish("member.7", b"")
    found = await system.last("member.7", "member.8", "member.9", "nonsense", "all")
    assert found == [3, 2, 0, 0, 0]
    system.clock.ahead = 40 * 86_400
    await system.replay_one(Want(topic="member.7", has_after=True, after=0))
    assert await system.last("member.7") == [3]


async def test_positions_are_merged_and_never_lowered(system: System) -> None:
    await system.start_store()
    await system.publish_many(["room.chat.1"] * 9, [b"x"] * 9)
    await system.save(7, "ios", {"room.chat.1": 5})
    await system.save(7, "ios", {"room.chat.1": 3, "room.chat.2": 4})
    wants = [Want(topic=f"room.chat.{room}", mid=7, device="ios") for room in (1, 2)]
    reply = await system.replay(*wants)
    assert [page.started_after for page in reply.topics] == [5, 4]


async def test_bad_positions_are_refused_one_by_one(system: System) -> None:
    await system.start_store()
    await system.publish_many(["member.7", "member.8"], [b"", b""])
    request = PositionRequest(
        positions=[
            DevicePosition(mid=7, device="a", topics={"member.7": 1}),
            DevicePosition(mid=0, device="a", topics={"all": 0}),
            DevicePosition(mid=8, device="x" * 200, topics={"member.8": 1}),
            DevicePosition(mid=8, device="a", topics={"no topic": 1}),
            DevicePosition(mid=8, device="b", topics={"member.8": 3}),  # the stream ends at 2
            DevicePosition(mid=8, device="c", topics={"member.8": 2}),
        ]
    )
    reply = await system.ask("position", request, PositionReply)
    assert (reply.saved, reply.error.code, reply.error.retry) == (2, 400, "never")
    assert "4 of 6" in reply.error.message
    page = await system.replay_one(Want(topic="member.8", mid=8, device="c"))
    assert page.started_after == 2


async def test_a_want_that_is_no_topic_has_its_own_error(system: System) -> None:
    await system.start_store()
    await system.publish("all", b"x")
    reply = await system.replay(Want(topic="room.live.*"), Want(topic="all", has_after=True))
    assert (reply.topics[0].error.code, reply.topics[0].topic) == (400, "room.live.*")
    assert bodies(reply.topics[1].messages) == [b"x"]
    assert not reply.error.code


async def test_too_much_in_one_request_is_refused(system: System) -> None:
    await system.start_store()
    wants = [Want(topic="all")] * (MOST_WANTS + 1)
    assert (await system.replay(*wants)).error.code == 400
    request = LastRequest(topics=["all"] * (MOST_TOPICS + 1))
    assert (await system.ask("last", request, LastReply)).error.code == 400
    history = await system.ask("history", HistoryRequest(topic="nonsense"), HistoryReply)
    assert history.error.code == 400


async def test_an_anonymous_client_is_a_newcomer_each_time(system: System) -> None:
    await system.start_store()
    await system.publish("room.chat.1", b"x")
    for want in (
        Want(topic="room.chat.1", mid=0, device="web"),
        Want(topic="room.chat.1", mid=5),
        Want(topic="room.chat.1", mid=5, device="x" * 200),
    ):
        assert not (await system.replay_one(want)).messages


async def test_json_is_answered_in_json(system: System) -> None:
    await system.start_store()
    await system.publish("member.7", b"hi")
    subject = system.subjects.rpc("store", "replay")
    request = b'{"wants":[{"topic":"member.7","has_after":true,"after":0}]}'
    answer = json.loads((await system.bus.call(subject, request)).payload)
    assert answer["topics"][0]["messages"][0]["body"] == "aGk="
    assert answer["topics"][0]["reached"] == "1"
    assert b'"code": 400' in (await system.bus.call(subject, b"{nonsense")).payload


async def test_many_that_come_back_at_once_share_what_is_read(system: System) -> None:
    process = await system.start_store()
    await system.publish_many(["room.chat.1"] * 5, [b"x"] * 5)
    want = Want(topic="room.chat.1", has_after=True, after=0)
    pages = await asyncio.gather(*[system.replay(*[want] * 10) for _ in range(20)])
    assert all(len(page.messages) == 5 for reply in pages for page in reply.topics)
    messages = process.store.messages
    assert messages.read_messages == 0  # they were kept as they came
    messages.cache.clear()
    messages.cache.hits = 0
    pages = await asyncio.gather(*[system.replay(*[want] * 10) for _ in range(20)])
    assert all(len(page.messages) == 5 for reply in pages for page in reply.topics)
    assert messages.read_messages == 5
    assert messages.shared + messages.cache.hits == 200 * 5 - 5
    barrier = process.store.views.topics["ROOM"].barrier
    assert barrier.passed == 1 + 40  # one when the view was built
    assert barrier.questions < 40
