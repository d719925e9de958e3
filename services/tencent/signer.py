"""The signatures of `services.tencent.signatures`, made with the credentials of this installation."""

import secrets
import time
from typing import NamedTuple

from conf.settings import Cos, Im, Live, Vod
from services.tencent import signatures


class RoomserviceSign(NamedTuple):
    """A sign and its expiry (Unix s)."""

    tx_time: int
    sign: str


class CosSign(NamedTuple):
    """A signing key and the time in which it is valid ("start;end", Unix s)."""

    sign_key: str
    key_time: str


# COS refuses a window that begins in its future. This allows our clock to be ahead of its clock.
_COS_BACKDATING_S = 60


class Signer:
    """Signs for the IM, VOD, COS and live services."""

    def __init__(self, *, im: Im, cos: Cos, vod: Vod, live: Live) -> None:
        self._im = im
        self._cos = cos
        self._vod = vod
        self._live = live

    def usersig(self, userid: str) -> str:
        """The UserSig with which a user logs in to IM."""
        return signatures.usersig(
            self._im.sdkappid,
            self._im.secret_key.get_secret_value(),
            userid,
            now=int(time.time()),
            expire=self._im.usersig_expires,
        )

    def roomservice_sign(self, userid: str) -> RoomserviceSign:
        """The sign of a room service request."""
        tx_time = int(time.time()) + self._live.roomservice_sign_expires
        api_key = self._live.api_key.get_secret_value()
        return RoomserviceSign(tx_time, signatures.roomservice_sign(api_key, tx_time, userid))

    def vod_sign(self) -> str:
        """The signature with which a client uploads to VOD."""
        now = int(time.time())
        return signatures.vod_upload_signature(
            self._vod.secret_id,
            self._vod.secret_key.get_secret_value(),
            now=now,
            expire_time=now + self._vod.sign_expires,
            random=secrets.randbits(32),
            procedure=self._vod.procedure,
            sub_app_id=self._vod.sub_app_id,
        )

    def cos_sign(self) -> CosSign:
        """The key with which a client signs its COS requests."""
        now = int(time.time())
        key_time = f"{now - _COS_BACKDATING_S};{now + self._cos.sign_expires}"
        return CosSign(signatures.cos_sign_key(self._cos.secret_key.get_secret_value(), key_time), key_time)
