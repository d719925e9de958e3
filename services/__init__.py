"""What the product does: no Tornado and no SQL here. `open_services` builds it all, once per process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from conf.settings import Settings, mysql_arguments
from models.database import Database
from services.accounts import Accounts
from services.authentication import Authenticator
from services.coalesced_redis import CoalescedRedis
from services.health import Health
from services.pages import Pages
from services.passwords import Passwords
from services.profiles import Profiles
from services.recordings import Recordings
from services.remembered_passwords import RememberedPasswords
from services.sessions import Sessions
from services.tencent import Tencent
from services.throttle import LoginThrottle
from services.versions import VERSION_KEYS, Versions
from services.videos import Videos


@dataclass(frozen=True)
class Services:
    """Everything a handler may call."""

    accounts: Accounts
    authenticator: Authenticator
    health: Health
    pages: Pages
    profiles: Profiles
    recordings: Recordings
    sessions: Sessions
    tencent: Tencent
    videos: Videos


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Build the services on their stores; close everything in reverse order.

    Nothing is connected here: the server starts while MySQL or Redis is down, and finds them when they are up.
    """
    async with AsyncExitStack() as resources:
        db = _database(settings)
        resources.push_async_callback(db.close)
        client = _redis(settings)
        resources.push_async_callback(client.aclose)
        batch = settings.performance.batch
        redis = CoalescedRedis(client, along=VERSION_KEYS, timeout=settings.redis.timeout, most=batch)
        versions = Versions(redis, most=batch)
        passwords = _passwords(settings)
        resources.callback(passwords.close)
        sessions = Sessions(redis, expires=settings.session.expires, grace=settings.session.refresh_grace)
        remembered = RememberedPasswords(
            redis, key=settings.password.remember_key.get_secret_value(), ttl=settings.password.remember
        )
        throttle = LoginThrottle(
            redis, max_failures=settings.password.max_failures, window=settings.password.failure_window
        )
        yield Services(
            accounts=Accounts(db, sessions, passwords, remembered, throttle, batch=batch),
            authenticator=Authenticator(sessions, clock_skew=settings.auth.clock_skew),
            health=Health(db, redis),
            pages=Pages(versions, ttl=settings.performance.page_ttl, most_bytes=settings.performance.page_cache_bytes),
            profiles=Profiles(db, versions, batch=batch),
            recordings=Recordings(
                db,
                versions,
                callback_key=settings.live.callback_key.get_secret_value(),
                bizid=settings.live.bizid,
                min_duration=settings.live.min_duration,
            ),
            sessions=sessions,
            tencent=Tencent(settings),
            videos=Videos(db, versions, window_days=settings.live.vod_window_days),
        )


def _database(settings: Settings) -> Database:
    return Database(
        mysql_arguments(settings.mysql.url.get_secret_value()),
        pool_size=settings.mysql.pool_size,
        acquire_timeout=settings.mysql.acquire_timeout,
        query_timeout=settings.mysql.query_timeout,
    )


def _redis(settings: Settings) -> Redis:
    # No retries: a command whose answer is late may have run, and a script must not run twice.
    pool = BlockingConnectionPool.from_url(
        settings.redis.url.get_secret_value(),
        max_connections=settings.redis.pool_size,
        timeout=settings.redis.timeout,
        socket_timeout=None,  # CoalescedRedis limits the time
        socket_connect_timeout=settings.redis.timeout,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)


def _passwords(settings: Settings) -> Passwords:
    return Passwords(
        time_cost=settings.password.time_cost,
        memory_kib=settings.password.memory_kib,
        threads=settings.password.threads,
        queue=settings.password.queue,
    )
