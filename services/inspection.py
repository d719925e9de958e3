"""What operators look at: users with what they have published, and the lists with their hidden rows."""

from datetime import datetime
from typing import NamedTuple

from models import account, room, ugc, vod
from models.database import Database
from models.ugc import Item as UgcItem
from models.vod import Item as ReplayItem
from services.errors import Code, ServiceError
from services.sessions import Sessions


class UserOverview(NamedTuple):
    """A user. `session_expires` is the rest of the session in seconds, 0 without one; times are UTC."""

    userid: str
    nickname: str
    sex: int
    avatar: str
    frontcover: str
    create_time: datetime
    deleted_at: datetime | None
    """Set while the user is being deleted."""
    session_expires: int
    rooms: int
    replays: int
    videos: int


class Inspection:
    """Reads what operators look at."""

    def __init__(self, db: Database, sessions: Sessions) -> None:
        self._db = db
        self._sessions = sessions

    async def user(self, userid: str) -> UserOverview:
        """A user. Raises NO_SUCH_USER."""
        found = await account.find(self._db, userid)
        if found is None:
            raise ServiceError(Code.NO_SUCH_USER, "no such user")
        return UserOverview(
            **found._asdict(),
            session_expires=await self._sessions.rest(userid),
            rooms=await room.count_of(self._db, userid),
            replays=await vod.count_replays_of(self._db, userid),
            videos=await ugc.count_of(self._db, userid),
        )

    async def replays(self, userid: str | None, *, hidden: bool, index: int, count: int) -> list[ReplayItem]:
        """`count` replays from offset `index`, newest first: of one user or of all, with the hidden ones or without."""
        return await vod.items(self._db, userid, hidden, index, count)

    async def ugc(self, userid: str | None, *, hidden: bool, index: int, count: int) -> list[UgcItem]:
        """Short videos, as `replays`."""
        return await ugc.items(self._db, userid, hidden, index, count)
