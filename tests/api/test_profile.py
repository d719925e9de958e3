"""/get_user_info and /upload_user_info."""

from typing import Any

import pytest
from pymysql.cursors import Cursor
from tornado import gen

from tests.harness.client import Api

NEW = {"nickname": "", "avatar": "", "sex": -1, "frontcover": ""}
FULL = {
    "nickname": "小明 😀 ' OR 1=1 -- <b>%s\\",
    "avatar": "https://e.com/a.png",
    "sex": 1,
    "frontcover": "http://e.com/f",
}


async def profile(api: Api, token: str) -> dict[str, Any]:
    data: dict[str, Any] = (await api.call("/get_user_info", token=token))["data"]
    return data


@pytest.mark.gen_test
async def test_a_profile_starts_empty_and_round_trips(api: Api) -> None:
    user = await api.user()
    assert await profile(api, user.token) == {"userid": user.userid, **NEW}
    assert await api.call("/upload_user_info", FULL, token=user.token) == {"code": 200, "message": "OK"}
    assert await profile(api, user.token) == {"userid": user.userid, **FULL}
    assert (await api.call("/upload_user_info", FULL, token=user.token))["code"] == 200


@pytest.mark.gen_test
@pytest.mark.parametrize("field", list(FULL))
async def test_absent_and_null_fields_stay_as_they_are(api: Api, field: str) -> None:
    user = await api.user()
    await api.call("/upload_user_info", FULL, token=user.token)
    changed = dict.fromkeys(FULL) | {field: NEW[field]}
    assert (await api.call("/upload_user_info", changed, token=user.token))["code"] == 200
    assert await profile(api, user.token) == {"userid": user.userid, **FULL, field: NEW[field]}
    assert (await api.call("/upload_user_info", {}, token=user.token))["code"] == 200


@pytest.mark.gen_test
@pytest.mark.conf("--limits.uploads_per_user", "")
async def test_a_hundred_updates_at_once_leave_one_of_them_whole(api: Api) -> None:
    user = await api.user()
    updates = [
        {"nickname": f"n{n}", "avatar": f"http://a/{n}", "sex": n % 3 - 1, "frontcover": f"http://f/{n}"}
        for n in range(100)
    ]
    answers = await gen.multi([api.call("/upload_user_info", update, token=user.token) for update in updates])
    assert {answer["code"] for answer in answers} == {200}
    result = await profile(api, user.token)
    assert result.pop("userid") == user.userid
    assert result in updates


@pytest.mark.gen_test
async def test_a_user_whose_account_is_gone(api: Api, mysql: Cursor) -> None:
    user = await api.user()
    mysql.execute("DELETE FROM tb_account")
    video = {"file_id": "1", "play_url": "http://e.com"}
    assert (await api.call("/get_user_info", token=user.token))["code"] == 620
    assert (await api.call("/upload_user_info", FULL, token=user.token))["code"] == 601
    assert (await api.call("/upload_room", {"title": "t"}, token=user.token))["code"] == 601
    assert (await api.call("/upload_ugc", video, token=user.token))["code"] == 601


CHANGES = [
    ("nickname", "  两端空格  "),
    ("nickname", "e\u0301 is not \u00e9"),
    ("nickname", "👨\u200d👩\u200d👧\u2028\ufeff"),
    ("nickname", '"\\/\u00a0%s{}$1;--'),
    ("nickname", "null"),
    ("avatar", "https://e.com/路径?q=a%20b&c=d#片段"),
    ("frontcover", "http://e.com/A"),
    ("sex", -1),
    ("sex", 0),
]


@pytest.mark.gen_test
@pytest.mark.parametrize(("field", "value"), CHANGES)
async def test_one_field_changes_alone_and_exactly(api: Api, field: str, value: object) -> None:
    user = await api.user()
    await api.call("/upload_user_info", FULL, token=user.token)
    assert await api.call("/upload_user_info", {field: value}, token=user.token) == {"code": 200, "message": "OK"}
    assert await profile(api, user.token) == {"userid": user.userid, **FULL, field: value}


@pytest.mark.gen_test
async def test_an_empty_update_changes_nothing(api: Api) -> None:
    user = await api.user()
    await api.call("/upload_user_info", FULL, token=user.token)
    for body in ({}, dict.fromkeys(FULL), {"userid": user.userid, "unknown": 1, "password": "x", "create_time": "x"}):
        assert await api.call("/upload_user_info", body, token=user.token) == {"code": 200, "message": "OK"}
    assert await profile(api, user.token) == {"userid": user.userid, **FULL}
    await api.login(user.userid)


@pytest.mark.gen_test
async def test_one_wrong_field_changes_none(api: Api) -> None:
    user = await api.user()
    answer = await api.call("/upload_user_info", {**FULL, "sex": 2}, token=user.token)
    assert answer["code"] == 602
    assert await profile(api, user.token) == {"userid": user.userid, **NEW}


@pytest.mark.gen_test
async def test_updates_at_once_of_different_fields_are_all_kept(api: Api) -> None:
    user = await api.user()
    await gen.multi([api.call("/upload_user_info", {field: FULL[field]}, token=user.token) for field in list(FULL) * 5])
    assert await profile(api, user.token) == {"userid": user.userid, **FULL}


@pytest.mark.gen_test
async def test_a_profile_is_its_users_alone(api: Api) -> None:
    user, other = await api.user(), await api.user()
    await api.call("/upload_user_info", FULL, token=user.token)
    assert await profile(api, other.token) == {"userid": other.userid, **NEW}
    await api.call("/upload_user_info", {**FULL, "userid": user.userid, "nickname": "mine"}, token=other.token)
    assert await profile(api, user.token) == {"userid": user.userid, **FULL}


@pytest.mark.gen_test
@pytest.mark.conf("--compat.official_apps", "true")
@pytest.mark.parametrize(
    ("stored", "answered"),
    [
        ("https://e.com/a.png", "http://e.com/a.png"),
        ("HTTPS://e.com/https://b.png", "http://e.com/https://b.png"),
        ("http://e.com/https://c.png", "http://e.com/https://c.png"),
        ("", ""),
    ],
)
async def test_the_official_apps_get_images_over_http_and_the_stored_address_stays(
    api: Api, mysql: Cursor, stored: str, answered: str
) -> None:
    user = await api.user()
    images = {"avatar": stored, "frontcover": stored}
    await api.call("/upload_user_info", images, token=user.token)
    mysql.execute("SELECT avatar, frontcover FROM tb_account")
    assert mysql.fetchone() == (stored, stored)
    profile = (await api.call("/get_user_info", token=user.token))["data"]
    assert (profile["avatar"], profile["frontcover"]) == (answered, answered)
