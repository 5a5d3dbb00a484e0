from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from auth.account import Account, State
from auth.directory import SCANNED_AT_ONCE, Directory, Query, Row
from auth.names import name_digest


def account(mid: int, name: str, state: State = State.ACTIVE, role: str = "user") -> Account:
    return Account(mid=mid, name=name, password="x", state=state, role=role)


def take(directory: Directory, one: Account) -> None:
    directory.take(name_digest(one.name), one)


def mids(directory: Directory, query: Query) -> list[int]:
    return [row.mid for row in directory.scan(query) if row is not None]


ALL = Query("", "", "", 0)


@given(st.permutations(range(1, 30)), st.sets(st.integers(1, 29)), st.integers(0, 30))
def test_accounts_come_in_order_of_mid_whatever_was_taken_and_dropped(
    order: list[int], dropped: set[int], after: int
) -> None:
    directory = Directory()
    for mid in order:
        take(directory, account(mid, f"name {mid}"))
    for mid in dropped:
        directory.drop(name_digest(f"name {mid}"))
    expected = [mid for mid in range(1, 30) if mid not in dropped and mid > after]
    assert mids(directory, ALL._replace(after=after)) == expected
    assert len(directory) == 29 - len(dropped)


def test_a_name_that_was_free_and_is_another_s_now_is_there_once() -> None:
    directory = Directory()
    take(directory, account(1, "Ann"))
    take(directory, account(9, "ann"))
    assert mids(directory, ALL) == [9]
    directory.drop("nobody")
    directory.clear()
    assert mids(directory, ALL) == []


def test_a_change_is_seen() -> None:
    directory = Directory()
    take(directory, account(1, "Ann"))
    take(directory, account(1, "Ann", State.DEACTIVATED, "operator"))
    assert mids(directory, ALL._replace(state="deactivated", role="operator")) == [1]
    assert mids(directory, ALL._replace(state="active")) == []


def test_an_account_whose_time_is_over_is_gone_unless_it_was_activated() -> None:
    directory = Directory()
    for mid in (1, 2, 3):
        one = account(mid, f"name {mid}", State.PENDING)
        directory.take(name_digest(one.name), one, ends_at=100.0 + mid)
    take(directory, account(1, "name 1"))
    directory.drop(name_digest("name 2"))
    directory.drop_ended(102.5)
    assert mids(directory, ALL) == [1, 3]
    directory.drop_ended(103.0)
    assert mids(directory, ALL) == [1]
    assert len(directory) == 1


@dataclass
class Rests:
    """Counts the rests of a scan."""

    rows: list[Row] = field(default_factory=list)
    count: int = 0


def test_a_scan_rests_so_that_others_may_do_something() -> None:
    directory = Directory()
    for mid in range(1, 3 * SCANNED_AT_ONCE + 1):
        take(directory, account(mid, f"name {mid}"))
    rests = Rests()
    for row in directory.scan(ALL._replace(text="NAME 59")):
        if row is None:
            rests.count += 1
            directory.drop(name_digest("name 5999"))
        else:
            rests.rows.append(row)
    assert rests.count == 2
    assert [row.mid for row in rests.rows][:3] == [59, 590, 591]
    assert 5999 not in [row.mid for row in rests.rows]
