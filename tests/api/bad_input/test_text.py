"""Hostile text is stored and returned verbatim."""

import pytest
from pymysql.cursors import Cursor

from tests.api.bad_input.interfaces import GOOD
from tests.harness.client import Api

HOSTILE = [
    "'; DROP TABLE tb_account; --",
    '" OR ""="',
    "<script>alert(1)</script>&amp;</div>",
    "%s %(x)s {0} ${x} %00 %",
    "\\ \\\\ \\' \\\" \\n \\u0041 \\/",
    " 😀 👩‍👩‍👧 é e\u0301 ",
    "\u2028\u2029\ufeff\u200b\u200d\u200e\u200f\u061c\u202f\u2065\u206a\ufffe\U0010ffff",
    "trailing   ",
    " ",
    "null",
]


@pytest.mark.gen_test
@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_stored_and_returned_verbatim(api: Api, mysql: Cursor, text: str) -> None:
    plain = Api(api.client, api.base_url)  # without the check for a table's name, which is part of the text
    user = await plain.user()
    await plain.call("/upload_user_info", {"nickname": text}, token=user.token)
    assert (await plain.call("/get_user_info", token=user.token))["data"]["nickname"] == text
    await plain.call("/upload_ugc", {**GOOD["/upload_ugc"], "title": text, "location": text}, token=user.token)
    (row,) = (await plain.call("/get_ugc_list", token=user.token))["data"]["list"]
    assert [row["nickname"], row["title"], row["location"]] == [text] * 3
    await plain.call("/upload_room", {"title": text, "location": text}, token=user.token)
    for table in ("tb_ugc", "tb_room"):
        mysql.execute(f"SELECT title, location FROM {table}")
        assert mysql.fetchall() == ((text, text),)


@pytest.mark.gen_test
@pytest.mark.parametrize("end", ["'--", '<b>"', "%s%00", "\\..\\", "?a=b&c=%20#\\", "😀"])
async def test_hostile_urls_are_stored_and_returned_verbatim(api: Api, end: str) -> None:
    user = await api.user()
    url = f"https://e.com/{end}"
    for path, fields in (("/upload_user_info", ("avatar", "frontcover")), ("/upload_ugc", ("frontcover", "play_url"))):
        changes = dict.fromkeys(fields, url)
        assert (await api.call(path, {**GOOD[path], **changes}, token=user.token))["code"] == 200
    (row,) = (await api.call("/get_ugc_list", token=user.token))["data"]["list"]
    assert [row["avatar"], row["frontcover"], row["play_url"]] == [url] * 3
    assert (await api.call("/get_user_info", token=user.token))["data"]["frontcover"] == url


@pytest.mark.gen_test
async def test_a_hostile_password_is_only_a_password(api: Api) -> None:
    password = "'\"%s\\--;<b>{}$"
    assert (await api.call("/register", {"userid": "new", "password": password}))["code"] == 200
    assert (await api.call("/login", {"userid": "new", "password": password}))["code"] == 200
    assert (await api.call("/login", {"userid": "new", "password": password[:-1]}))["code"] == 621
