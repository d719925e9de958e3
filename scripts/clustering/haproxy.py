"""HAProxy with the shipped conf/haproxy.cfg."""

import socket
from collections.abc import Mapping
from pathlib import Path

import trustme

from scripts.clustering.networks import SHIPPED, Machine
from scripts.clustering.programs import Program
from scripts.stores.private_servers import find_program
from scripts.stores.processes import Pause
from scripts.stores.supervised import adapted

MYSQL_PORT = 3306
_REDIRECT = "    http-request redirect scheme https code 301 unless { ssl_fc }\n"


class HaProxy(Program):
    """Serves HTTP on `port` and HTTPS on `tls_port` of 127.0.0.1, and MySQL on its machine's address."""

    def __init__(self, machine: Machine, folder: Path, port: int, tls_port: int, pause: Pause) -> None:
        self.folder = folder
        _configure(folder, machine, port, tls_port)
        command: list[str | Path] = [find_program("haproxy"), "-db", "-f", folder / "haproxy.cfg"]
        super().__init__("HAProxy", machine, command, folder / "log", lambda: bool(self.states()), pause)

    def states(self) -> Mapping[str, str]:
        """The state of each server that is checked: UP or DOWN; {} while HAProxy does not answer."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(2)
                connection.connect(str(self.folder / "admin.sock"))
                connection.sendall(b"show stat -1 4 -1\n")
                with connection.makefile() as answer:
                    rows = [line.split(",") for line in answer if not line.startswith(("#", "\n"))]
        except OSError:
            return {}
        return {row[1]: row[17] for row in rows if row[0] != "apps_unready"}

    def is_whole(self) -> bool:
        """True when all servers are well."""
        states = self.states()
        return bool(states) and all(state == "UP" for state in states.values())


def _configure(folder: Path, machine: Machine, port: int, tls_port: int) -> None:
    folder.mkdir()
    certificate = folder / "xiaozhibo.pem"
    trustme.CA().issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(certificate)
    text = adapted(
        "haproxy.cfg",
        {
            "    user haproxy\n    group haproxy\n": "",  # all of it runs as the present user
            "maxconn 50000": "maxconn 5000",  # each takes two descriptors
            "/dev/log local0": "stdout format raw local0",
            "/run/haproxy/admin.sock": str(folder / "admin.sock"),
            "/etc/haproxy/xiaozhibo.pem": str(certificate),
            "bind :80\n": f"bind 127.0.0.1:{port}\n",
            "bind :443 ": f"bind 127.0.0.1:{tls_port} ",
            _REDIRECT: "",  # whoever tries the cluster out has no certificate to trust
            SHIPPED: machine.address.removesuffix(machine.address.rpartition(".")[2]),
        },
    )
    (folder / "haproxy.cfg").write_text(text)
