"""Runs a program with a token: in its environment, and in a qlik-cli folder of its own that is gone afterwards.

Anyone who tells this command to end, or closes its terminal, ends the program by that, and the folder goes in any case.
What cannot be heeded is `kill -9`: such a folder is removed by the next program that is run like this.

Windows has no hang-up, no SIGQUIT and no user ids; what it has of these is used, and the rest is left out.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from qlik_keys.config.qlik_cli.contexts import TOKEN_MARK
from qlik_keys.config.qlik_cli.writing import locked, write_token_context
from qlik_keys.config.settings import LOGIN_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qlik_keys.auth.http_auth import Token

CANNOT_RUN, NOT_FOUND = 126, 127  # as a shell has it
_CONTEXT = "qlik-keys"
_PREFIX = "qlik-keys-exec-"
_FOLDER = ".qlik"
_LOCK = "lock"


class ProgramProblem(Exception):
    """The program cannot be run.

    Attributes:
        code: the exit code that a shell gives in its place.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def run_with_token(program: Sequence[str], made: Token, tenant_url: str) -> int:
    """Run a program with a token in QLIK_API_KEY, and in a qlik-cli context; return its exit code as a shell does.

    No other login that this package reads is in its environment.

    Args:
        program: its name and its arguments.
        made: the token.
        tenant_url: its tenant.

    Raises:
        ProgramProblem: it cannot be run.
        ConfigurationError: the context cannot be written.
    """
    with _Ending() as ending, _folder() as home:
        path = home / _FOLDER / "contexts.yml"
        write_token_context(path, _CONTEXT, server=tenant_url, token=made.secret, comment=f"{TOKEN_MARK}a token")
        path.write_text(f"current-context: {_CONTEXT}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
        # The token takes the place of every other login; what the program gets is the token, and no more.
        environment = {name: value for name, value in os.environ.items() if name not in LOGIN_VARIABLES}
        environment |= {
            "QLIK_TENANT_URL": tenant_url,
            "QLIK_API_KEY": made.reveal(),
            "QLIK_CLI_USER_HOME_DIR": str(home),
        }
        if ending.told:
            return 128 + ending.told
        try:
            process = subprocess.Popen(program, env=environment)  # noqa: S603  # the user's own program
        except (OSError, ValueError) as error:
            problem, code = type(error).__name__, NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN
        else:
            ending.hand_on_to(process)
            ended = process.wait()
            return ended if ended >= 0 else 128 - ended
    raise ProgramProblem(f"{program[0]!r} cannot be run ({problem}).", code)


class _Ending:
    """Takes the signals that end a process: noted before the program runs, handed on to it from then on.

    Attributes:
        told: the signal that came last, 0 for none.
    """

    # Those that end a process here; Ctrl-Break is Windows's own.
    _SIGNALS: tuple[int, ...] = tuple(
        getattr(signal, name)
        for name in ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGINT", "SIGBREAK")
        if hasattr(signal, name)
    )
    # A key on the keyboard reaches the program automatically, which may well go on after it (a shell, an editor).
    _KEYS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGBREAK") if hasattr(signal, name))

    def __init__(self) -> None:
        self.told = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # no other may set handlers
            for number in self._SIGNALS:
                before = signal.getsignal(number)
                # What is ignored stays so, for the program too: it was started by nohup, or in the background.
                if before not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._tell)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def hand_on_to(self, process: subprocess.Popen[bytes]) -> None:
        """Hand on to the program what comes from now on, and what came while it was started."""
        self._process = process
        if self.told:
            # It was not there yet when the key was pressed. Windows can send a process no key, but end it.
            process.send_signal(signal.SIGTERM if os.name == "nt" else self.told)

    def _tell(self, number: int, _frame: object) -> None:
        self.told = number
        if self._process is not None and number not in self._KEYS:
            self._process.send_signal(number)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Yield a folder (mode 0700) that is locked as long as it is in use, and gone afterwards."""
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as home, locked(Path(home, _LOCK)):
        yield Path(home)


def _sweep(place: Path) -> None:
    """Remove the folders of runs that were killed: those with a token in them that no one has locked any more."""
    for folder in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # in use, or another user's
            # A folder is locked before anything is put into it, so an empty one may be someone's who just begins.
            if _is_mine(folder) and (folder / _FOLDER).is_dir():
                with locked(folder / _LOCK, patience_seconds=0):
                    shutil.rmtree(folder / _FOLDER)
                shutil.rmtree(folder, ignore_errors=True)  # Windows removes no lock file that is open


def _is_mine(folder: Path) -> bool:
    """Tell whether a folder is this user's; on Windows, where temporary files are each user's own, it is."""
    user = getattr(os, "getuid", None)
    return user is None or folder.lstat().st_uid == user()
