"""/get_roomservice_sign, /get_vod_sign and /get_cos_sign (protocol, sections 10 to 12)."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict


class RoomserviceSignData(TypedDict):
    """The `data` of /get_roomservice_sign."""

    txTime: Annotated[int, Field(description="expiry of the sign, Unix seconds")]
    sign: Annotated[str, Field(description="md5(apiKey + txTime + userID), lowercase hex")]


class VodSignData(TypedDict):
    """The `data` of /get_vod_sign."""

    signature: Annotated[str, Field(description="client upload signature of VOD")]


class CosSignData(TypedDict):
    """The `data` of /get_cos_sign."""

    signKey: Annotated[str, Field(description="hex HMAC-SHA1(SecretKey, keyTime)")]
    keyTime: Annotated[str, Field(description="validity of the key, start;end in Unix seconds")]
