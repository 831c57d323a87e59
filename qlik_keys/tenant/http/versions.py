"""The version of the API that every request asks for, and the endpoints that the tenant calls deprecated.

Source: qlik-cloud-contract, "Versions". A tenant that gets no version assumes the oldest that it supports.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

API_VERSION = "2026-11"  # the newest that the product was tested with
HEADER = "qlik-api-version"
VARIABLE = "QLIK_API_VERSION"
DEPRECATION, SUNSET = "deprecation", "sunset"

_logger = logging.getLogger(__name__)
_FORM = re.compile(r"20[0-9]{2}-(?:0[1-9]|1[0-2])")
_WORD = re.compile(r"v[0-9]+|\.?[a-z]{1,24}(?:-[a-z]{1,24})*")
_LINK = re.compile(r"<([^<>\s]{1,300})>")
_NAMED_BY_HINT = "client-secrets"  # the segment after it may look like a word
_MOST_ENDPOINTS = 64


def requested_version(environment: Mapping[str, str] | None = None) -> str:
    """Return the version that requests ask for: the variable `QLIK_API_VERSION`, or else `API_VERSION`.

    Args:
        environment: the variables; the process's by default.

    Raises:
        ConfigurationError: the variable is no version.
    """
    given = (os.environ if environment is None else environment).get(VARIABLE, "").strip()
    if given and not _FORM.fullmatch(given):
        raise ConfigurationError(
            f"The variable {VARIABLE} is not a version of the Qlik Cloud API.",
            hint=f"Set it to a year and a month, for example {API_VERSION}, or remove it to use {API_VERSION}.",
        )
    return given or API_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class DeprecatedEndpoint:
    """An endpoint that the tenant calls deprecated (RFC 9745; RFC 8594 for its end).

    Attributes:
        method: HTTP method.
        path: its path, with `{id}` in place of ids.
        sunset: the day on which it may stop working, None where the tenant names none.
        link: where to read more, "" for none.
    """

    method: str
    path: str
    sunset: date | None = None
    link: str = ""

    @property
    def name(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"

    @property
    def words(self) -> str:
        """What the tenant says of it, in one or two sentences."""
        end = f", and may remove it on {self.sunset}" if self.sunset is not None else ""
        more = f" See {self.link}." if self.link else ""
        return f"Qlik Cloud has deprecated {self.name}{end}.{more}"


class Deprecations:
    """The endpoints that a tenant called deprecated, each once. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, DeprecatedEndpoint] = {}

    def note(self, method: str, path: str, headers: Mapping[str, str], redact: Callable[[str], str]) -> None:
        """Note what the headers of an answer say, and log a warning the first time.

        Args:
            method: of the request.
            path: of the request.
            headers: of the answer.
            redact: removes secrets from what the tenant wrote.
        """
        sunset = _day(headers.get(SUNSET, ""))
        # RFC 8594: the day of the end may come alone.
        if headers.get(DEPRECATION, "" if sunset is None else "true").strip().lower() in ("", "false", "?0"):
            return
        endpoint = DeprecatedEndpoint(
            method=method,
            path=path_without_ids(path),
            sunset=sunset,
            link=_link(redact(headers.get("link", ""))),
        )
        with self._lock:
            if endpoint.name in self._found or len(self._found) >= _MOST_ENDPOINTS:
                return
            self._found[endpoint.name] = endpoint
        _logger.warning("%s", endpoint.words)

    def all(self) -> tuple[DeprecatedEndpoint, ...]:
        """Return them in the order in which they were met."""
        with self._lock:
            return tuple(self._found.values())


def path_without_ids(path: str) -> str:
    """Return a path with `{id}` in place of whatever is not a plain word of the API."""
    segments = path.split("/")
    return "/".join(
        each if not each or (_WORD.fullmatch(each) and before != _NAMED_BY_HINT) else "{id}"
        for before, each in zip(["", *segments], segments, strict=False)
    )


def _day(text: str) -> date | None:
    """Return the day of a date of HTTP or of ISO 8601, None for anything else."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(text.strip())
            return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date()
        except (TypeError, ValueError, OverflowError):
            continue
    return None


def _link(text: str) -> str:
    """Return the first address of a `Link` header (RFC 8288) without its query, "" for none that a browser opens."""
    found = _LINK.search(text)
    if found is None:
        return ""
    try:
        parts = urlsplit(found[1])
        is_plain = found[1].isascii() and parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return ""
    return f"https://{parts.netloc}{parts.path}" if is_plain else ""
