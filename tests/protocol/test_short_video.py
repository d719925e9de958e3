"""The official short-video app below /lite/: what it sends and what it reads, on Android and on iOS."""

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from pymysql.cursors import Cursor

from handlers.transport.application import Application
from tests.harness.client import PASSWORD, Api, User
from tests.harness.lists import insert

pytestmark = [pytest.mark.gen_test, pytest.mark.conf("--compat.short_video", "true")]

OK = {"code": 200, "message": "OK"}
VIDEO = {"file_id": "5285890800000000009", "title": "猫", "frontcover": "http://e.com/c.jpg", "location": "未知"}
VIDEO |= {"play_url": "http://e.com/v.mp4"}
LIST = "/lite/get_ugc_list"


def android_body(user: User, fields: Mapping[str, Any]) -> bytes:
    """As TCUserMgr.request writes it: it adds its user, the time in seconds, and 3000 seconds."""
    body = {**fields, "userid": user.userid, "timestamp": int(time.time()), "expires": 3000}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/").encode()


async def android(api: Api, user: User, path: str, **fields: Any) -> dict[str, Any]:
    return await api.signed(f"/lite{path}", android_body(user, fields), user.token)


async def ios_list(api: Api, page: int, count: int = 20) -> dict[str, Any]:
    """As TCLiveListMgr asks: nothing but a time in milliseconds with a fraction, and no signature."""
    answer = await api.call(LIST, {"timestamp": time.time() * 1000, "index": page, "count": count})
    assert answer["code"] == 200
    data: dict[str, Any] = answer["data"]
    return data


async def test_the_app_walks_from_registration_to_its_own_video(api: Api) -> None:
    account = {"userid": "anna", "password": PASSWORD}
    assert await api.call("/lite/register", account) == OK
    data = (await api.call("/lite/login", account))["data"]
    assert data["vod_info"] == {"Appid": "1250000000", "SubAppId": "", "SecretId": "FAKE-VOD-SECRET-ID"}
    assert data["cos_info"].keys() == {"Bucket", "Region", "Appid", "SecretId"}
    user = User("anna", data["token"], data["refresh_token"])
    assert await android(api, user, "/upload_user_info", nickname="安娜", avatar="", sex=1, frontcover="") == OK
    assert (await android(api, user, "/get_user_info"))["data"]["nickname"] == "安娜"
    assert (await android(api, user, "/get_vod_sign"))["data"].keys() == {"signature"}
    assert (await android(api, user, "/get_cos_sign"))["data"].keys() == {"signKey", "keyTime"}
    assert await android(api, user, "/upload_ugc", **VIDEO) == OK
    listed = (await android(api, user, "/get_ugc_list", index="1", count=200))["data"]
    (row,) = listed["list"]
    time_string = row.pop("create_time")
    assert len(time_string) == len("2026-11-26 20:00:00")
    assert row == {**VIDEO, "userid": "anna", "nickname": "安娜", "avatar": "", "status": 0, "review_status": 1}
    assert listed["total"] == 1
    refresh = {"userid": "anna", "refresh_token": user.refresh_token}
    assert (await api.call("/lite/refresh", refresh))["code"] == 200


@pytest.mark.conf("--vod.sub_app_id", "1500000001")
async def test_the_sub_application_is_a_text(api: Api) -> None:
    await api.user("anna")
    data = (await api.call("/lite/login", {"userid": "anna", "password": PASSWORD}))["data"]
    assert data["vod_info"]["SubAppId"] == "1500000001"


async def test_pages_count_from_one_and_cover_the_list_without_a_session(api: Api, mysql: Cursor) -> None:
    await api.user("anna")
    for number in range(7):
        insert(mysql, "anna", f"f{number}", f"2026-01-01 00:00:0{number}")
    pages = [await ios_list(api, page, 3) for page in (1, 2, 3, 4)]
    assert [[row["file_id"] for row in page["list"]] for page in pages] == [
        ["f6", "f5", "f4"],
        ["f3", "f2", "f1"],
        ["f0"],
        [],
    ]
    assert [page["total"] for page in pages] == [7] * 4
    assert await ios_list(api, 0, 3) == pages[0]
    assert len((await api.call(LIST))["data"]["list"]) == 7
    mysql.execute("UPDATE tb_ugc SET hidden = TRUE WHERE file_id = 'f6'")
    unread = await ios_list(api, 1, 4)  # nobody has asked for this page yet, so it is not in the cache
    assert ([row["file_id"] for row in unread["list"]], unread["total"]) == (["f5", "f4", "f3", "f2"], 6)


async def test_a_published_video_is_in_the_public_list_at_once(api: Api) -> None:
    user = await api.user()
    for number in range(5):
        await android(api, user, "/upload_ugc", **{**VIDEO, "file_id": f"f{number}"})
        page = await ios_list(api, 1)
        assert (page["total"], page["list"][0]["file_id"]) == (number + 1, f"f{number}")
    await api.call("/upload_user_info", {"nickname": "new"}, token=user.token)
    assert {row["nickname"] for row in (await ios_list(api, 1))["list"]} == {"new"}
    await api.call("/delete_ugc", {"file_id": "f0"}, token=user.token)
    assert (await ios_list(api, 1))["total"] == 4


async def test_both_lists_are_cached_apart(api: Api, app: Application) -> None:
    user = await api.user()
    await android(api, user, "/upload_ugc", **VIDEO)
    for number in range(2):
        assert "total" in (await api.call(LIST, {"count": 20}))["data"]
        data = (await api.call("/get_ugc_list", {"count": 20}, token=user.token))["data"]
        assert data.keys() == {"list"}
        assert "review_status" not in data["list"][0]
        assert (app.page_cache.misses, app.page_cache.hits) == (2, 2 * number)


async def test_a_total_above_ten_thousand_is_an_estimate(
    api: Api, mysql: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.videos._MAX_COUNTED", 100)
    await api.user("anna")
    mysql.execute(
        "INSERT INTO tb_ugc (userid, file_id, title, frontcover, location, play_url)"
        " SELECT 'anna', seq, '', '', '', '' FROM seq_1_to_400"
    )
    mysql.execute("ANALYZE TABLE tb_ugc")
    assert 300 <= (await ios_list(api, 1))["total"] <= 500


async def test_titles_have_up_to_500_characters(api: Api) -> None:
    user = await api.user()
    title = "题" * 500
    assert await android(api, user, "/upload_ugc", **{**VIDEO, "title": title}) == OK
    assert (await ios_list(api, 1))["list"][0]["title"] == title
    answer = await android(api, user, "/upload_ugc", **{**VIDEO, "title": title + "x"})
    assert (answer["code"], answer["message"]) == (
        602,
        "title: must be at most 500 characters, without control characters, those of text direction included",
    )
    answer = await api.call("/upload_ugc", {**VIDEO, "title": "x" * 129}, token=user.token)
    assert answer["code"] == 602


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"index": -1}, "index"),
        ({"index": "x"}, "index"),
        ({"index": 1.5}, "index"),
        ({"index": True}, "index"),
        ({"count": 0}, "count"),
        ({"count": "²"}, "count"),
    ],
)
async def test_bad_pages_are_refused_as_in_the_other_list(api: Api, body: dict[str, Any], name: str) -> None:
    answer = await api.call(LIST, body)
    assert answer["code"] == 602
    assert answer["message"].startswith(f"{name}: ")
    user = await api.user()
    assert (await api.call("/get_ugc_list", body, token=user.token))["code"] == 602


async def test_bad_bodies_are_refused_and_huge_pages_are_empty(api: Api) -> None:
    assert (await api.send(LIST, b"[]"))["code"] == 400
    assert (await api.send(LIST, b"{"))["code"] == 400
    assert (await api.send(LIST, method="GET"))["code"] == 405
    assert (await api.call(LIST, {"index": 10**39, "count": 10**39}))["data"]["list"] == []


async def test_reports_are_counted_for_each_user(api: Api, mysql: Cursor) -> None:
    await api.user("anna")
    for reporter in ("bob", "", "carl"):
        assert await api.call("/lite/report_user", {"userid": "anna", "hostuserid": reporter}) == OK
    mysql.execute("SELECT userid, reports, reporter, first_time <= last_time FROM tb_user_report")
    assert mysql.fetchall() == (("anna", 3, "carl", 1),)
    assert (await api.call("/lite/report_user", {"userid": "nobody"}))["code"] == 601
    for bad in ({}, {"userid": "a b"}, {"userid": "anna", "hostuserid": "a b"}, {"userid": "anna", "hostuserid": 1}):
        assert (await api.call("/lite/report_user", bad))["code"] == 602
    mysql.execute("SELECT SUM(reports) FROM tb_user_report")
    assert mysql.fetchone() == (3,)


async def test_a_report_is_no_call_of_the_reported_user(api: Api, logged: list[dict[str, Any]]) -> None:
    await api.user("anna")
    await api.call("/lite/report_user", {"userid": "anna"})
    (line,) = (line for line in logged if line["route"] == "/lite/report_user")
    assert line["userid"] == ""


async def test_a_deleted_user_is_no_reporter(api: Api, mysql: Cursor) -> None:
    await api.user("anna")
    bob = await api.user("bob")
    await api.call("/lite/report_user", {"userid": "anna", "hostuserid": "bob"})
    await api.call("/delete_account", {"password": PASSWORD}, token=bob.token)
    mysql.execute("SELECT userid, reporter FROM tb_user_report")
    assert mysql.fetchall() == (("anna", ""),)


async def test_reports_go_with_the_account(api: Api, mysql: Cursor) -> None:
    user = await api.user("anna")
    await api.call("/lite/report_user", {"userid": "anna"})
    assert (await api.call("/delete_account", {"password": PASSWORD}, token=user.token))["code"] == 200
    mysql.execute("SELECT COUNT(*) FROM tb_user_report")
    assert mysql.fetchone() == (0,)


@pytest.mark.parametrize(
    "path", ["/get_user_info", "/upload_user_info", "/upload_ugc", "/get_vod_sign", "/get_cos_sign"]
)
async def test_the_other_paths_refuse_strangers(api: Api, path: str) -> None:
    user = await api.user()
    assert (await api.call(f"/lite{path}", VIDEO))["code"] == 498
    assert (await api.signed(f"/lite{path}", android_body(user, VIDEO), "wrong"))["code"] == 498
