"""/register, /login and /refresh: the only interfaces without a session."""

from handlers.base import Routes
from handlers.interfaces import PublicHandler
from handlers.schemas.account import (
    Login,
    LoginData,
    Refresh,
    Registration,
    TokenData,
    cos_info,
    roomservice_login,
    token_data,
)


class RegisterHandler(PublicHandler[Registration]):
    """Registers a user (protocol, section 1)."""

    parameters = Registration

    async def serve(self, parameters: Registration) -> None:
        await self.services.accounts.register(parameters.userid, parameters.password)


class LoginHandler(PublicHandler[Login]):
    """Opens a session, and hands out the credentials for IM and COS (protocol, section 2)."""

    parameters = Login

    async def serve(self, parameters: Login) -> LoginData:
        userid = parameters.userid
        session = await self.services.accounts.login(userid, parameters.password)
        return {
            **token_data(session),
            "roomservice_sign": roomservice_login(self.conf.im, userid, self.services.signer.usersig(userid)),
            "cos_info": cos_info(self.conf.cos, official_apps=self.conf.compat.official_apps),
        }


class RefreshHandler(PublicHandler[Refresh]):
    """Exchanges a refresh_token for a new session (protocol, section 3)."""

    parameters = Refresh

    async def serve(self, parameters: Refresh) -> TokenData:
        return token_data(await self.services.sessions.refresh(parameters.userid, parameters.refresh_token))


ROUTES: Routes = [
    ("/register", RegisterHandler),
    ("/login", LoginHandler),
    ("/refresh", RefreshHandler),
]
