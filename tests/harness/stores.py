"""The stores under test: each worker of pytest-xdist has a MySQL database and a Redis database of its own.

The environment has the URLs of the servers. A run without workers uses the databases 0 and `test_0`.
"""

import os
from typing import cast
from urllib.parse import urlsplit

import pymysql
import redis
from pymysql.cursors import Cursor

from conf.redis_url import redis_address
from conf.settings import mysql_arguments
from models.migrate import migrate

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_SERVER = urlsplit(os.environ["TEST_MYSQL_URL"])
DATABASE = f"test_{_WORKER}"
MYSQL_URL = _SERVER._replace(path=f"/{DATABASE}").geturl()
REDIS_URL = os.environ["TEST_REDIS_URL"].partition("?")[0] + f"?db={_WORKER}"
TABLES = (
    "tb_account",
    "tb_room",
    "tb_vod",
    "tb_vod_file",
    "tb_ugc",
    "tb_undelivered_callback",
    "tb_probe",
    "tb_imported",
    "tb_user_report",
)
# Options of every server under test: the stores, cheap hashes, and those of TEST_SERVER_OPTIONS for the whole run.
OPTIONS = (
    *("--mysql.url", MYSQL_URL, "--redis.url", REDIS_URL),
    *("--password.time_cost", "1", "--password.memory_kib", "64"),
    # Limits for a busy machine, and for tests that send everything as one user. The tests of a limit set their own.
    *("--http.deadline", "20", "--http.max_requests_per_user", "1000"),
    *("--mysql.acquire_timeout", "20", "--mysql.query_timeout", "20", "--password.max_wait", "20"),
    *("--metrics.port", "0"),  # a test that wants metrics names a port and a directory of its own
    *os.environ.get("TEST_SERVER_OPTIONS", "").split(),
)


def connect_mysql(
    url: str = MYSQL_URL, *, autocommit: bool = False, init_command: str | None = None
) -> "pymysql.Connection[Cursor]":
    """A connection to a database, that of this worker, without the 30 ms that preparing for TLS takes."""
    arguments = {name: value for name, value in mysql_arguments(url).items() if name != "ssl"}
    return pymysql.connect(**arguments, autocommit=autocommit, init_command=init_command, ssl_disabled=True)


_DRIVER = redis.DriverInfo()  # each client would look up the version of redis-py, which takes 1 ms


def connect_redis(url: str) -> redis.Redis:
    """A client of one Redis, or of a cluster as if it were one."""
    address = redis_address(url)
    if not address.is_cluster:
        return redis.Redis.from_url(url, driver_info=_DRIVER)
    return cast(redis.Redis, redis.RedisCluster.from_url(address.urls[0]))


def create_database() -> None:
    """Create the database of this worker and run the real migrations."""
    with pymysql.connect(**mysql_arguments(_SERVER.geturl())) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4")
    migrate(MYSQL_URL)
