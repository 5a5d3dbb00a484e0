"""EDGE passwords hashed and compared by argon2 in a few threads; what is too much is refused."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from auth.errors import AccountRefused, Reason

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class HashRules:
    """How dear a hash is, and how many are made at once. Defaults: OWASP's of 2024, 53 ms."""

    threads: int = 2
    waiting: int = 32  # behind those at work; more are refused
    memory_kib: int = 19_456
    rounds: int = 2


class Hasher:
    """argon2id, one lane a hash."""

    def __init__(self, rules: HashRules) -> None:
        self.hashed = 0
        self.refused = 0
        self.seconds = 0.0  # spent, waiting included
        self._most = rules.threads + rules.waiting
        self._under_way = 0
        self._hasher = PasswordHasher(rules.rounds, rules.memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(rules.threads, thread_name_prefix="argon2")
        self._nobodys = self._hasher.hash(token_urlsafe())

    async def hash(self, password: str) -> str:
        """Return the encoded hash. Raises AccountRefused when too many wait."""
        return await self._run(lambda: self._hasher.hash(_bytes(password)))

    async def verify(self, encoded: str, password: str) -> bool:
        """Tell whether the password is the one that was hashed; takes as long for `""`.

        Raises AccountRefused when too many wait.
        """
        return await self._run(lambda: self._verify(encoded or self._nobodys, password))

    def is_outdated(self, encoded: str) -> bool:
        """Tell whether it was hashed with other parameters than today's."""
        return self._hasher.check_needs_rehash(encoded)

    def close(self) -> None:
        """End the threads, after what is under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._under_way >= self._most:
            self.refused += 1
            raise AccountRefused(Reason.BUSY, after=1)
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._under_way += 1
        future = loop.run_in_executor(self._threads, work)
        future.add_done_callback(lambda _: self._note_end(loop.time() - began))
        return await asyncio.shield(future)

    def _note_end(self, seconds: float) -> None:
        self._under_way -= 1
        self.hashed += 1
        self.seconds += seconds

    def _verify(self, encoded: str, password: str) -> bool:
        try:
            return self._hasher.verify(encoded, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False


def _bytes(password: str) -> bytes:
    return password.encode(errors="surrogatepass")
