"""`main.py --check`: whether this installation can serve, and whether its keys fit."""

import os
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from conf.settings import Cos, Im, Settings, Vod, conf_path
from conf.version import BUILD
from models import server
from services import LONG_POOL_SIZE, open_databases
from services.errors import StoreError
from services.metrics.catalogue import Metrics
from services.redis.client import RedisClient
from services.redis.nodes import Node
from services.tencent import signatures
from services.tencent.plausibility import doubts

_MAX_CLOCK_DIFFERENCE_S = 2
_MIN_CERTIFICATE_DAYS = 14
_USERID = "check"
_PROBE = 0  # the number of no machine
_REDIS_TIMEOUT_S = 5
_VALID_S = 600  # of the signatures that are shown
_KEY_TIME = "1700000000;1700000600"  # in the past: the SignKey opens nothing


class Level(StrEnum):
    """How bad a finding is. An error is one that keeps the installation from serving."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    COMPARE = "compare"
    """To be compared with Tencent's console: only Tencent knows whether it is right."""


class Finding(NamedTuple):
    """One sentence about the installation. It holds no secret."""

    level: Level
    subject: str
    text: str


async def check(settings: Settings) -> AsyncIterator[Finding]:
    """Check the settings, both stores and the keys. It writes no row; in each Redis it sets a key for a minute."""
    for finding in _settings(settings):
        yield finding
    async for finding in _mysql(settings):
        yield finding
    async for finding in _redis(settings):
        yield finding
    for finding in _keys(settings):
        yield finding


def _settings(settings: Settings) -> Iterator[Finding]:
    yield Finding(Level.OK, "settings", f"{BUILD}, {settings.environment}, {conf_path()}")
    for weakness in settings.weaknesses():
        yield Finding(Level.WARNING, "settings", weakness)
    if settings.environment == "production" and not settings.compat.official_apps:
        yield Finding(Level.WARNING, "settings", "compat.official_apps is off: the shipped apps need it")
    if settings.metrics.port and not os.access(_existing(settings.metrics.directory), os.W_OK):
        text = f"{settings.metrics.directory} cannot be written: each worker has its own numbers alone"
        yield Finding(Level.WARNING, "metrics", text)
    if certificate := settings.http.tls_certificate:
        yield _certificate(certificate)


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _certificate(path: Path) -> Finding:
    try:
        end = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        return Finding(Level.ERROR, "certificate", f"{path}: {error}")
    days = (end - datetime.now(UTC)).days
    level = Level.ERROR if days < 0 else Level.WARNING if days < _MIN_CERTIFICATE_DAYS else Level.OK
    return Finding(level, "certificate", f"valid until {end:%Y-%m-%d %H:%M} UTC, {days} days")


async def _mysql(settings: Settings) -> AsyncIterator[Finding]:
    db, _ = open_databases(settings, Metrics())  # nothing connects the other one
    try:
        found = await server.describe(db)
        yield Finding(Level.OK, "mysql", f"{found.version}, as {found.user}")
        for finding in _mysql_server(settings, found):
            yield finding
        if missing := await server.missing_migrations(db):
            yield Finding(Level.ERROR, "mysql", f"run ./scripts/admin migrate: {', '.join(missing)}")
        async for error in server.refused_statements(db):
            yield Finding(Level.ERROR, "mysql", str(error))
    except StoreError as error:
        yield Finding(Level.ERROR, "mysql", str(error))
    finally:
        await db.close()


def _mysql_server(settings: Settings, found: server.Server) -> Iterator[Finding]:
    yield from _clock("mysql", found.time.timestamp())
    if found.may_do_everything and settings.environment == "production":
        yield Finding(
            Level.WARNING, "mysql", f"{found.user} may drop tables: grant SELECT, INSERT, UPDATE, DELETE only"
        )
    needed = (settings.mysql.pool_size + LONG_POOL_SIZE) * settings.http.processes
    if needed > found.max_connections:
        pools = f"(mysql.pool_size + {LONG_POOL_SIZE}) x http.processes"
        text = f"{needed} connections ({pools}) and max_connections = {found.max_connections}"
        yield Finding(Level.WARNING, "mysql", text)


async def _redis(settings: Settings) -> AsyncIterator[Finding]:
    url = settings.redis.url.get_secret_value()
    redis = RedisClient.from_url(url, timeout=_REDIS_TIMEOUT_S, max_batch=1, metrics=Metrics())
    try:
        nodes = await redis.nodes()
        for node in sorted(nodes, key=lambda node: node.name):
            async for level, _, text in _redis_node(redis, node):
                yield Finding(level, "redis", f"{node.name}: {text}" if len(nodes) > 1 else text)
    finally:
        await redis.close()


async def _redis_node(redis: RedisClient, node: Node) -> AsyncIterator[Finding]:
    try:
        await redis.probe(node, _PROBE)
        await redis.ask(node, "EVAL", "return 1", 0)
        seconds, microseconds = await redis.ask(node, "TIME")
        lines = (await redis.ask(node, "INFO")).decode().splitlines()
    except StoreError as error:
        yield Finding(Level.ERROR, "redis", str(error))
        return
    info = dict(line.split(":", 1) for line in lines if ":" in line)
    yield Finding(Level.OK, "redis", info["redis_version"])
    for finding in _clock("redis", int(seconds) + int(microseconds) / 1e6):
        yield finding
    if info["aof_enabled"] == "0":
        text = "appendonly is off: when Redis restarts, everybody has to log in again"
        yield Finding(Level.WARNING, "redis", text)
    if (policy := info["maxmemory_policy"]) not in ("noeviction", "volatile-ttl"):
        yield Finding(Level.WARNING, "redis", f"maxmemory-policy {policy} drops sessions; set noeviction")


def _clock(store: str, its_time: float) -> Iterator[Finding]:
    difference = its_time - time.time()
    level = Level.WARNING if abs(difference) > _MAX_CLOCK_DIFFERENCE_S else Level.OK
    yield Finding(level, store, f"its clock is {difference:+.1f} s from ours")


def _keys(settings: Settings) -> Iterator[Finding]:
    for doubt in doubts(settings.im, settings.cos, settings.vod, settings.live):
        yield Finding(Level.WARNING, "keys", doubt)
    for subject, text in (
        ("im", _im_comparison(settings.im)),
        ("cos", _cos_comparison(settings.cos)),
        ("vod", _vod_comparison(settings.vod)),
    ):
        yield Finding(Level.COMPARE, subject, text)


def _im_comparison(im: Im) -> str:
    key = im.secret_key.get_secret_value()
    usersig = signatures.usersig(im.sdkappid, key, _USERID, now=int(time.time()), expire=_VALID_S)
    return (
        f"Open the UserSig tools (UserSig 校验) of IM's console, choose the application {im.sdkappid}, and verify this "
        f"UserSig of the user {_USERID!r} within {_VALID_S // 60} minutes: {usersig}"
    )


def _cos_comparison(cos: Cos) -> str:
    sign_key = signatures.cos_sign_key(cos.secret_key.get_secret_value(), _KEY_TIME)
    return (
        f"Open https://cos5.cloud.tencent.com/static/cos-sign/ and enter the SecretId {cos.secret_id}, its SecretKey "
        f"from the console, and the q-key-time {_KEY_TIME}. The SignKey there has to be {sign_key}"
    )


def _vod_comparison(vod: Vod) -> str:
    now = int(time.time())
    key = vod.secret_key.get_secret_value()
    signature = signatures.vod_upload_signature(vod.secret_id, key, now=now, expire_time=now + _VALID_S, random=1)
    return (
        "Enter this signature in VOD's signature check (客户端上传签名校验), or upload a file with it within "
        f"{_VALID_S // 60} minutes: {signature}"
    )
