"""Values at their limits are accepted, and null means absent."""

import pytest
from pymysql.cursors import Cursor

from tests.api.bad_input.interfaces import GOOD
from tests.harness.client import Api

LISTS = ["/get_vod_list", "/get_ugc_list"]

LONGEST_URL = "http://x/" + "例" * 1015


@pytest.mark.gen_test
async def test_values_at_their_limits_are_accepted(api: Api) -> None:
    longest_userid = "A" + "_-09" * 7 + "xyz"
    answer = await api.call("/register", {"userid": longest_userid, "password": "~" * 128})
    assert answer["code"] == 200
    answer = await api.call("/login", {"userid": longest_userid, "password": "~" * 128})
    token = answer["data"]["token"]
    body = {
        "nickname": "😀" * 100,
        "avatar": LONGEST_URL,
        "frontcover": "HTTPS://u:p@[::1]:80/?q='\"<b>#例え",
        "sex": "-1",
    }
    assert (await api.call("/upload_user_info", body, token=token))["code"] == 200
    stored = (await api.call("/get_user_info", token=token))["data"]
    assert stored == {"userid": longest_userid, **body, "sex": -1}


@pytest.mark.gen_test
async def test_rooms_and_videos_at_their_limits_are_accepted(api: Api, mysql: Cursor) -> None:
    user = await api.user()
    room = {"title": "😀" * 128, "location": "漢" * 128, "frontcover": LONGEST_URL}
    assert (await api.call("/upload_room", room, token=user.token))["code"] == 200
    mysql.execute("SELECT title, location, frontcover FROM tb_room")
    assert mysql.fetchall() == (tuple(room.values()),)
    video = {"file_id": "_-aZ09" * 25, **room, "play_url": LONGEST_URL}
    assert (await api.call("/upload_ugc", video, token=user.token))["code"] == 200
    (row,) = (await api.call("/get_ugc_list", token=user.token))["data"]["list"]
    assert {name: row[name] for name in video} == video


@pytest.mark.gen_test
@pytest.mark.parametrize("written", [-1, 0, 1, "-1", "0", "1"])
async def test_every_sex_is_accepted_as_a_number_or_as_text(api: Api, written: int | str) -> None:
    user = await api.user()
    assert (await api.call("/upload_user_info", {"sex": written}, token=user.token))["code"] == 200
    assert (await api.call("/get_user_info", token=user.token))["data"]["sex"] == int(written)


@pytest.mark.gen_test
async def test_null_is_absent(api: Api, mysql: Cursor) -> None:
    user = await api.user()
    await api.call("/upload_user_info", GOOD["/upload_user_info"], token=user.token)
    nothing = dict.fromkeys([*GOOD["/upload_user_info"], "userid"])
    assert (await api.call("/upload_user_info", nothing, token=user.token))["code"] == 200
    expected = {"userid": user.userid, **GOOD["/upload_user_info"]}
    assert (await api.call("/get_user_info", token=user.token))["data"] == expected
    room = {"title": "t", "location": None, "frontcover": None}
    assert (await api.call("/upload_room", room, token=user.token))["code"] == 200
    mysql.execute("SELECT title, location, frontcover FROM tb_room")
    assert mysql.fetchall() == (("t", "", "http://f"),)
    for n in range(21):
        body = {"file_id": f"f{n}", "play_url": "http://v", "title": None, "location": None, "frontcover": None}
        assert (await api.call("/upload_ugc", body, token=user.token))["code"] == 200
    page = await api.call("/get_ugc_list", {"index": None, "count": None}, token=user.token)
    assert len(page["data"]["list"]) == 20
    assert {page["data"]["list"][0][name] for name in ("title", "location", "frontcover")} == {""}


@pytest.mark.gen_test
@pytest.mark.parametrize("path", LISTS)
async def test_an_index_beyond_the_list_is_an_empty_list(api: Api, mysql: Cursor, path: str) -> None:
    user = await api.user()
    fill_lists(mysql, user.userid, 1)
    for index in (1, 10**6, 10**18, 2**63 - 1, 2**63, 2**64, 10**30, "1000000000000000000", "9" * 31):
        answer = await api.call(path, {"index": index, "count": 10**30}, token=user.token)
        assert answer == {"code": 200, "message": "OK", "data": {"list": []}}, index


@pytest.mark.gen_test
@pytest.mark.parametrize("path", LISTS)
async def test_at_most_500_rows_are_served(api: Api, mysql: Cursor, path: str) -> None:
    user = await api.user()
    fill_lists(mysql, user.userid, 502)
    for count, served in ((499, 499), (500, 500), (501, 500), ("501", 500), (10**30, 500)):
        answer = await api.call(path, {"count": count}, token=user.token)
        assert len(answer["data"]["list"]) == served, count


def fill_lists(mysql: Cursor, userid: str, rows: int) -> None:
    common = "userid, file_id, title, frontcover, location, play_url, create_time"
    values = [(userid, f"f{n}") for n in range(rows)]
    for columns, more in (("tb_ugc (" + common, ""), ("tb_vod (" + common + ", start_time", ", '2026-01-01'")):
        mysql.executemany(f"INSERT INTO {columns}) VALUES (%s, %s, '', '', '', 'http://v', '2026-01-01'{more})", values)
