"""What a hook is: a program or an address, for which clients, and how long it is waited for.

Not done here: running one (`running`), reading them from a file (`fleet.hook_files`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import NoReturn
from urllib.parse import urlsplit

from qlik_keys.core.arguments import DURATION, TEXT, require, texts
from qlik_keys.core.clock import describe_duration
from qlik_keys.core.origins import require_https
from qlik_keys.core.redaction import Redactor
from qlik_keys.core.secret import Secret, guarded
from qlik_keys.errors import ConfigurationError

DEFAULT_TIMEOUT = timedelta(minutes=5)
SHORTEST, LONGEST = timedelta(milliseconds=1), timedelta(hours=1)
HOOK_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_HOOKS = 100
_WHERE = "Give it `command`, `url` or `url_variable`."


class Hook:
    """What runs after a client has a new current key, so that its consumers read it.

    It is told which client, which key and an id, `<client id>/<kid>/<name of the hook>`, and no secret. It may be told
    more than once, after an interruption, with the same id. Until it has succeeded, an old key stays registered.

    Args:
        name: lower-case letters, digits, `-` and `_`, at most 64; the client's record keeps it.
        command: a program and its arguments; no shell. It succeeds by the exit code 0.
        url: an https address, or one of this machine, to which a JSON document is sent by POST. It succeeds by an
            answer 2xx; a redirect is not followed. It is treated as a secret.
        url_variable: instead of `url`: the environment variable that holds it, looked up when the hook runs.
        timeout: how long it is waited for, at most an hour.
        clients: for which clients: names, ids, or patterns as `etl-*`. Upper and lower case differ.

    Raises:
        ConfigurationError: there is no such name, there is not exactly one of command and address, or the address is
            not safe. It is not quoted.
        TypeError: an argument is of another type.

    Example:
        >>> Hook("restart-etl", command=["kubectl", "rollout", "restart", "deployment/etl"], clients=["etl-*"])
        <Hook restart-etl: the program 'kubectl', at most 5 minutes>
    """

    __slots__ = ("clients", "command", "name", "timeout", "url", "url_variable")

    def __init__(
        self,
        name: str,
        *,
        command: Iterable[str] | None = None,
        url: str | Secret | None = None,
        url_variable: str = "",
        timeout: timedelta = DEFAULT_TIMEOUT,
        clients: Iterable[str] = ("*",),
    ) -> None:
        self.name = ""  # first: a traceback with its locals shows an object that was refused, by its repr
        self.command: tuple[str, ...] = ()
        self.url: Secret | None = None
        self.url_variable, self.timeout = "", DEFAULT_TIMEOUT
        self.clients: tuple[str, ...] = ()
        address = None if url is None else guarded(url, what="URL of a hook")
        del url
        if isinstance(address, Exception):
            raise address
        require(TEXT, name=name, url_variable=url_variable)
        require(DURATION, timeout=timeout)
        words = None if command is None else texts("command", command)
        patterns = texts("clients", clients)
        given = [words is not None, address is not None, bool(url_variable)]
        problem = _problem(name, words, given, url_variable, timeout=timeout, clients=patterns)
        if problem is None and address is not None:
            problem = url_problem(address)
        if problem is not None:
            raise problem
        self.name, self.command, self.url = name, words or (), address
        self.url_variable, self.timeout, self.clients = url_variable, timeout, patterns

    def is_for(self, client_id: str, client_name: str) -> bool:
        """Tell whether it is for a client, by the client's id and its name on the tenant."""
        return any(pattern == client_id or fnmatchcase(client_name, pattern) for pattern in self.clients)

    @property
    def limit(self) -> str:
        """How long it is waited for, in words."""
        seconds = self.timeout.total_seconds()
        return describe_duration(seconds) if seconds >= 1 else f"{seconds:g} seconds"

    def to_text(self) -> str:
        """Return for people what it is; neither arguments nor an address, in which a secret may be."""
        if self.command:
            what = f"the program {PurePath(self.command[0]).name!r}"
        else:
            what = f"the URL in {self.url_variable}" if self.url_variable else "its URL"
        return f"{self.name}: {what}, at most {self.limit}"

    def __repr__(self) -> str:
        return f"<Hook {self.to_text()}>" if self.name else "<Hook>"

    def __getstate__(self) -> tuple[None, dict[str, object]]:
        """Return its state for another process, where it has no address of its own.

        Raises:
            TypeError: it has; `url_variable` can be sent.
        """
        if self.url is not None:
            self._refuse_pickling()
        return None, {name: getattr(self, name) for name in self.__slots__}

    def _refuse_pickling(self) -> NoReturn:
        raise TypeError("a hook with a URL cannot be pickled, since the URL is a secret; use url_variable")


def checked_hooks(hooks: Iterable[Hook]) -> tuple[Hook, ...]:
    """Return hooks as they are handed to an operation.

    Raises:
        ConfigurationError: two have one name, or there are too many.
        TypeError: one is no `Hook`.
    """
    if isinstance(hooks, str | bytes) or not isinstance(hooks, Iterable):
        raise TypeError(f"hooks must be a list of Hook, not {type(hooks).__name__}")
    found = tuple(hooks)
    for each in found:
        if not isinstance(each, Hook):
            raise TypeError(f"each of hooks must be a Hook, not {type(each).__name__}")
    names = [each.name for each in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(f"Two hooks have the name {twice!r}.", hint="Give each hook a name of its own.")
    if len(found) > _MOST_HOOKS:
        raise ConfigurationError(f"There are {len(found)} hooks, and at most {_MOST_HOOKS} are allowed.")
    return found


def url_problem(url: Secret) -> ConfigurationError | None:
    """Return what is wrong with the address of a hook, None for nothing; it is not quoted."""
    try:
        require_https(url.reveal(), what="URL of the hook")
    except ConfigurationError as error:
        return ConfigurationError(error.message, hint=error.hint)
    if "@" in urlsplit(url.reveal()).netloc:
        return ConfigurationError(
            "The URL of the hook contains a user name or a password.",
            hint="Remove it; put the URL into a variable (url_variable) if the receiver needs a secret in its path.",
        )
    return None


def _problem(
    name: str,
    command: tuple[str, ...] | None,
    given: list[bool],
    variable: str,
    *,
    timeout: timedelta,
    clients: tuple[str, ...],
) -> ConfigurationError | None:
    if not HOOK_NAME.fullmatch(name):
        return ConfigurationError(
            f"{Redactor().server_line(name[:64])!r} is not a name for a hook.",
            hint="Use 1 to 64 lower-case letters, digits, - and _, with a letter or a digit at both ends.",
        )
    if sum(given) != 1:
        return ConfigurationError(f"The hook {name!r} needs exactly one of command and URL.", hint=_WHERE)
    if command is not None and (not command or not command[0].strip() or any("\0" in word for word in command)):
        return ConfigurationError(f"The hook {name!r} has no program to run.", hint=_WHERE)
    if variable and not _VARIABLE.fullmatch(variable):
        return ConfigurationError(
            f"The hook {name!r} has a url_variable that is not the name of a variable.",
            hint="Give the name of the variable; the URL itself belongs in its value.",
        )
    if not SHORTEST <= timeout <= LONGEST:
        return ConfigurationError(
            f"The hook {name!r} has a time limit that is not above zero and at most an hour.", hint="Give another one."
        )
    if not clients or not all(pattern.strip() for pattern in clients):
        return ConfigurationError(f"The hook {name!r} is for no client.", hint='Give names or patterns, or ["*"].')
    return None
