"""Counting what a job does: deterministic figures, where a time on a shared machine is none.

Python calls, and calls into C by name (a signature, a key that is parsed or made), are counted by `sys.setprofile` in
every thread of the job. What the sandbox's simulator does in this process is left out: the transport that asks it stops
the counting for that long, for the bare job as for ours. `counted_program` counts a program in a fresh interpreter.
"""

from __future__ import annotations

import compileall
import itertools
import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

import qlik_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.sandbox.transport import SandboxTransport

SIGNATURES = frozenset({"sign"})
KEYS_LOADED = frozenset({"load_pem_private_key", "load_der_private_key", "private_key"})
KEYS_MADE = frozenset({"generate_private_key"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a job did.

    Attributes:
        calls: Python functions called, in all threads.
        signatures: made with a private key.
        keys_loaded: private keys parsed, or tried to: jwcrypto tries a public PEM as a private one first.
        keys_made: key pairs generated.
        requests: HTTP requests to tenant and Vault.
    """

    calls: int
    signatures: int
    keys_loaded: int
    keys_made: int
    requests: int


class Counter:
    """Counts what a job does.

    Attributes:
        requests: of the last job; whoever sends one notes it here.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []

    def count(self, job: Callable[[], object]) -> Work:
        """Do a job and return what it did."""
        calls, signatures, loaded, made = (itertools.count() for _ in range(4))
        self.requests = []

        def seen(_frame: object, event: str, argument: object) -> None:
            if event == "call":
                next(calls)  # atomic, where `+=` is not
            elif event == "c_call":
                name = getattr(argument, "__name__", "")
                if name in SIGNATURES:
                    next(signatures)
                elif name in KEYS_LOADED:
                    next(loaded)
                elif name in KEYS_MADE:
                    next(made)

        threading.setprofile(seen)
        sys.setprofile(seen)
        try:
            job()
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
        return Work(
            calls=next(calls),
            signatures=next(signatures),
            keys_loaded=next(loaded),
            keys_made=next(made),
            requests=len(self.requests),
        )


class UncountedTransport(httpx.BaseTransport):
    """Asks the simulator in this process, and counts the request but nothing of how it is answered.

    Args:
        inner: the way to the simulator.
        counter: told of each request.
    """

    def __init__(self, inner: SandboxTransport, counter: Counter) -> None:
        self._inner = inner
        self._counter = counter

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        profile = sys.getprofile()
        sys.setprofile(None)
        try:
            self._counter.requests.append(f"{request.method} {request.url.path}")
            return self._inner.handle_request(request)
        finally:
            sys.setprofile(profile)


# What a fresh interpreter tells about the program that it ran: on standard error, after everything that it printed.
_TELL = """
import json, os, sys
_files = []
def _opened(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and arguments[1] != "w":
        _files.append(arguments[0])
sys.addaudithook(_opened)
_calls = 0
def _seen(frame, event, argument):
    global _calls
    if event == "call":
        _calls += 1
sys.setprofile(_seen)
try:
    exec(compile(sys.argv.pop(1), "program", "exec"), {"__name__": "__main__"})
except SystemExit as ended:
    if ended.code:
        raise
finally:
    sys.setprofile(None)
    _read = sum(os.stat(file).st_size for file in list(_files) if os.path.isfile(file))
    print("\\n" + json.dumps({"calls": _calls, "bytes_read": _read, "modules": sorted(sys.modules)}), file=sys.stderr)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramWork:
    """What a program did in a fresh interpreter.

    Attributes:
        calls: Python functions called.
        bytes_read: the sizes of the files that it opened for reading, compiled modules too.
        modules: the modules that it loaded.
    """

    calls: int
    bytes_read: int
    modules: frozenset[str]


def counted_program(code: str, *arguments: str, environment: dict[str, str] | None = None) -> ProgramWork:
    """Run a program in a fresh interpreter, and return what it did."""
    # As pip compiles what it installs: else it would count whether this is the first run in a fresh clone.
    compileall.compile_dir(Path(qlik_keys.__file__).parent, quiet=1)
    command = [sys.executable, "-c", _TELL, code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stderr.splitlines()[-1])
    return ProgramWork(calls=told["calls"], bytes_read=told["bytes_read"], modules=frozenset(told["modules"]))
