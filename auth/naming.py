"""EDGE `goim.accounts.names`: who has this mid, which mid has this name."""

import asyncio

from auth.account import State
from auth.book import Found
from auth.desk import Desk
from auth.errors import AccountRefused, Reason
from schemas.messages_pb2 import Named, NamesReply, NamesRequest

MOST_NAMED = 100  # mids and names of one request: each is a read or two from the bucket


class Naming:
    """What any member may know of the others: what they are called."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def names(self, request: NamesRequest) -> NamesReply:
        """Answer with the members there are, by mid; those not activated are nobody yet."""
        desk = self._desk
        desk.gate.identify(request.token, "", desk.clock())
        mids, names = set(request.mids), set(request.names)
        if len(mids) + len(names) > MOST_NAMED:
            words = f"at most {MOST_NAMED} mids and names at once"
            raise AccountRefused(Reason.BAD_FIELD, words)
        book = desk.book
        reads = [book.by_mid(mid) for mid in mids] + [book.by_name(name) for name in names]
        found = await asyncio.gather(*reads)
        known = dict(sorted(_named(one) for one in found if one is not None and _is_there(one)))
        return NamesReply(members=[Named(mid=mid, name=name) for mid, name in known.items()])


def _is_there(found: Found) -> bool:
    return found.account.state is not State.PENDING


def _named(found: Found) -> tuple[int, str]:
    return found.account.mid, found.account.name
