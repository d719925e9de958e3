"""Every answer to bad input is searched for secrets and for internals."""

import json
import tomllib
from collections.abc import Mapping

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from conf.settings import DEFAULT_CONF, ROOT
from tests.harness.client import PASSWORD, Api

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
# Parts of the messages of libraries that fail.
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
    """Searches every answer for texts that must stay inside."""

    async def fetch(
        self, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> HTTPResponse:
        response = await super().fetch(path, body, headers, method)
        assert not [secret for secret in SECRETS if secret.encode() in response.body]
        visible = str(dict(response.headers)) + str(json.loads(response.body)["message"] if response.body else "")
        assert not [text for text in (*INTERNAL, *SECRETS) if text.lower() in visible.lower()]
        return response


@pytest.fixture
def api(http_client: AsyncHTTPClient, base_url: str) -> Api:
    return Suspicious(http_client, base_url)
