"""The API description is true: each refusal that it shows is provoked, and its examples are accepted."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pymysql.cursors import Cursor
from redis import Redis

from services.redis import keys
from tests.harness.client import Api, User
from tests.harness.description import description

pytestmark = pytest.mark.conf(
    *("--compat.short_video", "true"),
    *("--limits.registrations_per_address", "10 per 10 minutes", "--limits.uploads_per_user", "10 per 10 minutes"),
)

POSTS = {path: item["post"] for path, item in description()["paths"].items() if "post" in item}
INTERFACES = {path: operation for path, operation in POSTS.items() if not path.startswith("/callback/")}
REFUSALS = [
    (path, example["value"]["code"], example["value"]["message"])
    for path, operation in INTERFACES.items()
    for response in operation["responses"].values()
    for example in response.get("content", {}).get("application/json", {}).get("examples", {}).values()
    if example["value"]["code"] != 200
]


def example_of(path: str) -> dict[str, Any]:
    """The body that the description shows."""
    body: dict[str, Any] = INTERFACES[path]["requestBody"]["content"]["application/json"]["example"]
    return body


class Scene:
    """A registered user, and what may go wrong for them."""

    def __init__(self, api: Api, user: User, mysql: Cursor, store: Redis) -> None:
        self.api = api
        self.user = user
        self.mysql = mysql
        self.store = store

    async def call(self, path: str, **changes: Any) -> dict[str, Any]:
        """Call with the example as this user, unless the changes say otherwise. `None` leaves a field out."""
        names = {"userid": self.user.userid} if "security" not in INTERFACES[path] else {}
        return await self.api.call(path, {**example_of(path), **names, **changes}, token=self.user.token)

    async def malformed(self, path: str, message: str) -> dict[str, Any]:
        """Send the parameter of the message wrongly."""
        name, _, rule = message.partition(": ")
        if name == "timestamp":
            body = json.dumps({"userid": self.user.userid, "timestamp": [], "expires": 1}).encode()
            return await self.api.signed(path, body, self.user.token)
        return await self.call(path, **{name: None if rule == "is required" else "\0" * 200})

    async def without_token(self, path: str) -> dict[str, Any]:
        """Log in again elsewhere, and go on with the old token."""
        await self.api.login(self.user.userid)
        return await self.call(path)

    async def without_account(self, path: str) -> dict[str, Any]:
        """Go on when the account is gone."""
        self.mysql.execute("DELETE FROM tb_account")
        return await self.call(path)

    async def too_often(self, path: str) -> dict[str, Any]:
        """Call when the limits of the user and of the address are used up."""
        self.store.set(keys.wrong_passwords_of_own(self.user.userid), "", ex=600)
        self.store.set(keys.limit("uploads_per_user", self.user.userid), "", ex=600)
        for name in ("registrations_per_address", "reports_per_address"):
            self.store.set(keys.limit(name, "127.0.0.1"), "", ex=600)
        return await self.call(path)


Provoke = Callable[[Scene, str], Awaitable[dict[str, Any]]]
PROVOKE: dict[int, Provoke] = {
    429: Scene.too_often,
    498: Scene.without_token,
    601: Scene.without_account,
    612: Scene.call,
    620: Scene.without_account,
    621: Scene.call,
}


@pytest.mark.gen_test
@pytest.mark.parametrize(("path", "code", "message"), REFUSALS)
async def test_every_refusal_of_the_description_is_true(
    api: Api, mysql: Cursor, store: Redis, path: str, code: int, message: str
) -> None:
    scene = Scene(api, await api.user(), mysql, store)
    answer = await (PROVOKE[code](scene, path) if code in PROVOKE else scene.malformed(path, message))
    assert (answer["code"], answer["message"]) == (code, message)


@pytest.mark.gen_test
async def test_a_walk_with_the_examples_of_the_description(api: Api) -> None:
    first = ["/register", "/lite/login", "/login"]
    last = ["/delete_ugc", "/change_password", "/delete_account"]
    for path in first:
        answer = await api.call(path, example_of(path))
        assert answer["code"] == 200, path
    session = answer["data"]
    elsewhere = {"/refresh", "/delete_vod"}  # they need a token and a replay that no example can name
    for path in INTERFACES.keys() - {*first, *last, *elsewhere}:
        assert (await api.call(path, example_of(path), token=session["token"]))["code"] == 200, path
    assert (await api.call(last[0], example_of(last[0]), token=session["token"]))["code"] == 200
    change = example_of(last[1])
    session = (await api.call(last[1], change, token=session["token"]))["data"]
    deletion = {**example_of(last[2]), "password": change["password"]}
    assert (await api.call(last[2], deletion, token=session["token"]))["code"] == 200


@pytest.mark.gen_test
async def test_an_interface_says_which_method_it_takes(api: Api) -> None:
    for path, item in description()["paths"].items():
        response = await api.fetch(path, method="PUT")
        allowed = "GET or HEAD" if "get" in item else "POST"
        assert json.loads(response.body) == {"code": 405, "message": f"use {allowed}"}


@pytest.mark.gen_test
async def test_all_faults_of_a_request_are_named(api: Api) -> None:
    answer = await api.call("/register", {"userid": "_", "password": 1})
    assert answer["code"] == 610
    assert [fault.partition(":")[0] for fault in answer["message"].split("; ")] == ["userid", "password"]
    answer = await api.call("/register", {"password": ""})
    assert answer["code"] == 602
    assert answer["message"] == (
        "userid: is required; password: must be 1 to 128 printable ASCII characters without spaces"
    )
