"""The commands of `./scripts/admin` and how they report a failure.

A single command is a function that is registered here. A group of commands is a module with a `typer.Typer` of its
own, which `app.add_typer(module.app, name=...)` adds.
"""

import sys
import traceback

import typer
from pymysql import MySQLError

from conf.version import BUILD
from models.errors import StoreError
from models.migrate import MigrationLocked
from scripts.administration import callbacks, secret, sign, user, videos
from scripts.administration.check import check_installation
from scripts.administration.command import Refused
from scripts.administration.import_official import import_official
from scripts.administration.migrate import migrate
from scripts.administration.retention import retention
from scripts.administration.seed import seed
from services.errors import ServiceError
from services.official.importer import NotOfficial

app = typer.Typer(
    help="Administer an installation. The settings are the server's: XZB_ variables and the file that XZB_CONF names.",
    epilog="Exit code 0: done; 1: failed, for the reason printed; 2: wrong usage or settings.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(name="check")(check_installation)
app.command(epilog="Example: OFFICIAL_MYSQL_URL=mysql://… ./scripts/admin import-official --dry-run")(import_official)
app.command(epilog="Example: ./scripts/admin migrate")(migrate)
app.command(epilog="Example: ./scripts/admin retention")(retention)
app.command(epilog="Example: ./scripts/admin seed --users 100 --broadcasts 50 --videos 50")(seed)
app.add_typer(callbacks.app, name="callbacks")
app.add_typer(secret.app, name="secrets")
app.add_typer(sign.app, name="sign")
app.add_typer(user.app, name="user")
app.add_typer(videos.vod, name="vod")
app.add_typer(videos.ugc, name="ugc")


def main() -> None:
    """Run a command. A store that refuses is the operator's to mend: its reason is printed without a traceback."""
    try:
        app(prog_name="./scripts/admin")
    except UnicodeError:
        sys.exit("an input is not valid UTF-8")
    except (NotOfficial, Refused, ServiceError, StoreError, MigrationLocked, MySQLError) as error:
        sys.exit(reason(error))
    except Exception:
        traceback.print_exc()
        sys.exit(f"a bug: please report it with the lines above (CONTRIBUTING.md); {BUILD}")


def reason(error: BaseException) -> str:
    """The error in one line. The last argument is the text: MySQL's errors begin with their number."""
    return " ".join(str(error.args[-1] if error.args else type(error).__name__).split())


if __name__ == "__main__":
    main()
