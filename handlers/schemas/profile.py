"""/get_user_info and /upload_user_info (protocol, sections 4 and 5)."""

from typing import Annotated, Any

from typing_extensions import TypedDict

from handlers.schemas.formats import Formats
from services.profiles import Profile
from services.texts import described
from services.validation import Nickname, OptionalUrl, Parameters, Sex

NICKNAME: Any = described("name shown to others", "昵称", "小明")
AVATAR: Any = described("address of the portrait", "头像 URL", "https://example.com/xiaoming.png")
SEX: Any = described("0 male, 1 female, -1 unknown", "性别：0 男，1 女，-1 未知", 1)
FRONTCOVER: Any = described("address of the cover", "封面图 URL", "https://example.com/cover.png")


class ProfileChanges(Parameters):
    """The parameters of /upload_user_info. An absent field stays as it is."""

    nickname: Annotated[Nickname | None, NICKNAME] = None
    avatar: Annotated[OptionalUrl | None, AVATAR] = None
    sex: Annotated[Sex | None, SEX] = None
    frontcover: Annotated[OptionalUrl | None, FRONTCOVER] = None


class ProfileData(TypedDict):
    """The `data` of /get_user_info."""

    userid: Annotated[str, described("the user", "用户 ID", "xiaoming")]
    nickname: Annotated[str, NICKNAME]
    avatar: Annotated[str, AVATAR]
    sex: Annotated[int, SEX]
    frontcover: Annotated[str, FRONTCOVER]


def profile_data(profile: Profile, formats: Formats) -> ProfileData:
    """A profile as /get_user_info answers it."""
    return {
        "userid": profile.userid,
        "nickname": profile.nickname,
        "avatar": formats.image(profile.avatar),
        "sex": profile.sex,
        "frontcover": formats.image(profile.frontcover),
    }
