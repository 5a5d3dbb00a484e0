from hypothesis import given
from hypothesis import strategies as st

from store.marks import COARSE_SECONDS, FINE_SECONDS, FINE_SPAN_SECONDS, TimeMarks

STEPS = st.lists(
    st.tuples(
        st.integers(1, 5),
        st.one_of(st.floats(0, 3), st.floats(0, 90), st.floats(-5, 0), st.floats(0, 10_000)),
    ),
    max_size=60,
)


@given(STEPS, st.floats(-100, 200_000))
def test_a_sequence_is_never_called_older_than_it_is_and_soon_called_old(
    steps: list[tuple[int, float]], asked: float
) -> None:
    marks = TimeMarks()
    sequence, now, latest, stored = 0, 1000.0, 0.0, []
    for ahead, seconds in steps:
        sequence += ahead
        now += seconds
        latest = max(latest, now)  # a clock that goes back stands still
        marks.note(sequence, now)
        stored.append((sequence, latest))
    answer = marks.stored_by(asked)
    assert all(time <= asked for number, time in stored if number <= answer)
    assert all(number <= answer for number, time in stored if time <= asked - FINE_SECONDS)


def test_marks_an_hour_old_are_a_minute_apart() -> None:
    marks = TimeMarks()
    seconds_a_day = 86_400
    for second in range(seconds_a_day):
        marks.note(second + 1, float(second))
    assert len(marks) < seconds_a_day / COARSE_SECONDS + 3 * FINE_SPAN_SECONDS
    end = float(seconds_a_day)
    for age in (30, 600, 3500, 7300, 20_000, 80_000):
        answer = marks.stored_by(end - age)
        exact = seconds_a_day - age + 1
        slack = FINE_SECONDS if age < FINE_SPAN_SECONDS else COARSE_SECONDS + FINE_SECONDS
        assert exact - slack - 1 <= answer <= exact, age


def test_the_last_message_of_a_silent_stream_grows_old_too() -> None:
    marks = TimeMarks()
    marks.note(7, 100.0)
    marks.note(8, 100.4)
    assert marks.stored_by(100.9) == 0
    assert marks.stored_by(101.5) == 8


def test_what_is_forgotten_changes_no_later_answer() -> None:
    marks, whole = TimeMarks(), TimeMarks()
    for second in range(20_000):
        for one in (marks, whole):
            one.note(second + 1, float(second))
        if second % 1000 == 0:
            marks.forget(second - 5000)
    for asked in (15_100.0, 16_000.5, 19_000.0, 30_000.0):
        assert marks.stored_by(asked) == whole.stored_by(asked)
    marks.forget(19_901)
    assert len(marks) == 100


def test_a_cleared_stream_has_no_age() -> None:
    marks = TimeMarks()
    marks.note(7, 100.0)
    marks.clear()
    assert marks.stored_by(1e9) == 0
    marks.note(1, 50.0)
    assert marks.stored_by(60.0) == 1
