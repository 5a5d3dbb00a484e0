import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.messages_pb2 import DevicePosition
from store.errors import PositionRefused
from store.positions import (
    MOST_READ,
    MOST_TOPICS,
    PositionTable,
    check_ends,
    check_position,
    encode_position,
    merge_topics,
    position_key,
    read_key,
)
from store.topics import Kind


def end(kind: Kind) -> int:
    return 1000


def test_a_key_is_member_and_device() -> None:
    assert position_key(7, "ios") == "7.ios"
    assert position_key(7, "a.b *") == "7.a=2Eb=20=2A"


@pytest.mark.parametrize(
    ("mid", "device", "topics"),
    [
        (0, "ios", {}),
        (-5, "ios", {}),
        (7, "", {}),
        (7, "d" * 129, {}),
        (7, "ios", {"nonsense": 1}),
        (7, "ios", {"room.live.*": 1}),
        (7, "ios", {"member.8": 1}),
        (7, "ios", {"all": 2**63}),
        (7, "ios", {f"room.live.{number}": 1 for number in range(MOST_TOPICS + 1)}),
    ],
)
def test_bad_positions_are_refused(mid: int, device: str, topics: dict[str, int]) -> None:
    with pytest.raises(PositionRefused):
        check_position(DevicePosition(mid=mid, device=device, topics=topics))


def test_a_good_position_has_a_key_and_topics() -> None:
    topics = {"member.7": 5, "all": 0, "room.live.1": 9}
    position = DevicePosition(mid=7, device="x" * 128, topics=topics)
    assert check_position(position) == ("7." + "x" * 128, topics)


def test_a_position_past_the_end_of_its_stream_is_refused() -> None:
    check_ends({"all": 1000}, end)
    with pytest.raises(PositionRefused):
        check_ends({"room.live.1": 1, "all": 1001}, end)


@given(
    st.dictionaries(st.sampled_from(["all", "member.7", "room.a.b"]), st.integers(0, 1000)),
    st.dictionaries(st.sampled_from(["all", "member.7", "room.a.b"]), st.integers(0, 1000)),
)
def test_merging_never_lowers_and_never_forgets(one: dict[str, int], two: dict[str, int]) -> None:
    merged = merge_topics(one, two, end).topics
    assert merged == {topic: max(one.get(topic, 0), two.get(topic, 0)) for topic in {**one, **two}}
    assert merged == merge_topics(two, one, end).topics


def test_a_position_from_another_life_of_the_stream_gives_way() -> None:
    assert merge_topics({"all": 5000}, {"all": 3}, end).topics == {"all": 3}


def test_of_too_many_rooms_the_lowest_that_are_not_being_saved_go() -> None:
    known = {f"room.live.{number}": 100 + number for number in range(MOST_TOPICS - 2)}
    known |= {"member.7": 1, "all": 1}
    merged, dropped = merge_topics(known, {"room.live.new": 2, "room.live.5": 200}, end)
    assert dropped == 1
    assert len(merged) == MOST_TOPICS
    assert "room.live.0" not in merged
    assert {"room.live.new", "room.live.5", "member.7", "all"} <= merged.keys()


def test_of_too_much_that_was_read_rooms_go_before_peers() -> None:
    known = {f"member.{peer}": peer for peer in range(1, MOST_READ)} | {"room.chat.1": 900}
    merged, dropped = merge_topics(known, {"member.1": 5, "room.chat.2": 1}, end, reading=True)
    assert (dropped, len(merged), "room.chat.1" in merged) == (1, MOST_READ, False)
    merged, _ = merge_topics(merged, {"room.chat.3": 1, "room.chat.2": 2}, end, reading=True)
    assert (merged["member.1"], merged["room.chat.2"], "member.2" in merged) == (5, 2, False)


def test_the_table_tells_devices_from_readers() -> None:
    table = PositionTable()
    for revision in (1, 2):
        table.apply(read_key(7), revision, encode_position(read_key(7), {"member.9": 3}, "="))
    table.apply("7.ios", 3, b"")
    assert (len(table), table.readers, table.topics("7.=")) == (1, 1, {"member.9": 3})
    assert position_key(7, "=") != read_key(7)


def test_the_table_holds_what_the_bucket_said_last() -> None:
    table = PositionTable()
    table.apply("7.ios", 4, encode_position("7.ios", {"all": 3, "member.7": 0}, "ios"))
    assert table.topics("7.ios") == {"all": 3, "member.7": 0}
    assert (table.revision("7.ios"), len(table)) == (4, 1)
    table.apply("7.ios", 9, b"")
    assert (table.topics("7.ios"), table.revision("7.ios")) == ({}, 9)
    assert table.revision("8.ios") == 0


def test_a_value_that_is_no_position_counts_as_none() -> None:
    table = PositionTable()
    table.apply("7.ios", 4, b"\xff\xff\xff")
    assert table.topics("7.ios") == {}
    assert (table.revision("7.ios"), table.unreadable) == (4, 1)
    table.clear()
    assert len(table) == 0
