"""/get_roomservice_sign, /get_vod_sign and /get_cos_sign."""

from handlers.base import Routes, UserHandler
from handlers.schemas import CosSignData, NoParameters, RoomserviceSignData, VodSignData


class GetRoomserviceSignHandler(UserHandler[NoParameters]):
    """Signs a room service request (document, section 10); its `userid` is the caller's, as everywhere."""

    parameters = NoParameters

    async def serve(self, caller: str, parameters: NoParameters) -> RoomserviceSignData:
        signed = self.services.tencent.roomservice_sign(caller)
        return {"txTime": signed.tx_time, "sign": signed.sign}


class GetVodSignHandler(UserHandler[NoParameters]):
    """Signs an upload to VOD (document, section 11)."""

    parameters = NoParameters

    async def serve(self, caller: str, parameters: NoParameters) -> VodSignData:
        return {"signature": self.services.tencent.vod_sign()}


class GetCosSignHandler(UserHandler[NoParameters]):
    """Hands out a signing key for COS (document, section 12)."""

    parameters = NoParameters

    async def serve(self, caller: str, parameters: NoParameters) -> CosSignData:
        signed = self.services.tencent.cos_sign()
        return {"signKey": signed.sign_key, "keyTime": signed.key_time}


ROUTES: Routes = [
    ("/get_roomservice_sign", GetRoomserviceSignHandler),
    ("/get_vod_sign", GetVodSignHandler),
    ("/get_cos_sign", GetCosSignHandler),
]
