"""`./scripts/admin sign check`: what a signature says, and whether it fits this installation."""

import hmac
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from conf.cli import load
from scripts.administration.command import Json, Refused, group, show
from services.recordings import MAX_LATENESS_S
from services.tencent import signatures

T = TypeVar("T")

app = group("Signatures.")
check = group("Decode a signature and verify it with this installation's keys. Exit code 1: it does not fit.")
app.add_typer(check, name="check")

Signature = Annotated[str, typer.Argument(help="The signature.", show_default=False)]


@check.command(epilog="Example: ./scripts/admin sign check usersig eJwtzN0KgjA…")
def usersig(signature: Signature, as_json: Json = False) -> None:
    """Decode a userSig of /login, with which a user logs in to IM (TLS sig API v2)."""
    fields = _decoded(signatures.decode_usersig, signature)
    im = load().im
    issued, lifetime = _number(fields["TLS.time"]), _number(fields["TLS.expire"])
    _conclude(
        {
            "userid": fields["TLS.identifier"],
            "sdkappid": fields["TLS.sdkappid"],
            "issued": _time(issued),
            "expires": _time(issued + lifetime),
        },
        {
            "key_fits": _equal(fields.get("TLS.sig"), signatures.usersig_mac(fields, im.secret_key.get_secret_value())),
            "sdkappid_fits": fields["TLS.sdkappid"] == im.sdkappid,
            "is_current": time.time() < issued + lifetime,
        },
        as_json=as_json,
    )


@check.command(epilog="Example: ./scripts/admin sign check vod LYzVnkzP…")
def vod(signature: Signature, as_json: Json = False) -> None:
    """Decode a signature of /get_vod_sign, with which a client uploads to VOD."""
    decoded = _decoded(signatures.decode_vod_upload_signature, signature)
    fields, conf = decoded.fields, load().vod
    expires = _number(fields["expireTime"])
    _conclude(
        {**fields, "currentTimeStamp": _time(_number(fields["currentTimeStamp"])), "expireTime": _time(expires)},
        {
            "key_fits": decoded.fits(conf.secret_key.get_secret_value()),
            "secret_id_fits": fields["secretId"] == conf.secret_id,
            "is_current": time.time() < expires,
        },
        as_json=as_json,
    )


@check.command(
    epilog='Example: echo -n \'{"userid": "xiaoming"}\' | ./scripts/admin sign check liteav 9b1d… --token xiaoming.Zk3…'
)
def liteav(
    signature: Signature,
    token: Annotated[str, typer.Option(help="The token of the session.", show_default=False)],
    body: Annotated[
        Path | None,
        typer.Option(help="The file with exactly the bytes of the body. [default: standard input]", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify a Liteav-Sig, with which the apps sign a request, and show the string that it covers.

    It is md5(token + md5(body)). Whether the token is the present one of the user is not looked up.
    """
    try:
        content = sys.stdin.buffer.read() if body is None else body.read_bytes()
    except OSError as error:
        raise Refused(f"{body}: {error.strerror}") from None
    expected = signatures.liteav_sig(token, content)
    _conclude(
        {"body_bytes": len(content), "covers": token + signatures.md5_hex(content), "expected": expected},
        {"fits": _equal(signature, expected)},
        as_json=as_json,
    )


@check.command(epilog="Example: ./scripts/admin sign check callback 0f7e… --t 1700000600")
def callback(
    signature: Annotated[str, typer.Argument(help="The `sign` of the event.", show_default=False)],
    t: Annotated[str, typer.Option("--t", help="The `t` of the event, exactly as received.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Verify the sign of a recording event, md5(callback key + t)."""
    live = load().live
    keys = {"live.callback_key": live.callback_key, "live.previous_callback_key": live.previous_callback_key}
    fitting = [
        name
        for name, key in keys.items()
        if key and _equal(signature, signatures.callback_sign(key.get_secret_value(), t))
    ]
    _conclude(
        {"key": fitting[0] if fitting else None, "expires": _time(_number(t))},
        {"key_fits": bool(fitting), "is_current": time.time() <= _number(t) + MAX_LATENESS_S},
        as_json=as_json,
    )


def _conclude(fields: Mapping[str, Any], verdicts: Mapping[str, bool], *, as_json: bool) -> None:
    """Show what was found. Raises Refused when a verdict is bad."""
    show({**fields, **verdicts}, as_json=as_json)
    if bad := [name for name, is_good in verdicts.items() if not is_good]:
        raise Refused(f"the signature does not fit: {', '.join(bad)}")


def _decoded(decode: Callable[[str], T], signature: str) -> T:
    try:
        return decode(signature)
    except ValueError as error:
        raise Refused(str(error)) from None


def _number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise Refused(f"{value!r} is no time in Unix seconds") from None


def _time(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        raise Refused(f"{seconds} is no time in Unix seconds") from None


def _equal(given: object, expected: str) -> bool:
    return hmac.compare_digest(str(given).encode(errors="replace"), expected.encode())
