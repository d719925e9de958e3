"""The signatures of `services.signatures`, made with the credentials of this installation."""

import secrets
import time
from typing import NamedTuple

from conf.settings import Settings
from services import signatures


class RoomserviceSign(NamedTuple):
    """A sign and the Unix second until which it is good."""

    tx_time: int
    sign: str


class CosSign(NamedTuple):
    """A signing key and the time it is good for ("start;end", Unix seconds)."""

    sign_key: str
    key_time: str


class Tencent:
    """Signs for the IM, VOD, COS and live services."""

    # COS refuses a window that begins in its future: a little room for our clock (s).
    _COS_BACKDATED = 60

    def __init__(self, settings: Settings) -> None:
        self._im = settings.im
        self._cos = settings.cos
        self._vod = settings.vod
        self._live = settings.live

    def usersig(self, userid: str) -> str:
        """The UserSig with which the user logs in to IM."""
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
        key_time = f"{now - self._COS_BACKDATED};{now + self._cos.sign_expires}"
        return CosSign(signatures.cos_sign_key(self._cos.secret_key.get_secret_value(), key_time), key_time)
