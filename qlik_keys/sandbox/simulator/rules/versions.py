"""Versions of the API (qlik-cloud-contract, "Versions"): which may be asked for, and what is deprecated."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from qlik_keys.sandbox.simulator.messages import Refusal

if TYPE_CHECKING:
    from qlik_keys.sandbox.simulator.messages import Request
    from qlik_keys.sandbox.simulator.settings import SandboxSettings

HEADER = "qlik-api-version"


def requested_version(request: Request, settings: SandboxSettings) -> str:
    """Return the version that a request asks for, without the header the oldest that the tenant supports.

    Raises:
        Refusal: the tenant does not support it, or the header is there twice.
    """
    version = request.header(HEADER)
    if version and version not in settings.api_versions:
        supported = ", ".join(settings.api_versions)
        raise Refusal(400, "HTTP-400", "Unsupported API version", f"The header {HEADER} takes {supported}.")
    return version or min(settings.api_versions)


def deprecation_headers(request: Request, settings: SandboxSettings) -> tuple[tuple[str, str], ...]:
    """Return the headers that tell of the deprecation of the endpoint, none where it is not deprecated."""
    for one in settings.deprecations:
        if one.method in ("*", request.method) and fnmatchcase(request.path, one.path):
            sunset = (("sunset", one.sunset),) if one.sunset else ()
            link = (("link", f'<{one.link}>; rel="deprecation"'),) if one.link else ()
            return (("deprecation", "true"), *sunset, *link)
    return ()
