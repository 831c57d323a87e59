"""Runs the command line as a person does: in a shell with pipes, or on a terminal of its own."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
from dataclasses import dataclass

PROGRAM = [
    sys.executable,
    "-W",
    "error",
    "-c",
    "import sys; sys.argv[0] = 'qlik-keys'; from qlik_keys.cli import main; main()",
]


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def in_a_pipe(words, environment, *, stdin=""):
    """Run `qlik-keys` with its output in pipes."""
    ended = subprocess.run(
        [*PROGRAM, *words], env=environment, input=stdin, capture_output=True, text=True, timeout=120, check=False
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def on_a_terminal(words, environment, *, typed="", columns=400):
    """Run `qlik-keys` with its input and output on a terminal that wide; standard error stays a pipe."""
    import fcntl  # Windows has none of these, and other tests for what else is here
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        [*PROGRAM, *words], env=environment, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, text=True
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    parts = []
    with contextlib.suppress(OSError):  # the end of a terminal
        while part := os.read(ours, 65_536):
            parts.append(part)
    os.close(ours)
    err = process.stderr.read()
    process.stderr.close()
    return Ended(process.wait(120), b"".join(parts).decode().replace("\r\n", "\n"), err)
