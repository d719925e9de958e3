"""The tables that the migrations make."""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pymysql.cursors import Cursor

from models.migrate import LOCK, MIGRATIONS, MigrationLocked, migrate
from tests.harness.main_process import wait_for
from tests.harness.stores import DATABASE, MYSQL_URL, TABLES


def test_migrating_again_or_many_times_at_once_changes_nothing(schema: None) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(migrate, [MYSQL_URL] * 8)) == [[]] * 8


@pytest.fixture
def url(mysql: Cursor) -> Iterator[str]:
    """An empty database, which the cursor uses."""
    database = f"{DATABASE}_empty"
    mysql.execute(f"DROP DATABASE IF EXISTS {database}")
    mysql.execute(f"CREATE DATABASE {database}")
    mysql.execute(f"USE {database}")
    yield urlsplit(MYSQL_URL)._replace(path=f"/{database}").geturl()
    mysql.execute(f"DROP DATABASE {database}")


def test_an_empty_database_is_migrated_once_by_many_at_once(mysql: Cursor, url: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        applied = list(threads.map(migrate, [url] * 8))
    files = sorted(path.stem for path in MIGRATIONS.glob("*.sql"))
    assert sorted(applied) == [[]] * 7 + [files]
    assert not mysql.execute("SHOW TABLES LIKE '\\_migration\\_lock'")  # for clusters only


# Rows as the first version wrote them.
FIRST_ROWS = """
INSERT INTO tb_account (userid, password) VALUES ('alice', 'a'), ('bob', 'b');
INSERT INTO tb_room (userid, title, location, frontcover, create_time) VALUES
  ('bob', 'first', '', '', '2020-01-01'), ('alice', 'second', '', '', '2020-01-01'), ('bob', 'third', '', '', '2020-01-02');
INSERT INTO tb_vod (userid, file_id, title, frontcover, location, start_time, create_time)
  VALUES ('bob', 'm1', 'first', '', '', '2020-01-01', '2020-01-02');
INSERT INTO tb_vod_file VALUES ('bob', 'm1', 'm1', 'mp4', 'http://m1', '2020-01-01', '2020-01-02');
INSERT INTO tb_ugc (userid, file_id, title, frontcover, location, play_url) VALUES ('alice', 'u1', '', '', '', 'http://u1');
INSERT INTO tb_undelivered_callback (stream_id, file_id, body) VALUES ('5000_carol', 'm2', '{}')
"""


def test_the_rows_of_the_first_version_are_kept(
    mysql: Cursor, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("models.migrate.MIGRATIONS", tmp_path)
        shutil.copy(MIGRATIONS / "0001.initial.sql", tmp_path)
        assert migrate(url) == ["0001.initial"]
    for statement in FIRST_ROWS.split(";"):
        mysql.execute(statement)
    assert len(migrate(url)) == len([*MIGRATIONS.glob("*.sql")]) - 1
    kept = {
        "SELECT userid, password, lock_count, deleted_at FROM tb_account ORDER BY userid": (
            ("alice", "a", 0, None),
            ("bob", "b", 0, None),
        ),
        "SELECT id, userid, title FROM tb_room ORDER BY id": (
            (1, "bob", "first"),
            (2, "alice", "second"),
            (3, "bob", "third"),
        ),
        "SELECT userid, file_id, title, hidden FROM tb_vod": (("bob", "m1", "first", 0),),
        "SELECT userid, file_id, video_url, deleted_at FROM tb_vod_file": (("bob", "m1", "http://m1", None),),
        "SELECT userid, file_id, play_url, hidden FROM tb_ugc": (("alice", "u1", "http://u1", 0),),
        "SELECT reason, body FROM tb_undelivered_callback": (("stream_id: names no user", "{}"),),
    }
    for select, rows in kept.items():
        mysql.execute(select)
        assert mysql.fetchall() == rows
    mysql.execute(
        "INSERT INTO tb_room (userid, title, location, frontcover) SELECT 'alice', '', '', '' FROM seq_1_to_2"
    )
    assert mysql.execute("SELECT DISTINCT id FROM tb_room") == 5


def test_a_migration_that_was_killed_before_it_was_noted_runs_again(mysql: Cursor, url: str) -> None:
    migrate(url)
    mysql.execute("DELETE FROM _yoyo_migration WHERE migration_id >= '0012'")  # those before do not bear it
    assert migrate(url) == sorted(path.stem for path in MIGRATIONS.glob("*.sql") if path.stem >= "0012")


def test_the_keys_of_a_users_rows_begin_with_the_userid(mysql: Cursor) -> None:
    mysql.execute(
        "SELECT table_name FROM information_schema.statistics WHERE table_schema = DATABASE()"
        " AND index_name = 'PRIMARY' AND seq_in_index = 1 AND column_name = 'userid' ORDER BY table_name"
    )
    tables = [table for (table,) in mysql.fetchall()]
    assert tables == ["tb_account", "tb_room", "tb_ugc", "tb_user_report", "tb_vod", "tb_vod_file"]


def test_no_table_that_the_apps_fill_has_a_counter(mysql: Cursor) -> None:
    assert not mysql.execute(
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = DATABASE() AND table_name LIKE 'tb\\_%' AND extra LIKE '%auto_increment%'"
    )


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
