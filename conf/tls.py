"""TLS to the stores, as the query of their URLs names it."""

import ssl
from collections.abc import Mapping

NAMES = ("ssl_ca", "ssl_cert", "ssl_key")


def tls_context(files: Mapping[str, str]) -> ssl.SSLContext:
    """The context of a client: `ssl_ca` verifies the server, `ssl_cert` and `ssl_key` are its own, all in PEM.

    Without `ssl_ca` the system's authorities count. Raises ValueError for a file that is not what its name says.
    """
    if ("ssl_cert" in files) != ("ssl_key" in files):
        raise ValueError("ssl_cert and ssl_key go together")
    try:
        context = ssl.create_default_context(cafile=files.get("ssl_ca"))
    except OSError:
        raise ValueError(f"ssl_ca: there are no certificates in {files['ssl_ca']}") from None
    if "ssl_cert" in files:
        try:
            context.load_cert_chain(files["ssl_cert"], files["ssl_key"])
        except OSError:
            raise ValueError(
                f"ssl_cert: {files['ssl_cert']} and {files['ssl_key']} are no certificate with its key"
            ) from None
    return context
