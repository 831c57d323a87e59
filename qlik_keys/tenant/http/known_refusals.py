"""Qlik's error codes that were seen in practice, in plain words (qlik-cloud-contract, "Errors seen in public reports").

For people alone: what is done after a refusal is decided by its HTTP status, since Qlik does not publish its codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CLIENT_NOT_AUTHORIZED = "OAUTH-14"
_TO_SUPPORT = "Try again; if the problem persists, give Qlik's support the trace id."
_PAGE_START = (b"<!doctype html", b"<html", b"<head", b"<body")


@dataclass(frozen=True, slots=True)
class KnownRefusal:
    """What an error code means.

    Attributes:
        meaning: a sentence.
        hint: what to do about it.
    """

    meaning: str
    hint: str


KNOWN_REFUSALS: Mapping[str, KnownRefusal] = MappingProxyType(
    {
        CLIENT_NOT_AUTHORIZED: KnownRefusal(
            "The tenant has no OAuth client of this id that may request a token in this way.",
            "Check the client id, that the client is on this tenant and enabled, and that it is machine-to-machine "
            "(the grant client_credentials).",
        ),
        "LOGIN-2": KnownRefusal(
            "No tenant that can be logged in to has this host name.",
            "Check the tenant's name and the region in the URL (https://<tenant>.<region>.qlikcloud.com); the console "
            "shows the tenant's host names under Settings.",
        ),
        "AUTH-5": KnownRefusal(
            "The user of this credential is not a member of this tenant.",
            "Use an API key or a client that was created on this tenant, or correct the tenant's URL.",
        ),
        "LOGIN-10": KnownRefusal("Qlik Cloud could not complete the login.", _TO_SUPPORT),
        "INTERNAL-TOKEN-1": KnownRefusal("Qlik Cloud could not create its internal token for this call.", _TO_SUPPORT),
    }
)
WEB_PAGE = KnownRefusal(
    "The answer is a web page, not one of Qlik Cloud's API.",
    "A single sign-on page, a proxy or another server answers at this address: check the tenant's URL, and that the "
    "network allows calls to it without a browser.",
)


def is_web_page(content: bytes) -> bool:
    """Return whether a body is HTML, by its first letters: some gateways give it a wrong media type, or none."""
    return content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGE_START)
