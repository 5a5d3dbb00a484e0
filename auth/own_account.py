"""EDGE `goim.accounts.rename` and `logins`: what members look after, and operators for them."""

from auth.account import Account, State, as_message
from auth.book import Found
from auth.desk import Desk
from auth.errors import AccountRefused, Reason
from auth.issuing import login_of
from auth.names import settle_name
from schemas.messages_pb2 import (
    AccountReply,
    LoginsReply,
    LoginsRequest,
    LoginView,
    RenameAccountRequest,
)


class OwnAccount:
    """One's name, and where one is logged in."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def logins(self, request: LoginsRequest) -> LoginsReply:
        """Answer with the logins that are good, the last used first."""
        desk, current = self._desk, ""
        if request.mid or request.name:
            await desk.gate.operator(request.token, desk.clock())
            found = await desk.find(request.mid, request.name)
        else:
            identity, found = await desk.gate.member(request.token, "", desk.clock())
            current = login_of(identity.token_id)
        views = [
            LoginView(
                login=login_id,
                platform=one.platform,
                key=one.key,
                since=int(one.created_at),
                used_at=int(one.rotated_at),
                current=login_id == current,
            )
            for login_id, one in (await desk.logins_of(found)).items()
        ]
        return LoginsReply(logins=views)

    async def rename(self, request: RenameAccountRequest) -> AccountReply:
        """Give an account another name; those that it had stay its own."""
        desk, by = self._desk, 0
        if request.mid or request.name:
            by = await desk.gate.operator(request.token, desk.clock())
            found = await desk.find(request.mid, request.name)
            most = 0
        else:
            _, found = await desk.gate.member(request.token, "", desk.clock())
            most = desk.settings.most_names
        name = settle_name(request.new_name)
        if found.account.name == name:
            return AccountReply(account=as_message(found.account))
        account = await self._rename(found, name, most)
        await desk.tell(account, "renamed", by=by)
        return AccountReply(account=as_message(account))

    async def _rename(self, found: Found, name: str, most: int) -> Account:
        book = self._desk.book
        if found.account.state is State.PENDING:
            raise AccountRefused(Reason.NOT_ACTIVATED)
        if most and found.account.names >= most and await book.owner_of(name) != found.name:
            taken = await book.owner_of(name) is not None
            raise AccountRefused(Reason.NAME_TAKEN if taken else Reason.TOO_MANY_NAMES)
        is_new = await book.reserve_name(found, name)

        def alter(account: Account) -> None:
            account.name = name
            account.names += is_new

        return (await book.change(found, alter)).account
