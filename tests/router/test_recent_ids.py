"""Which retries are known without asking."""

from router.recent_ids import RecentIds


def test_a_message_is_known_for_its_time_under_its_first_sequence() -> None:
    recent = RecentIds(60)
    recent.add("5.phone.7", 12, now=100)
    recent.add("5.phone.7", 99, now=110)
    assert recent.sequence("5.phone.7", 159) == 12
    assert recent.sequence("5.phone.7", 160) == 0
    assert recent.sequence("5.phone.8", 101) == 0


def test_what_is_over_its_time_or_one_too_many_is_forgotten() -> None:
    recent = RecentIds(60, most=3)
    for number in range(5):
        recent.add(f"{number}", number + 1, now=100 + number)
    assert len(recent) == 3
    assert [recent.sequence(f"{number}", 105) for number in range(5)] == [0, 0, 3, 4, 5]
    recent.add("late", 6, now=163)
    assert len(recent) == 2
    recent.add("later", 7, now=999)
    assert len(recent) == 1
