"""DECIDE the body of a client's auth frame in, its Grant out, or a Refused.

Three forms: goim's JSON with `"token": "<JWT>"`, a JWT alone, and, where `open` says so, goim's
JSON unsigned. A token's claims win; what they don't say is taken from the JSON. Which rooms may
be entered follows from the grant's patterns and from the room types' policies, which gateway and
router know: `room` here is where the client wants to go, covered by a pattern or not.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from auth.errors import (
    BodyTooLarge,
    FieldRefused,
    RoomRefused,
    SessionKeyRefused,
    TokenMissing,
)
from auth.goim_json import GoimAuth, decode_auth_json
from auth.grant import Grant, Positions, RoomGrant
from auth.revocations import Revocations
from auth.tokens import Identity, TokenRules, verify_token
from schemas.subjects import MAX_ID_BYTES, IdRefused, encode_token, room_topic

MAX_BODY_BYTES = 8192  # a token of 4 KiB and the JSON around it
_WHITE_SPACE = " \t\r\n"
_COMPACT_JWT = re.compile(r"[\w=-]+\.[\w=-]*\.[\w=-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class AuthRules:
    """How clients are checked. `unsigned`: goim's bare JSON is believed (GOIM_AUTH=open)."""

    tokens: TokenRules
    unsigned: bool = False
    max_body_bytes: int = MAX_BODY_BYTES
    revocations: Revocations = field(default_factory=Revocations, compare=False, repr=False)


class Verdict(NamedTuple):
    """The grant, and what stands for its token in a log once hashed: `jti`, else the token."""

    grant: Grant
    token_id: str


def check_body(body: str, rules: AuthRules, now: float) -> Verdict:
    """Return what the client may do. `now`: unix seconds. Raises Refused."""
    size = len(body) if body.isascii() else len(body.encode(errors="replace"))
    if size > rules.max_body_bytes:
        raise BodyTooLarge(size, rules.max_body_bytes)
    bare = _COMPACT_JWT.fullmatch(body.strip(_WHITE_SPACE))
    auth = GoimAuth(token=bare[0]) if bare else decode_auth_json(body)
    if auth.token:
        identity = verify_token(auth.token, rules.tokens, now)
        rules.revocations.check(identity)
        grant = _signed_grant(auth, identity, rules.unsigned)
        return Verdict(_checked(grant), identity.token_id or auth.token)
    if not rules.unsigned:
        raise TokenMissing
    rules.revocations.check_member(auth.mid)
    return Verdict(_checked(_unsigned_grant(auth)), "")


def _signed_grant(auth: GoimAuth, identity: Identity, unsigned: bool) -> Grant:
    rooms = list(identity.rooms or ())
    if identity.rooms is None and unsigned:
        rooms.append(_everything("*"))  # what the client would get without its token
    room = identity.room
    if room and not any(one.covers(room) and one.receive and not one.recorded for one in rooms):
        rooms.append(_everything(room))
    return Grant(
        mid=identity.mid,
        key=auth.key if identity.key is None else identity.key,
        room=auth.room_id if room is None else room,
        platform=auth.platform if identity.platform is None else identity.platform,
        device=auth.device,
        devices=identity.devices,
        accepts=auth.accepts if identity.accepts is None else identity.accepts,
        rooms=rooms,
        expires_at=identity.expires_at,
        ext=auth.ext,
        resume=_resume(auth),
        join=auth.rooms,
        token_id=identity.token_id,
        role=identity.role,
    )


def _unsigned_grant(auth: GoimAuth) -> Grant:
    return Grant(
        mid=auth.mid,
        key=auth.key,
        room=auth.room_id,
        platform=auth.platform,
        device=auth.device,
        accepts=auth.accepts,
        rooms=[_everything("*")],
        ext=auth.ext,
        resume=_resume(auth),
        join=auth.rooms,
    )


def _everything(pattern: str) -> RoomGrant:
    return RoomGrant(pattern, receive=True, send=True, history=True)


def _resume(auth: GoimAuth) -> Positions | None:
    return None if auth.resume is None else Positions(auth.resume)


def _checked(grant: Grant) -> Grant:
    """Refuse ids that have no place in the system; cut a platform, which is only a label."""
    if grant.key:
        try:
            encode_token(grant.key)
        except IdRefused as refused:
            raise SessionKeyRefused(str(refused)) from None
    if len(grant.device.encode()) > MAX_ID_BYTES:
        raise FieldRefused("device", f"text of at most {MAX_ID_BYTES} bytes")
    _check_room(grant.room)
    for topic in grant.resume.topics if grant.resume else ():
        _check_room(topic)
    if len(grant.platform) > MAX_ID_BYTES // 4:
        grant.platform = grant.platform.encode()[:MAX_ID_BYTES].decode(errors="ignore")
    return grant


def _check_room(room: str) -> None:
    if room:
        try:
            room_topic(room)
        except IdRefused as refused:
            raise RoomRefused(str(refused)) from None
