"""The iOS app, to the byte: compact signed bodies, the time in milliseconds with a fraction."""

import json
import time

import pytest
from pymysql.cursors import Cursor

from tests.harness.client import Api
from tests.protocol.clients import (
    DATA,
    OK,
    PROFILE,
    Ios,
    check_contents,
    check_walk,
    is_refused_as_stale,
    publish,
    shape,
    walk,
)

INFO = "/get_user_info"


@pytest.fixture
def ios(api: Api) -> Ios:
    return Ios(api)


def test_the_body_is_what_nsjsonserialization_writes() -> None:
    client = Ios(Api(None, ""))  # type: ignore[arg-type]
    assert client.body(INFO, {"avatar": "http://a"}, timestamp=1_700_000_000_123.25) == (
        b'{"userid":"user_01","avatar":"http:\\/\\/a","timestamp":1700000000123.25,"expires":86400}'
    )


@pytest.mark.gen_test
async def test_all_twelve_interfaces_answer_what_the_document_says(ios: Ios) -> None:
    check_walk(await walk(ios))


@pytest.mark.gen_test
async def test_a_client_reads_back_its_own_writes(ios: Ios) -> None:
    await publish(ios)
    await check_contents(ios, room_cover=ios.room()["frontcover"])


@pytest.mark.gen_test
async def test_a_room_is_uploaded_without_a_time_and_with_its_cover(ios: Ios, mysql: Cursor) -> None:
    await ios.enter()
    assert await ios.call("/upload_user_info", PROFILE) == OK
    body = ios.body("/upload_room", ios.room())
    assert json.loads(body).keys() == {"userid", "title", "location", "frontcover"}
    assert await ios.post("/upload_room", body) == OK
    mysql.execute("SELECT userid, title, location, frontcover FROM tb_room")
    assert mysql.fetchall() == ((ios.userid, *ios.room().values()),)


@pytest.mark.gen_test
async def test_a_room_without_a_time_still_needs_its_signature(ios: Ios, mysql: Cursor) -> None:
    await ios.enter()
    ios.token += "x"
    assert (await ios.call("/upload_room", ios.room()))["code"] == 498
    mysql.execute("SELECT COUNT(*) FROM tb_room")
    assert mysql.fetchone() == (0,)


@pytest.mark.gen_test
@pytest.mark.conf("--compat.official_apps", "true")
async def test_the_shipped_app_gets_numbers_where_it_calls_long_value(ios: Ios) -> None:
    answers = await walk(ios)
    assert answers["/login"]["data"]["cos_info"]["Appid"] == 1250000000
    (replay,) = answers["/get_vod_list"]["data"]["list"]
    (vodinfo,) = DATA["/get_vod_list"]["list"]
    assert shape(replay) == {**vodinfo, "likecount": int, "viewercount": int}


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("age", "code"),
    [(0, 200), (86400, 200), (86400 + 270, 200), (86400 + 330, 498), (-270, 200), (-330, 498)],
)
async def test_a_request_is_fresh_for_the_sessions_lifetime(ios: Ios, age: int, code: int) -> None:
    await ios.enter()
    answer = await ios.post(INFO, ios.body(INFO, {}, (int(time.time()) - age) * 1000 + 0.5))
    assert answer["code"] == code
    assert code == 200 or is_refused_as_stale(answer)


@pytest.mark.gen_test
@pytest.mark.conf("--session.expires", "1000")
@pytest.mark.parametrize(("age", "code"), [(1270, 200), (1330, 498)])
async def test_expires_is_the_one_of_the_login(ios: Ios, age: int, code: int) -> None:
    await ios.enter()
    assert ios.session_expires == 1000
    answer = await ios.post(INFO, ios.body(INFO, {}, (int(time.time()) - age) * 1000 + 0.5))
    assert answer["code"] == code


@pytest.mark.gen_test
@pytest.mark.parametrize(("timestamp", "code"), [(10**11, 498), (10**11 + 1, 200), (10**11 + 1.5, 200)])
async def test_a_timestamp_over_ten_to_the_eleventh_is_in_milliseconds(ios: Ios, timestamp: float, code: int) -> None:
    await ios.enter()
    ios.session_expires = 10**10  # from 1973 to beyond our time; 10^11 seconds are the year 5138
    answer = await ios.post(INFO, ios.body(INFO, {}, timestamp))
    assert answer["code"] == code
    assert code == 200 or is_refused_as_stale(answer)


@pytest.mark.gen_test
async def test_pages_are_offsets(ios: Ios) -> None:
    await ios.enter()
    for n in range(5):
        fields = {"file_id": f"f{n}", "play_url": "http://v"}
        assert await ios.call("/upload_ugc", fields) == OK
    pages = [await ios.call("/get_ugc_list", {"index": index, "count": 2}) for index in (0, 2, 4, 6)]
    names = [[video["file_id"] for video in page["data"]["list"]] for page in pages]
    assert [len(page) for page in names] == [2, 2, 1, 0]
    assert {name for page in names for name in page} == {"f0", "f1", "f2", "f3", "f4"}
