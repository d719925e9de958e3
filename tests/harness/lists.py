"""Both lists of videos: their rows in the database and in answers."""

from typing import Any

from pymysql.cursors import Cursor

from tests.harness.client import Api

LISTS = ["/get_vod_list", "/get_ugc_list"]
VIDEO = {
    "file_id": "f1",
    "title": "<script>alert(1)</script>",
    "frontcover": "https://e.com/cover",
    "location": "深圳",
    "play_url": "https://e.com/v.mp4",
}


async def listed(api: Api, path: str, token: str, **page: Any) -> list[dict[str, Any]]:
    answer = await api.call(path, page, token=token)
    assert answer["code"] == 200
    rows: list[dict[str, Any]] = answer["data"]["list"]
    return rows


def insert(mysql: Cursor, userid: str, file_id: str, create_time: str) -> None:
    """A row in both lists."""
    row = (userid, file_id, create_time)
    mysql.execute(
        "INSERT INTO tb_vod (userid, file_id, title, frontcover, location, start_time, create_time)"
        " VALUES (%s, %s, '', '', '', '2026-01-01', %s)",
        row,
    )
    mysql.execute(
        "INSERT INTO tb_ugc (userid, file_id, title, frontcover, location, play_url, create_time)"
        " VALUES (%s, %s, '', '', '', '', %s)",
        row,
    )
