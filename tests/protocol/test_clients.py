"""The three clients walk through all interfaces, each with its own encoding."""

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from pymysql.cursors import Cursor

from tests.harness.client import PASSWORD, Api, User, liteav_sig
from tests.protocol.clients import compact, is_refused_as_stale

Send = Callable[[Api, User, str, dict[str, Any]], Any]


def android_body(user: User, fields: dict[str, Any], timestamp: int | None = None) -> bytes:
    """org.json: slashes escaped, seconds, a few extra fields."""
    body = {**fields, "userid": user.userid, "timestamp": timestamp or int(time.time()), "expires": 10}
    return compact({**body, "userId": user.userid}).replace("/", "\\/").encode()


def ios_body(user: User, fields: dict[str, Any]) -> bytes:
    """NSJSONSerialization: slashes escaped, milliseconds with a fraction, expires is the session's lifetime."""
    body = {"userid": user.userid, "timestamp": time.time() * 1000 + 0.25, "expires": 86400, **fields}
    return compact(body).replace("/", "\\/").encode()


async def android(api: Api, user: User, path: str, fields: dict[str, Any]) -> dict[str, Any]:
    if "index" in fields:
        fields = {**fields, "index": "0", "count": 200}
    if "frontcover" in fields and path == "/upload_room":
        fields = {**fields, "frontCover": fields["frontcover"]}
        del fields["frontcover"]
    return await api.signed(path, android_body(user, fields), user.token)


async def ios(api: Api, user: User, path: str, fields: dict[str, Any]) -> dict[str, Any]:
    if path == "/upload_room":
        return await api.signed(path, compact({"userid": user.userid, **fields}).encode(), user.token)
    return await api.signed(path, ios_body(user, fields), user.token)


async def bearer(api: Api, user: User, path: str, fields: dict[str, Any]) -> dict[str, Any]:
    return await api.call(path, fields, token=user.token)


PROFILE = {"nickname": "小直播 😀", "avatar": "https://e.com/a/b.png", "sex": 1, "frontcover": "https://e.com/f"}
VIDEO = {"file_id": "52858", "title": "短/视频", "frontcover": "http://c", "location": "深圳", "play_url": "http://v"}
VODINFO = {
    "userid": str,
    "nickname": str,
    "avatar": str,
    "file_id": str,
    "title": str,
    "like_count": int,
    "viewer_count": int,
    "frontcover": str,
    "location": str,
    "play_url": str,
    "create_time": str,
    "hls_play_url": str,
    "start_time": str,
}


def types(record: dict[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in record.items()}


@pytest.mark.gen_test
@pytest.mark.parametrize("send", [android, ios, bearer])
async def test_a_client_walks_through_all_interfaces(api: Api, mysql: Cursor, send: Send) -> None:
    credentials = {"userid": "user_01", "password": PASSWORD}
    assert await api.call("/register", credentials) == {"code": 200, "message": "OK"}
    data = (await api.call("/login", credentials))["data"]
    assert types(data) == {
        "token": str,
        "refresh_token": str,
        "expires": int,
        "roomservice_sign": dict,
        "cos_info": dict,
    }
    assert types(data["roomservice_sign"]) == {"sdkAppID": int, "accountType": str, "userID": str, "userSig": str}
    assert types(data["cos_info"]) == {"Bucket": str, "Region": str, "Appid": str, "SecretId": str}
    data = (await api.call("/refresh", {"userid": "user_01", "refresh_token": data["refresh_token"]}))["data"]
    assert types(data) == {"token": str, "refresh_token": str, "expires": int}
    user = User("user_01", data["token"], data["refresh_token"])

    done = {"code": 200, "message": "OK"}
    assert await send(api, user, "/upload_user_info", PROFILE) == done
    assert (await send(api, user, "/get_user_info", {}))["data"] == {"userid": "user_01", **PROFILE}
    room = {"title": "标题", "location": "不显示地理位置", "frontcover": "https://e.com/f"}
    assert await send(api, user, "/upload_room", room) == done
    mysql.execute("SELECT title, location, frontcover FROM tb_room")
    assert mysql.fetchall() == (tuple(room.values()),)
    assert await send(api, user, "/upload_ugc", VIDEO) == done
    (video,) = (await send(api, user, "/get_ugc_list", {"index": 0, "count": 20}))["data"]["list"]
    assert {**video, "create_time": ""} == {
        "userid": "user_01",
        "nickname": PROFILE["nickname"],
        "avatar": PROFILE["avatar"],
        **VIDEO,
        "create_time": "",
    }
    mysql.execute(
        "INSERT INTO tb_vod (userid, file_id, title, frontcover, location, start_time, create_time)"
        " VALUES ('user_01', '1', '', '', '', '2026-01-01', '2026-01-01')"
    )
    (replay,) = (await send(api, user, "/get_vod_list", {"index": 0, "count": 20}))["data"]["list"]
    assert types(replay) == VODINFO
    assert types((await send(api, user, "/get_roomservice_sign", {}))["data"]) == {"txTime": int, "sign": str}
    assert types((await send(api, user, "/get_vod_sign", {}))["data"]) == {"signature": str}
    assert types((await send(api, user, "/get_cos_sign", {}))["data"]) == {"signKey": str, "keyTime": str}


@pytest.mark.gen_test
@pytest.mark.conf("--compat.official_apps", "true")
async def test_the_shipped_apps_get_the_fields_they_read(api: Api, mysql: Cursor) -> None:
    user = await api.user()
    data = (await api.call("/login", {"userid": user.userid, "password": PASSWORD}))["data"]
    assert data["cos_info"]["Appid"] == 1250000000
    mysql.execute(
        "INSERT INTO tb_vod (userid, file_id, title, frontcover, location, start_time, create_time, like_count, viewer_count)"
        " VALUES (%s, '1', '', '', '', '2026-01-01', '2026-01-01', 3, 4)",
        (user.userid,),
    )
    user = await api.login(user.userid)
    (replay,) = (await api.call("/get_vod_list", token=user.token))["data"]["list"]
    assert types(replay) == {**VODINFO, "likecount": int, "viewercount": int}
    assert (replay["likecount"], replay["viewercount"], replay["like_count"], replay["viewer_count"]) == (3, 4, 3, 4)


@pytest.mark.gen_test
async def test_answers_are_plain_utf8(api: Api) -> None:
    user = await api.user()
    await api.call("/upload_user_info", PROFILE, token=user.token)
    response = await api.fetch("/get_user_info", b"", {"Authorization": f"Bearer {user.token}"})
    assert "小直播 😀".encode() in response.body
    assert b"https://e.com/a/b.png" in response.body


@pytest.mark.gen_test
@pytest.mark.parametrize(("ahead", "code"), [(0, 200), (1, 200), (-1, 498), (2, 498)])
async def test_android_may_sign_the_next_second(api: Api, ahead: int, code: int) -> None:
    user = await api.user()
    now = int(time.time())
    signature = liteav_sig(user.token, android_body(user, {}, now + ahead))
    for _ in range(2):  # the same bytes may come twice
        answer = await api.send("/get_user_info", android_body(user, {}, now), {"Liteav-Sig": signature})
        assert answer["code"] == code


@pytest.mark.gen_test
async def test_the_signature_covers_every_byte(api: Api) -> None:
    user = await api.user()
    body = android_body(user, {})
    signature = liteav_sig(user.token, body)
    assert (await api.send("/get_user_info", body, {"Liteav-Sig": signature.upper()}))["code"] == 498
    assert (await api.send("/get_user_info", body + b" ", {"Liteav-Sig": signature}))["code"] == 498


@pytest.mark.gen_test
@pytest.mark.parametrize("unit", [1, 1000])
@pytest.mark.parametrize(
    ("age", "expires", "code"),
    [
        (0, 10, 200),
        (250, 10, 200),
        (330, 10, 498),
        (330, 100, 200),
        (-250, 10, 200),
        (-330, 10, 498),
        (90000, 86400, 498),
    ],
)
async def test_a_signed_request_must_be_fresh(
    api: Api, logged: list[dict[str, Any]], unit: int, age: int, expires: int, code: int
) -> None:
    user = await api.user()
    timestamp = (int(time.time()) - age) * unit + (0 if unit == 1 else 0.5)
    for written in (timestamp, str(timestamp)):
        body = json.dumps({"userid": user.userid, "timestamp": written, "expires": expires}).encode()
        answer = await api.signed("/get_user_info", body, user.token)
        assert answer["code"] == code
        assert code == 200 or is_refused_as_stale(answer)
    offsets = [line["clock_offset_s"] for line in logged if line["event"] == "request expired"]
    assert len(offsets) == (0 if code == 200 else 2)
    assert all(abs(offset + age) <= 2 for offset in offsets)


@pytest.mark.gen_test
async def test_a_time_far_from_now_is_shown_short(api: Api, logged: list[dict[str, Any]]) -> None:
    user = await api.user()
    body = json.dumps({"userid": user.userid, "timestamp": 1e300, "expires": 1}).encode()
    answer = await api.signed("/get_user_info", body, user.token)
    assert answer["message"].startswith("timestamp is 10000000000 s in the future")
    assert [line["clock_offset_s"] for line in logged if line["event"] == "request expired"] == [10**10]


@pytest.mark.gen_test
async def test_the_log_says_what_a_wrong_signature_should_cover(api: Api, logged: list[dict[str, Any]]) -> None:
    user = await api.user()
    body = json.dumps({"userid": user.userid}).encode()
    answer = await api.send("/get_user_info", body, {"Liteav-Sig": "f" * 32})
    assert answer["message"] == (
        "the signature does not match the body, or the token is expired or replaced by a newer login"
    )
    (line,) = [line for line in logged if line["event"] == "signature does not match"]
    assert (line["level"], line["userid"]) == ("debug", user.userid)
    assert line["covered"] == f"token + {hashlib.md5(body).hexdigest()}"
    assert user.token not in str(logged)


@pytest.mark.gen_test
@pytest.mark.parametrize("bad", ["x", True, [], {}, "nan", 10**400])
@pytest.mark.parametrize("name", ["timestamp", "expires"])
async def test_a_time_that_is_no_number_is_named(api: Api, name: str, bad: object) -> None:
    user = await api.user()
    body = json.dumps({"userid": user.userid, "timestamp": int(time.time()), "expires": 10, name: bad}).encode()
    answer = await api.signed("/get_user_info", body, user.token)
    assert (answer["code"], answer["message"]) == (602, f"{name}: must be a number")
