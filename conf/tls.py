"""TLS to the stores, as the queries of their URLs describe it."""

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
        cert, key = files["ssl_cert"], files["ssl_key"]
        try:
            context.load_cert_chain(cert, key, password="")  # nobody is there to be asked for one
        except OSError:
            raise ValueError(f"ssl_cert, ssl_key: no certificate in {cert} with its key in {key}") from None
    return context
