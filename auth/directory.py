"""DECIDE which accounts an operator's list shows: an index of all of them, in order of mid."""

from bisect import bisect_right, insort
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from auth.account import Account
from auth.names import fold_name

SCANNED_AT_ONCE = 2000  # accounts looked at before others may do something


class Row(NamedTuple):
    """What the index holds of an account."""

    mid: int
    digest: str  # of the name: the key of its record
    folded: str
    role: str
    state: str
    ends_at: float = 0.0  # unix seconds; its record goes by itself then, 0: it stays


class Query(NamedTuple):
    """What is looked for. Empty fields fit all."""

    text: str
    role: str
    state: str
    after: int

    def fits(self, row: Row) -> bool:
        """Tell whether an account is meant."""
        return (
            self.text in row.folded
            and self.role in ("", row.role)
            and self.state in ("", row.state)
        )


class Directory:
    """All accounts, some 400 bytes each."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}  # by digest
        self._mids: list[tuple[int, str]] = []
        self._endings: list[tuple[float, str]] = []  # a heap; some have been taken anew since

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, digest: str, account: Account, ends_at: float = 0.0) -> None:
        """An account is new or was changed."""
        before = self._rows.get(digest)
        if before is not None and before.mid != account.mid:
            self._forget(before)
            before = None
        folded = fold_name(account.name)
        row = Row(account.mid, digest, folded, account.role, account.state.value, ends_at)
        self._rows[digest] = row
        if ends_at:
            heappush(self._endings, (ends_at, digest))
        if before is None:
            self._insert((row.mid, digest))

    def drop(self, digest: str) -> None:
        """An account is gone."""
        row = self._rows.pop(digest, None)
        if row is not None:
            self._forget(row)

    def drop_ended(self, now: float) -> None:
        """Accounts whose time is over are gone: the bucket tells nobody."""
        while self._endings and self._endings[0][0] <= now:
            ends_at, digest = heappop(self._endings)
            row = self._rows.get(digest)
            if row is not None and row.ends_at == ends_at:
                self.drop(digest)

    def clear(self) -> None:
        """Forget all."""
        self._rows.clear()
        self._mids.clear()
        self._endings.clear()

    def scan(self, query: Query) -> Iterator[Row | None]:
        """Yield what fits, in order of mid; None after each SCANNED_AT_ONCE accounts.

        The index may change while the scan rests.
        """
        query = query._replace(text=fold_name(query.text))
        after = query.after
        while True:
            start = bisect_right(self._mids, (after, "\x7f"))
            piece = self._mids[start : start + SCANNED_AT_ONCE]
            for _, digest in piece:
                row = self._rows.get(digest)
                if row is not None and query.fits(row):
                    yield row
            if len(piece) < SCANNED_AT_ONCE:
                return
            after = piece[-1][0]
            yield None

    def _insert(self, entry: tuple[int, str]) -> None:
        if not self._mids or entry > self._mids[-1]:
            self._mids.append(entry)
        else:
            insort(self._mids, entry)

    def _forget(self, row: Row) -> None:
        place = bisect_right(self._mids, (row.mid, row.digest)) - 1
        if place >= 0 and self._mids[place] == (row.mid, row.digest):
            del self._mids[place]
