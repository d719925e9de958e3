"""Migrations through several nodes of a Galera cluster at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from models.migrate import LOCK, MIGRATIONS, MigrationLocked, migrate
from tests.harness.stores import connect_mysql


def fetch(url: str, sql: str, *args: Any) -> list[tuple[Any, ...]]:
    """The rows of a SELECT, with all that was committed before through any node."""
    with connect_mysql(url, init_command="SET wsrep_sync_wait = 1") as connection, connection.cursor() as cursor:
        cursor.execute(sql, args)
        return list(cursor.fetchall())


@pytest.fixture
def urls(cluster: list[str]) -> Iterator[list[str]]:
    """A new database, by each node."""
    with connect_mysql(cluster[0], autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE new CHARACTER SET utf8mb4")
        urls = [urlsplit(node)._replace(path="/new").geturl() for node in cluster]
        for url in urls:
            fetch(urlsplit(url)._replace(path="/xiaozhibo").geturl(), "SELECT 1 FROM tb_account LIMIT 1")
        yield urls
        cursor.execute("DROP DATABASE new")


COLUMNS = """
    SELECT table_name, column_name, column_type, column_key FROM information_schema.columns
    WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position
"""


@pytest.mark.parametrize("round_", range(4))
def test_an_empty_database_is_migrated_once_through_all_nodes_at_once(
    urls: list[str], cluster: list[str], round_: int
) -> None:
    with ThreadPoolExecutor(6) as threads:
        applied = list(threads.map(migrate, urls * 2))
    files = sorted(path.stem for path in MIGRATIONS.glob("*.sql"))
    assert sorted(applied) == [[]] * 5 + [files]
    expected = fetch(cluster[0], COLUMNS)
    for url in urls:
        assert fetch(url, COLUMNS) == expected
        assert sorted(fetch(url, "SELECT migration_id FROM _yoyo_migration")) == [(name,) for name in files]


def test_the_lock_of_a_killed_migration_ends_at_its_node(urls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.migrate._LOCK_SECONDS", 0.3)
    migrate(urls[0])
    with connect_mysql(urls[0], autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT GET_LOCK({LOCK}, 0)")
        cursor.execute(
            "INSERT INTO _migration_lock SELECT 1, CONCAT(@@wsrep_node_name, ' ', variable_value)"
            " FROM information_schema.global_status WHERE variable_name = 'wsrep_gcomm_uuid'"
        )
        for url in urls:
            with pytest.raises(MigrationLocked):
                migrate(url)
    with pytest.raises(MigrationLocked, match=r"through node node0 [0-9a-f-]+, or was killed there"):
        migrate(urls[1])
    assert [migrate(url) for url in urls] == [[], [], []]
