"""`./scripts/admin user`: accounts, their passwords and their sessions."""

from typing import Annotated

import typer

from handlers.schemas.account import Login, Registration
from scripts.administration.command import Json, Yes, confirm, group, read_password, report, run, show, show_list
from services.user_reports import UserReport
from services.validation import validate

app = group("Accounts: look at them, create them, reset their passwords, log them out, delete them.")

Userid = Annotated[str, typer.Argument(help="The user's name, case-sensitive.", show_default=False)]
Raw = Annotated[
    bool, typer.Option("--raw", help="The password is what a client sends, not what the user types into the app.")
]
_HOW = (
    "The password is asked for, or read from standard input: an option would show in `ps`. It is what the user types "
    "into the app, which sends md5(md5(password) + userid); with --raw it is what the client sends."
)


@app.command("show", epilog="Example: ./scripts/admin user show xiaoming")
def show_user(userid: Userid, as_json: Json = False) -> None:
    """Show a user's profile, session, and how much the user has published."""
    show(run(lambda services: services.inspection.user(userid))._asdict(), as_json=as_json)


@app.command(epilog=f"{_HOW} Example: ./scripts/admin user create xiaoming")
def create(userid: Userid, raw: Raw = False, as_json: Json = False) -> None:
    """Register a user, by the rules of /register."""
    account = validate(Registration, {"userid": userid, "password": read_password(userid, raw=raw)})
    run(lambda services: services.accounts.register(account.userid, account.password))
    report({"userid": userid, "created": True}, f"created: {userid}", as_json=as_json)


@app.command(epilog=f"{_HOW} Example: ./scripts/admin user reset-password xiaoming")
def reset_password(userid: Userid, raw: Raw = False, as_json: Json = False) -> None:
    """Give a user another password, and end the user's session."""
    login = validate(Login, {"userid": userid, "password": read_password(userid, raw=raw)})
    run(lambda services: services.accounts.reset_password(login.userid, login.password))
    report({"userid": userid, "reset": True}, f"password reset: {userid}", as_json=as_json)


@app.command(epilog="Example: ./scripts/admin user revoke xiaoming")
def revoke(userid: Userid, as_json: Json = False) -> None:
    """End a user's session: the app has to log in again."""
    ended = run(lambda services: services.sessions.end(userid))
    text = f"session ended: {userid}" if ended else f"{userid} has no session"
    report({"userid": userid, "ended": ended}, text, as_json=as_json)


@app.command(epilog="Example: ./scripts/admin user delete xiaoming --yes")
def delete(userid: Userid, yes: Yes = False, as_json: Json = False) -> None:
    """Delete a user with all replays, short videos and room information.

    If it is interrupted, run it again. Until it is done, the user cannot log in, and nobody else can take the name.
    """
    confirm(f"Delete {userid} and everything that {userid} has published?", yes=yes)
    run(lambda services: services.deletion.delete(userid))
    report({"userid": userid, "deleted": True}, f"deleted: {userid}", as_json=as_json)


@app.command(epilog="Example: ./scripts/admin user reports --json")
def reports(
    index: Annotated[int, typer.Option(min=0, help="Offset of the first user.")] = 0,
    count: Annotated[int, typer.Option(min=1, max=500, help="Number of users.")] = 20,
    as_json: Json = False,
) -> None:
    """List the users whom others reported in the short-video app, the last reported first.

    Nobody signs a report: the reporter is who the last one says it is from.
    """
    rows = run(lambda services: services.user_reports.newest(index=index, count=count))
    show_list([row._asdict() for row in rows], UserReport._fields, as_json=as_json)
