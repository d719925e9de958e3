"""The users, rows and sessions of a benchmark."""

import hashlib
import secrets
from collections.abc import Callable, Iterable
from typing import NamedTuple

import argon2
import pymysql
import redis

from conf.settings import Password, mysql_arguments
from scripts.stores.private_servers import Urls
from services.redis import keys
from services.snapshot import VERSIONS_BYTES

TABLES = ("tb_account", "tb_room", "tb_vod", "tb_vod_file", "tb_ugc")
PASSWORD = "0571749e2ac330a7455809c6b0e7af90"
NEW_FILES = "new"  # prefix of the file_ids that the benchmark uploads
_CHUNK = 20_000  # rows of one INSERT
_SESSION_SECONDS = 86400

_ACCOUNTS = """
INSERT INTO tb_account (userid, password, nickname, avatar, sex, frontcover)
SELECT CONCAT(%s, seq), %s, CONCAT('小直播用户', seq),
       CONCAT('https://xiaozhibo-1250000000.cos.ap-guangzhou.myqcloud.com/avatar/user', seq, '_1795483140.png'), 1,
       CONCAT('https://xiaozhibo-1250000000.cos.ap-guangzhou.myqcloud.com/cover/user', seq, '_1795483140.png')
FROM seq_{first}_to_{last}
"""
_REPLAYS = """
INSERT INTO tb_vod (userid, file_id, title, frontcover, location, play_url, hls_play_url, start_time, create_time)
SELECT CONCAT('user', seq), CONCAT('52858908', seq), CONCAT('周末直播 第', seq, '场'),
       CONCAT('https://xiaozhibo-1250000000.cos.ap-guangzhou.myqcloud.com/cover/user', seq, '_1795483140.png'),
       '广东省深圳市南山区', CONCAT('https://1250000000.vod2.myqcloud.com/7a3b1c2dvodgzp1250000000/', seq, '/f0.mp4'),
       CONCAT('https://1250000000.vod2.myqcloud.com/7a3b1c2dvodgzp1250000000/', seq, '/playlist_eof.m3u8'),
       '2026-11-01' - INTERVAL seq MINUTE, '2026-11-01 01:00' - INTERVAL seq MINUTE
FROM seq_{first}_to_{last}
"""
_VIDEOS = """
INSERT INTO tb_ugc (userid, file_id, title, frontcover, location, play_url, create_time)
SELECT CONCAT('user', seq), CONCAT('52858909', seq), CONCAT('小视频 ', seq),
       CONCAT('https://xiaozhibo-1250000000.cos.ap-guangzhou.myqcloud.com/cover/user', seq, '_1795483140.png'),
       '广东省深圳市南山区', CONCAT('https://1250000000.vod2.myqcloud.com/7a3b1c2dvodgzp1250000000/', seq, '/f0.mp4'),
       '2026-11-01' - INTERVAL seq MINUTE
FROM seq_{first}_to_{last}
"""


class User(NamedTuple):
    """A user with a session."""

    userid: str
    token: str
    refresh_token: str


def user(number: int, name: str = "user") -> User:
    """The user with this number; the number determines the tokens."""
    userid = f"{name}{number}"
    secret = hashlib.sha256(userid.encode()).hexdigest()
    return User(userid, f"{userid}.{secret[:32]}", secret[32:])


class Stores:
    """The private stores, written to directly and not through the server."""

    def __init__(self, urls: Urls) -> None:
        arguments = mysql_arguments(urls.mysql)
        self._mysql = pymysql.connect(database=arguments.pop("db"), **arguments, autocommit=True)
        self._redis = redis.Redis.from_url(urls.redis)
        costs = Password()
        hasher = argon2.PasswordHasher(time_cost=costs.time_cost, memory_cost=costs.memory_kib, parallelism=1)
        self._hash = hasher.hash(PASSWORD)  # one hash for all users: its check costs the same

    def close(self) -> None:
        """Close the connections."""
        self._mysql.close()
        self._redis.close()

    def empty(self) -> None:
        """Delete all users, rows and sessions."""
        self._execute(*(f"TRUNCATE TABLE {table}" for table in TABLES))
        self._redis.flushdb()

    def fill(self, rows: int, report: Callable[[int], None], start: int = 0) -> None:
        """Add rows from `start` to `rows` to every table, of one user each; `report` gets the size of each chunk."""
        for first in range(start + 1, rows + 1, _CHUNK):
            last = min(first + _CHUNK - 1, rows)
            self.add_accounts("user", first, last)
            self._execute(*(sql.format(first=first, last=last) for sql in (_REPLAYS, _VIDEOS)))
            report(last - first + 1)
        self._execute("ANALYZE TABLE tb_account, tb_vod, tb_ugc")
        self.invalidate_lists()

    def add_accounts(self, name: str, first: int, last: int) -> None:
        """Register users, numbered from `first` to `last`."""
        with self._mysql.cursor() as cursor:
            cursor.execute(_ACCOUNTS.format(first=first, last=last), (name, self._hash))

    def open_sessions(self, users: Iterable[User]) -> None:
        """Give users new sessions, as a login does."""
        pipeline = self._redis.pipeline(transaction=False)
        for owner in users:
            token, refresh = keys.token(owner.userid), keys.refresh_token(owner.userid)
            pipeline.set(token, owner.token, ex=_SESSION_SECONDS)
            pipeline.delete(refresh)
            pipeline.hset(refresh, "refresh_token", owner.refresh_token)
            pipeline.expire(refresh, _SESSION_SECONDS)
        pipeline.execute()

    def remove_written(self) -> None:
        """Delete the rows of the measured uploads, so that every round has tables of the same size."""
        self._execute(f"DELETE FROM tb_ugc WHERE file_id LIKE '{NEW_FILES}%'", "TRUNCATE TABLE tb_room")  # noqa: S608
        self.invalidate_lists()

    def invalidate_lists(self) -> None:
        """Invalidate the cached pages after a change of rows, as a write through the server does."""
        self._redis.setrange(keys.VERSIONS, 0, secrets.token_bytes(VERSIONS_BYTES))

    def row(self, sql: str) -> tuple[object, ...]:
        """The first row of a query."""
        with self._mysql.cursor() as cursor:
            cursor.execute(sql)
            return tuple(cursor.fetchone())

    def _execute(self, *statements: str) -> None:
        with self._mysql.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
