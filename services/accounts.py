"""Registration and login."""

import asyncio
from contextlib import suppress

import structlog

from models import account
from models.database import Database
from services.batch_loader import BatchLoader
from services.errors import Code, ServiceError, StoreError
from services.metrics.catalogue import Metrics
from services.passwords import Passwords
from services.remembered_passwords import RememberedPasswords
from services.sessions import Session, Sessions
from services.throttle import LoginThrottle

log = structlog.get_logger()

_FAILURES = {
    Code.NO_SUCH_USER: "no_such_user",
    Code.WRONG_PASSWORD: "wrong_password",
    Code.TOO_FREQUENT: "throttled",
    Code.UNAVAILABLE: "overloaded",
}


class Accounts:
    """Registers users and logs them in."""

    def __init__(
        self,
        db: Database,
        sessions: Sessions,
        passwords: Passwords,
        remembered: RememberedPasswords,
        throttle: LoginThrottle,
        *,
        max_batch: int,
        metrics: Metrics,
    ) -> None:
        self._db = db
        self._sessions = sessions
        self._passwords = passwords
        self._remembered = remembered
        self._throttle = throttle
        self._stored: BatchLoader[str, str | None] = BatchLoader(
            self._fetch_stored, max_batch=max_batch, sizes=metrics.batch_size["passwords"]
        )
        self._logins = metrics.logins

    async def register(self, userid: str, password: str) -> None:
        """Add a user. Raises USER_EXISTS."""
        if await self._stored.load(userid) is not None:
            raise _exists()  # saves the hash; the insert below decides
        stored = await self._passwords.hash(password)
        if not await account.insert(self._db, userid, stored):
            raise _exists()
        with suppress(StoreError):  # the user is registered: without Redis the first login is hashed
            await self._remembered.remember(userid, stored, password)  # the app logs in at once

    async def login(self, userid: str, password: str) -> Session:
        """Open a session. Raises NO_SUCH_USER, WRONG_PASSWORD, or TOO_FREQUENT after many wrong ones."""
        try:
            session, outcome = await self._login(userid, password)
        except Exception as error:
            self._logins[_failure(error)] += 1
            raise
        self._logins[outcome] += 1
        return session

    async def _login(self, userid: str, password: str) -> tuple[Session, str]:
        """The session, and the way in which the password was recognised."""
        stored = await self._stored.load(userid)
        if stored is None:
            raise ServiceError(Code.NO_SUCH_USER, "no such user")
        await self._throttle.acquire(userid)
        try:
            remembered = await self._remembered.knows(userid, stored, password)
            matches = remembered or await self._verify(userid, stored, password)
        except BaseException:  # overload, a cancellation, a corrupt hash: the password was not wrong
            await self._throttle.release(userid)
            raise
        if not matches:
            raise ServiceError(Code.WRONG_PASSWORD, "wrong password")
        session, _ = await asyncio.gather(self._sessions.open(userid), self._throttle.release(userid))
        return session, "remembered" if remembered else "hashed"

    async def _verify(self, userid: str, stored: str, password: str) -> bool:
        """True when the password is right. Then its hash is brought up to date, and it is remembered."""
        if not await self._passwords.verify(stored, password):
            return False
        if self._passwords.is_outdated(stored):
            outdated, stored = stored, await self._passwords.hash(password)
            await account.replace_password(self._db, userid, outdated, stored)
            log.info("password upgraded", userid=userid)
        await self._remembered.remember(userid, stored, password)
        return True

    async def _fetch_stored(self, userids: list[str]) -> list[str | None]:
        stored = await account.passwords(self._db, userids)
        return [stored.get(userid) for userid in userids]


def _failure(error: Exception) -> str:
    """The label of a login that failed: one of LOGINS."""
    return _FAILURES.get(error.code, "failed") if isinstance(error, ServiceError) else "failed"


def _exists() -> ServiceError:
    return ServiceError(Code.USER_EXISTS, "userid is taken")
