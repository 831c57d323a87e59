"""An OpenBao server as an operator runs it: initialised, sealed and unsealed by hand, its audit device able to block.

The sandbox's own server is in dev mode, which has none of that.
"""

from __future__ import annotations

import os
import select
import subprocess
import threading
from typing import TYPE_CHECKING, Self

import hvac

from qlik_keys.sandbox.openbao import find_free_port, find_program

if TYPE_CHECKING:
    from pathlib import Path

_CONFIGURATION = """
storage "inmem" {{}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_disable = true
}}
api_addr = "http://127.0.0.1:{port}"
disable_mlock = true
audit "file" "pipe" {{
  options {{ file_path = "{pipe}" }}
}}
"""


class VaultServer:
    """The server, its operator, and the reader of its audit log; a context manager.

    Attributes:
        url: its address.
        client: hvac for the operator, with the root token once there is one.
    """

    def __init__(self, folder: Path) -> None:
        pipe, configuration = folder / "audit", folder / "bao.hcl"
        os.mkfifo(pipe)
        port = find_free_port()
        configuration.write_text(_CONFIGURATION.format(port=port, pipe=pipe))
        self.url = f"http://127.0.0.1:{port}"
        self.client = hvac.Client(url=self.url)
        self._unseal_key = ""
        self._audit = _PipeReader(pipe)
        self._process = subprocess.Popen(
            [find_program(), "server", f"-config={configuration}", "-log-level=error"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"HOME": os.devnull},
        )

    def __enter__(self) -> Self:
        said = b""
        for line in self._process.stdout:
            said += line
            if b"server started" in line:
                return self
        raise RuntimeError(said.decode())

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.communicate()
        self.client.adapter.close()
        self._audit.close()

    def initialise(self) -> None:
        """Initialise it; it is sealed then."""
        made = self.client.sys.initialize(secret_shares=1, secret_threshold=1)
        self._unseal_key, self.client.token = made["keys"][0], made["root_token"]

    def unseal(self) -> None:
        self.client.sys.submit_unseal_key(self._unseal_key)

    def seal(self) -> None:
        self.client.sys.seal()

    def make_mount(self) -> None:
        self.client.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
        while True:
            try:
                self.client.secrets.kv.v2.read_configuration()
            except hvac.exceptions.InvalidRequest:  # it upgrades the empty mount for a moment
                continue
            return

    def block_audit(self) -> None:
        """Let the audit device block: nothing is read from its pipe any more, and the pipe is full."""
        self._audit.stop_reading()

    def free_audit(self) -> None:
        """Read the audit device's pipe again."""
        self._audit.read_on()

    @property
    def audited(self) -> bytes:
        """What the audit device has written so far."""
        return bytes(self._audit.seen)


class _PipeReader:
    """Reads a named pipe in a thread, until told to leave it full."""

    def __init__(self, path: Path) -> None:
        self.seen = bytearray()
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._wake_read, self._wake = os.pipe()
        self._thread: threading.Thread | None = None
        self.read_on()

    def read_on(self) -> None:
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def stop_reading(self) -> None:
        self._end_thread()
        # The pipe must be full to the last byte: a record that still fitted would not block.
        for size in (65_536, 4096, 1):
            while select.select([], [self._pipe], [], 0)[1]:
                try:
                    os.write(self._pipe, b"\n" * size)
                except BlockingIOError:
                    break

    def close(self) -> None:
        if self._thread is not None:
            self._end_thread()
        for end in (self._pipe, self._wake_read, self._wake):
            os.close(end)

    def _end_thread(self) -> None:
        os.write(self._wake, b".")
        self._thread.join()
        self._thread = None

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._pipe, self._wake_read], [], [])
            if self._wake_read in ready:
                os.read(self._wake_read, 1)
                return
            self.seen += os.read(self._pipe, 65_536)
