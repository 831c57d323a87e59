"""What Windows lacks is not needed: no module uses it unless it is there, and the commands run without it.

Windows itself is not here: its `os`, `signal` and modules are this machine's with what it lacks taken out.
"""

from __future__ import annotations

import ast
import json
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import qlik_keys
from qlik_keys.cli.commands.run_program import _Ending
from qlik_keys.cli.output.answers import write_answer

PACKAGE = Path(qlik_keys.__file__).parent
# docs.python.org, "Availability: Unix": what the package might be tempted to use.
MISSING_IN_OS = """
    chown chroot fchmod fchown fdatasync fork getegid geteuid getgid getloadavg getpgid getsid getuid killpg
    lchown lockf mkfifo nice openpty pidfd_open pipe2 posix_spawn pread pwrite sched_getaffinity sendfile setpgid
    setpriority setsid setuid statvfs sysconf ttyname uname wait wait3 wait4 waitid O_CLOEXEC O_NOFOLLOW
    O_DIRECTORY O_NONBLOCK O_SYNC O_NOCTTY WNOHANG
"""
MISSING_IN_SIGNAL = """
    SIGHUP SIGQUIT SIGKILL SIGUSR1 SIGUSR2 SIGALRM SIGCHLD SIGPIPE SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGWINCH
    alarm setitimer getitimer pause pthread_kill pthread_sigmask sigwait sigpending
"""
MISSING = {"os": set(MISSING_IN_OS.split()), "signal": set(MISSING_IN_SIGNAL.split()), "socket": {"AF_UNIX"}}
MISSING |= {"select": {"poll", "epoll", "POLLIN"}, "time": {"tzset", "pthread_getcpuclockid"}}
# Other packages, which on this machine are those for this machine, need these when they run.
NEEDED_HERE = {"fchmod", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "WNOHANG", "waitid", "poll", "POLLIN"}
MODULES = {"fcntl", "pwd", "grp", "termios", "tty", "pty", "resource", "syslog", "posix", "crypt", "spwd", "curses"}
# Behind a question whether it is there.
GUARDED = {"sandbox/server.py": {"poll", "POLLIN"}}
FAKE = """
import {imports}
import fcntl, sys
for module, names in {missing!r}.items():
    for name in {{*names}} & {{*dir(sys.modules[module])}}:
        delattr(sys.modules[module], name)
for name in {modules!r}:
    sys.modules[name] = None  # importing it fails
"""
# Other packages know how to do without, or are their own affair; the standard library is built for this machine.
THERE = """
    anyio anywidget asyncio contextlib cryptography filelock getpass http.server httpx hvac importlib IPython ipywidgets
    joserfc.jwk json jwcrypto.jwk multiprocessing os pandas pkgutil pydantic requests select shutil signal socket
    subprocess tempfile threading time typer uvicorn webbrowser yaml
"""


def without_posix(code, *arguments):
    missing = {module: sorted(names - NEEDED_HERE) for module, names in MISSING.items()}
    begin = FAKE.format(imports=", ".join(THERE.split()), missing=missing, modules=sorted(MODULES))
    command = [sys.executable, "-c", begin + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_nothing_that_windows_lacks_is_asked_for_without_a_question_first():
    found = []
    for path in PACKAGE.rglob("*.py"):
        text, where = path.read_text(), path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module, name = node.value.id, node.attr
                asked = f'hasattr({module}, "{name}")' in text or name in GUARDED.get(where, ())
                if name in MISSING.get(module, ()) and not asked:
                    found.append(f"{where}:{node.lineno} {module}.{name}")
            elif isinstance(node, ast.Import):
                found += [f"{where}:{node.lineno} {alias.name}" for alias in node.names if alias.name in MODULES]
            elif isinstance(node, ast.ImportFrom):
                names = {alias.name for alias in node.names} & MISSING.get(node.module, set())
                found += [f"{where}:{node.lineno} {node.module}"] if names or node.module in MODULES else []
    assert found == []


RUN = """
from datetime import UTC, datetime
from pathlib import Path
from qlik_keys.auth.access_token import Token
from qlik_keys.cli.commands import run_program as program
from qlik_keys.core.secret import Secret
tempfile.tempdir = sys.argv[1]
life = {"expires_at": datetime.now(UTC), "lifetime": 60.0, "lifetime_known": True}
made = Token(secret=Secret("canary-token"), scope="", token_type="Bearer", **life)
dead = Path(sys.argv[1], "qlik-keys-exec-dead")
(dead / ".qlik").mkdir(parents=True)
(dead / ".qlik" / "contexts.yml").write_text("canary-of-a-dead-run")
code = program.run_with_token([sys.executable, "-c", sys.argv[2]], made, "https://acme.eu.qlikcloud.com")
print(json.dumps({"code": code, "left": [str(path) for path in Path(sys.argv[1]).rglob("*")]}))
"""
PROGRAM = """
import os, pathlib, sys
text = pathlib.Path(os.environ["QLIK_CLI_USER_HOME_DIR"], ".qlik", "contexts.yml").read_text()
sys.exit(7 if os.environ["QLIK_API_KEY"] == "canary-token" and "Bearer canary-token" in text else 1)
"""


def test_a_program_runs_with_a_token_and_none_is_left_behind(tmp_path):
    done = without_posix(RUN, str(tmp_path), PROGRAM)
    assert done.stderr == ""
    assert json.loads(done.stdout) == {"code": 7, "left": []}


KEYS = {"SIGTERM": False, "SIGINT": True, "SIGBREAK": True}


@pytest.mark.parametrize("name", [name for name in KEYS if hasattr(signal, name)])
def test_what_ends_it_is_told_to_the_program_and_a_key_reaches_it_by_itself(name):
    number, sent = getattr(signal, name), []
    with _Ending() as ending:
        ending.hand_on_to(SimpleNamespace(send_signal=sent.append))
        signal.raise_signal(number)
    assert (ending.told, sent) == (number, [] if KEYS[name] else [number])


def test_an_answer_with_a_secret_is_written_without_modes(monkeypatch, tmp_path):
    monkeypatch.delattr("os.fchmod", raising=False)
    path = tmp_path / "answer.json"
    path.write_text("what was there before")
    answer = SimpleNamespace(content=b'{"clientSecret": "canary-of-a-client-secret-0123456789"}')
    write_answer(path, answer, is_change=False)
    assert path.read_bytes() == answer.content
