"""/get_roomservice_sign, /get_vod_sign and /get_cos_sign."""

from handlers.base import Routes
from handlers.description import Description
from handlers.interfaces import UserHandler
from handlers.schemas.signature import CosSignData, RoomserviceSignData, VodSignData
from services.texts import Text
from services.validation import NoParameters

_TAG = Text("Signatures", "签名")


class GetRoomserviceSignHandler(UserHandler[NoParameters]):
    """Signs a room service request of the caller (protocol, section 10)."""

    parameters = NoParameters
    description = Description(
        tag=_TAG,
        summary=Text("Get the room service's signature", "获取 roomservice 服务签名"),
        details=Text("For the caller only. Valid for 600 seconds by default.", "仅限调用者本人。默认有效期 600 秒。"),
    )

    async def serve(self, userid: str, parameters: NoParameters) -> RoomserviceSignData:
        signed = self.services.signer.roomservice_sign(userid)
        return {"txTime": signed.tx_time, "sign": signed.sign}


class GetVodSignHandler(UserHandler[NoParameters]):
    """Signs an upload to VOD (protocol, section 11)."""

    parameters = NoParameters
    description = Description(
        tag=_TAG,
        summary=Text("Get a signature for an upload to VOD", "获取点播签名"),
        details=Text("Valid for a day by default.", "默认有效期一天。"),
    )

    async def serve(self, userid: str, parameters: NoParameters) -> VodSignData:
        return {"signature": self.services.signer.vod_sign()}


class GetCosSignHandler(UserHandler[NoParameters]):
    """Hands out a signing key for COS (protocol, section 12)."""

    parameters = NoParameters
    description = Description(
        tag=_TAG,
        summary=Text("Get a signing key for COS", "获取 COS 签名"),
        details=Text("Valid for 600 seconds by default.", "默认有效期 600 秒。"),
    )

    async def serve(self, userid: str, parameters: NoParameters) -> CosSignData:
        signed = self.services.signer.cos_sign()
        return {"signKey": signed.sign_key, "keyTime": signed.key_time}


ROUTES: Routes = [
    ("/get_roomservice_sign", GetRoomserviceSignHandler),
    ("/get_vod_sign", GetVodSignHandler),
    ("/get_cos_sign", GetCosSignHandler),
]
