"""/register, /login and /refresh, the only interfaces without a session, /change_password and /delete_account."""

from handlers.base import Routes
from handlers.description import Description
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
from services.errors import Code
from services.texts import Text

_TAG = Text("Account and session", "账号与会话")


class RegisterHandler(PublicHandler[Registration]):
    """Registers a user (protocol, section 1)."""

    parameters = Registration
    description = Description(
        tag=_TAG,
        summary=Text("Register a user", "注册"),
        details=Text(
            "The userid may not begin with digits and `_`: that is the prefix of a stream id. "
            "Password is what a client sends at each login, too: the server stores only a hash of it.",
            "userid 不能以数字加“_”开头：那是直播流 ID 的前缀。password 与以后登录时发送的相同：服务器只保存其哈希。",
        ),
        refusals={
            Code.USER_EXISTS: "userid is taken",
            Code.TOO_FREQUENT: "too many registrations from this address",
        },
    )

    async def serve(self, parameters: Registration) -> None:
        await self.services.accounts.register(parameters.userid, parameters.password, self.address)


class LoginHandler(PublicHandler[Login]):
    """Opens a session, and hands out the credentials for IM and COS (protocol, section 2)."""

    parameters = Login
    description = Description(
        tag=_TAG,
        summary=Text("Log in", "登录"),
        details=Text(
            "Opens a session, which replaces the user's session on any other device: the old token then gets 498. "
            "Also hands out the credentials for IM and COS.",
            "打开一个会话，并取代该用户在其他设备上的会话（互踢）：旧 token 此后得到 498。"
            "同时返回云通信与 COS 的配置。",
        ),
        refusals={
            Code.NO_SUCH_USER: "no such user",
            Code.WRONG_PASSWORD: "wrong password",
            Code.TOO_FREQUENT: "too many wrong passwords",
        },
    )

    async def serve(self, parameters: Login) -> LoginData:
        userid = parameters.userid
        session = await self.services.accounts.login(userid, parameters.password, self.address)
        return {
            **token_data(session),
            "roomservice_sign": roomservice_login(self.conf.im, userid, self.services.signer.usersig(userid)),
            "cos_info": cos_info(self.conf.cos, official_apps=self.conf.compat.official_apps),
        }


class RefreshHandler(PublicHandler[Refresh]):
    """Exchanges a refresh_token for a new session (protocol, section 3)."""

    parameters = Refresh
    description = Description(
        tag=_TAG,
        summary=Text("Exchange a refresh_token for a new session", "续期"),
        details=Text(
            "Both tokens are replaced. The refresh_token that was just replaced may be sent again for 30 seconds "
            "(`session.refresh_grace`), if the answer was lost, and gets the same new tokens. Sent later it ends "
            "the session. The old token ends at once: requests under way with it may get 498.",
            "两个 token 都会更换。如果回包丢失，刚被更换的 refresh_token 可在 30 秒内（`session.refresh_grace`）重试，"
            "并得到同样的新 token；更晚使用则会结束会话。旧 token 立即失效：尚未完成的请求可能得到 498。",
        ),
        refusals={Code.INVALID_TOKEN: "refresh_token: wrong, expired or replaced"},
    )

    async def serve(self, parameters: Refresh) -> TokenData:
        return token_data(await self.services.sessions.refresh(parameters.userid, parameters.refresh_token))


class ChangePasswordHandler(UserHandler[PasswordChange]):
    """Replaces the caller's password and session (decisions, section 11)."""

    parameters = PasswordChange
    description = Description(
        tag=_TAG,
        summary=Text("Change the password", "修改密码"),
        details=Text(
            "Ends the session on every device and opens a new one, whose tokens it answers.",
            "结束所有设备上的会话，并打开新的会话，返回新的 token。",
        ),
        refusals={
            Code.WRONG_PASSWORD: "wrong password",
            Code.NO_SUCH_USER: "no such user",
            Code.TOO_FREQUENT: "too many wrong passwords",
        },
    )

    async def serve(self, userid: str, parameters: PasswordChange) -> TokenData:
        session = await self.services.accounts.change_password(
            userid, parameters.old_password, parameters.password, self.address
        )
        return token_data(session)


class DeleteAccountHandler(UserHandler[AccountDeletion]):
    """Deletes the caller's account with all that belongs to it (decisions, sections 10 and 11)."""

    parameters = AccountDeletion
    description = Description(
        tag=_TAG,
        summary=Text("Delete the caller's account", "注销账号"),
        details=Text(
            "Deletes the account with all that the user has published. The session ends first: a repeated call may get "
            "498.",
            "删除账号及该用户发布的全部内容。会话最先结束：重复调用可能得到 498。",
        ),
        refusals={
            Code.WRONG_PASSWORD: "wrong password",
            Code.NO_SUCH_USER: "no such user",
            Code.TOO_FREQUENT: "too many wrong passwords",
        },
    )

    async def serve(self, userid: str, parameters: AccountDeletion) -> None:
        self.take_long()
        stored = await self.services.accounts.authorize(userid, parameters.password, self.address)
        await self.services.deletion.delete(userid, stored)


ROUTES: Routes = [
    ("/register", RegisterHandler),
    ("/login", LoginHandler),
    ("/refresh", RefreshHandler),
    ("/change_password", ChangePasswordHandler),
    ("/delete_account", DeleteAccountHandler),
]
