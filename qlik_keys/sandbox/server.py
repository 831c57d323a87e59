"""The sandbox's own process: the tenant simulator under uvicorn, and the OpenBao server that ends with it.

Run by `qlik_keys.sandbox.start()` as `python -m qlik_keys.sandbox.server`. It reads one line with its parent's process
id, the settings and whether to speak TLS, answers one line with its addresses and secrets, and then waits: for the end
of its input, for the end of its parent, or for a signal. It writes nothing else anywhere but a certificate and its key,
in a folder that is gone when it ends.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import socket
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.errors import ConfigurationError, QlikKeysError
from qlik_keys.sandbox.openbao import OpenBao, TlsListener

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import uvicorn

    from qlik_keys.sandbox.authority import CertificateFiles

_HOST = "127.0.0.1"
_POLL_SECONDS = 0.005
_CA_FILE = "authority.pem"


def main() -> int:
    """Be the sandbox until the parent wants no more of it; return the exit status."""
    # SystemExit unwinds through the blocks below, which end OpenBao, wherever the signal strikes.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    greeting = json.loads(sys.stdin.buffer.readline())
    try:
        # The imports of the simulator take as long as OpenBao's start, so they go side by side; OpenBao's is in the
        # main thread, with which it will end (see openbao.py).
        with ExitStack() as stack:
            certificate = stack.enter_context(_certificate()) if greeting["tls"] else None
            builder = stack.enter_context(ThreadPoolExecutor(1))
            building = builder.submit(_build, greeting["settings"], certificate)
            with OpenBao.start(listeners=[TlsListener(certificate)] if certificate else []) as vault:
                server, listener, words = building.result()
                thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
                thread.start()
                while thread.is_alive() and not server.started:
                    SYSTEM_CLOCK.sleep(_POLL_SECONDS)
                words["vault_url"] = vault.tls_urls[0] if certificate else vault.url
                if certificate:
                    words["ca_file"] = str(certificate.certificate.with_name(_CA_FILE))
                _say({**words, "vault_token": vault.token})
                _wait_for_the_end(greeting["parent"])
                server.should_exit = server.force_exit = True
    except QlikKeysError as error:
        _say({"problem": error.message, "hint": error.hint})
        return 1
    return 0


@contextmanager
def _certificate() -> Iterator[CertificateFiles]:
    """Make an authority and a certificate for loopback, in a folder that is gone at the end; yield where they lie."""
    from qlik_keys.sandbox.authority import Authority  # noqa: PLC0415 - only for TLS

    with tempfile.TemporaryDirectory(prefix="qlik-keys-sandbox-") as folder:
        authority = Authority()
        (Path(folder) / _CA_FILE).write_bytes(authority.pem)
        yield authority.issue(["localhost", _HOST, "::1"]).write(Path(folder), "server")


def _build(
    settings: Mapping[str, Any], certificate: CertificateFiles | None
) -> tuple[uvicorn.Server, socket.socket, dict[str, str]]:
    """Return the server, the socket it should listen on, and what the parent must know of the tenant."""
    import uvicorn  # noqa: PLC0415 - slow, and OpenBao starts meanwhile

    from qlik_keys.sandbox.asgi import UVICORN_OPTIONS, create_app  # noqa: PLC0415 - the same
    from qlik_keys.sandbox.simulator.settings import SandboxSettings  # noqa: PLC0415 - the same
    from qlik_keys.sandbox.simulator.tenant import SandboxTenant  # noqa: PLC0415 - the same

    try:
        turned = SandboxSettings().turned(settings)
    except ValueError as error:
        raise ConfigurationError(f"The sandbox's settings are invalid: {error}.") from error
    # With the protocol named asyncio switches Nagle's algorithm off; else an answer waits 40 ms for its second half.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind((_HOST, 0))
    scheme = "https" if certificate else "http"
    tenant_url = f"{scheme}://{_HOST}:{listener.getsockname()[1]}"
    control_token = secrets.token_urlsafe(32)
    tenant = SandboxTenant(tenant_url, clock=SYSTEM_CLOCK, settings=turned)
    app = create_app(tenant, control_token=control_token)
    secured: dict[str, Any] = {}
    if certificate:
        secured = {"ssl_certfile": certificate.certificate, "ssl_keyfile": certificate.key}
    config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1, **secured, **UVICORN_OPTIONS)
    words = {"tenant_url": tenant_url, "api_key": tenant.api_key, "control_token": control_token}
    return uvicorn.Server(config), listener, words


def _say(words: Mapping[str, str]) -> None:
    """Write the one line to the parent."""
    with sys.stdout as output:
        output.write(json.dumps(words) + "\n")


def _wait_for_the_end(parent: int) -> None:
    """Return when the input ends, or the parent.

    The parent is watched in addition to the pipe because a fork of it (multiprocessing does that) holds the pipe open.
    """
    if not hasattr(os, "pidfd_open"):
        sys.stdin.buffer.read()
        return
    waiting = select.poll()
    waiting.register(sys.stdin, 0)  # a hang-up is always reported
    try:
        life = os.pidfd_open(parent)
    except OSError:
        return
    if os.getppid() == parent:
        waiting.register(life, select.POLLIN)
        waiting.poll()


if __name__ == "__main__":
    sys.exit(main())
