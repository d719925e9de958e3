"""Workers under systemd: the instances of xiaozhibo@.service."""

import subprocess

from scripts.restart import PROGRAM, RestartError


class Systemd:
    """The workers of the system's systemd."""

    def workers(self) -> list[str]:
        listing = _systemctl("list-units", "--all", "--plain", "--no-legend", f"{PROGRAM}@*.service")
        return [line.split()[0] for line in listing.splitlines()]

    def restart(self, worker: str) -> None:
        _systemctl("restart", worker)  # it waits for READY=1

    def state(self, worker: str) -> str:
        return _systemctl("show", "--property=StatusText", "--value", worker).strip()

    def stop(self, worker: str) -> None:
        _systemctl("stop", worker)


def _systemctl(*arguments: str) -> str:
    """Run systemctl; its output. Raises RestartError with what it complains about."""
    result = subprocess.run(["systemctl", *arguments], check=False, capture_output=True, text=True)
    if result.returncode:
        raise RestartError(" ".join(result.stderr.split()).rstrip("."))
    return result.stdout
