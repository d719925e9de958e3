"""The client of all tests over HTTP: it checks the rules that hold for every answer."""

import hashlib
import itertools
import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from tests.harness import leaks
from tests.harness.description import check_answer

_names = itertools.count(1)
PASSWORD = "0123456789abcdef0123456789abcdef"
HTTP_CODES = {400, 404, 405, 413, 429, 500, 503}


class User(NamedTuple):
    """A registered user with a session."""

    userid: str
    token: str
    refresh_token: str


class Api:
    """Calls one server. `server` is the Server header of a proxy before it: it sends none itself.

    `address` is that of the client: a machine has all of 127.0.0.0/8.
    """

    def __init__(
        self, client: AsyncHTTPClient, base_url: str, server: str | None = None, address: str = "127.0.0.1"
    ) -> None:
        self.client = client
        self.base_url = base_url
        self.server = server
        self.address = address

    def at(self, address: str) -> Self:
        """A client at another address."""
        return type(self)(self.client, self.base_url, self.server, address)

    async def fetch(
        self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> HTTPResponse:
        """Send bytes, return the raw response after the checks that hold for any response."""
        response = await self.client.fetch(
            self.base_url + path,
            method=method,
            headers=dict(headers or {}),
            body=body if method in ("POST", "PUT", "PATCH") else None,
            raise_error=False,
            request_timeout=60,
            allow_nonstandard_methods=True,
            network_interface=self.address,
        )
        leaks.remember_request(dict(headers or {}), body)
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Request-Id"]
        assert response.headers.get("Server") == self.server
        if response.body:
            answer = json.loads(response.body)
            leaks.remember_answer(path, answer)
            check_answer(method, path, response.code, answer)
        return response

    async def send(
        self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> dict[str, Any]:
        """Send bytes, return the checked envelope."""
        response = await self.fetch(path, body, headers, method)
        answer: dict[str, Any] = json.loads(response.body, parse_constant=_no_constant)
        assert isinstance(answer["code"], int)
        assert isinstance(answer["message"], str)
        assert answer.keys() <= {"code", "message", "data"}
        assert response.code == (answer["code"] if answer["code"] in HTTP_CODES else 200)
        assert (answer["code"] in (429, 503)) == ("Retry-After" in response.headers)
        assert (answer["message"] == "OK") == (answer["code"] == 200)
        assert "data" not in answer or answer["code"] == 200
        assert not _has_null(answer)
        return answer

    async def call(
        self, path: str, body: Mapping[str, Any] | None = None, *, token: str | None = None, **headers: str
    ) -> dict[str, Any]:
        """Call an interface with a JSON body, and a bearer token if there is one."""
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return await self.send(path, json.dumps(body or {}, ensure_ascii=False).encode(), headers)

    async def signed(self, path: str, body: bytes, token: str) -> dict[str, Any]:
        """Call an interface as the official apps do: with the signature of exactly these bytes."""
        return await self.send(path, body, {"Liteav-Sig": liteav_sig(token, body)})

    async def user(self, userid: str | None = None) -> User:
        """Register a user and log in."""
        userid = userid or f"user_{next(_names):03}"
        answer = await self.call("/register", {"userid": userid, "password": PASSWORD})
        assert answer == {"code": 200, "message": "OK"}
        return await self.login(userid)

    async def login(self, userid: str) -> User:
        """Log a registered user in."""
        answer = await self.call("/login", {"userid": userid, "password": PASSWORD})
        assert answer["code"] == 200
        return User(userid, answer["data"]["token"], answer["data"]["refresh_token"])


def request(path: str, fields: Mapping[str, Any], token: str, headers: str = "") -> bytes:
    """A call as it goes over a connection; `headers` are whole lines."""
    body = json.dumps(fields).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{headers}\r\n".encode() + body


def liteav_sig(token: str, body: bytes) -> str:
    """md5(token + md5(body)), computed here again: the tests must not trust the server's function."""
    return hashlib.md5((token + hashlib.md5(body).hexdigest()).encode()).hexdigest()


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} in an answer")


def _has_null(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_null(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_null(item) for item in value)
    return value is None
