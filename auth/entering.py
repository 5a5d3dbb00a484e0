"""EDGE `goim.accounts.login`, `refresh` and `logout`."""

from auth.account import Account, State
from auth.book import Found, FoundLogin
from auth.desk import Desk, caller_address
from auth.errors import AccountRefused, Reason, TokenRevoked
from auth.issuing import login_of
from auth.logins import (
    Login,
    RefreshToken,
    Use,
    begin_login,
    is_login_id,
    is_void,
    judge_use,
    parse_refresh_token,
    rotate,
)
from auth.names import check_device, name_digest, normal_password
from auth.tokens import Identity
from bus.errors import ValueChanged
from schemas.close_codes import CloseCode
from schemas.messages_pb2 import DoneReply, LoginReply, LoginRequest, LogoutRequest, RefreshRequest
from schemas.subjects import IdRefused

MOST_ATTEMPTS = 3  # of a refresh that meets another one of the same token
LOGGED_OUT = "logged out"


class Entering:
    """How members come and go."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def login(self, request: LoginRequest) -> LoginReply:
        """Answer with tokens for name and password."""
        desk, now, address = self._desk, self._desk.clock(), caller_address(request.address)
        desk.check_can_sign()
        check_device(request.platform, request.key, request.room, len(request.accepts))
        password = normal_password(request.password)
        name = name_digest(request.name)
        connecting = desk.connecting(request.platform, address)
        try:
            found = await desk.book.by_name_digest(name)
            account = await desk.gate.check_password(found, name, password, address, now)
            desk.gate.check_active(account)
            assert found is not None
            login, token = begin_login(
                account,
                found.name,
                request.platform,
                request.key,
                list(request.accepts),
                request.room,
                now,
            )
            await desk.begin_login(token.login_id, login)
        except BaseException:
            connecting.cancel()
            raise
        return desk.login_reply(account, login, token, await connecting)

    async def refresh(self, request: RefreshRequest) -> LoginReply:
        """Answer with new tokens for a refresh token that was not used before."""
        desk, now, address = self._desk, self._desk.clock(), caller_address(request.address)
        desk.check_can_sign()
        desk.gate.take(desk.gate.address_tries, address, now)
        token = _parsed(request.refresh_token)
        for _ in range(MOST_ATTEMPTS):
            held = await self._login(token, now, address)
            account = await self._account_of(token, held.login)
            before = held.login.secret
            successor = rotate(held.login, token, now)
            try:
                if held.login.secret != before:
                    await desk.book.save_login(token.login_id, held.login, held.revision)
            except ValueChanged:
                continue
            desk.gate.address_tries.give_back(address)
            connect = await desk.connecting(held.login.platform, address)
            return desk.login_reply(account, held.login, successor, connect)
        raise AccountRefused(Reason.CHANGED_MEANWHILE)

    async def logout(self, request: LogoutRequest) -> DoneReply:
        """End a login, or all of the member's; its tokens are void and its connections end."""
        now, address = self._desk.clock(), caller_address(request.address)
        if request.refresh_token:
            token = _parsed(request.refresh_token)
            held = await self._login(token, now, address)
            if request.everywhere:
                await self._logout_everywhere(await self._account(held.login.name), address)
            else:
                await self._end(token.login_id, held.login, now)
            return DoneReply()
        try:
            identity = self._desk.gate.identify(request.token, address, now)
        except AccountRefused as refused:
            if isinstance(refused.__cause__, TokenRevoked):
                return DoneReply()  # a retry whose answer was lost
            raise
        if request.login:
            await self._end_other(identity, request.login, now)
        elif request.everywhere:
            member = await self._desk.gate.member(request.token, address, now)
            await self._logout_everywhere(member.found, address)
        else:
            await self._end_token(identity, now)
        return DoneReply()

    async def _end_other(self, identity: Identity, login_id: str, now: float) -> None:
        held = await self._desk.book.login(login_id) if is_login_id(login_id) else None
        if held is None or held.login.mid != identity.mid:
            raise AccountRefused(Reason.LOGIN_UNKNOWN)
        await self._desk.end_login(login_id, held.login, now, LOGGED_OUT)

    async def _login(self, token: RefreshToken, now: float, address: str) -> FoundLogin:
        """Return the login of a refresh token that may be used; ends one of which two have it."""
        desk = self._desk
        held = await desk.book.login(token.login_id)
        if held is None:
            raise AccountRefused(Reason.REFRESH_REFUSED)
        grace = desk.settings.refresh_grace_seconds
        if judge_use(held.login, token, now, grace) is Use.REUSED:
            await self._end(token.login_id, held.login, now)
            found = await desk.book.by_digest(held.login.name)
            if found is not None:
                await desk.tell(found.account, "refresh_reused", address=address)
            raise AccountRefused(Reason.REFRESH_REUSED)
        return held

    async def _account_of(self, token: RefreshToken, login: Login) -> Account:
        found = await self._account(login.name)
        account = found.account
        if account.state is State.DEACTIVATED:
            raise AccountRefused(Reason.DEACTIVATED)
        if is_void(login, account):
            await self._desk.book.end_login(token.login_id)
            raise AccountRefused(Reason.REFRESH_REFUSED)
        return account

    async def _account(self, name: str) -> Found:
        found = await self._desk.book.by_digest(name)
        if found is None:
            raise AccountRefused(Reason.REFRESH_REFUSED)
        return found

    async def _end(self, login_id: str, login: Login, now: float) -> None:
        await self._desk.end_login(login_id, login, now, LOGGED_OUT)

    async def _end_token(self, identity: Identity, now: float) -> None:
        """End the login that a token is of; of a token that is not ours, the token itself."""
        if not identity.token_id:
            raise AccountRefused(Reason.BAD_FIELD, "the token has no jti to be ended by")
        desk, login_id = self._desk, login_of(identity.token_id)
        held = await desk.book.login(login_id)
        if held is not None and held.login.mid == identity.mid:
            await self._end(login_id, held.login, now)
            return
        try:
            await desk.closing.revoke_token(identity.token_id, now, identity.expires_at)
        except IdRefused:
            raise AccountRefused(Reason.BAD_FIELD, "the token's jti is too long") from None
        code, token_id = CloseCode.TOKEN_REFUSED, identity.token_id
        desk.closing.close_member(identity.mid, code, LOGGED_OUT, token_id)

    async def _logout_everywhere(self, found: Found, address: str) -> None:
        desk = self._desk
        changed = await desk.end_all_logins(found, lambda account: None)
        desk.close_for_new_token(changed.account.mid, LOGGED_OUT)
        await desk.tell(changed.account, "logged_out", address=address)


def _parsed(text: str) -> RefreshToken:
    token = parse_refresh_token(text)
    if token is None:
        raise AccountRefused(Reason.REFRESH_REFUSED)
    return token
