"""/get_roomservice_sign, /get_vod_sign and /get_cos_sign."""

from handlers.base import Routes
from handlers.interfaces import UserHandler
from handlers.schemas.signature import CosSignData, RoomserviceSignData, VodSignData
from services.authentication import Caller
from services.validation import NoParameters


class GetRoomserviceSignHandler(UserHandler[NoParameters]):
    """Signs a room service request of the caller (protocol, section 10)."""

    parameters = NoParameters

    async def serve(self, caller: Caller, parameters: NoParameters) -> RoomserviceSignData:
        signed = self.services.signer.roomservice_sign(caller.userid)
        return {"txTime": signed.tx_time, "sign": signed.sign}


class GetVodSignHandler(UserHandler[NoParameters]):
    """Signs an upload to VOD (protocol, section 11)."""

    parameters = NoParameters

    async def serve(self, caller: Caller, parameters: NoParameters) -> VodSignData:
        return {"signature": self.services.signer.vod_sign()}


class GetCosSignHandler(UserHandler[NoParameters]):
    """Hands out a signing key for COS (protocol, section 12)."""

    parameters = NoParameters

    async def serve(self, caller: Caller, parameters: NoParameters) -> CosSignData:
        signed = self.services.signer.cos_sign()
        return {"signKey": signed.sign_key, "keyTime": signed.key_time}


ROUTES: Routes = [
    ("/get_roomservice_sign", GetRoomserviceSignHandler),
    ("/get_vod_sign", GetVodSignHandler),
    ("/get_cos_sign", GetCosSignHandler),
]
