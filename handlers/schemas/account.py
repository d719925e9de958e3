"""/register, /login and /refresh (protocol, sections 1 to 3), /change_password and /delete_account."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field
from typing_extensions import TypedDict

from conf.settings import Cos, Im
from services.errors import Code
from services.sessions import Session
from services.texts import described, described_object
from services.validation import NewUserid, Parameters, Password, Rule, Userid

_USERID: Any = described("the user", "用户 ID", "xiaoming")
_PASSWORD_EXAMPLE = "0571749e2ac330a7455809c6b0e7af90"  # noqa: S105  # of the README's xiaoming


class Registration(Parameters):
    """The parameters of /register."""

    codes: ClassVar[Mapping[str, Code]] = {"userid": Code.BAD_USERID, "password": Code.BAD_PASSWORD}

    userid: Annotated[NewUserid, described("the user's name, case-sensitive", "用户 ID，区分大小写", "xiaoming")]
    password: Annotated[
        Password,
        described(
            "the apps send md5(md5(password) + userid)", "官方 App 发送 md5(md5(password) + userid)", _PASSWORD_EXAMPLE
        ),
    ]


class Login(Parameters):
    """The parameters of /login."""

    userid: Annotated[Userid, _USERID]
    password: Annotated[Password, described("the password as it was registered", "注册时使用的密码", _PASSWORD_EXAMPLE)]


class Refresh(Parameters):
    """The parameters of /refresh."""

    userid: Annotated[Userid, _USERID]
    refresh_token: Annotated[
        str,
        Field(max_length=128),
        Rule("at most 128 characters", "最多 128 个字符"),
        described(
            "the refresh_token of the last login or refresh",
            "最近一次登录或续期返回的 refresh_token",
            "pJ3vY0mXk2c4Q8sT1uWz5aBdEfGhIjKl",
        ),
    ]


class PasswordChange(Parameters):
    """The parameters of /change_password."""

    codes: ClassVar[Mapping[str, Code]] = {"password": Code.BAD_PASSWORD}

    old_password: Annotated[Password, described("the present password", "当前密码", _PASSWORD_EXAMPLE)]
    password: Annotated[
        Password,
        described(
            "the new one; the apps send md5(md5(password) + userid)",
            "新密码；官方 App 发送 md5(md5(password) + userid)",
            "5f4dcc3b5aa765d61d8327deb882cf99",
        ),
    ]


class AccountDeletion(Parameters):
    """The parameters of /delete_account."""

    password: Annotated[Password, described("the present password", "当前密码", _PASSWORD_EXAMPLE)]


class TokenData(TypedDict):
    """The `data` of /refresh and of /change_password."""

    token: Annotated[
        str,
        described(
            "signs requests, or goes with them as a bearer token",
            "用于对请求签名，或作为 Bearer 令牌发送",
            "xiaoming.3q2-7wAbCdEfGhIjKlMnOpQrStUvWxYz",
        ),
    ]
    refresh_token: Annotated[
        str,
        described(
            "exchanges the session for a new one at /refresh",
            "用于在 /refresh 换取新的会话",
            "Zx9cV8bN7mA6sD5fG4hJ3kL2qW1eR0tY",
        ),
    ]
    expires: Annotated[int, described("lifetime of both tokens in seconds", "两个 token 的有效期（秒）", 86400)]


class RoomserviceLogin(TypedDict):
    """The credentials for the IM service."""

    sdkAppID: Annotated[int, described("id of the IM application", "云通信 SDKAppID", 1400000000)]
    accountType: Annotated[str, described("account type of the IM application", "云通信账号集成类型", "10001")]
    userID: Annotated[str, _USERID]
    userSig: Annotated[
        str,
        described(
            "signature with which the user logs in",
            "云通信用户签名 UserSig",
            "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwhWZifm5mXnpULnilOzEgoLMFCUrQxMDKIDIpFYUZBalAsVNTU2N4KIlmbkgMXNUtcWZ6UCjg1KT0kyTgs0KArQzs8KjnAzLUr0STR0DTb0ijSxyLEpLDSrCnUqSQoOdym2VagHdtjI4",
        ),
    ]


class CosInfo(TypedDict):
    """The bucket for the app's uploads."""

    Bucket: Annotated[str, described("name of the bucket", "COS 存储桶名", "fake-bucket")]
    Region: Annotated[str, described("region of the bucket", "COS 存储桶所在地域", "ap-guangzhou")]
    Appid: Annotated[
        str | int,
        described(
            "id of the COS application; a number with compat.official_apps",
            "COS AppID；compat.official_apps 时为数字",
            "1250000000",
        ),
    ]
    SecretId: Annotated[
        str,
        described("id of the key that get_cos_sign signs with", "get_cos_sign 签名所用密钥的 ID", "FAKE-COS-SECRET-ID"),
    ]


class LoginData(TokenData):
    """The `data` of /login."""

    roomservice_sign: Annotated[RoomserviceLogin, described_object("credentials for the IM service", "云通信登录信息")]
    cos_info: Annotated[CosInfo, described_object("bucket for uploads", "COS 配置信息")]


def token_data(session: Session) -> TokenData:
    """A session as /login and /refresh answer it."""
    return {
        "token": session.token,
        "refresh_token": session.refresh_token,
        "expires": session.expires,
    }


def roomservice_login(im: Im, userid: str, usersig: str) -> RoomserviceLogin:
    """The IM credentials as /login answers them."""
    return {
        "sdkAppID": im.sdkappid,
        "accountType": im.account_type,
        "userID": userid,
        "userSig": usersig,
    }


def cos_info(cos: Cos, *, official_apps: bool) -> CosInfo:
    """The bucket as /login answers it."""
    return {
        "Bucket": cos.bucket,
        "Region": cos.region,
        "Appid": int(cos.appid) if official_apps else cos.appid,  # the shipped iOS app calls longValue on it
        "SecretId": cos.secret_id,
    }
