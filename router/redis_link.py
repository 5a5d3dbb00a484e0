"""EDGE the connection to Redis: pipelines with a deadline, every failure as PresenceAway."""

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from bus.metrics import Reading
from router.errors import PresenceAway
from router.readings import level, total
from router.settings import PresenceSettings

log = structlog.get_logger()

Command = tuple[Any, ...]
COOL_SECONDS = 1.0  # after a failure; callers that can do without Redis don't ask meanwhile


class RedisLink:
    """Runs commands on Redis; it may be away at any time, the start included."""

    def __init__(self, settings: PresenceSettings) -> None:
        options: dict[str, Any] = {
            "max_connections": settings.redis_connections,
            "timeout": settings.redis_seconds,
            "socket_timeout": settings.redis_seconds,
            "socket_connect_timeout": settings.redis_seconds,
            "retry": Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            "protocol": 3,
        }
        if settings.redis_url.startswith("rediss://") and not settings.redis_verify:
            options |= {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
        self._pool = BlockingConnectionPool.from_url(settings.redis_url, **options)
        self._client: Redis = Redis(connection_pool=self._pool)
        self._failed_at = -COOL_SECONDS
        self._loop = asyncio.get_running_loop()
        self.away = False
        self.round_trips = 0
        self.failures = 0

    async def run(self, commands: Iterable[Command]) -> list[Any]:
        """Run the commands in one round trip and return their answers. Raises PresenceAway."""
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        try:
            answers: list[Any] = await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            self._note_failure(error)
            raise PresenceAway(type(error).__name__) from error
        self.round_trips += 1
        if self.away:
            self.away = False
            log.info("redis_back")
        return answers

    async def run_one(self, *command: Any) -> Any:
        """Run one command and return its answer. Raises PresenceAway."""
        return (await self.run([command]))[0]

    def cooling(self) -> bool:
        """Tell whether Redis failed a moment ago, so that asking would only cost time."""
        return self.away and self._loop.time() - self._failed_at < COOL_SECONDS

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()
        await self._pool.aclose()

    def readings(self) -> Iterable[Reading]:
        """Round trips and failures, for Prometheus."""
        yield total("redis_round_trips", "pipelines that Redis answered", self.round_trips)
        yield total("redis_failures", "pipelines that failed", self.failures)
        yield level("redis_up", "1 while Redis answers", float(not self.away))

    def _note_failure(self, error: Exception) -> None:
        self.failures += 1
        self._failed_at = self._loop.time()
        if not self.away:
            self.away = True
            log.warning("redis_away", error=type(error).__name__, words=str(error)[:200])
