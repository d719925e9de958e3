"""/get_user_info and /upload_user_info (protocol, sections 4 and 5)."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from handlers.schemas.formats import Formats
from services.profiles import Profile
from services.validation import Nickname, OptionalUrl, Parameters, Sex


class ProfileChanges(Parameters):
    """The parameters of /upload_user_info. An absent field stays as it is."""

    nickname: Nickname | None = Field(None, description="name shown to others")
    avatar: OptionalUrl | None = Field(None, description="address of the portrait")
    sex: Sex | None = Field(None, description="0 male, 1 female, -1 unknown")
    frontcover: OptionalUrl | None = Field(None, description="address of the cover")


class ProfileData(TypedDict):
    """The `data` of /get_user_info."""

    userid: Annotated[str, Field(description="the user")]
    nickname: Annotated[str, Field(description="name shown to others")]
    avatar: Annotated[str, Field(description="address of the portrait")]
    sex: Annotated[int, Field(description="0 male, 1 female, -1 unknown")]
    frontcover: Annotated[str, Field(description="address of the cover")]


def profile_data(profile: Profile, formats: Formats) -> ProfileData:
    """A profile as /get_user_info answers it."""
    return {
        "userid": profile.userid,
        "nickname": profile.nickname,
        "avatar": formats.image(profile.avatar),
        "sex": profile.sex,
        "frontcover": formats.image(profile.frontcover),
    }
