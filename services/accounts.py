"""Registration and login."""

import structlog

from models import account
from models.database import Database
from services.errors import Code, ServiceError
from services.passwords import Passwords
from services.sessions import Session, Sessions
from services.throttle import LoginThrottle

log = structlog.get_logger()


class Accounts:
    """Users and how they get in."""

    def __init__(self, db: Database, sessions: Sessions, passwords: Passwords, throttle: LoginThrottle) -> None:
        self._db = db
        self._sessions = sessions
        self._passwords = passwords
        self._throttle = throttle

    async def register(self, userid: str, password: str) -> None:
        """Add a user. Raises USER_EXISTS."""
        if await account.password(self._db, userid) is not None:
            raise _exists()  # spares the hash; the insert below is what decides
        if not await account.insert(self._db, userid, await self._passwords.hash(password)):
            raise _exists()

    async def login(self, userid: str, password: str) -> Session:
        """Open a session. Raises NO_SUCH_USER, WRONG_PASSWORD, or TOO_FREQUENT after many wrong ones."""
        stored = await account.password(self._db, userid)
        if stored is None:
            raise ServiceError(Code.NO_SUCH_USER, "no such user")
        await self._throttle.take(userid)
        try:
            matches = await self._passwords.verify(stored, password)
        except BaseException:  # overloaded, cancelled, a corrupt hash: no wrong password was tried
            await self._throttle.give_back(userid)
            raise
        if not matches:
            raise ServiceError(Code.WRONG_PASSWORD, "wrong password")
        await self._throttle.give_back(userid)
        if self._passwords.is_outdated(stored):
            await account.replace_password(self._db, userid, stored, await self._passwords.hash(password))
            log.info("password upgraded", userid=userid)
        return await self._sessions.open(userid)


def _exists() -> ServiceError:
    return ServiceError(Code.USER_EXISTS, "userid is taken")
