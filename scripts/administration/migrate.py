"""`./scripts/admin migrate`."""

from conf.cli import load
from models.migrate import migrate as apply_missing
from scripts.administration.command import Json, report


def migrate(as_json: Json = False) -> None:
    """Bring the tables up to date: run this before a new version of the server starts.

    Several runs at once are safe: one waits for the other up to 10 seconds, and then fails.
    """
    applied = apply_missing(load().mysql.url.get_secret_value())
    text = f"tables: applied {', '.join(applied)}" if applied else "tables: up to date"
    report({"applied": applied}, text, as_json=as_json)
