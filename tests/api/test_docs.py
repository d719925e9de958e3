"""/docs and /openapi.json: what the server sends, and when it does not."""

import gzip
import json
from http import HTTPStatus

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from conf.cli import load
from conf.settings import ROOT
from handlers.pages.static import files
from tests.harness.client import Api
from tests.unit.test_settings import REAL

PATHS = list(files())
PRODUCTION = {**REAL, "XZB_ENVIRONMENT": "production", "XZB_HTTP__TLS_PORT": "0", "XZB_PASSWORD__REMEMBER_KEY": ""}


async def get(client: AsyncHTTPClient, url: str, method: str = "GET", **headers: str) -> HTTPResponse:
    return await client.fetch(url, method=method, headers=headers, decompress_response=False, raise_error=False)


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "engine", [pytest.param(name, marks=pytest.mark.conf("--http.engine", name)) for name in ("llhttp", "tornado")]
)
@pytest.mark.parametrize("path", PATHS)
async def test_a_file_is_sent_whole_compressed_or_not_at_all(
    http_client: AsyncHTTPClient, base_url: str, engine: str, path: str
) -> None:
    plain = await get(http_client, base_url + path)
    assert plain.code == 200
    assert "Content-Encoding" not in plain.headers
    compressed = await get(http_client, base_url + path, **{"Accept-Encoding": "gzip"})
    assert gzip.decompress(compressed.body) == plain.body
    assert compressed.headers["Content-Encoding"] == "gzip"
    head = await get(http_client, base_url + path, "HEAD")
    assert (head.code, head.body, int(head.headers["Content-Length"])) == (200, b"", len(plain.body))
    etag = plain.headers["Etag"]
    for known in (etag, f'W/"other", {etag}'):
        again = await get(http_client, base_url + path, **{"If-None-Match": known})
        assert (again.code, again.body, again.headers["Etag"]) == (HTTPStatus.NOT_MODIFIED, b"", etag)
    changed = await get(http_client, base_url + path, **{"If-None-Match": 'W/"0123456789abcdef"'})
    assert changed.code == 200


@pytest.mark.gen_test
@pytest.mark.parametrize("path", PATHS)
async def test_nothing_inline_and_nothing_from_outside_is_allowed(
    http_client: AsyncHTTPClient, base_url: str, path: str
) -> None:
    headers = (await get(http_client, base_url + path)).headers
    rules = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "http" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.gen_test
async def test_the_description_is_the_committed_one(http_client: AsyncHTTPClient, base_url: str) -> None:
    for name in ("openapi.json", "openapi.zh-CN.json"):
        response = await get(http_client, f"{base_url}/{name}")
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert json.loads(response.body) == json.loads((ROOT / "docs" / name).read_text())


@pytest.mark.gen_test
async def test_a_page_takes_get_only(api: Api) -> None:
    assert await api.send("/docs", b"") == {"code": 405, "message": "use GET or HEAD"}


@pytest.mark.gen_test
@pytest.mark.conf("--http.docs", "false")
@pytest.mark.parametrize("path", PATHS)
async def test_without_the_setting_there_is_no_page(api: Api, path: str) -> None:
    assert await api.send(path, method="GET") == {"code": 404, "message": "no such interface"}


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({}, True),
        ({"XZB_HTTP__DOCS": "false"}, False),
        (PRODUCTION, False),
        ({**PRODUCTION, "XZB_HTTP__DOCS": "true"}, True),
    ],
)
def test_production_shows_them_only_when_asked(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], shown: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert load().shows_docs is shown
