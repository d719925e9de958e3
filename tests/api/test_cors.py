"""Web pages of other origins: who may call, the answer to a preflight, and what they may read."""

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from tests.harness.client import Api

PAGE = "https://app.example.com"
ALLOW = "Access-Control-Allow-Origin"
EXPOSED = {"X-Request-Id", "Retry-After"}


async def preflight(client: AsyncHTTPClient, base_url: str, path: str, origin: str) -> HTTPResponse:
    """What a browser sends before it sends a token."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return await client.fetch(base_url + path, method="OPTIONS", headers=headers, raise_error=False)


def cors_headers(response: HTTPResponse) -> list[str]:
    return [name for name in response.headers if name.startswith("Access-Control-")]


@pytest.mark.gen_test
async def test_without_the_setting_no_page_may_call(http_client: AsyncHTTPClient, base_url: str, api: Api) -> None:
    response = await preflight(http_client, base_url, "/login", PAGE)
    assert (response.code, cors_headers(response)) == (405, [])
    assert response.headers["Allow"] == "POST"
    response = await api.fetch("/login", headers={"Origin": PAGE})
    assert (cors_headers(response), "Vary" in response.headers) == ([], False)


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "engine",
    [
        pytest.param("llhttp", marks=pytest.mark.conf("--http.cors_origins", f"{PAGE},http://localhost:3000")),
        pytest.param(
            "tornado",
            marks=pytest.mark.conf("--http.engine", "tornado", "--http.cors_origins", f"{PAGE},http://localhost:3000"),
        ),
    ],
)
@pytest.mark.parametrize("path", ["/login", "/get_user_info", "/get_ugc_list"])
async def test_a_page_of_an_origin_in_the_setting_may_call(
    http_client: AsyncHTTPClient, base_url: str, api: Api, engine: str, path: str
) -> None:
    for origin in (PAGE, "http://localhost:3000"):
        response = await preflight(http_client, base_url, path, origin)
        assert (response.code, response.body, response.headers[ALLOW]) == (204, b"", origin)
        assert response.headers["Access-Control-Allow-Methods"] == "POST"
        assert response.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type, Liteav-Sig"
        assert "Origin" in response.headers["Vary"]
        assert not {"Content-Length", "Content-Type"} & response.headers.keys()
        response = await api.fetch(path, headers={"Origin": origin})
        assert response.headers[ALLOW] == origin
        assert set(response.headers["Access-Control-Expose-Headers"].split(", ")) == EXPOSED
        assert "Origin" in response.headers["Vary"]


@pytest.mark.gen_test
@pytest.mark.conf("--http.cors_origins", PAGE)
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"{PAGE}.evil.example", PAGE.replace("s:", ":"), ""]
)
async def test_a_page_of_another_origin_may_not(
    http_client: AsyncHTTPClient, base_url: str, api: Api, origin: str
) -> None:
    response = await preflight(http_client, base_url, "/login", origin)
    assert (response.code, cors_headers(response), response.headers["Vary"]) == (204, [], "Origin")
    response = await api.fetch("/login", headers={"Origin": origin})
    assert (cors_headers(response), response.headers["Vary"]) == ([], "Origin")


@pytest.mark.gen_test
@pytest.mark.conf("--http.cors_origins", PAGE)
async def test_a_page_may_read_errors_and_lists(api: Api) -> None:
    user = await api.user()
    response = await api.fetch("/login", b"x" * 70_000, {"Origin": PAGE})
    assert (response.code, response.headers[ALLOW]) == (413, PAGE)
    headers = {"Origin": PAGE, "Authorization": f"Bearer {user.token}"}
    response = await api.fetch("/get_ugc_list", headers=headers)
    assert (response.code, response.headers[ALLOW]) == (200, PAGE)
    assert set(", ".join(response.headers.get_list("Vary")).replace(" ", "").split(",")) == {
        "Origin",
        "Accept-Encoding",
    }


@pytest.mark.gen_test
@pytest.mark.conf("--http.cors_origins", "*")
async def test_everyone_may_call_with_a_star(http_client: AsyncHTTPClient, base_url: str, api: Api) -> None:
    response = await preflight(http_client, base_url, "/login", "null")
    assert (response.code, response.headers[ALLOW]) == (204, "*")
    response = await api.fetch("/login", headers={"Origin": PAGE})
    assert (response.headers[ALLOW], "Vary" in response.headers) == ("*", False)


@pytest.mark.gen_test
@pytest.mark.conf("--http.cors_origins", "*")
@pytest.mark.parametrize("path", ["/callback/tape_callback", "/healthz", "/nothing"])
async def test_a_callback_and_a_probe_are_for_no_page(
    http_client: AsyncHTTPClient, base_url: str, api: Api, path: str
) -> None:
    response = await preflight(http_client, base_url, path, PAGE)
    assert (response.code in (404, 405), cors_headers(response)) == (True, [])
    assert cors_headers(await api.fetch(path, headers={"Origin": PAGE})) == []


@pytest.mark.gen_test
@pytest.mark.conf("--http.cors_origins", PAGE)
async def test_without_an_origin_nothing_is_added(api: Api) -> None:
    response = await api.fetch("/login")
    assert (cors_headers(response), "Vary" in response.headers) == ([], False)
