"""EDGE ends what a member may no longer do: revokes tokens, and cuts the open connections."""

import asyncio

from auth.account import Account
from auth.revocations import MemberRule, TokenRule, encode_rule, member_key, token_key
from bus.bucket import Bucket
from bus.connection import Bus
from bus.errors import BusError, RpcError
from bus.logs import RareLog
from bus.replies import read_reply
from schemas.close_codes import CloseCode
from schemas.messages_pb2 import (
    CloseSession,
    GatewayCommand,
    InstancesReply,
    InstancesRequest,
)

ASK_SECONDS = 1.0
AGAIN_SECONDS = 0.25  # a check that was answered just before has led to a seat by then
MOST_ROUNDS = 1000  # under way at once; of what is beyond only the tokens are revoked


class Closing:
    """Writes to GOIM_REVOKED, and sends commands to the gateways."""

    def __init__(self, bus: Bus, revoked: Bucket, token_seconds: int) -> None:
        self.commands = 0
        self.logins_ended = 0  # because the member has too many
        self.unsent = 0  # rounds in which the router or NATS was away, or that were too many
        self._bus = bus
        self._revoked = revoked
        self._token_seconds = token_seconds  # that a token of ours can live, leeway included
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = RareLog("connections_not_closed")

    async def revoke_token(self, token_id: str, now: float, until: float = 0) -> None:
        """Make a token, or all of a login, void; needed `until` it expires (unix seconds).

        Raises BusError, IdRefused.
        """
        end = int(until or now + self._token_seconds) + 1
        rule = encode_rule(TokenRule(until=end))
        await self._revoked.put(token_key(token_id), rule, ttl_seconds=max(end - int(now), 1))

    async def void_tokens(self, account: Account) -> None:
        """Make all tokens void that are older than the account's generation. Raises BusError."""
        rule = MemberRule(before=account.voided_at, generation=account.generation)
        key, ttl = member_key(account.mid), self._token_seconds + 1
        await self._revoked.put(key, encode_rule(rule), ttl_seconds=ttl)

    async def block(self, mid: int) -> None:
        """Keep a member out, whatever its tokens say, until void_tokens. Raises BusError."""
        await self._revoked.put(member_key(mid), encode_rule(MemberRule(blocked=True)))

    def close_member(self, mid: int, code: CloseCode, reason: str, token_id: str = "") -> None:
        """Cut a member's connections, all or those of one token or login, and soon once more."""
        if len(self._tasks) >= MOST_ROUNDS:
            self.unsent += 1
            return
        close = CloseSession(mid=mid, code=code.number, reason=reason, token_id=token_id)
        task = asyncio.create_task(self._send_twice(close), name="close_sessions")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Return when nothing is under way any more."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    async def _send_twice(self, close: CloseSession) -> None:
        await self._send(close)
        await asyncio.sleep(AGAIN_SECONDS)
        await self._send(close)

    async def _send(self, close: CloseSession) -> None:
        payload = GatewayCommand(close=close).SerializeToString()
        subject, request = self._bus.subjects.rpc("nodes", "instances"), InstancesRequest()
        try:
            reply = await self._bus.call(subject, request.SerializeToString(), ASK_SECONDS)
            for node in read_reply(reply, InstancesReply).nodes:
                self._bus.publish(self._bus.subjects.gateway(node.gateway), payload)
                self.commands += 1
        except (BusError, RpcError) as error:
            self.unsent += 1
            self._log.warning(error=str(error))
