"""A wrong value in a body that is otherwise good is named, and nothing is written."""

import json

import pytest
from pymysql.cursors import Cursor
from redis import Redis

from tests.api.bad_input.interfaces import GOOD, MALFORMED, PUBLIC, contents, token_for
from tests.harness.client import Api

OWN = ["/change_password", "/delete_account", "/delete_vod", "/delete_ugc"]
INTEGERS = {"sex", "index", "count"}
URLS = {"avatar", "frontcover", "play_url"}
TEXTS = {"nickname", "title", "location"}
LIMITS = {
    "nickname": 100,
    "title": 128,
    "location": 128,
    "file_id": 150,
    "userid": 32,
    "password": 128,
    "old_password": 128,
}

BAD_URLS = [
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "ftp://x",
    "//x",
    "/x",
    "x",
    "http:x",
    "http:/x",
    "http://",
    "https://",
    "http:///x",
    "http://?x",
    "http://#x",
    "http://:80",
    "http://u@",
    "http://a b",
    "http://a/b c",
    " http://a",
    "http://a ",
    "http://a\n",
    "http://a\u0000",
    "http://a/\u007f",
    "http://a/\u3000",
    "xhttp://a",
]


def wrong_values(field: str) -> list[object]:
    """Values of a wrong type, form or length."""
    if field in INTEGERS:
        range_ = {"sex": [-2, 2, "2", 10**30], "index": [-1, "-1", -(10**30)], "count": [0, -1, "0"]}[field]
        numbers = [
            True,
            False,
            1.5,
            1.0,
            1e300,
            "1.5",
            "1.0",
            "x",
            "",
            " 1",
            "1 ",
            "+1",
            "--1",
            "0x1",
            "1_0",
            "٣",
            "1e3",
        ]
        return [*numbers, [], {}, [1], *range_]
    wrong = [7, 0, 1.5, True, False, [], {}, ["x"], {"x": "y"}]
    if field in URLS:
        return [*wrong, *BAD_URLS, "http://x/" + "y" * 1016, *([""] if field == "play_url" else [])]
    if field in LIMITS:
        wrong.append("x" * (LIMITS[field] + 1))
    if field in TEXTS:
        wrong += ["a\u0000", "a\n", "\r", "\t", "\u001b[31m", "\u007f", "\u0085", "😀" * (LIMITS[field] + 1)]
    if field in ("userid", "file_id"):
        wrong += ["", " ", "a b", "a\n", "é", "a'--", "a/b", "<b>", "a\u0000", "а"]  # the last is Cyrillic
    if field == "userid":
        wrong += ["_a", "-a", "a.b", "{a}", "a:b", "a "]
    if field == "refresh_token":
        wrong.append("x" * 129)
    if field in ("password", "old_password"):
        wrong += ["", "a b", "é", "a\n", "\u007f"]
    return wrong


@pytest.mark.gen_test
@pytest.mark.parametrize(("path", "field"), [(path, field) for path, fields in GOOD.items() for field in fields])
async def test_a_wrong_value_is_named(api: Api, mysql: Cursor, store: Redis, path: str, field: str) -> None:
    token = await token_for(api, path)
    before = contents(mysql, store)
    code = MALFORMED.get((path, field), 602)
    for value in wrong_values(field):
        answer = await api.call(path, {**GOOD[path], field: value}, token=token)
        assert (answer["code"], answer["message"].partition(": ")[0]) == (code, field), repr(value)
        assert contents(mysql, store) == before, repr(value)


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("path", "field"),
    [(path, field) for path, fields in GOOD.items() for field in fields if field in TEXTS | URLS],
)
async def test_no_control_character_gets_in(api: Api, mysql: Cursor, store: Redis, path: str, field: str) -> None:
    token = await token_for(api, path)
    before = contents(mysql, store)
    prefix = "http://a/" if field in URLS else ""
    for number in (*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)):
        answer = await api.call(path, {**GOOD[path], field: f"{prefix}a{chr(number)}b"}, token=token)
        assert (answer["code"], answer["message"].partition(":")[0]) == (602, field), hex(number)
    assert contents(mysql, store) == before


@pytest.mark.gen_test
@pytest.mark.parametrize(("path", "field"), [(path, field) for path, fields in GOOD.items() for field in fields])
async def test_no_lone_surrogate_gets_in(api: Api, mysql: Cursor, store: Redis, path: str, field: str) -> None:
    token = await token_for(api, path)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    before = contents(mysql, store)
    code = MALFORMED.get((path, field), 602)
    prefix = "http://a/" if field in URLS else ""
    for text in ("\ud800", "\udc00", "\ude00\ud83d", "\ud83d\ud83d\ude00", "a\udfff"):
        body = json.dumps({**GOOD[path], field: prefix + text}).encode()  # as escapes
        answer = await api.send(path, body, headers)
        assert (answer["code"], answer["message"].partition(":")[0]) == (code, field), ascii(text)
    assert contents(mysql, store) == before


@pytest.mark.gen_test
async def test_a_lone_surrogate_in_an_unknown_field_is_ignored(api: Api) -> None:
    user = await api.user()
    for raw in (b'{"\\ud800": 1}', b'{"x": [{"y": "\\uDFFF"}]}'):
        assert (await api.send("/get_user_info", raw, {"Authorization": f"Bearer {user.token}"}))["code"] == 200
    for field in ("userid", "timestamp", "expires"):
        raw = json.dumps({"userid": user.userid, "timestamp": 1, "expires": 1, field: "\ud800"}).encode()
        assert (await api.signed("/get_user_info", raw, user.token))["code"] == (498 if field == "userid" else 602)
        bearer = {"Authorization": f"Bearer {user.token}"}
        assert (await api.send("/get_user_info", raw, bearer))["code"] == (498 if field == "userid" else 200)


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("path", "field"),
    [
        *((path, field) for path in PUBLIC for field in GOOD[path]),
        *((path, field) for path in OWN for field in GOOD[path]),
        ("/upload_room", "title"),
        ("/upload_ugc", "file_id"),
        ("/upload_ugc", "play_url"),
    ],
)
@pytest.mark.parametrize("null", [False, True])
async def test_a_missing_parameter_is_named(
    api: Api, mysql: Cursor, store: Redis, path: str, field: str, null: bool
) -> None:
    token = await token_for(api, path)
    before = contents(mysql, store)
    body = {name: value for name, value in GOOD[path].items() if name != field} | ({field: None} if null else {})
    answer = await api.call(path, body, token=token)
    assert (answer["code"], answer["message"]) == (602, f"{field}: is required")
    assert contents(mysql, store) == before
