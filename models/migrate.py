"""Runs the versioned schema changes of `migrations/`, which are plain SQL, with yoyo.

Add `NNNN.what-it-does.sql`; never edit one that has run.
"""

from pathlib import Path

from yoyo import get_backend, read_migrations


def migrate(url: str) -> list[str]:
    """Apply what is not applied yet and return the names. Blocks: call it in a thread.

    Safe to run from several processes at once; raises yoyo's or PyMySQL's error when it cannot.
    """
    migrations = read_migrations(str(Path(__file__).parent / "migrations"))
    backend = get_backend(url)
    try:
        with backend.lock():
            pending = backend.to_apply(migrations)
            backend.apply_migrations(pending)
            return [migration.id for migration in pending]
    finally:
        backend.connection.close()
