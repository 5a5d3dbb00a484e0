"""EDGE `goim.accounts.password`, `forgot` and `reset`."""

from auth.account import Account, State
from auth.codes import RESET, is_right
from auth.desk import PASSWORD_CHANGED, Desk, caller_address
from auth.errors import AccountRefused, Reason
from auth.logins import begin_login
from auth.names import name_digest, normal_password, settle_password
from schemas.messages_pb2 import (
    DoneReply,
    ForgotRequest,
    LoginReply,
    PasswordRequest,
    ResetRequest,
)


class Passwords:
    """How passwords change. Each change ends all logins that there were."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def password(self, request: PasswordRequest) -> LoginReply:
        """Change one's password, by the old one; answer with a new login for this device."""
        desk, now, address = self._desk, self._desk.clock(), caller_address(request.address)
        desk.check_can_sign()
        identity, found = await desk.gate.member(request.token, address, now)
        new = settle_password(request.new_password, found.account.name)
        old = normal_password(request.old_password)
        await desk.gate.check_password(found, found.name, old, address, now)
        account = await self._set_password(found.name, new, address)
        desk.close_for_new_token(account.mid, PASSWORD_CHANGED)
        login, token = begin_login(
            account,
            found.name,
            identity.platform or "",
            identity.key or "",
            identity.accepts or [],
            "",
            desk.clock(),
        )
        await desk.begin_login(token.login_id, login)
        connect = await desk.connecting(login.platform, address)
        return desk.login_reply(account, login, token, connect)

    async def forgot(self, request: ForgotRequest) -> DoneReply:
        """Let a code leave for the owner of a name; the answer is the same for any name."""
        desk, now, address = self._desk, self._desk.clock(), caller_address(request.address)
        name = name_digest(request.name)
        desk.gate.take(desk.gate.address_tries, address, now)
        desk.gate.take(desk.gate.codes, name, now)
        desk.background.begin(self._send_reset_code(name, address), "send_reset_code")
        return DoneReply()

    async def reset(self, request: ResetRequest) -> DoneReply:
        """Set a new password by the code that was sent."""
        desk, now, address = self._desk, self._desk.clock(), caller_address(request.address)
        name = name_digest(request.name)
        new = settle_password(request.password, request.name)
        desk.gate.take(desk.gate.address_tries, address, now)
        desk.gate.take(desk.gate.name_tries, name, now)
        found = await desk.book.by_name_digest(name)
        if found is None or not is_right(request.code, found.account.code, RESET, now):
            raise AccountRefused(Reason.CODE_REFUSED)
        account = await self._set_password(found.name, new, address, request.code)
        desk.gate.address_tries.give_back(address)
        desk.close_for_new_token(account.mid, PASSWORD_CHANGED)
        return DoneReply()

    async def _set_password(self, name: str, new: str, address: str, code: str = "") -> Account:
        desk = self._desk
        encoded = await desk.gate.hasher.hash(new)
        found = await desk.book.by_digest(name)
        if found is None:
            raise AccountRefused(Reason.ACCOUNT_UNKNOWN)

        def alter(account: Account) -> None:
            if code and not is_right(code, account.code, RESET, desk.clock()):
                raise AccountRefused(Reason.CODE_REFUSED)
            desk.gate.check_active(account)
            account.password = encoded
            account.code = None

        changed = await desk.end_all_logins(found, alter)
        desk.background.begin(desk.book.forget_failures(name), "forget_failures")
        await desk.tell(changed.account, "password_changed", address=address)
        return changed.account

    async def _send_reset_code(self, name: str, address: str) -> None:
        found = await self._desk.book.by_name_digest(name)
        if found is not None and found.account.state is State.ACTIVE:
            await self._desk.send_code(found, RESET, "forgot", address)
