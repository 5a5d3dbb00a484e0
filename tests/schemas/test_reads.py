from json import dumps

from schemas.messages_pb2 import ReadReply, ReadState
from schemas.reads import read_values


def test_rooms_and_members_are_told_as_numbers() -> None:
    reply = ReadReply(
        rooms={"chat://7": ReadState(read=2**62, unread=3, last=2**62 + 9)},
        members={9: ReadState()},
    )
    told = dumps(read_values(reply))
    assert told == (
        '{"rooms": {"chat://7": {"read": 4611686018427387904, "unread": 3, '
        '"last": 4611686018427387913}}, '
        '"members": {"9": {"read": 0, "unread": 0, "last": 0}}}'
    )


def test_that_there_are_more_members_is_told() -> None:
    assert read_values(ReadReply(more=True)) == {"rooms": {}, "members": {}, "more": True}
