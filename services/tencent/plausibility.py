"""Signs of keys that do not fit: Tencent's consoles show several pairs that look alike.

The forms are those that the consoles show today. Tencent promises none of them, so these are doubts and no errors.
"""

import re
from collections.abc import Iterator

from conf.settings import Cos, Im, Live, Vod

_SDKAPPID = re.compile(r"[0-9]{10}")
_IM_KEY = re.compile(r"[0-9a-f]{64}")
_SECRET_ID = re.compile(r"AKID[A-Za-z0-9_-]{32}")
_CLOUD_KEY = re.compile(r"[A-Za-z0-9]{32}")
_APPID = re.compile(r"[0-9]{10}")
_BUCKET_SUFFIX = re.compile(r"-([0-9]{10})$")


def doubts(im: Im, cos: Cos, vod: Vod, live: Live) -> Iterator[str]:
    """A sentence for each value that looks wrong. It holds no secret."""
    yield from _im_doubts(im)
    yield from _cloud_doubts("cos", cos)
    yield from _cloud_doubts("vod", vod)
    if cos.secret_id == vod.secret_id and cos.secret_key != vod.secret_key:
        yield "cos.secret_key, vod.secret_key: one SecretId has two different keys here, and one of them is wrong"
    yield from _bucket_doubts(cos, im)
    for name, key in (("live.callback_key", live.callback_key), ("live.api_key", live.api_key)):
        if key.get_secret_value() != key.get_secret_value().strip():
            yield f"{name}: it begins or ends with a space"


def _im_doubts(im: Im) -> Iterator[str]:
    key = im.secret_key.get_secret_value()
    if not _SDKAPPID.fullmatch(str(im.sdkappid)):
        yield "im.sdkappid: an SDKAppID of IM has 10 digits"
    if not _IM_KEY.fullmatch(key):
        cloud = "; this looks like a SecretKey of the cloud API" if _CLOUD_KEY.fullmatch(key) else ""
        yield f"im.secret_key: the key of an IM application has 64 hexadecimal digits{cloud}"


def _cloud_doubts(name: str, section: Cos | Vod) -> Iterator[str]:
    if not _SECRET_ID.fullmatch(section.secret_id):
        yield f"{name}.secret_id: a SecretId of the cloud API is AKID and 32 characters"
    if not _CLOUD_KEY.fullmatch(section.secret_key.get_secret_value()):
        yield f"{name}.secret_key: a SecretKey of the cloud API has 32 letters and digits"


def _bucket_doubts(cos: Cos, im: Im) -> Iterator[str]:
    if not _APPID.fullmatch(cos.appid):
        yield "cos.appid: an APPID has 10 digits"
    if cos.appid == str(im.sdkappid):
        yield "cos.appid: this is the SDKAppID of IM; the APPID of the account stands at the end of a bucket's name"
    suffix = _BUCKET_SUFFIX.search(cos.bucket)
    if suffix and suffix[1] != cos.appid:
        yield f"cos.bucket: the bucket belongs to the APPID {suffix[1]}, and cos.appid is {cos.appid}"
