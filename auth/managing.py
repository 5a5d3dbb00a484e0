"""EDGE `goim.accounts.show`, `deactivate`, `reactivate`, `role` and `list`."""

import asyncio

from auth.account import Account, State, as_message
from auth.desk import Desk, caller_address
from auth.directory import Query
from auth.errors import AccountRefused, Reason
from auth.names import normal_password, settle_role
from schemas.close_codes import CloseCode
from schemas.messages_pb2 import (
    AccountReply,
    DeactivateRequest,
    ListAccountsReply,
    ListAccountsRequest,
    ReactivateRequest,
    RoleRequest,
    ShowAccountRequest,
)

LIST_LIMIT, MOST_LISTED = 50, 500


class Managing:
    """What operators do, and what members do with their own account."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: ShowAccountRequest) -> AccountReply:
        """Answer with one's own account, or for operators with any."""
        desk, now = self._desk, self._desk.clock()
        if not request.mid and not request.name:
            member = await desk.gate.member(request.token, "", now)
            return AccountReply(account=as_message(member.found.account))
        await desk.gate.operator(request.token, now)
        found = await desk.find(request.mid, request.name)
        return AccountReply(account=as_message(found.account))

    async def deactivate(self, request: DeactivateRequest) -> AccountReply:
        """Close an account: nobody gets in with it, and who is in is cut off."""
        desk, now, address = self._desk, self._desk.clock(), caller_address(request.address)
        if request.mid or request.name:
            by = await desk.gate.operator(request.token, now)
            found = await desk.find(request.mid, request.name)
        else:
            by = 0
            _, found = await desk.gate.member(request.token, address, now)
            password = normal_password(request.password)
            await desk.gate.check_password(found, found.name, password, address, now)

        def alter(account: Account) -> None:
            account.state = State.DEACTIVATED
            account.code = None

        changed = await desk.end_all_logins(found, alter)
        account = changed.account
        await desk.closing.block(account.mid)
        words = Reason.DEACTIVATED.words
        desk.closing.close_member(account.mid, CloseCode.TOKEN_REFUSED, words)
        await desk.tell(account, "deactivated", by=by, address=address)
        return AccountReply(account=as_message(account))

    async def reactivate(self, request: ReactivateRequest) -> AccountReply:
        """Open a closed account again; its member logs in anew."""
        desk = self._desk
        by = await desk.gate.operator(request.token, desk.clock())
        found = await desk.find(request.mid, request.name)

        def alter(account: Account) -> None:
            account.state = State.ACTIVE

        account = (await desk.book.change(found, alter)).account
        await desk.closing.void_tokens(account)
        await desk.tell(account, "activated", by=by)
        return AccountReply(account=as_message(account))

    async def role(self, request: RoleRequest) -> AccountReply:
        """Give an account another role; its member gets new tokens by refreshing."""
        desk, now = self._desk, self._desk.clock()
        by = await desk.gate.operator(request.token, now)
        role = settle_role(request.role)
        found = await desk.find(request.mid, request.name)
        if found.account.role == role:
            return AccountReply(account=as_message(found.account))

        def alter(account: Account) -> None:
            account.role = role
            account.void_tokens(now, logins=False)

        account = (await desk.book.change(found, alter)).account
        if account.state is not State.DEACTIVATED:
            await desk.closing.void_tokens(account)
            desk.close_for_new_token(account.mid, "the role was changed")
        await desk.tell(account, "role_changed", by=by)
        return AccountReply(account=as_message(account))

    async def list(self, request: ListAccountsRequest) -> ListAccountsReply:
        """Answer with a page of accounts, in order of mid."""
        desk = self._desk
        await desk.gate.operator(request.token, desk.clock())
        limit = request.limit or LIST_LIMIT
        if limit > MOST_LISTED:
            raise AccountRefused(Reason.BAD_FIELD, f"limit is at most {MOST_LISTED}")
        query = Query(request.text, request.role, request.state, request.after)
        rows = await desk.listing.find(query, limit + 1)
        records = await asyncio.gather(*(desk.book.by_digest(row.digest) for row in rows[:limit]))
        accounts = [as_message(found.account) for found in records if found is not None]
        return ListAccountsReply(accounts=accounts, more=len(rows) > limit)
