"""Applies the schema changes that are still missing, and says which."""

import sys
from collections.abc import Sequence

from conf.settings import load
from models.migrate import migrate


def main(argv: Sequence[str]) -> int:
    """Exit code 0 when the tables are up to date."""
    applied = migrate(load(argv).mysql.url.get_secret_value())
    print(f"applied: {', '.join(applied)}" if applied else "up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
