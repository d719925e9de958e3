"""Bad input gets its code and a message that names the field, nothing is written, and no answer tells too much."""

import asyncio
import json
import random
import time
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer

from conf.settings import DEFAULT_CONF, ROOT
from tests.api import PASSWORD, Api
from tests.conftest import TABLES

PUBLIC = ["/register", "/login", "/refresh"]
PROTECTED = [
    "/get_user_info",
    "/upload_user_info",
    "/get_vod_list",
    "/upload_room",
    "/upload_ugc",
    "/get_ugc_list",
    "/get_roomservice_sign",
    "/get_vod_sign",
    "/get_cos_sign",
]
LISTS = ["/get_vod_list", "/get_ugc_list"]
GOOD: dict[str, dict[str, Any]] = {
    "/register": {"userid": "new", "password": PASSWORD},
    "/login": {"userid": "new", "password": PASSWORD},
    "/refresh": {"userid": "new", "refresh_token": "x"},
    "/upload_user_info": {"nickname": "n", "avatar": "http://a", "sex": 0, "frontcover": "http://f"},
    "/get_vod_list": {"index": 0, "count": 20},
    "/upload_room": {"title": "t", "location": "l", "frontcover": "http://f"},
    "/upload_ugc": {"file_id": "f", "title": "t", "frontcover": "", "location": "l", "play_url": "http://p"},
    "/get_ugc_list": {"index": 0, "count": 20},
}
INTEGERS = {"sex", "index", "count"}
URLS = {"avatar", "frontcover", "play_url"}
TEXTS = {"nickname", "title", "location"}
LIMITS = {"nickname": 100, "title": 128, "location": 128, "file_id": 150, "userid": 32, "password": 128}
BODY_LIMIT = 65536
CREDENTIALS = tomllib.loads(DEFAULT_CONF.read_text())
SECRETS = [
    PASSWORD,
    *(
        value
        for table in ("live", "im", "cos", "vod")
        for name, value in CREDENTIALS[table].items()
        if name.endswith("_key")
    ),
]
# What libraries say when they fail.
INTERNAL = [
    "traceback",
    "mysql",
    "argon2",
    "pydantic",
    "ujson",
    "redis",
    "sql",
    "tb_",
    str(ROOT),
    "packages",
    ".py",
    "error",
]


class Suspicious(Api):
    """Reads every answer for what should have stayed inside."""

    async def fetch(
        self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> HTTPResponse:
        response = await super().fetch(path, body, headers, method)
        assert not [secret for secret in SECRETS if secret.encode() in response.body]
        told = str(dict(response.headers)) + str(json.loads(response.body)["message"] if response.body else "")
        assert not [text for text in (*INTERNAL, *SECRETS) if text.lower() in told.lower()]
        return response


@pytest.fixture
def api(http_client: AsyncHTTPClient, base_url: str) -> Api:
    return Suspicious(http_client, base_url)


def contents(mysql: Any, store: Any) -> list[Any]:
    """Everything in both stores."""
    rows: list[Any] = []
    for table in TABLES:
        mysql.execute(f"SELECT * FROM {table}")
        rows.append(mysql.fetchall())
    return [*rows, {key: store.dump(key) for key in store.keys()}]


async def token_for(api: Api, path: str) -> str | None:
    """A token of a user of its own, where one is needed."""
    user = await api.user()
    return None if path in PUBLIC else user.token


# --- one wrong value in an otherwise good body -------------------------------------------------------------------

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


def wrong_values(field: str) -> list[Any]:
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
    if field == "password":
        wrong += ["", "a b", "é", "a\n", "\u007f"]
    return wrong


@pytest.mark.gen_test
@pytest.mark.parametrize(("path", "field"), [(path, field) for path, fields in GOOD.items() for field in fields])
async def test_a_wrong_value_is_named(api: Api, mysql: Any, store: Any, path: str, field: str) -> None:
    token = await token_for(api, path)
    before = contents(mysql, store)
    code = {"userid": 610, "password": 611}.get(field, 602) if path == "/register" else 602
    for value in wrong_values(field):
        answer = await api.call(path, {**GOOD[path], field: value}, token=token)
        assert (answer["code"], answer["message"].partition(": ")[0]) == (code, field), repr(value)
        assert contents(mysql, store) == before, repr(value)


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("path", "field"),
    [(path, field) for path, fields in GOOD.items() for field in fields if field in TEXTS | URLS],
)
async def test_no_control_character_gets_in(api: Api, mysql: Any, store: Any, path: str, field: str) -> None:
    token = await token_for(api, path)
    before = contents(mysql, store)
    prefix = "http://a/" if field in URLS else ""
    for number in (*range(32), *range(127, 160)):
        answer = await api.call(path, {**GOOD[path], field: f"{prefix}a{chr(number)}b"}, token=token)
        assert (answer["code"], answer["message"].partition(":")[0]) == (602, field), hex(number)
    assert contents(mysql, store) == before


@pytest.mark.gen_test
@pytest.mark.parametrize(("path", "field"), [(path, field) for path, fields in GOOD.items() for field in fields])
async def test_no_lone_surrogate_gets_in(api: Api, mysql: Any, store: Any, path: str, field: str) -> None:
    token = await token_for(api, path)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    before = contents(mysql, store)
    code = {"userid": 610, "password": 611}.get(field, 602) if path == "/register" else 602
    prefix = "http://a/" if field in URLS else ""
    for text in ("\ud800", "\udc00", "\ude00\ud83d", "\ud83d\ud83d\ude00", "a\udfff"):
        body = json.dumps({**GOOD[path], field: prefix + text}).encode()  # as escapes
        answer = await api.send(path, body, headers)
        assert (answer["code"], answer["message"].partition(":")[0]) == (code, field), ascii(text)
    assert contents(mysql, store) == before


@pytest.mark.gen_test
async def test_a_lone_surrogate_in_what_nobody_reads_does_not_matter(api: Api) -> None:
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
        ("/upload_room", "title"),
        ("/upload_ugc", "file_id"),
        ("/upload_ugc", "play_url"),
    ],
)
@pytest.mark.parametrize("null", [False, True])
async def test_a_missing_parameter_is_named(
    api: Api, mysql: Any, store: Any, path: str, field: str, null: bool
) -> None:
    token = await token_for(api, path)
    before = contents(mysql, store)
    body = {name: value for name, value in GOOD[path].items() if name != field} | ({field: None} if null else {})
    answer = await api.call(path, body, token=token)
    assert (answer["code"], answer["message"]) == (602, f"{field}: is required")
    assert contents(mysql, store) == before


# --- what is just good enough ------------------------------------------------------------------------------------

LONGEST_URL = "http://x/" + "例" * 1015


@pytest.mark.gen_test
async def test_values_at_their_limits_are_taken(api: Api) -> None:
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
async def test_rooms_and_videos_at_their_limits_are_taken(api: Api, mysql: Any) -> None:
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
async def test_every_sex_is_taken_as_a_number_or_its_text(api: Api, written: Any) -> None:
    user = await api.user()
    assert (await api.call("/upload_user_info", {"sex": written}, token=user.token))["code"] == 200
    assert (await api.call("/get_user_info", token=user.token))["data"]["sex"] == int(written)


@pytest.mark.gen_test
async def test_null_is_absent(api: Api, mysql: Any) -> None:
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
async def test_an_index_beyond_the_list_is_an_empty_list(api: Api, mysql: Any, path: str) -> None:
    user = await api.user()
    fill_lists(mysql, user.userid, 1)
    for index in (1, 10**6, 10**18, 2**63 - 1, 2**63, 2**64, 10**30, "1000000000000000000", "9" * 31):
        answer = await api.call(path, {"index": index, "count": 10**30}, token=user.token)
        assert answer == {"code": 200, "message": "OK", "data": {"list": []}}, index


@pytest.mark.gen_test
@pytest.mark.parametrize("path", LISTS)
async def test_at_most_500_rows_are_served(api: Api, mysql: Any, path: str) -> None:
    user = await api.user()
    fill_lists(mysql, user.userid, 502)
    for count, served in ((499, 499), (500, 500), (501, 500), ("501", 500), (10**30, 500)):
        answer = await api.call(path, {"count": count}, token=user.token)
        assert len(answer["data"]["list"]) == served, count


def fill_lists(mysql: Any, userid: str, rows: int) -> None:
    common = "userid, file_id, title, frontcover, location, play_url, create_time"
    values = [(userid, f"f{n}") for n in range(rows)]
    for columns, more in (("tb_ugc (" + common, ""), ("tb_vod (" + common + ", start_time", ", '2026-01-01'")):
        mysql.executemany(f"INSERT INTO {columns}) VALUES (%s, %s, '', '', '', 'http://v', '2026-01-01'{more})", values)


# --- hostile text ------------------------------------------------------------------------------------------------

HOSTILE = [
    "'; DROP TABLE tb_account; --",
    '" OR ""="',
    "<script>alert(1)</script>&amp;</div>",
    "%s %(x)s {0} ${x} %00 %",
    "\\ \\\\ \\' \\\" \\n \\u0041 \\/",
    " 😀 👩‍👩‍👧 é e\u0301 ",
    "\u2028\u2029\ufeff\u202e\u200b\ufffe\U0010ffff",
    "trailing   ",
    " ",
    "null",
]


@pytest.mark.gen_test
@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_stored_and_returned_verbatim(api: Api, mysql: Any, text: str) -> None:
    plain = Api(api.client, api.base_url)  # a table's name in an answer is what was sent
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
    for path in ("/upload_user_info", "/upload_ugc"):
        changes = {field: url for field in GOOD[path] if field in URLS}
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


# --- bodies ------------------------------------------------------------------------------------------------------

NOT_JSON = [
    b"x",
    b"{",
    b"{}}",
    b"{'a': 1}",
    b'{"a": 1,}',
    b'{"a"}',
    b"{a: 1}",
    b"userid=new&password=x",
    b'{"nickname": NaN}',
    b'{"x": NaN}',
    b'{"nickname": Infinity}',
    b'{"nickname": -Infinity}',
    b'{"nickname": 01}',
    b'{"nickname": -01}',
    b'{"nickname": 1.}',
    b'{"nickname": .5}',
    b'{"nickname": +1}',
    b'{"nickname": 0x1}',
    b'{"nickname": "a\nb"}',
    b'{"nickname": "a\tb"}',
    b'{"nickname": "a\x00b"}',
    b'{"nickname": "\\x41"}',
    b'{"nickname": "\\u12"}',
    b'{"nickname": "\xff"}',
    b'{"nickname": "\xc0\xaf"}',
    b'{"nickname": "\xed\xa0\x80"}',
    b'{"nickname": "\xf4\x90\x80\x80"}',
    b'{"nickname": "\xe5\xb0"}',
    b"\xef\xbb\xbf{}",
    '{"nickname": "x"}'.encode("utf-16"),
    b'{"nickname": "x"} x',
    b'{"nickname": "x"}\x00',
    b"[" * 2000,
    b"[" * 2000 + b"]" * 2000,
    b'{"a":' * 2000 + b"1" + b"}" * 2000,
    b'{"x":' + b"[" * 2000 + b"]" * 2000 + b"}",
    b'{"x":' * 2000,
    b'{"x": "\\u00e9", "a":' + b"[" * 30000 + b"]" * 30000 + b"}",
    b"[]",
    b"[{}]",
    b'"text"',
    b"1",
    b"true",
    b"null",
    b" ",
    b"\n",
]


@pytest.mark.gen_test
@pytest.mark.parametrize("path", [*PUBLIC, *PROTECTED])
async def test_a_body_that_is_no_json_object_is_a_bad_request(api: Api, mysql: Any, store: Any, path: str) -> None:
    user = await api.user()
    before = contents(mysql, store)
    for raw in NOT_JSON:
        answer = await api.send(path, raw, {"Authorization": f"Bearer {user.token}"})
        assert (answer["code"], answer["message"].partition(" not ")[0]) == (400, "the body is"), raw
    assert contents(mysql, store) == before


@pytest.mark.gen_test
async def test_unusual_json_is_still_json(api: Api) -> None:
    user = await api.user()
    raw = b' \t\r\n{ "nickname" :\n"\\ud83d\\ude00\\u005c\\/NaN 01" , "x" : [[{}], -0.0, 1e5, {"a": null}] }\n '
    assert (await api.send("/upload_user_info", raw, {"Authorization": f"Bearer {user.token}"}))["code"] == 200
    assert (await api.call("/get_user_info", token=user.token))["data"]["nickname"] == "😀\\/NaN 01"


@pytest.mark.gen_test
@pytest.mark.parametrize("path", PUBLIC)
async def test_an_empty_body_is_an_empty_object(api: Api, path: str) -> None:
    assert await api.send(path, b"") == {"code": 602, "message": "userid: is required"}
    assert await api.send(path, b"{}") == {"code": 602, "message": "userid: is required"}


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data"],
)
async def test_any_content_type_is_fine(api: Api, content_type: str) -> None:
    user = await api.user()
    headers = {"Authorization": f"Bearer {user.token}", "Content-Type": content_type}
    assert (await api.send("/get_user_info", b"", headers))["code"] == 200
    assert (await api.send("/upload_user_info", b'{"nickname": "a=b&c"}', headers))["code"] == 200
    assert (await api.send("/get_user_info", b"{}", headers))["data"]["nickname"] == "a=b&c"
    form = b'--x\r\nContent-Disposition: form-data; name="nickname"\r\n\r\nn\r\n--x--\r\n'
    assert (await api.send("/upload_user_info", form, headers))["code"] == 400


@pytest.mark.gen_test
@pytest.mark.parametrize("size", [BODY_LIMIT + 1, 1_000_000])
async def test_a_body_over_64_kib_is_too_large(api: Api, mysql: Any, store: Any, size: int) -> None:
    user = await api.user()
    before = contents(mysql, store)
    for path in [*PUBLIC, *PROTECTED, "/callback/tape_callback"]:
        body = json.dumps(GOOD.get(path, {})).encode().ljust(size)
        assert (await api.send(path, body, {"Authorization": f"Bearer {user.token}"}))["code"] == 413
    assert contents(mysql, store) == before


@pytest.mark.gen_test
async def test_a_body_of_64_kib_is_read(api: Api) -> None:
    body = json.dumps({"userid": "nobody", "password": "x"}).encode()
    assert (await api.send("/login", body.ljust(BODY_LIMIT)))["code"] == 620
    user = await api.user()
    body = json.dumps({"nickname": "n", "x": "y" * 65000}).encode().ljust(BODY_LIMIT)
    assert (await api.send("/upload_user_info", body, {"Authorization": f"Bearer {user.token}"}))["code"] == 200


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("chunks", "status"),
    [([65536], 200), ([65535, 1], 200), ([65537], 413), ([65536, 1], 413), ([1000] * 66, 413), ([65536] * 16, 413)],
)
async def test_a_chunked_body_has_the_same_limit(
    http_server: HTTPServer, http_port: int, mysql: Any, chunks: list[int], status: int
) -> None:
    body = json.dumps(GOOD["/register"]).encode().ljust(sum(chunks))
    reader, writer = await asyncio.open_connection("127.0.0.1", http_port)
    writer.write(b"POST /register HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for size in chunks:
        writer.write(b"%x\r\n%s\r\n" % (size, body[:size]))
        body = body[size:]
    writer.write(b"0\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b'"code":%d' % status in await reader.readuntil(b"}")
    writer.close()
    await writer.wait_closed()
    mysql.execute("SELECT COUNT(*) FROM tb_account")
    assert mysql.fetchone() == (int(status == 200),)


# --- methods and paths -------------------------------------------------------------------------------------------


@pytest.mark.gen_test
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused(api: Api, mysql: Any, store: Any, method: str) -> None:
    before = contents(mysql, store)
    for path in [*PUBLIC, *PROTECTED, "/callback/tape_callback", "/callback/tape_callback.php"]:
        body = json.dumps(GOOD.get(path, {})).encode()
        response = await api.fetch(path, body, method=method)
        assert (response.code, response.headers["Allow"]) == (405, "POST")
        assert method == "HEAD" or json.loads(response.body)["code"] == 405
    assert contents(mysql, store) == before


@pytest.mark.gen_test
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_unknown_paths_are_not_found(api: Api, method: str) -> None:
    paths = ["/", "/nothing", "/Login", "/LOGIN", "/login/", "//login", "/login.php", "/login%00", "/loginx", "/xlogin"]
    for path in [*paths, "/get_user_info/", "/callback", "/callback/", "/..%2flogin", "/static/x", "/%ff"]:
        response = await api.fetch(path, json.dumps(GOOD["/register"]).encode(), method=method)
        assert response.code == 404, path
        assert method == "HEAD" or json.loads(response.body) == {"code": 404, "message": "no such interface"}


# --- who is calling ----------------------------------------------------------------------------------------------


@pytest.mark.gen_test
@pytest.mark.parametrize("path", PROTECTED)
async def test_every_protected_interface_refuses_strangers(api: Api, mysql: Any, store: Any, path: str) -> None:
    user, other = await api.user("Alice"), await api.user("alice")
    before = contents(mysql, store)
    userid, _, random_part = user.token.partition(".")
    tokens = [user.token[:-1], user.token + "x", f"alice.{random_part}", f"{userid}.", userid, random_part, "nobody.x"]
    tokens += [
        user.refresh_token,
        f"{userid}.{user.refresh_token}",
        "é",
        "'; --",
        "{Alice}.x",
        "\\",
        user.token.swapcase(),
    ]
    headers: list[dict[str, str]] = [
        {},
        *({"Authorization": f"Bearer {token}"} for token in tokens),
        {"Authorization": "Bearer"},
        {"Authorization": user.token},
        {"Authorization": "Basic " + user.token},
        {"Authorization": f"Bearer{user.token}"},
        *({"Liteav-Sig": signature} for signature in ("0" * 32, "", "x", "é", user.token)),
        {"Liteav-Sig": "é", "Authorization": "Bearer " + user.token},
        {"Cookie": f"token={user.token}"},
    ]
    for header in headers:
        answer = await api.call(path, {**GOOD.get(path, {}), "userid": "Alice"}, **header)
        assert answer["code"] == 498, header
        assert user.token not in answer["message"]
    assert other.token != user.token
    assert contents(mysql, store) == before


@pytest.mark.gen_test
@pytest.mark.parametrize("path", PROTECTED)
async def test_nobody_acts_for_another_user(api: Api, mysql: Any, store: Any, path: str) -> None:
    user, other = await api.user("Alice"), await api.user("alice")
    before = contents(mysql, store)
    body = GOOD.get(path, {})
    for userid in (other.userid, "ALICE", "Alice ", "nobody", 7, 0, False, True, [], {}, ["Alice"], ""):
        assert (await api.call(path, {**body, "userid": userid}, token=user.token))["code"] == 498, userid
    for signed in ({**body, "userid": "Alice"}, body, {**body, "userid": ["alice"]}, {**body, "userId": "alice"}):
        assert (await api.signed(path, json.dumps(signed).encode(), other.token))["code"] == 498, signed
    assert contents(mysql, store) == before
    assert (await api.call(path, {**body, "userid": "Alice"}, token=user.token))["code"] == 200
    assert (await api.signed(path, json.dumps({**body, "userid": "alice"}).encode(), other.token))["code"] == 200


@pytest.mark.gen_test
async def test_userids_that_differ_in_case_have_their_own_profiles(api: Api) -> None:
    users = [await api.user(userid) for userid in ("Alice", "alice")]
    for user in users:
        await api.call("/upload_user_info", {"nickname": f"I am {user.userid}"}, token=user.token)
    for user in users:
        data = (await api.call("/get_user_info", token=user.token))["data"]
        assert (data["userid"], data["nickname"]) == (user.userid, f"I am {user.userid}")


@pytest.mark.gen_test
@pytest.mark.parametrize("wrong", ["", "x", "é", "another's", "the token"])
async def test_a_wrong_refresh_token_changes_nothing(api: Api, mysql: Any, store: Any, wrong: str) -> None:
    user, other = await api.user(), await api.user()
    before = contents(mysql, store)
    refresh_token = {"another's": other.refresh_token, "the token": user.token}.get(wrong, wrong)
    answer = await api.call("/refresh", {"userid": user.userid, "refresh_token": refresh_token})
    assert answer["code"] == 498
    assert contents(mysql, store) == before
    assert (await api.call("/get_user_info", token=user.token))["code"] == 200


@pytest.mark.gen_test
async def test_random_bytes_in_a_good_body_never_break_the_server(api: Api) -> None:
    user = await api.user()
    dice = random.Random(20260101)
    good = json.dumps(
        {**GOOD["/upload_ugc"], "timestamp": int(time.time()), "expires": 10}, ensure_ascii=False
    ).encode()
    for _ in range(150):
        damaged = bytearray(good)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        answer = await api.send("/upload_ugc", bytes(damaged), {"Authorization": f"Bearer {user.token}"})
        assert answer["code"] in (200, 400, 498, 602), bytes(damaged)
