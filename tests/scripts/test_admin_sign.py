"""./scripts/admin sign check and secrets generate, against the published vectors."""

import base64
import hashlib
import json
import time
import tomllib
import zlib
from pathlib import Path
from typing import Any

import pytest

from conf.settings import Settings
from services import open_services
from services.tencent import signatures
from tests.harness.admin_command import admin, admin_at_terminal, result_of
from tests.harness.client import Api, liteav_sig
from tests.harness.events import KEY
from tests.protocol.test_vectors import VECTORS


def checked(*arguments: str, text: str = "", **environment: str) -> tuple[int, dict[str, Any], str]:
    code, output, errors = admin("sign", "check", *arguments, "--json", text=text, **environment)
    return code, json.loads(output) if output else {}, errors


@pytest.mark.parametrize("vector", VECTORS["usersig_v2"])
def test_a_usersig_of_tencents_library_is_decoded_and_verified(vector: dict[str, Any]) -> None:
    fields = signatures.decode_usersig(vector["usersig"])
    assert (fields["TLS.identifier"], fields["TLS.sdkappid"]) == (vector["identifier"], vector["sdkappid"])
    assert signatures.usersig_mac(fields, vector["key"]) == vector["tls_sig"] == fields["TLS.sig"]
    assert signatures.usersig_mac(fields, vector["key"] + "x") != vector["tls_sig"]
    assert signatures.usersig_mac({**fields, "TLS.expire": 1}, vector["key"]) != vector["tls_sig"]


@pytest.mark.parametrize("vector", VECTORS["vod_upload_signature"])
def test_a_vod_signature_is_decoded_and_verified(vector: dict[str, Any]) -> None:
    decoded = signatures.decode_vod_upload_signature(vector["signature"])
    assert (decoded.original.decode(), decoded.mac.hex()) == (vector["original"], vector["hmac_sha1_hex"])
    assert decoded.fits(vector["secret_key"])
    assert not decoded.fits(vector["secret_key"] + "x")


def packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content)).decode().replace("+", "*").replace("/", "-").replace("=", "_")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "é",
        "eJw_",
        packed(b"x"),
        packed(b"[]"),
        packed(b"{}"),
        packed(b" " * 10**6),
        base64.b64encode(b"x" * 50).decode(),
    ],
)
def test_any_other_text_is_no_signature(text: str) -> None:
    with pytest.raises(ValueError, match="this is no UserSig"):
        signatures.decode_usersig(text)
    with pytest.raises(ValueError, match="this is no VOD signature"):
        signatures.decode_vod_upload_signature(text)


@pytest.mark.gen_test
async def test_what_this_server_signs_fits(api: Api, conf: Settings) -> None:
    async with open_services(conf) as services:
        usersig, vod = services.signer.usersig("alice"), services.signer.vod_sign()
    code, record, errors = checked("usersig", text=usersig + "\n")
    assert (code, errors, record["userid"], record["sdkappid"]) == (0, "", "alice", 1400000000)
    assert record["key_fits"] is record["sdkappid_fits"] is record["is_current"] is True
    assert record["issued"] < record["expires"]
    code, record, errors = checked("vod", text=vod)
    assert (code, errors, record["secretId"]) == (0, "", "FAKE-VOD-SECRET-ID")
    assert record["key_fits"] is record["secret_id_fits"] is record["is_current"] is True


@pytest.mark.parametrize(
    ("kind", "signature", "faults"),
    [
        (
            "usersig",
            signatures.usersig(1400000001, "another", "alice", now=1_700_000_000, expire=60),
            "it was made with another key than im.secret_key, and its sdkappid is 1400000001, ours is 1400000000,"
            " and it expired at 2023-11-14T22:14:20Z",
        ),
        (
            "vod",
            signatures.vod_upload_signature("id", "another", now=1_700_000_000, expire_time=1_700_000_060, random=1),
            "it was made with another key than vod.secret_key, and its secretId is id, ours is FAKE-VOD-SECRET-ID,"
            " and it expired at 2023-11-14T22:14:20Z",
        ),
    ],
)
def test_a_foreign_signature_says_what_differs(kind: str, signature: str, faults: str) -> None:
    code, record, errors = checked(kind, text=signature)
    assert (code, errors) == (1, f"the signature does not fit: {faults}\n")
    assert record["key_fits"] is record["is_current"] is False


@pytest.mark.parametrize("kind", ["usersig", "vod"])
def test_a_text_that_is_no_signature_is_one_line(kind: str) -> None:
    for text in ("nonsense", ""):
        code, record, errors = checked(kind, text=text)
        assert (code, record, errors.count("\n")) == (1, {}, 1)


@pytest.mark.parametrize("kind", ["usersig", "vod"])
def test_a_signature_that_can_be_used_is_no_argument(kind: str) -> None:
    assert checked(kind, "eJw")[0] == 2


def test_a_signature_is_asked_for_at_a_terminal() -> None:
    usersig = VECTORS["usersig_v2"][0]["usersig"]
    code, output = admin_at_terminal("sign", "check", "usersig", "--json", typed=[usersig])
    assert (code, json.loads(output)["userid"]) == (1, VECTORS["usersig_v2"][0]["identifier"])


def test_a_usersig_of_no_time_is_one_line() -> None:
    fields = {"TLS.identifier": "a", "TLS.sdkappid": 1, "TLS.time": 10**30, "TLS.expire": "x"}
    for text in (json.dumps(fields), json.dumps({**fields, "TLS.expire": 1})):
        code, record, errors = checked("usersig", text=packed(text.encode()))
        assert (code, record, errors.count("\n")) == (1, {}, 1)
        assert "is no time in Unix seconds" in errors


def test_a_liteav_sig_is_verified_over_exactly_the_bytes_of_the_body(tmp_path: Path) -> None:
    (vector,) = VECTORS["liteav_sig"]
    body = tmp_path / "body"
    body.write_text(vector["raw_body"])
    expected = {
        "body_bytes": len(vector["raw_body"]),
        "covers": vector["token"] + hashlib.md5(body.read_bytes()).hexdigest(),
        "expected": vector["sign"],
        "fits": True,
    }
    arguments, token = ("liteav", vector["sign"]), vector["token"] + "\n"
    assert checked(*arguments, text=token + vector["raw_body"]) == (0, expected, "")
    assert checked(*arguments, "--body", str(body), text=token) == (0, expected, "")
    code, record, errors = checked(*arguments, text=token + vector["raw_body"] + "\n")
    assert (code, record["fits"], errors) == (
        1,
        False,
        "the signature does not fit: it covers the body without the line break at its end\n",
    )
    assert record["expected"] == liteav_sig(vector["token"], vector["raw_body"].encode() + b"\n")
    code, record, errors = checked(*arguments, text=token + "{}")
    assert errors == "the signature does not fit: it covers another token, or not exactly these 2 bytes\n"
    assert checked(*arguments, "--body", str(tmp_path / "missing"), text=token)[0] == 1
    assert checked("liteav", vector["sign"].upper(), text=token)[2].startswith("this is no signature")


def test_a_liteav_sig_fits_whenever_the_server_takes_it() -> None:
    sent, signed = b'{"userid": "alice", "timestamp": 9}', b'{"userid": "alice", "timestamp": 10}'
    code, record, errors = checked("liteav", liteav_sig("t", signed), text=f"t\n{sent.decode()}")
    assert (code, record["fits"], errors) == (0, True, "")


def test_the_body_of_a_request_is_not_typed_at_a_terminal() -> None:
    assert admin_at_terminal("sign", "check", "liteav", "0" * 32, typed=[]) == (1, "")


def test_a_callback_sign_names_the_key_that_fits() -> None:
    t = str(int(time.time()) + 600)
    sign = hashlib.md5(f"{KEY}{t}".encode()).hexdigest()
    code, record, errors = checked("callback", sign, "--t", t)
    assert (code, errors, record["key"]) == (0, "", "live.callback_key")
    late = str(int(time.time()) - 600)  # the server takes it for 15 minutes more
    assert checked("callback", hashlib.md5(f"{KEY}{late}".encode()).hexdigest(), "--t", late)[0] == 0
    rotation = {"XZB_LIVE__CALLBACK_KEY": "new", "XZB_LIVE__PREVIOUS_CALLBACK_KEY": KEY}
    assert checked("callback", sign, "--t", t, **rotation)[1]["key"] == "live.previous_callback_key"
    code, record, errors = checked("callback", "0" * 32, "--t", "1")
    assert (code, record["key"]) == (1, None)
    assert errors == (
        "the signature does not fit: it was made with another t, or another key than live.callback_key,"
        " and it expired at 1970-01-01T00:00:01Z\n"
    )


def test_generated_secrets_are_new_each_time_and_fit_the_settings() -> None:
    code, output, errors = admin("secrets", "generate")
    assert (code, errors) == (0, "")
    first, second = tomllib.loads(output), result_of("secrets", "generate")
    assert first.keys() == second.keys() == {"password", "live"}
    for section, name, digits in (("password", "remember_key", 64), ("live", "callback_key", 32)):
        values = {first[section][name], second[section][name]}
        assert [len(bytes.fromhex(value)) * 2 for value in values] == [digits] * 2
