from dataclasses import replace

from schemas.subjects import Subjects
from store.definitions import (
    NANOSECONDS,
    Storage,
    bucket_config,
    event_config,
    stream_config,
    updated,
)
from store.retention import Limits

STORAGE = Storage(replicas=3, message_bytes=1000, grace_seconds=60, forget_seconds=500)
SUBJECTS = Subjects("goim")


def test_a_room_message_is_republished_to_the_room() -> None:
    config = stream_config(SUBJECTS, "ROOM", Limits(10, 100.0), STORAGE)
    assert config["subjects"] == ["goim.push.room.*.*.*"]
    assert config["republish"] == {
        "src": "goim.push.room.*.*.*",
        "dest": "goim.room.{{wildcard(1)}}.{{wildcard(2)}}.kept.{{wildcard(3)}}",
    }


def test_member_messages_and_those_to_all_are_republished_too() -> None:
    member = stream_config(SUBJECTS, "MEMBER", Limits(10, 100.0), STORAGE)["republish"]
    everyone = stream_config(SUBJECTS, "ALL", Limits(10, 100.0), STORAGE)["republish"]
    assert member["dest"] == "goim.member.{{wildcard(1)}}.kept.{{wildcard(2)}}"
    assert everyone == {"src": "goim.push.all.*", "dest": "goim.all.kept.{{wildcard(1)}}"}


def test_a_stream_holds_one_message_and_a_grace_more_than_is_retained() -> None:
    config = stream_config(SUBJECTS, "ROOM", Limits(10, 100.0), STORAGE)
    assert config["max_msgs_per_subject"] == 11
    assert config["max_age"] == 160 * NANOSECONDS
    assert (config["num_replicas"], config["max_msg_size"]) == (3, 1000)
    assert config["duplicate_window"] == 120 * NANOSECONDS
    assert config["allow_atomic"]
    assert config["allow_direct"]


def test_marks_outlive_the_positions_they_are_for() -> None:
    position = bucket_config(SUBJECTS, "POSITION", STORAGE)
    trimmed = bucket_config(SUBJECTS, "TRIMMED", STORAGE)
    assert position["name"] == "KV_GOIM_POSITION"
    assert position["subjects"] == ["$KV.GOIM_POSITION.>"]
    assert trimmed["max_age"] == 2 * position["max_age"]
    assert bucket_config(SUBJECTS, "POLICY", STORAGE)["max_age"] == 0


def test_events_are_kept_for_their_time_and_account_events_are_not_among_them() -> None:
    config = event_config(SUBJECTS, replace(STORAGE, event_seconds=50))
    assert (config["name"], config["max_age"]) == ("GOIM_EVENT", 50 * NANOSECONDS)
    assert config["subjects"] == [
        "goim.tell.session.*.*",
        "goim.event.undelivered.*",
        "goim.event.room.>",
    ]
    heard = "goim.event.session.{{wildcard(1)}}.{{wildcard(2)}}"
    assert config["subject_transform"] == {"src": "goim.tell.session.*.*", "dest": heard}
    assert config["republish"] == {"src": "goim.event.session.*.*", "dest": heard}


def test_only_what_we_speak_of_is_updated() -> None:
    config = stream_config(SUBJECTS, "ROOM", Limits(10, 100.0), STORAGE)
    existing = config | {"description": "ours", "placement": {"cluster": "east"}}
    assert updated(existing, config) is None
    changed = updated(existing | {"max_age": 5}, config)
    assert changed is not None
    assert changed["max_age"] == config["max_age"]
    assert changed["description"] == "ours"


def test_what_the_server_leaves_out_is_the_same_as_empty() -> None:
    assert updated({"name": "A"}, {"name": "A", "allow_atomic": False, "max_age": 0}) is None
    assert updated({"republish": {"src": "a"}}, {"republish": {"src": "b"}}) is not None
