"""A body that is not a JSON object, or is too long, is refused."""

import asyncio
import json
import random
import time

import pytest
from pymysql.cursors import Cursor
from redis import Redis
from tornado.httpserver import HTTPServer

from tests.api.bad_input.interfaces import CALLBACKS, GOOD, PROTECTED, PUBLIC, contents
from tests.harness.client import Api

BODY_LIMIT = 65536  # bytes

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
async def test_a_body_that_is_no_json_object_is_a_bad_request(api: Api, mysql: Cursor, store: Redis, path: str) -> None:
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
    second = "refresh_token" if path == "/refresh" else "password"
    refusal = {"code": 602, "message": f"userid: is required; {second}: is required"}
    assert await api.send(path, b"") == refusal
    assert await api.send(path, b"{}") == refusal


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
async def test_a_body_over_64_kib_is_too_large(api: Api, mysql: Cursor, store: Redis, size: int) -> None:
    user = await api.user()
    before = contents(mysql, store)
    for path in [*PUBLIC, *PROTECTED, *CALLBACKS]:
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
    http_server: HTTPServer, http_port: int, mysql: Cursor, chunks: list[int], status: int
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
