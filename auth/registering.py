"""EDGE `goim.accounts.register` and `activate`."""

from auth.account import Account, State
from auth.account_settings import CLOSED, CODE
from auth.book import Found
from auth.codes import ACTIVATION, is_right
from auth.desk import Desk, caller_address
from auth.errors import AccountRefused, Reason
from auth.names import (
    USER,
    name_digest,
    settle_contact,
    settle_name,
    settle_password,
    settle_role,
)
from bus.errors import ValueChanged
from schemas.messages_pb2 import ActivateRequest, DoneReply, RegisterReply, RegisterRequest


class Registering:
    """How accounts begin."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def register(self, request: RegisterRequest) -> RegisterReply:
        """Make an account; a repeated request with the right password gives the same mid."""
        desk, now = self._desk, self._desk.clock()
        by_operator = bool(request.token)
        if by_operator:
            await desk.gate.operator(request.token, now)
        role = self._role(request.role, by_operator)
        name = settle_name(request.name)
        password = settle_password(request.password, name)
        contact = settle_contact(request.contact)
        address = caller_address(request.address)
        if not by_operator:
            desk.gate.take(desk.gate.registrations, address, now)
        found = await desk.book.by_name(name)
        if found is None:
            account = Account(
                mid=await desk.mids.take(),
                name=name,
                password=await desk.gate.hasher.hash(password),
                created_at=int(now),
                role=role,
                state=self._first_state(by_operator),
                contact=contact,
            )
            found = await self._create(account, address)
            if found.account is account:
                return RegisterReply(mid=account.mid, state=account.state.value)
        if by_operator:
            raise AccountRefused(Reason.NAME_TAKEN)
        return await self._register_again(found, password, address, now)

    async def activate(self, request: ActivateRequest) -> DoneReply:
        """Make an account active by the code that was sent."""
        desk, now, address = self._desk, self._desk.clock(), caller_address(request.address)
        name = name_digest(request.name)
        desk.gate.take(desk.gate.address_tries, address, now)
        desk.gate.take(desk.gate.name_tries, name, now)
        found = await desk.book.by_name_digest(name)
        if found is None or not is_right(request.code, found.account.code, ACTIVATION, now):
            raise AccountRefused(Reason.CODE_REFUSED)

        def alter(account: Account) -> None:
            if not is_right(request.code, account.code, ACTIVATION, now):
                raise AccountRefused(Reason.CODE_REFUSED)
            account.code = None
            if account.state is State.PENDING:
                account.state = State.ACTIVE

        changed = await desk.book.change(found, alter)
        desk.gate.address_tries.give_back(address)
        await desk.tell(changed.account, "activated", address=address)
        return DoneReply()

    def _role(self, role: str, by_operator: bool) -> str:
        settled = settle_role(role or USER)
        if by_operator:
            return settled
        if self._desk.settings.mode == CLOSED:
            raise AccountRefused(Reason.REGISTRATION_CLOSED)
        if settled != USER:
            raise AccountRefused(Reason.NOT_OPERATOR)
        return settled

    def _first_state(self, by_operator: bool) -> State:
        needs_code = self._desk.settings.activation == CODE and not by_operator
        return State.PENDING if needs_code else State.ACTIVE

    async def _create(self, account: Account, address: str) -> Found:
        """Write the account and send its code; return another's that was quicker."""
        desk = self._desk
        try:
            found = await desk.book.create(account)
        except ValueChanged:
            desk.background.begin(desk.book.forget_mid(account.mid), "forget_mid")
            other = await desk.book.by_name(account.name)
            if other is None:
                taken = await desk.book.owner_of(account.name) is not None
                why = Reason.NAME_TAKEN if taken else Reason.CHANGED_MEANWHILE
                raise AccountRefused(why) from None
            return other
        if account.state is State.PENDING:
            await desk.send_code(found, ACTIVATION, "registered", address)
        else:
            await desk.tell(account, "registered", address=address)
        return found

    async def _register_again(
        self, found: Found, password: str, address: str, now: float
    ) -> RegisterReply:
        """Answer as the first time, if it is the same person who did not hear of it."""
        desk = self._desk
        try:
            account = await desk.gate.check_password(found, found.name, password, address, now)
        except AccountRefused as refused:
            if refused.why is Reason.LOGIN_FAILED:
                raise AccountRefused(Reason.NAME_TAKEN) from None
            raise
        if account.state is State.DEACTIVATED:
            raise AccountRefused(Reason.NAME_TAKEN)
        if account.state is State.PENDING:
            desk.gate.take(desk.gate.codes, found.name, now)
            await desk.send_code(found, ACTIVATION, "registered", address)
        return RegisterReply(mid=account.mid, state=account.state.value)
