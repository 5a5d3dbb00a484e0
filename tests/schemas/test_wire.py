"""Pieces put end to end are read as one message."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.messages_pb2 import PresenceReport, Session, StoredMessage, TopicMessages
from schemas.wire import entry

MESSAGES = st.lists(
    st.builds(StoredMessage, sequence=st.integers(0, 2**64 - 1), body=st.binary(max_size=20_000))
)


@given(MESSAGES)
def test_entries_behind_a_message_are_its_entries(messages: list[StoredMessage]) -> None:
    head = TopicMessages(topic="all", reached=9).SerializeToString()
    field = TopicMessages.MESSAGES_FIELD_NUMBER
    page = TopicMessages.FromString(
        head + b"".join(entry(field, one.SerializeToString()) for one in messages)
    )
    assert page == TopicMessages(topic="all", reached=9, messages=messages)


def test_entries_may_come_from_two_sides() -> None:
    sessions = [Session(session="a.1", key="k"), Session(session="a.2", room="r" * 300)]
    report = PresenceReport(joined=sessions[:1], snapshot=True).SerializeToString()
    report += entry(PresenceReport.JOINED_FIELD_NUMBER, sessions[1].SerializeToString())
    assert PresenceReport.FromString(report) == PresenceReport(joined=sessions, snapshot=True)
