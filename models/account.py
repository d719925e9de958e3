"""tb_account: users, their password hashes and their profiles."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from models import rows
from models.database import Queries, placeholders
from models.errors import DuplicateKey
from models.keys import KEYS, Key, as_json

_LOCK = "UPDATE tb_account SET lock_count = lock_count + 1"
_PROFILE_COLUMNS = ("nickname", "avatar", "sex", "frontcover")


class Profile(NamedTuple):
    """The part of an account that other users see."""

    userid: str
    nickname: str
    avatar: str
    sex: int
    frontcover: str


class Account(NamedTuple):
    """A whole account, but for its password. Times are UTC; `deleted_at` is set while the user is being deleted."""

    userid: str
    nickname: str
    avatar: str
    sex: int
    frontcover: str
    create_time: datetime
    deleted_at: datetime | None


class NewAccount(NamedTuple):
    """A user to be added; the password as the table holds it, the time in UTC."""

    userid: str
    password: str
    nickname: str
    avatar: str
    sex: int
    frontcover: str
    create_time: datetime


async def insert(db: Queries, userid: str, password: str) -> bool:
    """Add a user with a hashed password and an empty profile; False when the userid is taken."""
    try:
        await db.execute("INSERT INTO tb_account (userid, password) VALUES (%s, %s)", (userid, password))
    except DuplicateKey:
        return False
    return True


async def passwords(db: Queries, userids: Sequence[str]) -> dict[str, str]:
    """The stored passwords of those users that exist: an Argon2id hash, or the plain value of an imported user."""
    found = await db.fetch_all(
        f"""
        SELECT userid, password FROM tb_account WHERE userid IN ({placeholders(userids)}) AND deleted_at IS NULL
        """,  # noqa: S608 - no value in the text
        userids,
    )
    return dict(found)


async def replace_password(db: Queries, userid: str, old: str, new: str) -> bool:
    """Store `new`. False when somebody changed `old` meanwhile."""
    found = await db.execute(
        "UPDATE tb_account SET password = %s WHERE userid = %s AND password = %s AND deleted_at IS NULL",
        (new, userid, old),
    )
    return found > 0


async def profiles(db: Queries, userids: Sequence[str]) -> dict[str, Profile]:
    """The profiles of those users that exist."""
    found = await db.fetch_all(
        f"""
        SELECT userid, nickname, avatar, sex, frontcover FROM tb_account
        WHERE userid IN ({placeholders(userids)}) AND deleted_at IS NULL
        """,  # noqa: S608 - no value in the text
        userids,
    )
    return {row[0]: Profile(*row) for row in found}


async def update_profile(db: Queries, userid: str, changes: Mapping[str, str | int]) -> bool:
    """Set the given profile columns; False when there is no such user."""
    assignments = ", ".join(f"{column} = COALESCE(%s, {column})" for column in _PROFILE_COLUMNS)
    found = await db.execute(
        f"UPDATE tb_account SET {assignments} WHERE userid = %s AND deleted_at IS NULL",  # noqa: S608 - our own column names
        (*map(changes.get, _PROFILE_COLUMNS), userid),
        prepared=True,
    )
    return found > 0


async def lock(db: Queries, userid: str) -> Profile | None:
    """The profile of a user, None without one. Other transactions that lock the user wait until this one ends.

    The lock is a write. Each node of a Galera cluster has locks of its own, but of two writes to one row only the first
    is committed: the other transaction runs again.
    """
    if not await db.execute(f"{_LOCK} WHERE userid = %s AND deleted_at IS NULL", (userid,)):
        return None
    return (await profiles(db, [userid])).get(userid)


async def find(db: Queries, userid: str) -> Account | None:
    """A user, also one that is being deleted. None without one."""
    row = await db.fetch_one(
        """
        SELECT userid, nickname, avatar, sex, frontcover, create_time, deleted_at FROM tb_account WHERE userid = %s
        """,
        (userid,),
    )
    return Account(*row) if row else None


async def begin_deletion(db: Queries, userid: str, stored: str) -> bool:
    """Make an account unusable: nobody finds it, its password fits nothing, its userid stays taken.

    False when there is no such user, or the password is not the `stored` one any more. True again after it has begun.
    """
    found = await db.execute(
        """
        UPDATE tb_account SET password = '', deleted_at = COALESCE(deleted_at, UTC_TIMESTAMP())
        WHERE userid = %s AND (password = %s OR deleted_at IS NOT NULL)
        """,
        (userid, stored),
    )
    return found > 0


async def lock_deleted(db: Queries, userid: str) -> bool:
    """Lock an account that is being deleted, as `lock` does. False when it is gone."""
    return await db.execute(f"{_LOCK} WHERE userid = %s AND deleted_at IS NOT NULL", (userid,)) > 0


async def delete(db: Queries, userid: str) -> None:
    """Remove the row of an account."""
    await db.execute("DELETE FROM tb_account WHERE userid = %s", (userid,))


async def deleted(db: Queries, count: int) -> list[str]:
    """The first `count` of the users that are being deleted."""
    found = await db.fetch_all(
        "SELECT userid FROM tb_account WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT %s", (count,)
    )
    return [userid for (userid,) in found]


existing = partial(rows.existing, "tb_account", "TRUE")
"""Those of the users that exist, also those that are being deleted."""


async def lock_many(db: Queries, keys: Collection[Key]) -> set[Key]:
    """Lock users as `lock` does. Returns those who exist and are not being deleted."""
    await db.execute(
        f"""
        UPDATE {KEYS} STRAIGHT_JOIN tb_account a ON a.userid = k.userid
        SET a.lock_count = a.lock_count + 1 WHERE a.deleted_at IS NULL
        """,  # noqa: S608 - no value in the text
        (as_json(keys),),
    )
    return await rows.existing("tb_account", "t.deleted_at IS NULL", db, keys)


insert_many = partial(rows.insert_many, "tb_account", NewAccount._fields)
"""Add accounts. Raises DuplicateKey, and adds none, when a userid is taken."""
