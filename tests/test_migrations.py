"""The tables that the migrations make."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from models.migrate import migrate
from tests.conftest import MYSQL_URL, TABLES


def test_migrating_again_or_twice_at_once_changes_nothing(schema: None) -> None:
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(migrate, [MYSQL_URL] * 2)) == [[], []]


def test_every_table_says_how_it_stores_and_compares_text(mysql: Any) -> None:
    mysql.execute(
        "SELECT table_name, engine, table_collation FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_name LIKE 'tb\\_%'"
    )
    assert sorted(mysql.fetchall()) == sorted((table, "InnoDB", "utf8mb4_bin") for table in TABLES)
