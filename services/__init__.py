"""The product's rules, without Tornado and without SQL. `open_services` builds the services of a process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from conf.settings import Settings, mysql_arguments
from models.database import Database
from services.accounts import Accounts
from services.authentication import Authenticator
from services.deletion import AccountDeletion
from services.feeds import Feeds
from services.health import Health
from services.inspection import Inspection
from services.limits import Limits
from services.metrics.catalogue import Metrics
from services.metrics.stores import MySQLMonitor, watch_pools
from services.official.importer import OfficialImport
from services.passwords import Passwords
from services.profiles import Profiles
from services.recordings import Recordings
from services.redis import keys
from services.redis.client import RedisClient
from services.redis.lease import Lease
from services.remembered_passwords import RememberedPasswords
from services.retention import Ages, Retention
from services.seeding import Seeding
from services.sessions import Sessions
from services.tencent.signer import Signer
from services.user_reports import UserReports
from services.videos import Videos

# At a time a process reads one deep page, writes one probe of /readyz, removes some old rows, and deletes an account.
LONG_POOL_SIZE = 4


@dataclass(frozen=True)
class Services:
    """All services of a process."""

    accounts: Accounts
    authenticator: Authenticator
    deletion: AccountDeletion
    feeds: Feeds
    health: Health
    inspection: Inspection
    metrics: Metrics
    official_import: OfficialImport
    profiles: Profiles
    recordings: Recordings
    retention: Retention
    seeding: Seeding
    sessions: Sessions
    signer: Signer
    user_reports: UserReports
    videos: Videos


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Build the services on their stores, and close everything in reverse order.

    Nothing is connected here: the server starts while MySQL or Redis is down, and finds them when they are up.
    """
    max_batch = settings.performance.batch
    metrics = Metrics()
    async with AsyncExitStack() as resources:
        db, long_db = open_databases(settings, metrics)
        resources.push_async_callback(db.close)
        resources.push_async_callback(long_db.close)
        redis_url = settings.redis.url.get_secret_value()
        redis = RedisClient.from_url(redis_url, timeout=settings.redis.timeout, max_batch=max_batch, metrics=metrics)
        resources.push_async_callback(redis.close)
        feeds = Feeds(redis, max_batch=max_batch)
        resources.push_async_callback(feeds.close)
        passwords = _passwords(settings, metrics)
        resources.callback(passwords.close)
        sessions = _sessions(settings, redis)
        limits = Limits(redis, settings.limits, metrics)
        deletion = AccountDeletion(long_db, redis, sessions, feeds)
        yield Services(
            accounts=Accounts(
                db,
                sessions,
                passwords,
                _remembered_passwords(settings, redis),
                limits,
                max_batch=max_batch,
                metrics=metrics,
            ),
            authenticator=Authenticator(sessions, clock_skew=settings.auth.clock_skew),
            deletion=deletion,
            feeds=feeds,
            health=Health(long_db, redis),
            inspection=Inspection(long_db, sessions),
            metrics=metrics,
            official_import=OfficialImport(long_db, feeds),
            profiles=Profiles(db, feeds, limits, max_batch=max_batch, metrics=metrics),
            recordings=_recordings(settings, db, feeds, limits),
            retention=Retention(
                long_db, feeds, deletion, Lease(redis, keys.RETENTION, seconds=60), _ages(settings), metrics
            ),
            seeding=Seeding(long_db, feeds),
            sessions=sessions,
            signer=Signer(im=settings.im, cos=settings.cos, vod=settings.vod, live=settings.live),
            user_reports=UserReports(db, limits),
            videos=Videos(db, long_db, feeds, limits, window_days=settings.live.vod_window_days),
        )


def open_databases(settings: Settings, metrics: Metrics) -> tuple[Database, Database]:
    """The database for requests, and the same one for what may take longer, on connections of its own.

    So neither can keep the other out. The metrics watch both, and the caller closes them.
    """
    mysql = settings.mysql

    def connections(size: int, query_timeout: float) -> Database:
        return Database(
            mysql_arguments(mysql.url.get_secret_value()),
            pool_size=size,
            acquire_timeout=mysql.acquire_timeout,
            query_timeout=query_timeout,
            max_age=mysql.max_age,
            monitor=MySQLMonitor(metrics),
        )

    db = connections(mysql.pool_size, mysql.query_timeout)
    long_db = connections(LONG_POOL_SIZE, mysql.long_query_timeout)
    watch_pools(metrics, (db, long_db), mysql.pool_size + LONG_POOL_SIZE)
    return db, long_db


def _passwords(settings: Settings, metrics: Metrics) -> Passwords:
    return Passwords(
        time_cost=settings.password.time_cost,
        memory_kib=settings.password.memory_kib,
        threads=settings.password.threads,
        max_wait=settings.password.max_wait,
        metrics=metrics,
    )


def _sessions(settings: Settings, redis: RedisClient) -> Sessions:
    return Sessions(
        redis,
        expires=settings.session.expires,
        grace=settings.session.refresh_grace,
        sliding=settings.compat.official_apps,  # the apps never call /refresh
    )


def _remembered_passwords(settings: Settings, redis: RedisClient) -> RememberedPasswords:
    password = settings.password
    secrets = _secrets(password.remember_key, password.previous_remember_key)
    return RememberedPasswords(redis, secrets=secrets, ttl=password.remember if password.remember_key else 0)


def _recordings(settings: Settings, db: Database, feeds: Feeds, limits: Limits) -> Recordings:
    return Recordings(
        db,
        feeds,
        limits,
        callback_keys=_secrets(settings.live.callback_key, settings.live.previous_callback_key),
        bizid=settings.live.bizid,
        min_duration=settings.live.min_duration,
    )


def _ages(settings: Settings) -> Ages:
    retention = settings.retention
    return Ages(room=retention.room_days, undelivered=retention.undelivered_days, replay=retention.replay_days)


def _secrets(*values: SecretStr) -> list[str]:
    """Those that are set: a key, and while it is rotated the one before."""
    return [value.get_secret_value() for value in values if value]
