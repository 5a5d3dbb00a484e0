"""What a client may ask of the past: pages of history, what is read and what is not."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from goimbus.client_history import HistoryPage, Unread, read_history, read_unread
from schemas.operations import Operation


class Lookups(ABC):
    """The part of `Client` that asks.

    All raise AskRefused (also by a server without extensions), AnswerTimeout, ClientClosed and
    ClosedByServer. Over a lost connection they ask again.
    """

    async def history(
        self, *, room: str = "", member: int = 0, before: int = 0, limit: int = 50
    ) -> HistoryPage:
        """Return the newest messages before a sequence (0: the newest), oldest first.

        Of a room that one may read, or one's direct messages with a member. For the next page
        `before` is the sequence of the first message.
        """
        target: dict[str, object] = {"member": member} if member else {"room": room}
        asked = target | {"before": before, "limit": limit}
        return read_history(await self._look_up(Operation.HISTORY, asked))

    async def read(
        self, *, rooms: Mapping[str, int] | None = None, members: Mapping[int, int] | None = None
    ) -> Unread:
        """Say up to which sequences rooms, and direct messages with members, are read.

        Returns how it stands with these; 0 only asks. The member's other devices are told.
        """
        if not rooms and not members:
            return Unread()
        values = {"rooms": {**(rooms or {})}, "members": {**(members or {})}}
        return read_unread(await self._look_up(Operation.READ, values))

    async def unread(self) -> Unread:
        """Return how it stands with all rooms the client is in, and all direct messages."""
        return read_unread(await self._look_up(Operation.READ, {}))

    @abstractmethod
    async def _look_up(
        self, operation: Operation, values: Mapping[str, object]
    ) -> Mapping[str, Any]:
        """Return what the server answers."""
