"""The signatures with which the app talks to Tencent's IM, VOD, COS and live services. Pure functions.

Times are Unix seconds; every secret is the text that Tencent's console shows.
"""

import base64
import hashlib
import hmac
import zlib
from functools import lru_cache
from urllib.parse import urlencode

from services import wire

_USERSIG_ALPHABET = bytes.maketrans(b"+/=", b"*-_")


def usersig(sdkappid: int, key: str, identifier: str, *, now: int, expire: int) -> str:
    """UserSig version 2 of Tencent's IM (TLS sig API v2). `expire` is a duration in seconds."""
    signed = f"TLS.identifier:{identifier}\nTLS.sdkappid:{sdkappid}\nTLS.time:{now}\nTLS.expire:{expire}\n"
    signature = base64.b64encode(hmac.digest(key.encode(), signed.encode(), "sha256")).decode()
    fields = {
        "TLS.ver": "2.0",
        "TLS.identifier": identifier,
        "TLS.sdkappid": sdkappid,
        "TLS.expire": expire,
        "TLS.time": now,
        "TLS.sig": signature,
    }
    # Tencent's own substitution, which is not RFC 4648's URL-safe alphabet.
    return base64.b64encode(zlib.compress(wire.encode(fields))).translate(_USERSIG_ALPHABET).decode()


@lru_cache(maxsize=16)  # the same for everyone within a second
def cos_sign_key(secret_key: str, key_time: str) -> str:
    """SignKey of a COS request signature: `key_time` is "start;end"."""
    return hmac.digest(secret_key.encode(), key_time.encode(), "sha1").hex()


def vod_upload_signature(
    secret_id: str,
    secret_key: str,
    *,
    now: int,
    expire_time: int,
    random: int,
    procedure: str = "",
    sub_app_id: int | None = None,
) -> str:
    """Client upload signature of VOD. `random` is an unsigned 32-bit number; `expire_time` a point in time."""
    fields: dict[str, str | int] = {
        "secretId": secret_id,
        "currentTimeStamp": now,
        "expireTime": expire_time,
        "random": random,
    }
    if procedure:
        fields["procedure"] = procedure
    if sub_app_id is not None:
        fields["vodSubAppId"] = sub_app_id
    original = urlencode(fields).encode()
    return base64.b64encode(hmac.digest(secret_key.encode(), original, "sha1") + original).decode()


def roomservice_sign(api_key: str, tx_time: int, user_id: str) -> str:
    """md5(apiKey + txTime + userID), lowercase hex (protocol, section 10)."""
    return _md5(f"{api_key}{tx_time}{user_id}".encode())


def callback_sign(callback_key: str, t: str) -> str:
    """md5(callback key + t), with t's decimal text as received: the live service's event signature."""
    return _md5(f"{callback_key}{t}".encode())


def liteav_sig(token: str, body: bytes) -> str:
    """md5(token + md5(body)), lowercase hex: the header with which the official apps sign a request."""
    return _md5((token + _md5(body)).encode())


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
