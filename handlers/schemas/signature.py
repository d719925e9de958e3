"""/get_roomservice_sign, /get_vod_sign and /get_cos_sign (protocol, sections 10 to 12)."""

from typing import Annotated

from typing_extensions import TypedDict

from services.texts import described


class RoomserviceSignData(TypedDict):
    """The `data` of /get_roomservice_sign."""

    txTime: Annotated[int, described("expiry of the sign, Unix seconds", "签名过期时间，Unix 秒", 1700000600)]
    sign: Annotated[
        str,
        described(
            "md5(apiKey + txTime + userID), lowercase hex",
            "md5(apiKey + txTime + userID)，小写十六进制",
            "5cc7100b249bae0b1f8818a5d9786a04",
        ),
    ]


class VodSignData(TypedDict):
    """The `data` of /get_vod_sign."""

    signature: Annotated[
        str,
        described(
            "client upload signature of VOD, base64",
            "点播客户端上传签名，base64",
            "ScbbRCdDrnphO3bCozAnKvUJTkJzZWNyZXRJZD1GQUtFLVZPRC1TRUNSRVQtSUQmY3VycmVudFRpbWVTdGFtcD0xNzAwMDAwMDAwJmV4cGlyZVRpbWU9MTcwMDA4NjQwMCZyYW5kb209MzIxNDU2Nzg5MA==",
        ),
    ]


class CosSignData(TypedDict):
    """The `data` of /get_cos_sign."""

    signKey: Annotated[
        str,
        described(
            "HMAC-SHA1(SecretKey, keyTime), lowercase hex",
            "HMAC-SHA1(SecretKey, keyTime)，小写十六进制",
            "dae4b673b5254573efa7bc180f0290e4ac91c433",
        ),
    ]
    keyTime: Annotated[
        str,
        described(
            "validity of the key: begin and end in Unix seconds, with a semicolon between them",
            "签名有效期：起始与过期时间（Unix 秒），以分号分隔",
            "1699999940;1700000600",
        ),
    ]
