"""/register, /login and /refresh: the only interfaces without a session."""

from handlers.base import PublicHandler, Routes
from handlers.schemas import CosInfo, Login, LoginData, Refresh, Registration, TokenData
from services.sessions import Session


class RegisterHandler(PublicHandler[Registration]):
    """Registers a user (document, section 1)."""

    parameters = Registration

    async def serve(self, parameters: Registration) -> None:
        await self.services.accounts.register(parameters.userid, parameters.password)


class LoginHandler(PublicHandler[Login]):
    """Opens a session, and hands out what the app logs in to IM and COS with (document, section 2)."""

    parameters = Login

    async def serve(self, parameters: Login) -> LoginData:
        session = await self.services.accounts.login(parameters.userid, parameters.password)
        return {
            **token_data(session),
            "roomservice_sign": {
                "sdkAppID": self.conf.im.sdkappid,
                "accountType": self.conf.im.account_type,
                "userID": parameters.userid,
                "userSig": self.services.tencent.usersig(parameters.userid),
            },
            "cos_info": self._cos_info(),
        }

    def _cos_info(self) -> CosInfo:
        cos = self.conf.cos
        return {
            "Bucket": cos.bucket,
            "Region": cos.region,
            # The shipped iOS app calls longValue on it.
            "Appid": int(cos.appid) if self.conf.compat.official_apps else cos.appid,
            "SecretId": cos.secret_id,
        }


class RefreshHandler(PublicHandler[Refresh]):
    """Exchanges a refresh_token for a new session (document, section 3)."""

    parameters = Refresh

    async def serve(self, parameters: Refresh) -> TokenData:
        return token_data(await self.services.sessions.refresh(parameters.userid, parameters.refresh_token))


def token_data(session: Session) -> TokenData:
    """A session as /login and /refresh answer it."""
    return {
        "token": session.token,
        "refresh_token": session.refresh_token,
        "expires": session.expires,
    }


ROUTES: Routes = [
    ("/register", RegisterHandler),
    ("/login", LoginHandler),
    ("/refresh", RefreshHandler),
]
