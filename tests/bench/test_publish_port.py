import pytest

from bench.publish_port import Published, take_publishes, topic_of

DATA = (
    b'CONNECT {"verbose":false}\r\n'
    b"PUB goim.push.room.bench.0.1000 2\r\nhi\r\n"
    b"PING\r\n"
    b"PUB goim.member.7.cast.1000 some.reply 4\r\na\r\nb\r\n"
)
MESSAGES = [
    Published("room.bench.0", b"hi", stored=True),
    Published("member.7", b"a\r\nb", stored=False),
]


@pytest.mark.parametrize("split", range(len(DATA)))
def test_any_split_of_what_is_published_gives_the_same_messages(split: int) -> None:
    first, rest, pings = take_publishes(DATA[:split])
    second, rest, more_pings = take_publishes(rest + DATA[split:])
    assert first + second == MESSAGES
    assert rest == b""
    assert pings + more_pings == 1


def test_a_subject_tells_the_topic_and_whether_it_is_stored() -> None:
    assert topic_of("goim.push.room.bench.0.1000") == ("room.bench.0", True)
    assert topic_of("goim.all.cast.1000") == ("all", False)
