"""Databases as the official servers leave them: their own tables, generated users, and what goes wrong with rows."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pymysql.cursors import Cursor

from tests.harness.stores import DATABASE, MYSQL_URL, connect_mysql

OFFICIAL = f"official_{DATABASE}"
OFFICIAL_URL = MYSQL_URL.replace(f"/{DATABASE}", f"/{OFFICIAL}", 1)
ZERO = "0000-00-00 00:00:00"
# createDB.sh has no tb_ugc, but the PHP server writes these columns (dao/dao_live/dao_live.class.php, addUGCData).
PHP_UGC = """
CREATE TABLE tb_ugc (
  userid varchar(50) NOT NULL, file_id varchar(150) NOT NULL, title varchar(128), frontcover varchar(255),
  location varchar(128), play_url varchar(255), create_time timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (userid, file_id)
) DEFAULT CHARSET=utf8mb4
"""
_ROWS = 5000  # of one INSERT
_ODD = 20  # every 20th row has something wrong with it


@contextmanager
def official_database(server: str, charset: str = "utf8mb4") -> Iterator[Cursor]:
    """A cursor on an empty database with the tables of a server, "php" or "node". Zero dates are allowed."""
    with connect_mysql(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {OFFICIAL}")
        cursor.execute(f"CREATE DATABASE {OFFICIAL} CHARACTER SET utf8mb4")
        cursor.execute(f"USE {OFFICIAL}")
        cursor.execute("SET sql_mode = '', time_zone = '+00:00'")
        text = Path(__file__).with_name(f"{server}.sql").read_text().replace("CHARSET=utf8mb4", f"CHARSET={charset}")
        for statement in text.split(";"):
            if statement.strip():
                cursor.execute(statement)
        try:
            yield cursor
        finally:
            cursor.execute(f"DROP DATABASE {OFFICIAL}")


def insert(cursor: Cursor, table: str, **row: Any) -> None:
    """Add one row."""
    insert_rows(cursor, table, [row])


def insert_rows(cursor: Cursor, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Add rows with the same columns."""
    columns = list(rows[0])
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"
    for start in range(0, len(rows), _ROWS):
        cursor.executemany(sql, [tuple(row[name] for name in columns) for row in rows[start : start + _ROWS]])


def password_of(userid: str) -> str:
    """What the apps send for the password "secret", and what the official servers store."""
    return _md5(_md5("secret") + userid)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


class Population(NamedTuple):
    """The numbers of generated rows by what is wrong with them; "" for rows that are right."""

    accounts: Counter[str]
    replays: Counter[str]
    videos: Counter[str]


# What is wrong with a row: the columns of the official server that differ from those of a row that is right.
ODD_ACCOUNTS: dict[str, dict[str, Any]] = {
    "emoji": {"nickname": "小明😀"},
    "nothing but the key": {"nickname": None, "sex": None, "avatar": None, "frontcover": None},
    "digits and _ in front": {"userid": "5000_{}"},
    "space in the userid": {"userid": "user {}"},
    "long userid": {"userid": "u" * 40 + "{}"},
    "no password": {"password": None},
    "password with spaces": {"password": "open sesame"},
    "avatar is no URL": {"avatar": "javascript:alert(1)"},
    "avatar without scheme": {"avatar": "//example.com/a.png"},
    "zero date": {"create_time": ZERO},
    "control characters": {"nickname": "two\nlines"},
    "sex": {"sex": 7},
}
ODD_REPLAYS: dict[str, dict[str, Any]] = {
    "emoji": {"title": "直播🎉"},
    "nothing but hls": {"play_url": None, "title": None, "frontcover": None, "location": None},
    "zero start": {"start_time": ZERO},
    "zero end": {"create_time": ZERO},
    "no time at all": {"start_time": ZERO, "create_time": ZERO},
    "no address": {"play_url": "", "hls_play_url": None},
    "no account": {"userid": "nobody"},
    "account that cannot be imported": {"userid": "user 42"},
    "other case": {"userid": "U0000000 "},
    "bad file_id": {"file_id": "a b {}"},
    "negative count": {"like_count": -1},
}
ODD_VIDEOS: dict[str, dict[str, Any]] = {
    "emoji": {"title": "猫🐱"},
    "no address": {"play_url": None},
    "no account": {"userid": "nobody"},
    "zero date": {"create_time": ZERO},
}


def populate(cursor: Cursor, *, accounts: int, replays: int, videos: int) -> Population:
    """Fill the tables of the PHP server. Every 20th row has something wrong with it, in turns."""
    authors = max(accounts // _ODD, 1)  # accounts that are right: every 20th, beginning with the first
    kinds: list[tuple[int, dict[str, dict[str, Any]], str, Callable[[int], dict[str, Any]]]] = [
        (accounts, ODD_ACCOUNTS, "tb_account", _account),
        (replays, ODD_REPLAYS, "tb_vod", lambda number: _replay(number, number % authors * _ODD)),
        (videos, ODD_VIDEOS, "tb_ugc", lambda number: _video(number, number % authors * _ODD)),
    ]
    counted = []
    for count, odd, table, make in kinds:
        rows, counter = _rows(count, odd, make)
        insert_rows(cursor, table, rows)
        counted.append(counter)
    insert(cursor, "tb_account", **_account(0) | {"userid": "user 42"})
    return Population(*counted)


def _rows(
    count: int, odd: dict[str, dict[str, Any]], make: Callable[[int], dict[str, Any]]
) -> tuple[list[dict[str, Any]], Counter[str]]:
    names = list(odd)
    rows, counter = [], Counter[str]()
    for number in range(count):
        name = names[number // _ODD % len(names)] if number % _ODD == _ODD - 1 else ""
        changes = {
            column: value.format(number) if isinstance(value, str) else value
            for column, value in odd.get(name, {}).items()
        }
        rows.append(make(number) | changes)
        counter[name] += 1
    return rows, counter


def _account(number: int) -> dict[str, Any]:
    userid = f"u{number:07}"
    return {
        "userid": userid,
        "password": password_of(userid),
        "nickname": f"用户{number}",
        "sex": number % 3 - 1,
        "avatar": f"http://example.com/{number}.png",
        "frontcover": "",
        "create_time": f"2018-01-01 {number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}",
    }


def _replay(number: int, author: int) -> dict[str, Any]:
    day = f"2019-{number % 12 + 1:02}-{number % 28 + 1:02}"
    return {
        "userid": f"u{author:07}",
        "file_id": f"v{number}",
        "title": f"直播{number}",
        "frontcover": "http://example.com/cover.png",
        "location": "深圳",
        "play_url": f"http://example.com/{number}.mp4",
        "hls_play_url": f"http://example.com/{number}.m3u8",
        "like_count": number,
        "viewer_count": number,
        "start_time": f"{day} 10:00:00",
        "create_time": f"{day} 11:00:00",
    }


def _video(number: int, author: int) -> dict[str, Any]:
    return {
        "userid": f"u{author:07}",
        "file_id": f"s{number}",
        "title": f"视频{number}",
        "frontcover": None,
        "location": None,
        "play_url": f"http://example.com/s{number}.mp4",
        "create_time": f"2020-{number % 12 + 1:02}-01 12:00:00",
    }
