"""`./scripts/admin secrets`."""

import secrets

from scripts.administration.command import Json, group, to_json

app = group("The secrets that an installation makes up itself.")

_TOML = """\
# For the file that XZB_CONF names. The server reads it at a rolling restart.

[password]
remember_key = "{remember_key}"  # the same on every machine; move the one before to previous_remember_key

[live]
callback_key = "{callback_key}"  # enter it in Tencent's live console, too; move the one before to previous_callback_key
"""


@app.command(epilog="Example: ./scripts/admin secrets generate")
def generate(as_json: Json = False) -> None:
    """Print new random secrets, and where they go. Nothing is stored."""
    remember_key, callback_key = secrets.token_hex(32), secrets.token_hex(16)
    if as_json:
        print(to_json({"password": {"remember_key": remember_key}, "live": {"callback_key": callback_key}}))
        return
    print(_TOML.format(remember_key=remember_key, callback_key=callback_key), end="")
