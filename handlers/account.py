"""/register, /login and /refresh, the only interfaces without a session, /change_password and /delete_account."""

from handlers.base import Routes
from handlers.interfaces import PublicHandler, UserHandler
from handlers.schemas.account import (
    AccountDeletion,
    Login,
    LoginData,
    PasswordChange,
    Refresh,
    Registration,
    TokenData,
    cos_info,
    roomservice_login,
    token_data,
)
from services.authentication import Caller


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


class ChangePasswordHandler(UserHandler[PasswordChange]):
    """Replaces the caller's password and session (decisions, section 11)."""

    parameters = PasswordChange

    async def serve(self, caller: Caller, parameters: PasswordChange) -> TokenData:
        accounts = self.services.accounts
        return token_data(await accounts.change_password(caller.userid, parameters.old_password, parameters.password))


class DeleteAccountHandler(UserHandler[AccountDeletion]):
    """Deletes the caller's account with all that belongs to it (decisions, sections 10 and 11)."""

    parameters = AccountDeletion

    async def serve(self, caller: Caller, parameters: AccountDeletion) -> None:
        stored = await self.services.accounts.authorize(caller.userid, parameters.password)
        await self.services.deletion.delete(caller.userid, stored)


ROUTES: Routes = [
    ("/register", RegisterHandler),
    ("/login", LoginHandler),
    ("/refresh", RefreshHandler),
    ("/change_password", ChangePasswordHandler),
    ("/delete_account", DeleteAccountHandler),
]
