"""Sessions in Redis: their keys, their end, and the rules of a refresh."""

import asyncio
import json
import time
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet
from redis import Redis
from redis.crc import key_slot
from tornado import gen

from handlers.transport.application import Application
from services.redis.client import Script
from tests.harness.client import PASSWORD, Api, User

pytestmark = pytest.mark.both_kinds_of_redis

TOKEN, REFRESH = "xzb:{alice}:token", "xzb:{alice}:refresh"


async def refresh(api: Api, userid: str, refresh_token: str, **headers: str) -> dict[str, Any]:
    return await api.call("/refresh", {"userid": userid, "refresh_token": refresh_token}, **headers)


def pair(data: dict[str, Any]) -> tuple[str, str]:
    return data["token"], data["refresh_token"]


def pass_seconds(store: Redis, seconds: int) -> None:
    """Move the last refresh into the past."""
    rotated_at = store.hget(REFRESH, "rotated_at")
    assert rotated_at is not None
    store.hset(REFRESH, "rotated_at", int(rotated_at) - seconds * 1000)


async def is_valid(api: Api, token: str) -> bool:
    code = (await api.call("/get_user_info", token=token))["code"]
    assert code in (200, 498)
    return bool(code == 200)


@pytest.mark.gen_test
@pytest.mark.conf("--session.expires", "1000")
async def test_both_keys_expire_with_the_session_and_share_a_hash_tag(api: Api, store: Redis) -> None:
    await api.user("alice")
    assert {TOKEN.encode(), REFRESH.encode()} <= set(store.keys())
    assert all(990 <= store.ttl(key) <= 1000 for key in (TOKEN, REFRESH))
    user = await api.login("alice")
    store.expire("xzb:{alice}:token", 10)
    store.expire("xzb:{alice}:refresh", 10)
    answer = await refresh(api, "alice", user.refresh_token)
    assert answer["data"]["expires"] == 1000
    assert all(990 <= store.ttl(key) <= 1000 for key in (TOKEN, REFRESH))


@pytest.mark.gen_test
async def test_a_token_carries_its_user_and_enough_randomness(api: Api) -> None:
    user = await api.user("alice")
    again = await api.login("alice")
    assert user.token.startswith("alice.")
    assert len(user.token) >= len("alice.") + 22
    assert user.token != again.token


@pytest.mark.gen_test
async def test_a_new_login_replaces_the_session(api: Api) -> None:
    old = await api.user("alice")
    new = await api.login("alice")
    assert not await is_valid(api, old.token)
    assert await is_valid(api, new.token)
    assert (await refresh(api, "alice", old.refresh_token))["code"] == 498
    assert await is_valid(api, new.token)


@pytest.mark.gen_test
async def test_a_refresh_replaces_both_tokens(api: Api) -> None:
    user = await api.user("alice")
    data = (await refresh(api, "alice", user.refresh_token))["data"]
    assert data.keys() == {"token", "refresh_token", "expires"}
    assert data["token"] != user.token
    assert data["refresh_token"] != user.refresh_token
    assert not await is_valid(api, user.token)
    assert await is_valid(api, data["token"])


@pytest.mark.gen_test
async def test_two_refreshes_at_once_leave_one_new_pair(api: Api) -> None:
    user = await api.user("alice")
    first, *others = await gen.multi([refresh(api, "alice", user.refresh_token) for _ in range(10)])
    assert all(other == first for other in others)
    assert await is_valid(api, first["data"]["token"])


@pytest.mark.gen_test
async def test_a_retry_within_the_grace_repeats_the_answer(api: Api) -> None:
    user = await api.user("alice")
    first = await refresh(api, "alice", user.refresh_token)
    assert await refresh(api, "alice", user.refresh_token) == first


def graces(*seconds: int) -> list[ParameterSet]:
    """One number for each setting of the grace: the default, a minute, none."""
    settings: list[tuple[str, ...]] = [(), ("--session.refresh_grace", "60"), ("--session.refresh_grace", "0")]
    return [
        pytest.param(number, marks=pytest.mark.conf(*options))
        for number, options in zip(seconds, settings, strict=False)
    ]


@pytest.mark.gen_test
@pytest.mark.parametrize("passed", graces(20, 50))
async def test_a_late_retry_within_the_grace_still_repeats_the_answer(api: Api, store: Redis, passed: int) -> None:
    user = await api.user("alice")
    data = (await refresh(api, "alice", user.refresh_token))["data"]
    pass_seconds(store, passed)
    assert pair((await refresh(api, "alice", user.refresh_token))["data"]) == pair(data)
    assert await is_valid(api, data["token"])


@pytest.mark.gen_test
@pytest.mark.parametrize("passed", graces(31, 61, 1))
async def test_a_replaced_refresh_token_after_the_grace_ends_the_session(api: Api, store: Redis, passed: int) -> None:
    user = await api.user("alice")
    data = (await refresh(api, "alice", user.refresh_token))["data"]
    pass_seconds(store, passed)
    assert (await refresh(api, "alice", user.refresh_token))["code"] == 498
    assert not await is_valid(api, data["token"])
    assert (await refresh(api, "alice", data["refresh_token"]))["code"] == 498


@pytest.mark.gen_test
async def test_a_wrong_refresh_token_leaves_the_session_alone(api: Api) -> None:
    user = await api.user("alice")
    other = await api.user("bob")
    assert (await refresh(api, "alice", "wrong"))["code"] == 498
    assert (await refresh(api, "alice", other.refresh_token))["code"] == 498
    assert (await refresh(api, "nobody", user.refresh_token))["code"] == 498
    assert await is_valid(api, user.token)
    assert await is_valid(api, other.token)
    assert (await refresh(api, "alice", user.refresh_token))["code"] == 200
    assert (await refresh(api, "bob", other.refresh_token))["code"] == 200


@pytest.mark.gen_test
async def test_refresh_ignores_a_signature(api: Api) -> None:
    user = await api.user("alice")
    body = json.dumps({"userid": "alice", "refresh_token": user.refresh_token}).encode()
    answer = await api.send("/refresh", body, {"Liteav-Sig": "bogus", "Authorization": "Bearer bogus"})
    assert answer["code"] == 200


@pytest.mark.gen_test
async def test_an_expired_session_is_over(api: Api, store: Redis) -> None:
    user: User = await api.user("alice")
    store.pexpire("xzb:{alice}:token", 1)
    while store.exists("xzb:{alice}:token"):
        await asyncio.sleep(0)
    assert not await is_valid(api, user.token)


@pytest.mark.gen_test
async def test_a_session_lasts_a_day_unless_configured(api: Api, store: Redis) -> None:
    await api.user("alice")
    answer = await api.call("/login", {"userid": "alice", "password": PASSWORD})
    assert answer["data"]["expires"] == 86400
    assert all(86390 <= store.ttl(key) <= 86400 for key in (TOKEN, REFRESH))


@pytest.mark.gen_test
@pytest.mark.conf("--password.remember", "100")
async def test_all_keys_of_a_user_are_in_one_slot_of_a_cluster(api: Api, store: Redis) -> None:
    await api.user("alice")
    await api.call("/login", {"userid": "alice", "password": "wrong"})
    keys = [key for key in store.keys() if isinstance(key, bytes)]
    assert len(keys) == 6
    assert {key_slot(key) for key in keys} == {key_slot(b"alice")}


@pytest.mark.gen_test
async def test_logins_at_once_leave_one_whole_session(api: Api) -> None:
    await api.user("alice")
    users = await gen.multi([api.login("alice") for _ in range(20)])
    (last,) = [user for user in users if await is_valid(api, user.token)]
    codes = [(await refresh(api, "alice", user.refresh_token))["code"] for user in users if user != last]
    assert codes == [498] * 19
    assert (await refresh(api, "alice", last.refresh_token))["code"] == 200


@pytest.mark.gen_test
async def test_a_refresh_can_be_followed_by_another(api: Api) -> None:
    user = await api.user("alice")
    first = (await refresh(api, "alice", user.refresh_token))["data"]
    second = (await refresh(api, "alice", first["refresh_token"]))["data"]
    assert [await is_valid(api, token) for token in (user.token, first["token"], second["token"])] == [
        False,
        False,
        True,
    ]


@pytest.mark.gen_test
async def test_a_retry_is_answered_with_the_remaining_lifetime(api: Api, store: Redis) -> None:
    user = await api.user("alice")
    data = (await refresh(api, "alice", user.refresh_token))["data"]
    store.expire(TOKEN, 100)
    store.expire(REFRESH, 100)
    again = (await refresh(api, "alice", user.refresh_token))["data"]
    assert pair(again) == pair(data)
    assert 90 <= again["expires"] <= 100
    assert all(store.ttl(key) <= 100 for key in (TOKEN, REFRESH))


@pytest.mark.gen_test
async def test_a_login_ends_the_grace_of_the_session_before(api: Api) -> None:
    user = await api.user("alice")
    await refresh(api, "alice", user.refresh_token)
    new = await api.login("alice")
    assert (await refresh(api, "alice", user.refresh_token))["code"] == 498
    assert await is_valid(api, new.token)


@pytest.mark.gen_test
async def test_an_expired_refresh_token_is_refused(api: Api, store: Redis) -> None:
    user = await api.user("alice")
    store.delete(TOKEN, REFRESH)
    assert (await refresh(api, "alice", user.refresh_token))["code"] == 498
    assert not store.exists(TOKEN, REFRESH)


@pytest.mark.gen_test
async def test_a_retry_does_not_revive_a_session_that_has_expired(api: Api, store: Redis) -> None:
    user = await api.user("alice")
    await refresh(api, "alice", user.refresh_token)
    store.delete(TOKEN)
    assert (await refresh(api, "alice", user.refresh_token))["code"] == 498


@pytest.mark.gen_test
async def test_a_token_is_good_for_its_own_user_only(api: Api) -> None:
    alice, bob = await api.user("alice"), await api.user("bob")
    forged = "bob." + alice.token.partition(".")[2]
    assert not await is_valid(api, forged)
    assert (await api.call("/get_user_info", {"userid": "bob"}, token=alice.token))["code"] == 498
    assert await is_valid(api, bob.token)


SLIDING = pytest.mark.conf("--compat.official_apps", "true", "--session.expires", "1000")


def use_half(store: Redis, token: str) -> None:
    """Half of the lifetime of alice's session is over."""
    store.set(TOKEN, f"{token};{int(time.time())}", ex=500)
    store.expire(REFRESH, 500)


async def signed_request(api: Api, user: User) -> None:
    body = json.dumps({"userid": "alice", "timestamp": int(time.time()), "expires": 10}).encode()
    assert (await api.signed("/get_user_info", body, user.token))["code"] == 200


async def renewed(store: Redis) -> None:
    """Return when both keys have a whole lifetime again."""
    async with asyncio.timeout(20):
        while not all(990 <= store.ttl(key) <= 1000 for key in (TOKEN, REFRESH)):
            await asyncio.sleep(0.01)


@pytest.mark.gen_test
@SLIDING
async def test_a_session_in_use_slides_for_the_official_apps(api: Api, store: Redis) -> None:
    user = await api.user("alice")
    use_half(store, user.token)
    await gen.multi([signed_request(api, user) for _ in range(20)])
    await renewed(store)
    await signed_request(api, user)
    assert (await refresh(api, "alice", user.refresh_token))["code"] == 200


@pytest.mark.gen_test
@SLIDING
async def test_a_session_of_an_older_version_slides_at_its_next_use(api: Api, store: Redis) -> None:
    user = await api.user("alice")
    store.set(TOKEN, user.token, ex=900)
    await signed_request(api, user)
    await renewed(store)
    await signed_request(api, user)


async def stays(store: Redis, *, ttl: int) -> None:
    """Fail if both keys get another lifetime within the time that a renewal takes several times over."""
    for _ in range(20):
        assert all(ttl - 10 <= store.ttl(key) <= ttl for key in (TOKEN, REFRESH))
        await asyncio.sleep(0.01)


@pytest.mark.gen_test
@SLIDING
async def test_the_first_half_of_a_lifetime_renews_nothing(api: Api, store: Redis) -> None:
    user = await api.user("alice")
    store.expire(TOKEN, 700)
    store.expire(REFRESH, 700)
    await signed_request(api, user)
    await stays(store, ttl=700)


@pytest.mark.gen_test
@pytest.mark.parametrize("signed", [pytest.param(True), pytest.param(False, marks=SLIDING)])
@pytest.mark.conf("--session.expires", "1000")
async def test_without_the_official_apps_no_session_slides(api: Api, store: Redis, signed: bool) -> None:
    """Neither does that of a bearer, who can refresh."""
    user = await api.user("alice")
    use_half(store, user.token)
    if signed:
        await signed_request(api, user)
    else:
        assert await is_valid(api, user.token)
    await stays(store, ttl=500)


@pytest.mark.gen_test
@SLIDING
async def test_a_request_without_a_date_renews_nothing(api: Api, store: Redis) -> None:
    """Whoever has captured one could keep the session alive for ever."""
    user = await api.user("alice")
    use_half(store, user.token)
    assert (await api.signed("/upload_room", b'{"userid": "alice", "title": "x"}', user.token))["code"] == 200
    await stays(store, ttl=500)


@pytest.mark.gen_test
@SLIDING
async def test_a_refused_request_renews_nothing(api: Api, store: Redis) -> None:
    user = await api.user("alice")
    use_half(store, user.token)
    assert (await api.signed("/get_user_info", b'{"userid": "alice"}', "wrong"))["code"] == 498
    stale = b'{"userid": "alice", "timestamp": 1, "expires": 1}'
    assert (await api.signed("/get_user_info", stale, user.token))["code"] == 498
    await stays(store, ttl=500)


@pytest.mark.gen_test
@SLIDING
async def test_a_renewal_does_not_revive_a_session_that_a_login_has_replaced(
    api: Api, app: Application, store: Redis
) -> None:
    user = await api.user("alice")
    use_half(store, user.token)
    session = await app.services.sessions.current("alice")
    assert session is not None
    new = await api.login("alice")
    app.services.sessions.renew_if_due(session)
    await signed_request(api, new)
    assert await is_valid(api, new.token)
    assert not await is_valid(api, user.token)


@pytest.mark.gen_test
@SLIDING
async def test_a_renewal_that_redis_refuses_is_tried_again_at_the_next_use(
    api: Api, store: Redis, logged: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await api.user("alice")
    use_half(store, user.token)
    with monkeypatch.context() as refusing:
        refusing.setattr(
            "services.sessions._RENEW", Script.of("renew session", "return redis.error_reply('OOM refused')")
        )
        await signed_request(api, user)
        async with asyncio.timeout(20):
            while not [line for line in logged if line["event"] == "session not renewed"]:
                await asyncio.sleep(0.01)
    await signed_request(api, user)
    await renewed(store)
