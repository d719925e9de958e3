"""Every signature against Tencent's published examples, and the server's answers against Tencent's own libraries."""

import base64
import hashlib
import hmac
import json
import re
import time
import tomllib
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import pytest
from qcloud_cos import CosConfig, CosS3Auth
from requests import Request
from TLSSigAPIv2 import TLSSigAPIv2

from conf.settings import DEFAULT_CONF
from services.tencent import signatures
from tests.harness.client import PASSWORD, Api, liteav_sig

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
CREDENTIALS = tomllib.loads(DEFAULT_CONF.read_text())
UNTRANSLATE = bytes.maketrans(b"*-_", b"+/=")
LIVE = [
    (case["key"], body["t"], body["sign"]) for case in VECTORS["live_callback"] for body in case.get("bodies", [case])
]


def opened(usersig: str) -> dict[str, Any]:
    assert re.fullmatch(r"[A-Za-z0-9*_-]+", usersig)
    fields: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(usersig.encode().translate(UNTRANSLATE))))
    return fields


def hmac_sha1(key: str, message: str) -> str:
    return hmac.digest(key.encode(), message.encode(), "sha1").hex()


def vod_signature(vector: dict[str, Any], **fields: Any) -> str:
    """The result of our function for the fields of a vector's `original`."""
    given = dict(parse_qsl(vector["original"]))
    return signatures.vod_upload_signature(
        given["secretId"],
        vector["secret_key"],
        now=int(given["currentTimeStamp"]),
        expire_time=int(given["expireTime"]),
        random=int(given["random"]),
        procedure=given.get("procedure", ""),
        **fields,
    )


@pytest.mark.parametrize("vector", [vector for vector in VECTORS["usersig_v2"] if vector["userbuf_utf8"] is None])
def test_usersig(vector: dict[str, Any]) -> None:
    made = signatures.usersig(
        vector["sdkappid"], vector["key"], vector["identifier"], now=vector["time"], expire=vector["expire"]
    )
    assert opened(made) == opened(vector["usersig"])
    assert opened(made)["TLS.sig"] == vector["tls_sig"]
    if "same_content_from_npm_package" in vector:
        assert opened(made) == opened(vector["same_content_from_npm_package"])


@pytest.mark.parametrize("vector", VECTORS["cos_signkey"], ids=lambda vector: vector["provenance"][:30])
def test_cos_sign_key(vector: dict[str, Any]) -> None:
    made = signatures.cos_sign_key(vector["secret_key"], vector["key_time"])
    assert made == vector["sign_key"]
    if "http_string" in vector:
        assert hashlib.sha1(vector["http_string"].encode()).hexdigest() == vector["http_string_sha1"]
    if "http_string_sha1" in vector:
        string_to_sign = f"sha1\n{vector['key_time']}\n{vector['http_string_sha1']}\n"
        assert hmac_sha1(made, string_to_sign) == vector["q_signature"]
    if "policy_sha1" in vector:
        assert hmac_sha1(made, vector["policy_sha1"]) == vector["q_signature"]


@pytest.mark.parametrize("vector", VECTORS["vod_upload_signature"][:2])
def test_vod_upload_signature(vector: dict[str, Any]) -> None:
    made = vod_signature(vector)
    assert made == vector["signature"]
    assert base64.b64decode(made)[:20].hex() == vector["hmac_sha1_hex"]
    assert base64.b64decode(made)[20:].decode() == vector["original"]


@pytest.mark.parametrize("vector", VECTORS["vod_upload_signature"][:2])
def test_vod_upload_signature_of_a_sub_application(vector: dict[str, Any]) -> None:
    decoded = base64.b64decode(vod_signature(vector, sub_app_id=1500000001))
    original = vector["original"] + "&vodSubAppId=1500000001"
    assert decoded[20:].decode() == original
    assert decoded[:20].hex() == hmac_sha1(vector["secret_key"], original)


@pytest.mark.parametrize(("key", "t", "sign"), LIVE)
def test_live_callback_sign(key: str, t: int, sign: str) -> None:
    assert signatures.callback_sign(key, str(t)) == sign


@pytest.mark.parametrize("vector", VECTORS["roomservice_sign"])
def test_roomservice_sign(vector: dict[str, Any]) -> None:
    assert signatures.roomservice_sign(vector["apiKey"], vector["txTime"], vector["userID"]) == vector["sign"]


@pytest.mark.parametrize("sign", [signatures.liteav_sig, liteav_sig], ids=["of the server", "of the tests"])
@pytest.mark.parametrize("vector", VECTORS["liteav_sig"])
def test_liteav_sig(vector: dict[str, Any], sign: Any) -> None:
    assert sign(vector["token"], vector["raw_body"].encode()) == vector["sign"]


@pytest.mark.gen_test
@pytest.mark.parametrize("userid", ["xiaojun", "user_01-A", "0", "A" * 32])
async def test_the_logins_usersig_is_what_tencents_library_makes(
    api: Api, monkeypatch: pytest.MonkeyPatch, userid: str
) -> None:
    await api.user(userid)
    answer = await api.call("/login", {"userid": userid, "password": PASSWORD})
    sign = answer["data"]["roomservice_sign"]
    im = CREDENTIALS["im"]
    assert (sign["sdkAppID"], sign["accountType"], sign["userID"]) == (im["sdkappid"], im["account_type"], userid)
    made = opened(sign["userSig"])
    assert abs(made["TLS.time"] - time.time()) < 60
    monkeypatch.setattr("time.time", lambda: made["TLS.time"])
    assert made == opened(TLSSigAPIv2(im["sdkappid"], im["secret_key"]).gen_sig(userid, expire=180 * 86400))


@pytest.mark.gen_test
@pytest.mark.conf("--im.sdkappid", "1400000009", "--im.account_type", "36862", "--im.usersig_expires", "3600")
async def test_the_usersig_follows_the_settings(api: Api) -> None:
    user = await api.user()
    answer = await api.call("/login", {"userid": user.userid, "password": PASSWORD})
    sign = answer["data"]["roomservice_sign"]
    made = opened(sign["userSig"])
    assert (sign["sdkAppID"], sign["accountType"]) == (1400000009, "36862")
    assert (made["TLS.ver"], made["TLS.sdkappid"], made["TLS.expire"]) == ("2.0", 1400000009, 3600)


@pytest.mark.gen_test
async def test_a_cos_request_signed_with_the_key_is_what_tencents_sdk_signs(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await api.user()
    data = (await api.call("/get_cos_sign", token=user.token))["data"]
    start, end = (int(part) for part in data["keyTime"].split(";"))
    assert end - start == 660
    assert abs(start + 60 - time.time()) < 60
    monkeypatch.setattr("time.time", lambda: start + 60)
    cos = CREDENTIALS["cos"]
    config = CosConfig(Region=cos["region"], SecretId=cos["secret_id"], SecretKey=cos["secret_key"])
    request = Request("PUT", "https://b.cos.ap-guangzhou.myqcloud.com/a.png", headers={"host": "h"}).prepare()
    signed = CosS3Auth(config, "a.png", {}, end - start - 60)(request).headers["Authorization"]
    parts = dict(part.split("=", 1) for part in signed.split("&"))
    assert parts["q-sign-time"] == parts["q-key-time"] == data["keyTime"]
    headers = "&".join(f"{name}={request.headers[name]}" for name in parts["q-header-list"].split(";"))
    http_string = hashlib.sha1(f"put\n/a.png\n\n{headers}\n".encode()).hexdigest()
    assert hmac_sha1(data["signKey"], f"sha1\n{data['keyTime']}\n{http_string}\n") == parts["q-signature"]


@pytest.mark.gen_test
async def test_a_key_time_has_a_semicolon_and_never_the_documents_colon(api: Api) -> None:
    user = await api.user()
    data = (await api.call("/get_cos_sign", token=user.token))["data"]
    assert re.fullmatch(r"[0-9]{10};[0-9]{10}", data["keyTime"])
    key = CREDENTIALS["cos"]["secret_key"]
    assert data["signKey"] == hmac_sha1(key, data["keyTime"])
    assert data["signKey"] != hmac_sha1(key, data["keyTime"].replace(";", ":"))


SUB_APPLICATION = pytest.mark.conf("--vod.procedure", "X/Y 1&小", "--vod.sub_app_id", "1500000001")
PROCEDURE = pytest.mark.conf("--vod.procedure", "XIAOZHIBO-DEFAULT", "--vod.sign_expires", "7776000")


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("expires", "more"),
    [
        (86400, {}),
        pytest.param(7776000, {"procedure": "XIAOZHIBO-DEFAULT"}, marks=PROCEDURE),
        pytest.param(86400, {"procedure": "X/Y 1&小", "vodSubAppId": "1500000001"}, marks=SUB_APPLICATION),
    ],
)
async def test_the_vod_signature_covers_its_fields(api: Api, expires: int, more: dict[str, str]) -> None:
    user = await api.user()
    decoded = base64.b64decode((await api.call("/get_vod_sign", token=user.token))["data"]["signature"])
    original = decoded[20:].decode()
    assert decoded[:20].hex() == hmac_sha1(CREDENTIALS["vod"]["secret_key"], original)
    fields = {name: values[0] for name, values in parse_qs(original).items()}
    now = int(fields["currentTimeStamp"])
    assert abs(now - time.time()) < 60
    assert 0 <= int(fields.pop("random")) < 2**32
    assert fields == {
        "secretId": CREDENTIALS["vod"]["secret_id"],
        "currentTimeStamp": str(now),
        "expireTime": str(now + expires),
        **more,
    }


@pytest.mark.gen_test
async def test_no_two_vod_signatures_are_alike(api: Api) -> None:
    user = await api.user()
    answers = [await api.call("/get_vod_sign", token=user.token) for _ in range(10)]
    assert len({answer["data"]["signature"] for answer in answers}) == 10


@pytest.mark.gen_test
async def test_the_roomservice_sign(api: Api) -> None:
    user = await api.user()
    for body in ({"userid": user.userid}, {}):
        data = (await api.call("/get_roomservice_sign", body, token=user.token))["data"]
        assert abs(data["txTime"] - 600 - time.time()) < 60
        signed = f"{CREDENTIALS['live']['api_key']}{data['txTime']}{user.userid}"
        assert data["sign"] == hashlib.md5(signed.encode()).hexdigest()
