"""The tables that the migrations make."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from urllib.parse import urlsplit

import pytest
from pymysql.cursors import Cursor

from conf.settings import ROOT
from models.migrate import LOCK, MigrationLocked, migrate
from tests.harness.main_process import wait_for
from tests.harness.stores import DATABASE, MYSQL_URL, TABLES


def test_migrating_again_or_many_times_at_once_changes_nothing(schema: None) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(migrate, [MYSQL_URL] * 8)) == [[]] * 8


def test_an_empty_database_is_migrated_once_by_many_at_once(mysql: Cursor) -> None:
    database = f"{DATABASE}_empty"
    mysql.execute(f"DROP DATABASE IF EXISTS {database}")
    mysql.execute(f"CREATE DATABASE {database}")
    try:
        url = urlsplit(MYSQL_URL)._replace(path=f"/{database}").geturl()
        with ThreadPoolExecutor(8) as threads:
            applied = list(threads.map(migrate, [url] * 8))
        files = sorted(path.stem for path in (ROOT / "models" / "migrations").glob("*.sql"))
        assert sorted(applied) == [[]] * 7 + [files]
    finally:
        mysql.execute(f"DROP DATABASE {database}")


def test_a_lock_row_of_a_killed_migration_blocks_nothing(mysql: Cursor) -> None:
    mysql.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, %s, %s)", (datetime.now(), os.getpid() + 1))
    try:
        assert migrate(MYSQL_URL) == []
    finally:
        mysql.execute("DELETE FROM yoyo_lock")


def test_a_migration_waits_for_another_one(mysql: Cursor, monkeypatch: pytest.MonkeyPatch) -> None:
    mysql.execute(f"SELECT GET_LOCK({LOCK}, 0)")
    assert mysql.fetchone() == (1,)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(migrate, MYSQL_URL)
        waiters = "SELECT 1 FROM information_schema.processlist WHERE db = DATABASE() AND state = 'User lock'"
        wait_for(lambda: mysql.execute(waiters))
        assert not waiting.done()
        monkeypatch.setattr("models.migrate._LOCK_SECONDS", 0)
        with pytest.raises(MigrationLocked):
            migrate(MYSQL_URL)
        mysql.execute(f"SELECT RELEASE_LOCK({LOCK})")
        assert waiting.result(20) == []


def test_every_table_says_how_it_stores_and_compares_text(mysql: Cursor) -> None:
    mysql.execute(
        "SELECT table_name, engine, table_collation FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_name LIKE 'tb\\_%'"
    )
    assert sorted(mysql.fetchall()) == sorted((table, "InnoDB", "utf8mb4_bin") for table in TABLES)
