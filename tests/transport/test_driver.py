"""Prepared statements of the MySQL driver's connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import cast
from uuid import uuid4

import pymysql
import pytest
from pymysql.cursors import Cursor

from conf.settings import mysql_arguments
from models import room
from models.database import Queries
from models.driver import DriverConnection
from tests.harness.stores import MYSQL_URL

PREPARED = "SHOW SESSION STATUS LIKE 'Com_stmt_prepare'"


@asynccontextmanager
async def connected() -> AsyncIterator[DriverConnection]:
    arguments = mysql_arguments(MYSQL_URL)
    connection = DriverConnection(**arguments, autocommit=True, charset="utf8mb4")
    await connection._connect()
    try:
        yield connection
    finally:
        connection.close()


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "value", ["", "'\"\\%s?", "房间 🎤", "x" * 250, "x" * 251, "汉" * 30_000, None, 0, -1, 2**63 - 1]
)
async def test_a_value_arrives_as_it_is(mysql: Cursor, value: str | int | None) -> None:
    async with connected() as connection:
        await connection.execute("CREATE TEMPORARY TABLE t (a INT, t LONGTEXT, n BIGINT) CHARSET utf8mb4", ())
        text, number = (None, value) if isinstance(value, int) else (value, None)
        insert = "INSERT INTO t VALUES (%s, %s, %s)"
        assert await connection.execute_prepared(insert, (7, text, number)) == 1
        assert await connection.fetch_all("SELECT * FROM t", ()) == [(7, text, number)]


@pytest.mark.gen_test
async def test_each_of_many_parameters_may_be_null(mysql: Cursor) -> None:
    columns = [f"c{number}" for number in range(20)]
    insert = f"INSERT INTO t VALUES ({', '.join(['%s'] * len(columns))})"
    values = [None if number % 3 else number for number in range(len(columns))]
    async with connected() as connection:
        await connection.execute(f"CREATE TEMPORARY TABLE t ({', '.join(f'{name} INT' for name in columns)})", ())
        for row in (values, values[::-1], [None] * len(columns)):
            await connection.execute_prepared(insert, row)
            assert await connection.fetch_all("SELECT * FROM t", ()) == [tuple(row)]
            await connection.execute("DELETE FROM t", ())


@pytest.mark.gen_test
async def test_a_statement_is_prepared_once_and_outlives_changes_of_its_table(mysql: Cursor) -> None:
    table = f"prepared_{uuid4().hex}"
    insert = f"INSERT INTO {table} (a) VALUES (%s)"
    mysql.execute(f"CREATE TABLE {table} (a VARCHAR(5) PRIMARY KEY)")
    try:
        async with connected() as connection:
            await connection.execute_prepared(insert, ("first",))
            with pytest.raises(pymysql.err.IntegrityError):
                await connection.execute_prepared(insert, ("first",))
            with pytest.raises(pymysql.err.DataError):
                await connection.execute_prepared(insert, ("too long",))
            assert await connection.fetch_all(PREPARED, ()) == [("Com_stmt_prepare", "1")]
            mysql.execute(f"ALTER TABLE {table} ADD COLUMN b INT, MODIFY a VARCHAR(10)")
            assert await connection.execute_prepared(insert, ("not now",)) == 1
    finally:
        mysql.execute(f"DROP TABLE {table}")


@pytest.mark.gen_test
async def test_a_statement_that_cannot_be_prepared_fails_every_time(mysql: Cursor) -> None:
    async with connected() as connection:
        for _ in range(2):
            with pytest.raises(pymysql.err.ProgrammingError, match="missing"):
                await connection.execute_prepared("INSERT INTO missing VALUES (%s)", (1,))
        assert await connection.fetch_all("SELECT 1", ()) == [(1,)]


@pytest.mark.gen_test
async def test_a_server_that_prepares_no_more_gets_texts(mysql: Cursor) -> None:
    mysql.execute("SELECT @@max_prepared_stmt_count")
    (before,) = mysql.fetchone() or ()
    async with connected() as connection:
        await connection.execute("CREATE TEMPORARY TABLE t (a VARCHAR(9))", ())
        mysql.execute("SET GLOBAL max_prepared_stmt_count = 0")
        try:
            assert await connection.execute_prepared("INSERT INTO t VALUES (%s)", ("it's",)) == 1
        finally:
            mysql.execute("SET GLOBAL max_prepared_stmt_count = %s", (before,))
        assert await connection.execute_prepared("INSERT INTO t VALUES (%s)", ("now",)) == 1
        assert await connection.fetch_all("SELECT a FROM t", ()) == [("it's",), ("now",)]
        assert await connection.fetch_all(PREPARED, ()) == [("Com_stmt_prepare", "1")]


@pytest.mark.gen_test
@pytest.mark.parametrize("values", [(), (1, 2)])
async def test_values_without_a_parameter_each_are_not_sent(mysql: Cursor, values: tuple[int, ...]) -> None:
    async with connected() as connection:
        await connection.execute("CREATE TEMPORARY TABLE t (a INT)", ())
        for _ in range(2):
            with pytest.raises(TypeError):
                await connection.execute_prepared("INSERT INTO t VALUES (%s)", values)
        assert await connection.fetch_all("SELECT * FROM t", ()) == []


@pytest.mark.gen_test
async def test_a_statement_that_the_server_does_not_know_any_more_is_prepared_again(mysql: Cursor) -> None:
    insert = "INSERT INTO t VALUES (%s)"
    async with connected() as connection:
        await connection.execute("CREATE TEMPORARY TABLE t (a INT)", ())
        await connection.execute_prepared(insert, (1,))
        connection._statements[insert] = connection._statements[insert]._replace(number=12345)
        for value in (2, 3):
            assert await connection.execute_prepared(insert, (value,)) == 1
        assert await connection.fetch_all("SELECT a FROM t", ()) == [(1,), (2,), (3,)]
        assert await connection.fetch_all(PREPARED, ()) == [("Com_stmt_prepare", "2")]


@pytest.mark.gen_test
async def test_room_information_of_any_length_goes_through_one_connection(mysql: Cursor) -> None:
    mysql.execute("INSERT INTO tb_account (userid, password, frontcover) VALUES ('alice', '', 'http://own')")
    texts = [
        ("t", "", "http://f"),
        ("房" * 128, "间" * 128, None),
        ("t", "l", "http://" + "x" * 1017),
        ("1", "?%s", ""),
    ]
    async with connected() as connection:
        queries = cast(
            Queries, SimpleNamespace(execute=lambda sql, args, prepared: connection.execute_prepared(sql, args))
        )
        for text in texts:
            assert await room.insert(queries, "alice", *text)
            assert not await room.insert(queries, "alice", *text)
        assert await connection.fetch_all(PREPARED, ()) == [("Com_stmt_prepare", "1")]
    mysql.execute("SELECT title, location, frontcover FROM tb_room ORDER BY create_time")
    assert list(mysql.fetchall()) == [
        (title, location, cover if cover is not None else "http://own") for title, location, cover in texts
    ]
    assert mysql.execute("SELECT DISTINCT id FROM tb_room") == len(texts)
