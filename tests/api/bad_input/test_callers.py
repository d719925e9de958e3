"""Every protected interface refuses strangers, and nobody acts for another user."""

import json

import pytest
from pymysql.cursors import Cursor
from redis import Redis

from tests.api.bad_input.interfaces import GOOD, PROTECTED, SERVED, contents
from tests.harness.client import Api


@pytest.mark.gen_test
@pytest.mark.parametrize("path", PROTECTED)
async def test_every_protected_interface_refuses_strangers(api: Api, mysql: Cursor, store: Redis, path: str) -> None:
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
        *({"Liteav-Sig": signature} for signature in ("f" * 32, "", "x", "é", user.token)),
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
async def test_nobody_acts_for_another_user(api: Api, mysql: Cursor, store: Redis, path: str) -> None:
    user, other = await api.user("Alice"), await api.user("alice")
    before = contents(mysql, store)
    body = GOOD.get(path, {})
    wrong: list[object] = [other.userid, "ALICE", "Alice ", "nobody", 7, 0, False, True, [], {}, ["Alice"], ""]
    for userid in wrong:
        assert (await api.call(path, {**body, "userid": userid}, token=user.token))["code"] == 498, userid
    for signed in ({**body, "userid": "Alice"}, body, {**body, "userid": ["alice"]}, {**body, "userId": "alice"}):
        assert (await api.signed(path, json.dumps(signed).encode(), other.token))["code"] == 498, signed
    assert contents(mysql, store) == before
    served = SERVED.get(path, 200)
    assert (await api.call(path, {**body, "userid": "Alice"}, token=user.token))["code"] == served
    assert (await api.signed(path, json.dumps({**body, "userid": "alice"}).encode(), other.token))["code"] == served


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
async def test_a_wrong_refresh_token_changes_nothing(api: Api, mysql: Cursor, store: Redis, wrong: str) -> None:
    user, other = await api.user(), await api.user()
    before = contents(mysql, store)
    refresh_token = {"another's": other.refresh_token, "the token": user.token}.get(wrong, wrong)
    answer = await api.call("/refresh", {"userid": user.userid, "refresh_token": refresh_token})
    assert answer["code"] == 498
    assert contents(mysql, store) == before
    assert (await api.call("/get_user_info", token=user.token))["code"] == 200
