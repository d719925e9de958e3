"""Workers under systemd: the instances of xiaozhibo@.service."""

import subprocess
import time

from scripts.restart import PROGRAM, RestartError

_POLL_S = 0.1


class Systemd:
    """The workers of the system's systemd. `systemctl restart` waits for READY=1, that is, until one listens."""

    def workers(self) -> list[str]:
        listing = _systemctl("list-units", "--all", "--plain", "--no-legend", f"{PROGRAM}@*.service")
        return [line.split()[0] for line in listing.splitlines()]

    def restart(self, worker: str, timeout: float) -> None:
        _systemctl("restart", worker)
        deadline = time.monotonic() + timeout
        while (state := _systemctl("show", "--property=StatusText", "--value", worker).strip()) != "serving":
            if time.monotonic() > deadline:
                raise RestartError(f"it does not serve after {timeout:g} s: {state or 'no report from it'}")
            time.sleep(_POLL_S)


def _systemctl(*arguments: str) -> str:
    """Run systemctl; its output. Raises RestartError with what it complains about."""
    result = subprocess.run(["systemctl", *arguments], check=False, capture_output=True, text=True)
    if result.returncode:
        raise RestartError(" ".join(result.stderr.split()))
    return result.stdout
