"""Sends a small JSON document to an address that the user has configured: the receiver of a hook.

TLS is always verified, no redirect is followed, no cookie kept, and nothing of the answer but its status is read. The
address may contain a secret: it is in no error and in no log.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx

from qlik_keys.core.network.proxies import proxy_for
from qlik_keys.core.network.tls import context_for, plain_context, tenant_settings
from qlik_keys.core.redaction import Redactor
from qlik_keys.core.version import __version__
from qlik_keys.errors import ConfigurationError
from qlik_keys.tenant.http.deadlines import with_deadlines, within
from qlik_keys.tenant.http.logs import redact_http_logs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.core.secret import Secret

_OK, _REDIRECTS, _ERRORS = 200, 300, 400


def post_document(url: Secret, document: Mapping[str, str], *, key: str, timeout_seconds: float) -> str:
    """Post a JSON document; return "" for success, "timeout", or in words what the receiver did ("answered 500").

    Nothing is raised, so that no traceback has a frame with the address.

    Args:
        url: https, or on this machine; `lifecycle.hooks.definition.url_problem` checks it.
        document: nothing of it is secret.
        key: the same for each repetition, as the header Idempotency-Key.
        timeout_seconds: for the whole exchange.
    """
    redactor = Redactor(url)
    redact_http_logs(redactor)
    try:
        with _transport(url) as transport, within(timeout_seconds):
            answer = transport.handle_request(
                httpx.Request(
                    "POST",
                    url.reveal(),
                    content=json.dumps(document).encode(),
                    headers={
                        "content-type": "application/json",
                        "user-agent": f"qlik_keys/{__version__}",
                        "idempotency-key": json.dumps(key),
                    },
                    extensions={"timeout": httpx.Timeout(timeout_seconds).as_dict()},
                )
            )
            status = answer.status_code
            answer.close()
    except httpx.TimeoutException:
        return "timeout"
    except ConfigurationError as error:
        return f"cannot be called: {error.message.rstrip('.')}"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return f"cannot be reached ({type(error).__name__})"
    if _OK <= status < _REDIRECTS:
        return ""
    if _REDIRECTS <= status < _ERRORS:
        return f"answered {status}, a redirect, which is not followed"
    return f"answered {status}"


def _transport(url: Secret) -> httpx.HTTPTransport:
    """Return what connects, with this machine's authorities and proxy; the tenant's client certificate is not shown.

    Raises:
        ConfigurationError: a variable cannot be used; it is named, its value is not.
    """
    settings = replace(tenant_settings(os.environ), certificate=None, key=None)
    proxy = proxy_for(url.reveal(), library="httpx")
    through: httpx.Proxy | None = None
    if proxy is not None:
        tls = context_for(settings, for_proxy=True) if proxy.scheme == "https" else None
        through = httpx.Proxy(proxy.url, auth=proxy.login, ssl_context=tls)
    verify = context_for(settings) if url.reveal().lower().startswith("https:") else plain_context()
    return with_deadlines(httpx.HTTPTransport(verify=verify, trust_env=False, proxy=through))
