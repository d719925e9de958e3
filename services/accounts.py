"""Registration, login and changes of passwords."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import NamedTuple, TypeVar

import structlog

from models import account
from models.database import Database
from services.batch_loader import BatchLoader
from services.errors import ClientLeft, Code, ServiceError, StoreError
from services.limits import Limits
from services.metrics.catalogue import Metrics
from services.passwords import Passwords
from services.remembered_passwords import RememberedPasswords
from services.sessions import Session, Sessions

log = structlog.get_logger()
T = TypeVar("T")

_FAILURES = {
    Code.NO_SUCH_USER: "no_such_user",
    Code.WRONG_PASSWORD: "wrong_password",
    Code.TOO_FREQUENT: "throttled",
    Code.UNAVAILABLE: "overloaded",
}


class _Verified(NamedTuple):
    """A right password: its stored value, and True when no hash was needed."""

    stored: str
    remembered: bool


class Accounts:
    """Registers users, logs them in and changes their passwords.

    `address` is that of the client, "" for an operator.
    """

    def __init__(
        self,
        db: Database,
        sessions: Sessions,
        passwords: Passwords,
        remembered: RememberedPasswords,
        limits: Limits,
        *,
        max_batch: int,
        metrics: Metrics,
    ) -> None:
        self._db = db
        self._sessions = sessions
        self._passwords = passwords
        self._remembered = remembered
        self._limits = limits
        self._tries = limits.password_tries
        self._stored: BatchLoader[str, str | None] = BatchLoader(
            self._fetch_stored, max_batch=max_batch, sizes=metrics.batch_size["passwords"]
        )
        self._logins = metrics.logins

    async def register(self, userid: str, password: str, address: str = "") -> None:
        """Add a user. Raises USER_EXISTS, or TOO_FREQUENT after many registrations from the address."""
        await self._limits.registrations.use(address)
        if await self._stored.load(userid) is not None:
            raise _exists()  # saves the hash; the insert below decides
        stored = await self._passwords.hash_new(password)
        if not await account.insert(self._db, userid, stored):
            raise _exists()
        with suppress(StoreError):  # the user is registered: without Redis the first login is hashed
            await self._remembered.remember(userid, stored, password)  # the app logs in at once

    async def login(self, userid: str, password: str, address: str) -> Session:
        """Open a session. Raises NO_SUCH_USER, WRONG_PASSWORD, or TOO_FREQUENT after many (wrong) ones."""
        try:
            verified = await self._verify(userid, password, address)
            session = await self._sessions.open(userid, verified.stored, self._tries.own_network(address))
        except BaseException as error:
            self._logins[_failure(error)] += 1
            raise
        self._logins["remembered" if verified.remembered else "hashed"] += 1
        return session

    async def authorize(self, userid: str, password: str, address: str) -> str:
        """The stored value of a right password. Raises as `login` does, and counts wrong passwords with it."""
        return (await self._verify(userid, password, address)).stored

    async def change_password(self, userid: str, old: str, new: str, address: str) -> Session:
        """Replace a password, and the user's session by a new one. Raises as `login` does."""
        stored = await self.authorize(userid, old, address)
        stored = await self._replace(userid, stored, new)
        return await self._sessions.open(userid, stored, self._tries.own_network(address))

    async def reset_password(self, userid: str, new: str) -> None:
        """Replace a password without the old one, and end the user's session. Raises NO_SUCH_USER."""
        stored = await self._stored.load(userid)
        if stored is None:
            raise _unknown()
        await self._replace(userid, stored, new)

    async def _replace(self, userid: str, stored: str, password: str) -> str:
        """Store another password, which voids the old one, its check and the session. Returns the stored value."""
        replacement = await self._passwords.hash(password)
        await self._sessions.void(userid, stored)
        if not await account.replace_password(self._db, userid, stored, replacement):
            raise ServiceError(Code.WRONG_PASSWORD, "wrong password")  # another change was faster
        with suppress(StoreError):  # the check of the old one would make each refused login a wrong guess
            await self._remembered.remember(userid, replacement, password)
        return replacement

    async def _verify(self, userid: str, password: str, address: str) -> _Verified:
        """Check a password, in an order that lets a storm of logins take little CPU from the hashes."""
        check = await _beside(self._limits.logins.use(address), self._remembered.check_of(userid))
        if not check:
            self._passwords.refuse_if_overloaded()
        stored = await self._stored.load(userid)
        if stored is None:
            raise _unknown()
        if check and self._remembered.fits(check, stored, password):
            await self._tries.require(userid, address)
            return _Verified(stored, remembered=True)
        counted_in = await self._tries.acquire(userid, address)
        stored = await self._verify_hash(userid, stored, password, counted_in, differs=bool(check))
        return _Verified(stored, remembered=False)

    async def _verify_hash(
        self, userid: str, stored: str, password: str, counted_in: list[str], *, differs: bool
    ) -> str:
        """Check a password by its hash, and remember it. Returns the stored value.

        A wrong one leaves its try used up in the limits that it is counted in. So does one that differs from the
        remembered password, whatever ends the check: an overload, or the client's own leaving, would tell that the
        guess was wrong, and cost nothing.
        """
        try:
            is_right = await self._passwords.verify(stored, password)
            if is_right:
                differs = False
                stored = await self._remember(userid, stored, password)
        except BaseException:  # overload, a cancellation, a corrupt hash: the password was not wrong
            if not differs:
                await self._tries.release(counted_in)
            raise
        if not is_right:
            raise ServiceError(Code.WRONG_PASSWORD, "wrong password")
        await self._tries.release(counted_in)
        return stored

    async def _remember(self, userid: str, stored: str, password: str) -> str:
        """Bring the hash of a right password up to date and remember it. Returns the stored value."""
        if self._passwords.is_outdated(stored):
            outdated, stored = stored, await self._passwords.hash(password)
            if not await account.replace_password(self._db, userid, outdated, stored):
                return outdated  # another login or a change of the password was faster
            log.info("password upgraded", userid=userid)
        await self._remembered.remember(userid, stored, password)
        return stored

    async def _fetch_stored(self, userids: list[str]) -> list[str | None]:
        stored = await account.passwords(self._db, userids)
        return [stored.get(userid) for userid in userids]


async def _beside(work: Awaitable[None], future: asyncio.Future[T]) -> T:
    """The result of a future. The work goes on beside it, and ends it with its own error.

    It is asyncio.gather without a task for the work, which takes some per cent of a login's CPU.
    """
    try:
        await work
    except BaseException:
        if not future.cancel() and not future.cancelled():
            future.exception()  # nobody asks for it any more
        raise
    return await future


def _failure(error: BaseException) -> str:
    """The label of a login that failed: one of LOGINS."""
    if isinstance(error, asyncio.CancelledError | ClientLeft):
        return "abandoned"
    return _FAILURES.get(error.code, "failed") if isinstance(error, ServiceError) else "failed"


def _unknown() -> ServiceError:
    return ServiceError(Code.NO_SUCH_USER, "no such user")


def _exists() -> ServiceError:
    return ServiceError(Code.USER_EXISTS, "userid is taken")
