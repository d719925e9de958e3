"""The Android app, to the byte: signed bodies with escaped slashes and the time in seconds."""

import json
import time

import pytest
from pymysql.cursors import Cursor
from tornado import gen

from tests.harness.client import Api, liteav_sig
from tests.protocol.clients import (
    DATA,
    OK,
    PROFILE,
    Android,
    check_contents,
    check_walk,
    is_refused_as_stale,
    publish,
    shape,
    walk,
)

INFO = "/get_user_info"


@pytest.fixture
def android(api: Api) -> Android:
    return Android(api)


def test_the_body_is_what_org_json_writes() -> None:
    client = Android(Api(None, ""))  # type: ignore[arg-type]
    fields = {"avatar": "http://a/é", **client.page()}
    assert (
        client.body(INFO, fields, timestamp=1_700_000_000)
        == (
            '{"userId":"user_01","frontCover":"http:\\/\\/e.com\\/ignored","userid":"user_01",'
            '"timestamp":1700000000,"expires":10,"avatar":"http:\\/\\/a\\/é","index":"0","count":200}'
        ).encode()
    )


@pytest.mark.gen_test
async def test_all_twelve_interfaces_answer_what_the_document_says(android: Android) -> None:
    check_walk(await walk(android))


@pytest.mark.gen_test
async def test_a_client_reads_back_its_own_writes(android: Android) -> None:
    await publish(android)
    await check_contents(android, room_cover=str(PROFILE["frontcover"]))


@pytest.mark.gen_test
async def test_the_rooms_front_cover_in_camel_case_is_ignored(android: Android, mysql: Cursor) -> None:
    await publish(android)
    mysql.execute("SELECT frontcover FROM tb_room")
    assert mysql.fetchall() == ((PROFILE["frontcover"],),)


@pytest.mark.gen_test
@pytest.mark.conf("--compat.official_apps", "true", "--performance.page_ttl", "0")
async def test_the_shipped_app_gets_the_fields_it_reads(android: Android, mysql: Cursor) -> None:
    answers = await walk(android)
    assert shape(answers["/login"]["data"]["cos_info"]) == {**DATA["/login"]["cos_info"], "Appid": int}
    mysql.execute("UPDATE tb_vod SET like_count = 3, viewer_count = 4")
    (replay,) = (await android.call("/get_vod_list", android.page()))["data"]["list"]
    (vodinfo,) = DATA["/get_vod_list"]["list"]
    assert shape(replay) == {**vodinfo, "likecount": int, "viewercount": int}
    assert [replay[name] for name in ("like_count", "likecount", "viewer_count", "viewercount")] == [3, 3, 4, 4]
    changed = ("/login", "/get_vod_list")
    assert all(shape(answers[path]["data"]) == DATA[path] for path in DATA if path not in changed)


@pytest.mark.gen_test
@pytest.mark.parametrize(("ahead", "code"), [(-2, 498), (-1, 498), (0, 200), (1, 200), (2, 498), (10, 498)])
async def test_the_body_may_be_signed_one_second_later_than_sent(android: Android, ahead: int, code: int) -> None:
    await android.enter()
    now = int(time.time())
    signature = liteav_sig(android.token, android.body(INFO, {}, timestamp=now + ahead))
    answer = await android.api.send(INFO, android.body(INFO, {}, timestamp=now), {"Liteav-Sig": signature})
    assert answer["code"] == code


@pytest.mark.gen_test
@pytest.mark.parametrize("digits", [9, 99, 999])
async def test_the_next_second_may_carry(android: Android, digits: int) -> None:
    await android.enter()
    now = int(time.time()) // (digits + 1) * (digits + 1) - 1
    expires = digits + 300
    signature = liteav_sig(android.token, android.body(INFO, {}, now + 1, expires))
    sent = android.body(INFO, {}, now, expires)
    assert str(digits) in str(now)
    assert (await android.api.send(INFO, sent, {"Liteav-Sig": signature}))["code"] == 200


@pytest.mark.gen_test
async def test_only_the_timestamp_may_differ_from_what_was_signed(android: Android) -> None:
    await android.enter()
    now = int(time.time())
    signature = liteav_sig(android.token, android.body(INFO, {"count": 200}, timestamp=now + 1))
    sent = android.body(INFO, {"count": 201}, timestamp=now)
    assert (await android.api.send(INFO, sent, {"Liteav-Sig": signature}))["code"] == 498


@pytest.mark.gen_test
@pytest.mark.parametrize("ahead", [0, 1])
async def test_identical_calls_are_all_accepted(android: Android, ahead: int) -> None:
    await android.enter()
    now = int(time.time())
    sent = android.body(INFO, {}, timestamp=now)
    header = {"Liteav-Sig": liteav_sig(android.token, android.body(INFO, {}, timestamp=now + ahead))}
    answers = await gen.multi([android.api.send(INFO, sent, header) for _ in range(5)])
    answers.append(await android.api.send(INFO, sent, header))
    assert [answer["code"] for answer in answers] == [200] * 6


@pytest.mark.gen_test
@pytest.mark.parametrize("change", ["upper", "trailing space", "unescaped", "truncated", "token only", "body only"])
async def test_the_signature_covers_exactly_the_bytes_sent(android: Android, change: str) -> None:
    await android.enter()
    sent = signed = android.body(INFO, {"avatar": "http://a/b"})
    if change == "trailing space":
        sent += b" "
    if change == "unescaped":
        sent = sent.replace(b"\\/", b"/")
    signature = {
        "upper": liteav_sig(android.token, signed).upper(),
        "truncated": liteav_sig(android.token, signed)[:-1],
        "token only": liteav_sig(android.token, b""),
        "body only": liteav_sig("", signed),
    }.get(change, liteav_sig(android.token, signed))
    answer = await android.api.send(INFO, sent, {"Liteav-Sig": signature})
    assert answer["code"] == 498
    assert answer["message"].startswith("the signature does not match")


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("age", "expires", "code"),
    [
        (0, 10, 200),
        (280, 10, 200),  # within the skew
        (340, 10, 498),
        (340, 100, 200),
        (430, 100, 498),
        (-270, 10, 200),  # the client's clock is ahead
        (-330, 10, 498),
        (-330, 86400, 498),
    ],
)
async def test_a_signed_request_must_be_fresh(android: Android, age: int, expires: int, code: int) -> None:
    await android.enter()
    answer = await android.post(INFO, android.body(INFO, {}, int(time.time()) - age, expires))
    assert answer["code"] == code
    assert code == 200 or is_refused_as_stale(answer)


@pytest.mark.gen_test
@pytest.mark.conf("--auth.clock_skew", "1000")
@pytest.mark.parametrize(("age", "code"), [(980, 200), (1040, 498), (-970, 200), (-1030, 498)])
async def test_the_skew_is_a_setting(android: Android, age: int, code: int) -> None:
    await android.enter()
    answer = await android.post(INFO, android.body(INFO, {}, int(time.time()) - age))
    assert answer["code"] == code


@pytest.mark.gen_test
async def test_a_stale_upload_writes_nothing(android: Android, mysql: Cursor) -> None:
    await android.enter()
    body = android.body("/upload_room", android.room(), int(time.time()) - 1000)
    assert (await android.post("/upload_room", body))["code"] == 498
    mysql.execute("SELECT COUNT(*) FROM tb_room")
    assert mysql.fetchone() == (0,)


@pytest.mark.gen_test
@pytest.mark.parametrize("absent", ["timestamp", "expires"])
async def test_without_both_times_the_signature_alone_decides(android: Android, absent: str) -> None:
    await android.enter()
    fields = {"userid": android.userid, "timestamp": 1, "expires": 1}
    for body in ({**fields, absent: None}, {name: value for name, value in fields.items() if name != absent}):
        assert (await android.post(INFO, json.dumps(body).encode()))["code"] == 200


@pytest.mark.gen_test
@pytest.mark.parametrize("bad", ["x", "", True, [], {}, "nan", "Infinity", 10**400], ids=repr)
@pytest.mark.parametrize("name", ["timestamp", "expires"])
async def test_a_time_that_is_no_number_is_named(android: Android, name: str, bad: object) -> None:
    await android.enter()
    body = {"userid": android.userid, "timestamp": int(time.time()), "expires": 10, name: bad}
    answer = await android.post(INFO, json.dumps(body).encode())
    assert (answer["code"], answer["message"].partition(":")[0]) == (602, name)


@pytest.mark.gen_test
async def test_a_new_login_elsewhere_ends_this_session(android: Android, api: Api) -> None:
    await android.enter()
    elsewhere = Android(api, android.userid)
    await elsewhere.login()
    assert (await android.call(INFO))["code"] == 498
    assert (await elsewhere.call(INFO))["code"] == 200


@pytest.mark.gen_test
async def test_public_interfaces_ignore_the_signature(android: Android) -> None:
    await android.enter()
    android.token = "stale"
    assert (await android.refresh())["code"] == 200
    android.token = "stale"
    assert (await android.login())["code"] == 200
    assert await Android(android.api, "user_02").register() == OK
