"""`qlik-keys sandbox`: the sandbox for other programs, until Ctrl-C."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from pathlib import Path  # typer reads the annotations at run time
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from qlik_keys.cli.app import new_group
from qlik_keys.cli.options.common import JsonOption  # noqa: TC001  # typer reads the annotations at run time
from qlik_keys.cli.output.results import show
from qlik_keys.errors import ConfigurationError
from qlik_keys.sandbox import OUTRANKING, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

app = new_group()
EnvFile = Annotated[
    Path | None,
    typer.Option(help="Write QLIK_TENANT_URL, QLIK_API_KEY, VAULT_ADDR and VAULT_TOKEN to this new file (mode 0600)."),
]
Tls = Annotated[
    bool,
    typer.Option(
        "--tls",
        help="Use TLS with a certificate authority that is created for this run; the path "
        "of its certificate is printed.",
    ),
]


@app.command()
def sandbox(*, env_file: EnvFile = None, tls: Tls = False, as_json: JsonOption = False) -> None:
    """Run the sandbox, a strict Qlik Cloud tenant and a real OpenBao, until Ctrl-C.

    Both listen on this machine's loopback alone. The file with their credentials is removed at the end.

    Example: qlik-keys sandbox --env-file sandbox.env
    """
    tell = _nothing if as_json else typer.echo
    with contextlib.ExitStack() as stack:
        # Before the servers are started: a file that cannot be made needs none.
        write = None if env_file is None else stack.enter_context(_private_file(env_file))
        box = stack.enter_context(start(tls=tls))
        tell(f"Sandbox tenant  {box.tenant_url}\nSandbox Vault   {box.vault_url}")
        if box.ca_file is not None:
            tell(f"Their authority {box.ca_file}\nSet SSL_CERT_FILE and VAULT_CACERT to this file.")
        if write is None:
            tell("The credentials are not printed. Use --env-file to write them to a file that you can source.")
        else:
            settings = {
                "QLIK_TENANT_URL": box.tenant_url,
                "QLIK_API_KEY": box.api_key,
                "VAULT_ADDR": box.vault_url,
                "VAULT_TOKEN": box.vault_token,
            }
            if box.ca_file is not None:
                settings |= {"SSL_CERT_FILE": box.ca_file, "VAULT_CACERT": box.ca_file}
            exports = "".join(f"export {name}={quote(value)}\n" for name, value in settings.items())
            write(f"unset {' '.join(OUTRANKING)}\n{exports}")
            tell(f"Settings for another shell:  . {env_file}")
        tell("Ctrl-C stops it.")
        if as_json:
            files = {"ca_file": box.ca_file and str(box.ca_file), "env_file": env_file and str(env_file)}
            show({"tenant_url": box.tenant_url, "vault_url": box.vault_url, **files}, as_json=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            tell("\nStopped.")


def _nothing(_: str) -> None:
    pass


@contextlib.contextmanager
def _private_file(path: Path) -> Iterator[Callable[[str], None]]:
    """Yield what writes a new file, once, that only its owner may read; the file is removed at the end.

    That it can be made is found out at once; it appears when it is written, whole, for who waits for it.

    Raises:
        ConfigurationError: it cannot be made, or is there already.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    reason = os.strerror(errno.EEXIST) if path.exists() else ""
    try:
        if not reason:
            os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
    if reason:
        raise ConfigurationError(
            f"{path} cannot be created: {reason}.", hint="Name a new file in a folder that you can write to."
        )
    made = [draft]

    def write(text: str) -> None:
        draft.write_text(text)
        made[:] = [draft.rename(path)]

    try:
        yield write
    finally:
        for file in made:
            file.unlink(missing_ok=True)
