"""Other methods and unknown paths are refused."""

import json

import pytest
from pymysql.cursors import Cursor
from redis import Redis

from tests.api.bad_input.interfaces import CALLBACKS, GOOD, PROTECTED, PUBLIC, contents
from tests.harness.client import Api


@pytest.mark.gen_test
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused(api: Api, mysql: Cursor, store: Redis, method: str) -> None:
    before = contents(mysql, store)
    for path in [*PUBLIC, *PROTECTED, *CALLBACKS]:
        body = json.dumps(GOOD.get(path, {})).encode()
        response = await api.fetch(path, body, method=method)
        assert (response.code, response.headers["Allow"]) == (405, "POST")
        assert method == "HEAD" or json.loads(response.body)["code"] == 405
    assert contents(mysql, store) == before


@pytest.mark.gen_test
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
async def test_unknown_paths_are_not_found(api: Api, method: str) -> None:
    paths = ["/", "/nothing", "/Login", "/LOGIN", "/login/", "//login", "/login.php", "/login%00", "/loginx", "/xlogin"]
    for path in [
        *paths,
        "/get_user_info/",
        "/callback",
        "/callback/",
        "/..%2flogin",
        "/static/x",
        "/%ff",
        "/lite/login",
        "/lite/get_ugc_list",
    ]:
        response = await api.fetch(path, json.dumps(GOOD["/register"]).encode(), method=method)
        assert response.code == 404, path
        assert method == "HEAD" or json.loads(response.body) == {"code": 404, "message": "no such interface"}
