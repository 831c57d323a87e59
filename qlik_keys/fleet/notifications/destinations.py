"""Where notifications go: apprise's URLs, each of which is a secret and is never shown.

A webhook's address lets anyone who has it write to the channel, and a mail's URL has a password. So URLs come from a
variable or a file, are kept in opaque objects, and what apprise and its HTTP library log while they send is dropped.
Redirects are not followed, and certificates are always verified.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Kind = Literal["failure", "warning", "info", "success"]
EXAMPLES = "for example slack://, msteams://, mailto:// or jsons:// (https://appriseit.com/services/)"
_LOGGERS = ("apprise", "requests", "urllib3", "urllib3.connectionpool", "urllib3.util.retry")
_FIRST_STATUS, _LAST_STATUS = 400, 599


class Destination:
    """One place to send to.

    Args:
        plugin: what apprise made of its URL.
        number: its place among the URLs, from 1: the only name that can be shown.

    Attributes:
        number: that place.
        service: the name of the service, for example "Slack".
        identity: the same for the same destination; made of what apprise shows of a URL, so that it tells no password.
    """

    __slots__ = ("_plugin", "_url", "identity", "number", "service")

    def __init__(self, plugin: Any, number: int) -> None:
        self._plugin = plugin
        self.number = number
        self.service = str(plugin.service_name)
        self._url = Secret(plugin.url(privacy=False), what="notification URL", any_text=True)
        self.identity = hashlib.sha256(plugin.url(privacy=True).encode()).hexdigest()[:16]

    def set_apart(self, others: Iterable[Destination]) -> bool:
        """Return False for the same URL as one of others; let one that only looks the same have its own identity.

        Of a token apprise shows the first and the last letter, so two channels of a service may look alike.
        """
        alike = [each for each in others if each.identity.partition("-")[0] == self.identity]
        if any(each._url.reveal() == self._url.reveal() for each in alike):  # noqa: SLF001  # of its own class
            return False
        if alike:
            self.identity = f"{self.identity}-{len(alike) + 1}"
        return True

    def __repr__(self) -> str:
        return f"<Destination {self.number}: {self.service}>"

    def __reduce__(self) -> Any:
        """Refuse to be pickled: it holds a secret."""
        raise TypeError("a destination holds a secret and cannot be pickled")

    def deliver(self, title: str, body: str, kind: Kind) -> str:
        """Send a message.

        Args:
            title: its title.
            body: plain text.
            kind: how bad it is, for a service that shows that.

        Returns:
            "" when the service has accepted it, else why not, without any part of the URL.
        """
        from apprise import NotifyType  # noqa: PLC0415  # an extra

        with _silence() as heard:
            try:
                if self._plugin.notify(body=body, title=title, notify_type=NotifyType(kind), body_format="text"):
                    return ""
            except Exception as problem:  # noqa: BLE001  # of a plugin's library; its text may have the URL in it
                return f"{type(problem).__name__} in the library that sends"
        status = next((number for number in heard if _FIRST_STATUS <= number <= _LAST_STATUS), None)
        return "no answer, or a refusal" if status is None else f"HTTP status {status}"


def destinations_of(urls: Iterable[str | Secret]) -> list[Destination]:
    """Return the destinations of apprise's URLs, each once.

    Raises:
        ConfigurationError: apprise is not installed, there is no URL, or one is none that apprise knows, or turns off
            the verification of certificates; no URL is quoted.
    """
    given = [
        each if isinstance(each, Secret) else Secret(each, what="notification URL", any_text=True) for each in urls
    ]
    del urls
    if not given:
        raise ConfigurationError(
            "No place is given to send notifications to.",
            hint=f"Set QLIK_KEYS_NOTIFY, or use --from-file, with URLs of apprise, {EXAMPLES}.",
        )
    found: list[Destination] = []
    for number, url in enumerate(given, start=1):
        made = _destination(url, number)
        if isinstance(made, ConfigurationError):
            raise made
        if made.set_apart(found):
            found.append(made)
    return found


def _destination(url: Secret, number: int) -> Destination | ConfigurationError:
    """Return a URL's destination, or what is wrong with it; no frame that has the URL raises."""
    try:
        from apprise import Apprise, AppriseAsset  # noqa: PLC0415  # an extra
    except ImportError:
        return ConfigurationError(
            "The library that sends notifications (apprise) is not installed.",
            hint="Install it with: pip install 'qlik_keys[notify]'",
        )
    asset = AppriseAsset(async_mode=False, http_redirects=False, app_id="qlik_keys", app_desc="qlik_keys")
    plugin: Any = None
    with _silence():
        try:
            plugin = Apprise.instantiate(url.reveal().strip(), asset=asset)
        except Exception:  # noqa: BLE001  # of a plugin; its text may have the URL in it
            plugin = None
    if plugin is None or isinstance(plugin, dict):
        return ConfigurationError(
            f"Notification URL number {number} is none that apprise knows.",
            hint=f"Write it as apprise does, {EXAMPLES}.",
        )
    if not plugin.verify_certificate:
        return ConfigurationError(
            f"Notification URL number {number} turns off the verification of certificates.",
            hint="Leave verify= out of it; set REQUESTS_CA_BUNDLE to a private certificate authority.",
        )
    return Destination(plugin, number)


def texts_of(text: str) -> list[str]:
    """Return the URLs in a text: one a line or separated by blanks, without lines that begin with #."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [url for line in lines for url in line.split()]


_here = threading.local()


class _Silent(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Drop what this thread logs while it sends; keep the numbers, one of which may be a status."""
        heard = getattr(_here, "heard", None)
        if heard is None:
            return True
        arguments = record.args if isinstance(record.args, tuple) else ()
        heard += [each for each in arguments if isinstance(each, int)]
        return False


_SILENT = _Silent()


@contextmanager
def _silence() -> Iterator[list[int]]:
    """Drop what the libraries log in this thread for the block; yield the numbers that they would have logged."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_SILENT)  # the same one again is no second one
    heard: list[int] = []
    _here.heard = heard
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of modules that apprise loads, on which no one here can act
            yield heard
    finally:
        _here.heard = None
