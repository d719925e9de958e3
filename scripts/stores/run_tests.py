"""Run pytest against a private MariaDB and Redis that exist only for this run, or with `--keep` for later ones, too."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from conf.settings import ROOT
from scripts.stores.folders import fresh_folder
from scripts.stores.kept import kept_servers
from scripts.stores.private_servers import ServerError, Urls, private_servers
from scripts.stores.processes import Pause, Signals, Stopped, child, wait_for_end, without_settings

WHOLE = ["--numprocesses=auto", "--dist=worksteal", "--ignore=tests/slow", "--ignore=tests/cluster"]
WHOLE += ["--cov=handlers", "--cov=services", "--cov=models", "--cov-branch", "--cov-fail-under=95"]


def main(arguments: Sequence[str]) -> int:
    """The exit code of pytest."""
    signals = Signals()
    keep = "--keep" in arguments
    arguments = [argument for argument in arguments if argument != "--keep"]
    try:
        with kept_servers(signals.pause) if keep else fresh_servers(signals.pause) as urls:
            env = {**without_settings(), "TEST_MYSQL_URL": urls.mysql, "TEST_REDIS_URL": urls.redis}
            env.pop("PYTHONDONTWRITEBYTECODE", None)  # each program that a test starts would compile all its modules
            # Only a complete run has to reach the threshold of coverage.
            options = [*arguments, "--no-cov"] if arguments else WHOLE
            command = [sys.executable, "-m", "pytest", *options]
            # After INT, unlike TERM, pytest tears its fixtures down.
            with child(command, env=env, stop_with=signal.SIGINT, orphaned=signal.SIGINT) as pytest:
                return wait_for_end(pytest, signals.pause)
    except Stopped as stopped:
        return stopped.exit_code
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1


@contextmanager
def fresh_servers(pause: Pause) -> Iterator[Urls]:
    """Stores for this run only."""
    with fresh_folder(ROOT / "var", "test-") as folder, private_servers(folder, durable=False, pause=pause) as urls:
        yield urls


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
