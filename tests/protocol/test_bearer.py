"""Web pages, curl and scripts: a bearer token, and a body that needs no userid."""

import json

import pytest
from pymysql.cursors import Cursor

from tests.harness.client import PASSWORD, Api
from tests.protocol.clients import (
    OK,
    PROFILE,
    ROOM,
    VIDEO,
    Web,
    check_contents,
    check_walk,
    publish,
    record,
    shape,
    walk,
)

INFO = "/get_user_info"


@pytest.fixture
def web(api: Api) -> Web:
    return Web(api)


@pytest.mark.gen_test
async def test_all_twelve_interfaces_answer_what_the_document_says(web: Web) -> None:
    check_walk(await walk(web))


@pytest.mark.gen_test
async def test_a_client_reads_back_its_own_writes(web: Web) -> None:
    await publish(web)
    await check_contents(web, room_cover=str(PROFILE["frontcover"]))


@pytest.mark.gen_test
async def test_a_new_user_has_an_empty_profile(web: Web) -> None:
    await web.enter()
    expected = {"userid": "user_01", "nickname": "", "avatar": "", "sex": -1, "frontcover": ""}
    assert (await web.call(INFO))["data"] == expected
    for path in ("/get_vod_list", "/get_ugc_list"):
        assert (await web.call(path))["data"] == {"list": []}


@pytest.mark.gen_test
async def test_the_login_answers_the_configured_values(web: Web) -> None:
    await web.register()
    data = (await web.login())["data"]
    assert data["expires"] == 86400
    assert data["cos_info"] == {
        "Bucket": "fake-bucket",
        "Region": "ap-guangzhou",
        "Appid": "1250000000",
        "SecretId": "FAKE-COS-SECRET-ID",
    }


@pytest.mark.gen_test
async def test_the_bytes_of_an_answer(web: Web) -> None:
    await publish(web)
    response = await web.api.fetch(INFO, b"", web.headers(b""))
    assert json.loads(response.body)["code"] == 200
    for text in (PROFILE["nickname"], PROFILE["avatar"]):
        assert str(text).encode() in response.body
    assert b" " not in response.body.replace(str(PROFILE["nickname"]).encode(), b"")


@pytest.mark.gen_test
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_not_case_sensitive(web: Web, scheme: str) -> None:
    await web.enter()
    assert (await web.api.send(INFO, b"", {"Authorization": f"{scheme} {web.token}"}))["code"] == 200


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("userid", "code"), [("user_01", 200), (None, 200), ("user_02", 498), ("USER_01", 498), ("user_01 ", 498)]
)
async def test_a_userid_in_the_body_must_be_the_tokens(web: Web, api: Api, userid: str | None, code: int) -> None:
    await web.enter()
    await Web(api, "user_02").enter()
    for path in (INFO, "/get_roomservice_sign"):
        assert (await web.call(path, {"userid": userid}))["code"] == code


@pytest.mark.gen_test
async def test_a_bearer_request_needs_no_time(web: Web) -> None:
    await web.enter()
    assert (await web.call(INFO, {"timestamp": 1, "expires": 1}))["code"] == 200


@pytest.mark.gen_test
async def test_a_token_carries_its_userid_and_at_least_128_random_bits(web: Web) -> None:
    await web.enter()
    tokens = [web.token, web.refresh_token]
    for _ in range(3):
        await web.login()
        tokens += [web.token, web.refresh_token]
    assert len(set(tokens)) == 8
    for token in tokens:
        assert len(token.removeprefix("user_01.")) >= 22  # base64 of 16 bytes


@pytest.mark.gen_test
async def test_a_refresh_replaces_the_token(web: Web) -> None:
    await web.enter()
    old = web.headers(b"")
    assert (await web.refresh())["code"] == 200
    assert (await web.api.send(INFO, b"", old))["code"] == 498
    assert (await web.call(INFO))["code"] == 200


@pytest.mark.gen_test
async def test_public_interfaces_ignore_the_token(web: Web) -> None:
    await web.enter()
    for token in ("garbled", "nobody.x", ""):
        web.token = token
        assert (await web.refresh())["code"] == 200
    web.token = "garbled"
    assert (await web.login())["code"] == 200


@pytest.mark.gen_test
async def test_fields_that_are_absent_stay_as_they_are(web: Web) -> None:
    await publish(web)
    changed = dict(PROFILE)
    for name, value in (("nickname", "n"), ("avatar", ""), ("sex", 0), ("frontcover", "http://f")):
        assert await web.call("/upload_user_info", {name: value}) == OK
        changed[name] = value
        assert (await web.call(INFO))["data"] == {"userid": "user_01", **changed}
    assert await web.call("/upload_user_info") == OK
    assert (await web.call(INFO))["data"] == {"userid": "user_01", **changed}


@pytest.mark.gen_test
async def test_a_video_uploaded_again_replaces_the_record_and_keeps_its_time(web: Web, mysql: Cursor) -> None:
    await publish(web)
    mysql.execute("UPDATE tb_ugc SET create_time = '2026-01-01 16:00:00'")
    assert await web.call("/upload_ugc", {**VIDEO, "title": "again", "location": ""}) == OK
    (video,) = (await web.call("/get_ugc_list"))["data"]["list"]
    assert (video["title"], video["location"], video["create_time"]) == ("again", "", "2026-01-02 00:00:00")


@pytest.mark.gen_test
async def test_lists_show_the_authors_current_name_to_everyone(web: Web, api: Api) -> None:
    await publish(web)
    await record(web)
    assert await web.call("/upload_user_info", {"nickname": "renamed", "avatar": "http://new"}) == OK
    reader = Web(api, "reader")
    await reader.enter()
    for path in ("/get_vod_list", "/get_ugc_list"):
        (row,) = (await reader.call(path))["data"]["list"]
        assert (row["userid"], row["nickname"], row["avatar"]) == ("user_01", "renamed", "http://new")


@pytest.mark.gen_test
async def test_a_title_is_all_that_a_room_needs(web: Web, mysql: Cursor) -> None:
    await web.enter()
    assert await web.call("/upload_room", {"title": ROOM["title"]}) == OK
    mysql.execute("SELECT title, location, frontcover FROM tb_room")
    assert mysql.fetchall() == ((ROOM["title"], "", ""),)


@pytest.mark.gen_test
async def test_curl_may_wait_for_100_continue(web: Web) -> None:
    await web.register()
    response = await web.api.client.fetch(
        f"{web.api.base_url}/login",
        method="POST",
        body=json.dumps({"userid": "user_01", "password": PASSWORD}),
        expect_100_continue=True,
    )
    assert shape(json.loads(response.body)["data"]["token"]) is str
