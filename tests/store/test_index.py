from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from store.index import TopicIndex

TOPICS = ("room.live.1", "room.chat.2", "member.3")


class IndexAgainstList(RuleBasedStateMachine):
    """The index does as two plain lists a topic: what there is, and what is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.index = TopicIndex()
        self.there: dict[str, list[int]] = {topic: [] for topic in TOPICS}
        self.gone: dict[str, list[int]] = {topic: [] for topic in TOPICS}
        self.sequence = 0

    def let_go(self, topic: str, keep: list[int]) -> None:
        self.gone[topic] += [one for one in self.there[topic] if one not in keep]
        self.there[topic] = keep

    @rule(topic=st.sampled_from(TOPICS), ahead=st.integers(1, 9), most=st.integers(0, 6))
    def append(self, topic: str, ahead: int, most: int) -> None:
        self.sequence += ahead
        self.index.append(topic, self.sequence, most)
        every = [*self.there[topic], self.sequence]
        self.there[topic] = every
        self.let_go(topic, every[max(0, len(every) - most) :])

    @rule(topic=st.sampled_from(TOPICS))
    def append_again(self, topic: str) -> None:
        if self.there[topic] or self.gone[topic]:
            self.index.append(topic, max(self.there[topic] + self.gone[topic]), 100)

    @rule(topic=st.sampled_from(TOPICS), back=st.integers(0, 60))
    def trim_by_age(self, topic: str, back: int) -> None:
        to = max(0, self.sequence - back)
        self.index.trim_to(topic, to)
        self.let_go(topic, [one for one in self.there[topic] if one > to])

    @rule(topic=st.sampled_from(TOPICS), most=st.integers(0, 6))
    def trim_by_count(self, topic: str, most: int) -> None:
        self.index.trim_to_count(topic, most)
        every = self.there[topic]
        self.let_go(topic, every[max(0, len(every) - most) :])

    @rule(topic=st.sampled_from(TOPICS), place=st.integers(0, 5))
    def delete_one(self, topic: str, place: int) -> None:
        if place < len(self.there[topic]):
            self.index.discard(topic, self.there[topic].pop(place))

    @rule(topic=st.sampled_from(TOPICS))
    def take_in_the_saved_mark(self, topic: str) -> None:
        if self.gone[topic]:
            self.index.mark_gone(topic, max(self.gone[topic]))
            assert topic not in self.index.unsaved

    @rule(topic=st.sampled_from(TOPICS), back=st.integers(0, 60))
    def count(self, topic: str, back: int) -> None:
        after = max(0, self.sequence - back)
        above = [one for one in self.there[topic] if one > after]
        assert self.index.count_after(topic, after) == len(above)

    @invariant()
    def answers_are_those_of_the_lists(self) -> None:
        index = self.index
        assert index.messages == sum(map(len, self.there.values()))
        for topic in TOPICS:
            there, gone = self.there[topic], self.gone[topic]
            assert index.trimmed_to(topic) == max(gone, default=0)
            assert index.newest(topic, 3) == there[-3:]
            for at in {0, self.sequence, self.sequence - 4, *there[:3]}:
                after = [one for one in there if one > at]
                before = [one for one in there if one < at]
                assert index.after(topic, at, 2) == after[:2]
                assert index.before(topic, at, 2) == before[-2:]
            if there:
                assert index.last(topic) == there[-1]


IndexAgainstList.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestIndexAgainstList = IndexAgainstList.TestCase


def test_a_topic_nobody_published_to_is_empty() -> None:
    index = TopicIndex()
    assert index.after("all", 0, 10) == index.before("all", 99, 10) == index.newest("all", 9) == []
    assert index.last("all") == index.trimmed_to("all") == 0
    assert "all" not in index
    index.trim_to("all", 99)
    index.trim_to_count("all", 0)
    index.discard("all", 5)
    assert len(index) == 0


def test_the_last_sequence_is_told_after_all_of_a_topic_is_gone() -> None:
    index = TopicIndex()
    index.append("all", 5, 10)
    index.append("all", 9, 10)
    index.trim_to("all", 100)
    assert index.after("all", 0, 10) == []
    assert index.last("all") == 9
    assert index.unsaved == {"all"}


def test_a_saved_mark_tells_of_a_topic_that_is_gone_altogether() -> None:
    index = TopicIndex()
    index.mark_gone("room.live.1", 40)
    assert index.trimmed_to("room.live.1") == index.last("room.live.1") == 40
    index.append("room.live.1", 40, 10)
    assert index.messages == 0
    index.append("room.live.1", 41, 10)
    assert index.after("room.live.1", 0, 10) == [41]


def test_an_older_mark_than_what_is_known_changes_nothing() -> None:
    index = TopicIndex()
    for sequence in (1, 2, 3):
        index.append("all", sequence, 10)
    index.trim_to("all", 2)
    index.mark_gone("all", 1)
    assert index.trimmed_to("all") == 2
    assert index.unsaved == {"all"}


def test_a_cleared_index_is_empty() -> None:
    index = TopicIndex()
    index.append("all", 1, 0)
    index.clear()
    assert (len(index), index.messages, index.unsaved, index.topics()) == (0, 0, set(), [])
