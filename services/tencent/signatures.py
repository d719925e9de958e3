"""The signatures with which the app talks to Tencent's IM, VOD, COS and live services. Pure functions.

Times are Unix seconds; every secret is the text that Tencent's console shows.
"""

import base64
import binascii
import hashlib
import hmac
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from services import wire

_USERSIG_ALPHABET = bytes.maketrans(b"+/=", b"*-_")
_BASE64_ALPHABET = bytes.maketrans(b"*-_", b"+/=")
_MAX_USERSIG_BYTES = 65536
_SHA1_BYTES = 20


def usersig(sdkappid: int, key: str, identifier: str, *, now: int, expire: int) -> str:
    """UserSig version 2 of Tencent's IM (TLS sig API v2). `expire` is a duration in seconds."""
    fields = {
        "TLS.ver": "2.0",
        "TLS.identifier": identifier,
        "TLS.sdkappid": sdkappid,
        "TLS.expire": expire,
        "TLS.time": now,
    }
    fields["TLS.sig"] = usersig_mac(fields, key)
    # Tencent's own substitution, which is not RFC 4648's URL-safe alphabet.
    return base64.b64encode(zlib.compress(wire.encode(fields))).translate(_USERSIG_ALPHABET).decode()


def decode_usersig(text: str) -> dict[str, Any]:
    """The fields of a UserSig, unverified. Raises ValueError with the reason when it is none."""
    try:
        compressed = base64.b64decode(text.encode().translate(_BASE64_ALPHABET), validate=True)
        fields = wire.decode(zlib.decompressobj().decompress(compressed, _MAX_USERSIG_BYTES))
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ValueError("this is no UserSig: base64 of a zlib stream of a JSON object") from error
    if not isinstance(fields, dict) or not fields.keys() >= {
        "TLS.identifier",
        "TLS.sdkappid",
        "TLS.time",
        "TLS.expire",
    }:
        raise ValueError("this is no UserSig: TLS.identifier, TLS.sdkappid, TLS.time or TLS.expire is missing")
    return fields


def usersig_mac(fields: Mapping[str, Any], key: str) -> str:
    """The TLS.sig that belongs to the other fields of a UserSig."""
    names = ("TLS.identifier", "TLS.sdkappid", "TLS.time", "TLS.expire", "TLS.userbuf")
    signed = "".join(f"{name}:{fields[name]}\n" for name in names if name in fields)
    return base64.b64encode(hmac.digest(key.encode(), signed.encode(), "sha256")).decode()


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


class VodSignature(NamedTuple):
    """The parts of a client upload signature of VOD: the HMAC-SHA1 and the fields that it covers, as they were sent."""

    mac: bytes
    original: bytes

    @property
    def fields(self) -> dict[str, str]:
        """The fields by name."""
        return dict(parse_qsl(self.original.decode(), keep_blank_values=True))

    def fits(self, secret_key: str) -> bool:
        """True when it was made with this key."""
        return hmac.compare_digest(self.mac, hmac.digest(secret_key.encode(), self.original, "sha1"))


def decode_vod_upload_signature(text: str) -> VodSignature:
    """The parts of a client upload signature, unverified. Raises ValueError with the reason when it is none."""
    try:
        content = base64.b64decode(text.encode(), validate=True)
        signature = VodSignature(content[:_SHA1_BYTES], content[_SHA1_BYTES:])
        complete = signature.fields.keys() >= {"secretId", "currentTimeStamp", "expireTime"}
    except ValueError:  # of base64, too
        complete = False
    if not complete:
        raise ValueError("this is no VOD signature: base64 of 20 bytes and secretId=…&currentTimeStamp=…&expireTime=…")
    return signature


def roomservice_sign(api_key: str, tx_time: int, user_id: str) -> str:
    """md5(apiKey + txTime + userID), lowercase hex (protocol, section 10)."""
    return md5_hex(f"{api_key}{tx_time}{user_id}".encode())


def callback_sign(callback_key: str, t: str) -> str:
    """md5(callback key + t), with t's decimal text as received: the live service's event signature."""
    return md5_hex(f"{callback_key}{t}".encode())


def liteav_sig(token: str, body: bytes) -> str:
    """md5(token + md5(body)), lowercase hex: the header with which the official apps sign a request."""
    return md5_hex((token + md5_hex(body)).encode())


def md5_hex(data: bytes) -> str:
    """MD5 in lowercase hex, which the protocol wants."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
