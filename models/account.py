"""tb_account: users, their password hashes and their profiles."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from models.database import Queries, placeholders
from models.errors import DuplicateKey

_PROFILE_COLUMNS = ("nickname", "avatar", "sex", "frontcover")


class Profile(NamedTuple):
    """The part of an account that other users see."""

    userid: str
    nickname: str
    avatar: str
    sex: int
    frontcover: str


async def insert(db: Queries, userid: str, password: str) -> bool:
    """Add a user with a hashed password and an empty profile; False when the userid is taken."""
    try:
        await db.execute("INSERT INTO tb_account (userid, password) VALUES (%s, %s)", (userid, password))
    except DuplicateKey:
        return False
    return True


async def passwords(db: Queries, userids: Sequence[str]) -> dict[str, str]:
    """The stored passwords of those users that exist: an Argon2id hash, or the plain value of an imported user."""
    rows = await db.fetch_all(
        f"SELECT userid, password FROM tb_account WHERE userid IN ({placeholders(userids)})",  # noqa: S608 - no value in the text
        userids,
    )
    return dict(rows)


async def replace_password(db: Queries, userid: str, old: str, new: str) -> None:
    """Store `new` unless somebody changed `old` meanwhile."""
    await db.execute("UPDATE tb_account SET password = %s WHERE userid = %s AND password = %s", (new, userid, old))


async def profiles(db: Queries, userids: Sequence[str]) -> dict[str, Profile]:
    """The profiles of those users that exist."""
    rows = await db.fetch_all(
        f"""
        SELECT userid, nickname, avatar, sex, frontcover FROM tb_account WHERE userid IN ({placeholders(userids)})
        """,  # noqa: S608 - no value in the text
        userids,
    )
    return {row[0]: Profile(*row) for row in rows}


async def update_profile(db: Queries, userid: str, changes: Mapping[str, str | int]) -> bool:
    """Set the given profile columns; False when there is no such user."""
    columns = [column for column in _PROFILE_COLUMNS if column in changes]
    assignments = ", ".join(f"{column} = %s" for column in columns)
    found = await db.execute(
        f"UPDATE tb_account SET {assignments} WHERE userid = %s",  # noqa: S608 - our own column names
        (*(changes[column] for column in columns), userid),
    )
    return found > 0


async def lock(db: Queries, userid: str) -> Profile | None:
    """The profile of a user, None without one. Other transactions that lock the user wait until this one ends."""
    row = await db.fetch_one(
        "SELECT userid, nickname, avatar, sex, frontcover FROM tb_account WHERE userid = %s FOR UPDATE",
        (userid,),
    )
    return Profile(*row) if row else None
