"""`./scripts/admin sign check`: what a signature says, and whether it fits this installation."""

import hmac
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import typer

from conf.cli import load
from scripts.administration.command import Json, Refused, group, read_secret, show
from services import authentication
from services.recordings import MAX_AHEAD_S, MAX_LATENESS_S
from services.tencent import signatures

T = TypeVar("T")

app = group("Signatures.")
check = group("Decode a signature and verify it with this installation's keys. Exit code 1: it does not fit.")
app.add_typer(check, name="check")

_is_md5 = re.compile(r"[0-9a-f]{32}").fullmatch


class _Verdict(NamedTuple):
    """A condition of a good signature, under its name in the JSON document; the fault says what differs without it."""

    name: str
    holds: bool
    fault: str


@check.command(epilog="Example: ./scripts/admin sign check usersig < file-with-the-usersig")
def usersig(as_json: Json = False) -> None:
    """Decode a userSig of /login, with which a user logs in to IM (TLS sig API v2).

    It is asked for, or read from standard input: whoever has one can use it until it expires.
    """
    fields = _decoded(signatures.decode_usersig, read_secret("userSig"))
    im = load().im
    issued, lifetime = _number(fields["TLS.time"]), _number(fields["TLS.expire"])
    sdkappid, key = fields["TLS.sdkappid"], im.secret_key.get_secret_value()
    _conclude(
        {
            "userid": fields["TLS.identifier"],
            "sdkappid": sdkappid,
            "issued": _time(issued),
            "expires": _time(issued + lifetime),
        },
        [
            _Verdict(
                "key_fits",
                _equal(fields.get("TLS.sig"), signatures.usersig_mac(fields, key)),
                "it was made with another key than im.secret_key",
            ),
            _Verdict("sdkappid_fits", sdkappid == im.sdkappid, f"its sdkappid is {sdkappid}, ours is {im.sdkappid}"),
            _current(issued + lifetime),
        ],
        as_json=as_json,
    )


@check.command(epilog="Example: ./scripts/admin sign check vod < file-with-the-signature")
def vod(as_json: Json = False) -> None:
    """Decode a signature of /get_vod_sign, with which a client uploads to VOD.

    It is asked for, or read from standard input: whoever has one can use it until it expires.
    """
    decoded = _decoded(signatures.decode_vod_upload_signature, read_secret("signature"))
    fields, conf = decoded.fields, load().vod
    secret_id, expires = fields["secretId"], _number(fields["expireTime"])
    _conclude(
        {**fields, "currentTimeStamp": _time(_number(fields["currentTimeStamp"])), "expireTime": _time(expires)},
        [
            _Verdict(
                "key_fits",
                decoded.fits(conf.secret_key.get_secret_value()),
                "it was made with another key than vod.secret_key",
            ),
            _Verdict(
                "secret_id_fits", secret_id == conf.secret_id, f"its secretId is {secret_id}, ours is {conf.secret_id}"
            ),
            _current(expires),
        ],
        as_json=as_json,
    )


@check.command(epilog="Example: cat token body | ./scripts/admin sign check liteav 9b1d…")
def liteav(
    signature: Annotated[str, typer.Argument(help="The header of the request.", show_default=False)],
    body: Annotated[
        Path | None,
        typer.Option(
            help="The file with exactly the bytes of the body; by default what follows the token on standard input.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify a Liteav-Sig, with which the apps sign a request, and show the string that it covers.

    It is md5(token + md5(body)). The token of the session is asked for, or read as the first line of standard input.
    Whether it is the present one of the user, and whether the request was fresh, is not looked at.
    """
    if body is None and sys.stdin.isatty():
        raise Refused("--body has to name the file with the body: a terminal changes what is typed")
    sign, token = _digest(signature), read_secret("token")
    content = sys.stdin.buffer.read() if body is None else _content(body)
    digest = signatures.md5_hex(content)
    _conclude(
        {"body_bytes": len(content), "covers": token + digest, "expected": signatures.liteav_sig(token, content)},
        [_Verdict("fits", authentication.matches(sign, token, content), _misfit(sign, token, content))],
        as_json=as_json,
    )


@check.command(epilog="Example: ./scripts/admin sign check callback 0f7e… --t 1700000600")
def callback(
    signature: Annotated[str, typer.Argument(help="The `sign` of the event.", show_default=False)],
    t: Annotated[str, typer.Option("--t", help="The `t` of the event, exactly as received.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Verify the sign of a recording event, md5(callback key + t)."""
    live, sign, expires = load().live, _digest(signature), _number(t)
    keys = {"live.callback_key": live.callback_key, "live.previous_callback_key": live.previous_callback_key}
    known = {name: key.get_secret_value() for name, key in keys.items() if key}
    fitting = [name for name, key in known.items() if _equal(sign, signatures.callback_sign(key, t))]
    _conclude(
        {"key": fitting[0] if fitting else None, "expires": _time(expires)},
        [
            _Verdict(
                "key_fits", bool(fitting), f"it was made with another t, or another key than {' and '.join(known)}"
            ),
            _current(expires, tolerance=MAX_LATENESS_S),
            _Verdict("is_near", expires - time.time() <= MAX_AHEAD_S, "it expires in more than a day"),
        ],
        as_json=as_json,
    )


def _conclude(fields: Mapping[str, Any], verdicts: Sequence[_Verdict], *, as_json: bool) -> None:
    """Show what was found. Raises Refused with all faults when there is one."""
    show({**fields, **{verdict.name: verdict.holds for verdict in verdicts}}, as_json=as_json)
    if faults := [verdict.fault for verdict in verdicts if not verdict.holds]:
        raise Refused(f"the signature does not fit: {', and '.join(faults)}")


def _current(expires: int, tolerance: int = 0) -> _Verdict:
    return _Verdict("is_current", time.time() < expires + tolerance, f"it expired at {_time(expires).isoformat()}Z")


def _misfit(signature: str, token: str, content: bytes) -> str:
    """What differs when a Liteav-Sig does not fit. Editors end a file with a line break that no client has sent."""
    if authentication.matches(signature, token, content.rstrip(b"\r\n")):
        return "it covers the body without the line break at its end"
    return f"it covers another token, or not exactly these {len(content)} bytes"


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None


def _digest(text: str) -> str:
    if not _is_md5(text):
        raise Refused("this is no signature: 32 hexadecimal digits in lower case")
    return text


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
