"""/get_user_info and /upload_user_info."""

from handlers.base import Routes
from handlers.description import Description
from handlers.interfaces import UserHandler
from handlers.schemas.profile import ProfileChanges, ProfileData, profile_data
from services.errors import Code
from services.texts import Text
from services.validation import NoParameters

_TAG = Text("Profile", "用户资料")


class GetUserInfoHandler(UserHandler[NoParameters]):
    """The caller's profile (protocol, section 4)."""

    parameters = NoParameters
    description = Description(
        tag=_TAG,
        summary=Text("Get the caller's profile", "获取用户信息"),
        details=Text(
            'A new user has nickname, avatar and frontcover "" and sex -1.',
            "新用户的 nickname、avatar、frontcover 为空字符串，sex 为 -1。",
        ),
        refusals={Code.NO_SUCH_USER: "no such user"},
    )

    async def serve(self, userid: str, parameters: NoParameters) -> ProfileData:
        return profile_data(await self.services.profiles.get(userid), self.formats)


class UploadUserInfoHandler(UserHandler[ProfileChanges]):
    """Changes the caller's profile (protocol, section 5)."""

    parameters = ProfileChanges
    description = Description(
        tag=_TAG,
        summary=Text("Change the caller's profile", "更新用户信息"),
        details=Text("A field that is absent or null stays as it is.", "缺省或为 null 的字段保持不变。"),
        refusals={Code.UPDATE_FAILED: "no such user", Code.TOO_FREQUENT: "too many uploads"},
    )

    async def serve(self, userid: str, parameters: ProfileChanges) -> None:
        await self.services.profiles.update(userid, parameters.model_dump(exclude_none=True))


ROUTES: Routes = [
    ("/get_user_info", GetUserInfoHandler),
    ("/upload_user_info", UploadUserInfoHandler),
]
