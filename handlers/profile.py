"""/get_user_info and /upload_user_info."""

from handlers.base import Routes
from handlers.interfaces import UserHandler
from handlers.schemas.profile import ProfileChanges, ProfileData, profile_data
from services.authentication import Caller
from services.validation import NoParameters


class GetUserInfoHandler(UserHandler[NoParameters]):
    """The caller's profile (protocol, section 4)."""

    parameters = NoParameters

    async def serve(self, caller: Caller, parameters: NoParameters) -> ProfileData:
        return profile_data(await self.services.profiles.get(caller.userid), self.formats)


class UploadUserInfoHandler(UserHandler[ProfileChanges]):
    """Changes the caller's profile (protocol, section 5)."""

    parameters = ProfileChanges

    async def serve(self, caller: Caller, parameters: ProfileChanges) -> None:
        await self.services.profiles.update(caller.userid, parameters.model_dump(exclude_none=True))


ROUTES: Routes = [
    ("/get_user_info", GetUserInfoHandler),
    ("/upload_user_info", UploadUserInfoHandler),
]
