"""The answer to one request on `goim.auth.check`: bytes in, bytes out, counted. It never raises."""

import time
import traceback
from collections.abc import Callable, Iterable
from hashlib import sha256

import structlog

from auth.check import AuthRules, check_body
from auth.errors import InternalFault, Refused, all_reasons
from auth.grant import Grant, decode_request, encode_grant, is_json, refusal
from bus.metrics import Reading

log = structlog.get_logger()

HASH_CHARACTERS = 12


class Responder:
    """Answers checks by one set of rules. `clock`: unix seconds; `traced`: one debug event each."""

    def __init__(
        self, rules: AuthRules, clock: Callable[[], float] = time.time, traced: bool = False
    ) -> None:
        self.rules = rules
        self.granted = 0
        self.refused = dict.fromkeys(all_reasons(), 0)
        self._clock = clock
        self._traced = traced

    def answer(self, payload: bytes) -> bytes:
        """Return a Grant for an AuthRequest, in the encoding of the request."""
        as_json = is_json(payload)
        try:
            answer = encode_grant(self._check(payload), as_json)
            self.granted += 1
        except Refused as refused:
            answer = self._refuse(refused, as_json)
        except Exception as error:  # noqa: BLE001 - unanswered, the client would wait in vain
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{place.filename}:{place.lineno}"
            log.error("auth_check_failed", error=type(error).__name__, where=where)
            answer = self._refuse(InternalFault(), as_json)
        return answer

    def readings(self) -> Iterable[Reading]:
        """Return the counters for bus.metrics."""
        refused: list[tuple[tuple[str, ...], float]] = [
            ((reason,), count) for reason, count in self.refused.items()
        ]
        yield ("goim_auth_granted", "Clients let in", "counter", (), [((), self.granted)])
        yield ("goim_auth_refused", "Clients refused", "counter", ("reason",), refused)

    def _check(self, payload: bytes) -> Grant:
        body = decode_request(payload).token or ""
        grant, token_id = check_body(body, self.rules, self._clock())
        if self._traced:
            digest = sha256(token_id.encode()).hexdigest()[:HASH_CHARACTERS] if token_id else ""
            log.debug("auth_granted", user_id=grant.mid, token_hash=digest)
        return grant

    def _refuse(self, refused: Refused, as_json: bool) -> bytes:
        self.refused[refused.reason] += 1
        if self._traced:
            log.debug("auth_refused", reason=refused.reason)
        return encode_grant(refusal(refused), as_json)
