"""/register, /login and /refresh (protocol, sections 1 to 3), /change_password and /delete_account."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import TypedDict

from conf.settings import Cos, Im
from services.errors import Code
from services.sessions import Session
from services.validation import NewUserid, Parameters, Password, Rule, Userid


class Registration(Parameters):
    """The parameters of /register."""

    codes: ClassVar[Mapping[str, Code]] = {"userid": Code.BAD_USERID, "password": Code.BAD_PASSWORD}

    userid: NewUserid = Field(description="the user's name, case-sensitive")
    password: Password = Field(description="the apps send md5(md5(password) + userid)")


class Login(Parameters):
    """The parameters of /login."""

    userid: Userid = Field(description="the user")
    password: Password = Field(description="the password as it was registered")


class Refresh(Parameters):
    """The parameters of /refresh."""

    userid: Userid = Field(description="the user")
    refresh_token: Annotated[str, Field(max_length=128), Rule("at most 128 characters")] = Field(
        description="the refresh_token of the last login or refresh"
    )


class PasswordChange(Parameters):
    """The parameters of /change_password."""

    codes: ClassVar[Mapping[str, Code]] = {"password": Code.BAD_PASSWORD}

    old_password: Password = Field(description="the password as it was registered")
    password: Password = Field(description="the new one; the apps send md5(md5(password) + userid)")


class AccountDeletion(Parameters):
    """The parameters of /delete_account."""

    password: Password = Field(description="the password as it was registered")


class TokenData(TypedDict):
    """The `data` of /refresh and of /change_password."""

    token: Annotated[str, Field(description="signs requests, or goes with them as a bearer token")]
    refresh_token: Annotated[str, Field(description="exchanges the session for a new one at /refresh")]
    expires: Annotated[int, Field(description="lifetime of both tokens in seconds")]


class RoomserviceLogin(TypedDict):
    """The credentials for the IM service."""

    sdkAppID: Annotated[int, Field(description="id of the IM application")]
    accountType: Annotated[str, Field(description="account type of the IM application")]
    userID: Annotated[str, Field(description="the user")]
    userSig: Annotated[str, Field(description="signature with which the user logs in")]


class CosInfo(TypedDict):
    """The bucket for the app's uploads."""

    Bucket: Annotated[str, Field(description="name of the bucket")]
    Region: Annotated[str, Field(description="region of the bucket")]
    Appid: Annotated[str | int, Field(description="id of the COS application; a number with compat.official_apps")]
    SecretId: Annotated[str, Field(description="id of the key that get_cos_sign signs with")]


class LoginData(TokenData):
    """The `data` of /login."""

    roomservice_sign: Annotated[RoomserviceLogin, Field(description="credentials for the IM service")]
    cos_info: Annotated[CosInfo, Field(description="bucket for uploads")]


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
