"""`user me`: who the caller is, in qlik-cli's words."""

from __future__ import annotations

from qlik_keys.cli.app import TENANT_HELP, new_group
from qlik_keys.cli.options import Call, calling

app = new_group(name="user", words="Who the caller is.")


@app.command("me", epilog=TENANT_HELP)
@calling
def me(call: Call) -> None:
    """Say who the caller is.

    Example: qlik-keys user me --client nightly-etl
    """
    call.send("get", "v1/users/me")
