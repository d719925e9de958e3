"""The machines of a cluster on one: addresses of its loopback interface, or network namespaces, which can be cut."""

import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from scripts.stores.processes import Child, child

SHIPPED = "10.0.0."
"""The network of the shipped files."""
_LOCAL_MACHINES = range(10, 20)
"""Those of HAProxy and of the apps, which are never cut."""
_BRIDGE = "cluster"
_UNSHARE = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--net", "--map-root-user")


class Machine(NamedTuple):
    """An address, and the command prefix that runs a program there."""

    address: str
    prefix: Sequence[str] = ()


@dataclass
class Network:
    """A network whose machines differ in the last number of their addresses."""

    addresses: str
    """What all addresses begin with."""

    may_cut: bool = False

    def machine(self, number: int) -> Machine:
        """The machine with this number."""
        return Machine(f"{self.addresses}{number}")

    @contextmanager
    def cut(self, machine: Machine) -> Iterator[None]:
        """The machine is gone for all others, and they for it, for the duration of the block."""
        raise RuntimeError(f"{machine.address} cannot be cut off on the loopback")
        yield


@contextmanager
def loopback() -> Iterator[Network]:
    """A network of the loopback interface that no other cluster takes: the kernel needs no set-up for it."""
    for number in random.sample(range(1, 255), 254):
        with socket.socket(socket.AF_UNIX) as reservation:
            try:
                reservation.bind(f"\0xiaozhibo-127.18.{number}")
            except OSError:
                continue
            yield Network(f"127.18.{number}.")
            return
    raise RuntimeError("254 clusters are running")


def may_unshare() -> bool:
    """True when this user can have network namespaces: root, or where the kernel allows it to users."""
    if shutil.which("ip") is None or shutil.which("bridge", path=_system_path()) is None:
        return False
    command = [*_UNSHARE, "ip", "link", "add", _BRIDGE, "type", "bridge"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def run_in_own_namespace(module: str, arguments: Sequence[str]) -> None:
    """Replace this process by one that runs the module in a network namespace of its own."""
    os.execvp(_UNSHARE[0], [*_UNSHARE, sys.executable, "-m", module, *arguments])  # noqa: S606 - no shell is wanted


@contextmanager
def namespaces() -> Iterator[Network]:
    """The shipped files' own network, in this process's own namespace: each machine has one, on a common bridge."""
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", _BRIDGE, "type", "bridge")
    for number in _LOCAL_MACHINES:
        _run("ip", "address", "add", f"{SHIPPED}{number}/24", "dev", _BRIDGE)
    _run("ip", "link", "set", _BRIDGE, "up")
    with ExitStack() as running:
        yield _Namespaces(SHIPPED, may_cut=True, running=running)


@dataclass
class _Namespaces(Network):
    running: ExitStack = field(default_factory=ExitStack)
    _holders: dict[int, Child] = field(default_factory=dict)
    """A process that holds the namespace of each machine."""

    def machine(self, number: int) -> Machine:
        if number in _LOCAL_MACHINES:
            return super().machine(number)
        if number not in self._holders:
            self._holders[number] = self._plugged_in(number)
        return Machine(f"{SHIPPED}{number}", _enter(self._holders[number]))

    def _plugged_in(self, number: int) -> Child:
        holder = self.running.enter_context(child(["unshare", "--net", "sleep", "infinity"]))
        own = Path("/proc/self/ns/net").readlink()
        while Path(f"/proc/{holder.pid}/ns/net").readlink() == own:
            time.sleep(0.01)
        port, inside = _port(number), _enter(holder)
        _run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
        _run("ip", "link", "set", port, "master", _BRIDGE, "up")
        _run(*inside, "ip", "link", "set", "lo", "up")
        _run(*inside, "ip", "address", "add", f"{SHIPPED}{number}/24", "dev", "eth0")
        _run(*inside, "ip", "link", "set", "eth0", "up")
        return holder

    @contextmanager
    def cut(self, machine: Machine) -> Iterator[None]:
        port = _port(int(machine.address.removeprefix(SHIPPED)))
        # The port drops what comes and what goes. Nobody is told, as when a switch dies: the link stays up.
        _run("bridge", "link", "set", "dev", port, "state", "disabled")
        try:
            yield
        finally:
            _run("bridge", "link", "set", "dev", port, "state", "forwarding")


def _port(number: int) -> str:
    return f"machine{number}"


def _enter(holder: Child) -> tuple[str, ...]:
    return ("nsenter", f"--net=/proc/{holder.pid}/ns/net")


def _run(*command: str) -> None:
    ended = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, "PATH": _system_path()}
    )
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)}: {ended.stderr.strip()}")


def _system_path() -> str:
    """Where an ordinary user does not look."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
