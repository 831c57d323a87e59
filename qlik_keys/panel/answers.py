"""From what was typed for a call to a request, and from its answer to what is shown of it; secrets are struck out."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from qlik_keys.errors import ConfigurationError, TenantProtocolError
from qlik_keys.panel.same_as import deleted_client, ways_of_call
from qlik_keys.panel.state import ShownRequest
from qlik_keys.panel.trial_state import ShownAnswer
from qlik_keys.secret import Secret
from qlik_keys.tenant.bodies import read_body
from qlik_keys.tenant.deleting import CONFIRMATION
from qlik_keys.tenant.failures import STRUCK
from qlik_keys.tenant.guarded import guarded_document, struck_document
from qlik_keys.tenant.raw import METHODS, api_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlik_keys.errors import TenantError
    from qlik_keys.panel.trial_state import CallForm, TryForm
    from qlik_keys.tenant.raw import RawAnswer

_ESCAPED = re.compile(r"(%[0-9A-Fa-f]{2})")
_TEXTS = ("json", "text/", "xml", "javascript", "x-www-form-urlencoded")


def request_of(form: CallForm, tenant_url: str) -> ShownRequest:
    """Return the call that was typed, its body checked; nothing is sent.

    Raises:
        ConfigurationError: there is no such method or path, the body is no JSON, or it deletes a client and was not
            confirmed.
    """
    method = form.method.upper()
    if method not in METHODS:
        raise ConfigurationError(f"There is no method {method!r}.", hint=f"Use one of: {', '.join(METHODS)}.")
    place, query = api_path(tenant_url, form.path)
    asked = f"?{urlencode(query)}" if query else ""
    request = ShownRequest(
        system="tenant",
        method=method,
        path=place + asked,
        address=_encoded(place) + asked,
        body=form.body.strip() if method != "GET" else "",
        status=None,
        milliseconds=0.0,
    )
    body_of(request)
    client_id = deleted_client(request)
    if client_id and form.confirm.strip() != client_id:
        raise ConfigurationError(
            f"Nothing brings the client {client_id} back.", hint="Type its id once more into the field for it."
        )
    return request


def _encoded(path: str) -> str:
    """Return a path as it goes over the wire: what is encoded stays, what RFC 3986 does not allow there becomes so.

    Also brackets and braces, which curl would take for several addresses.
    """
    parts = _ESCAPED.split(path)  # every other one is a group of the pattern
    return "".join(part if at % 2 else quote(part, safe="/:@!$&'()*+,;=~") for at, part in enumerate(parts))


def body_of(request: ShownRequest) -> Any:
    """Return a call's body as `tenant.raw` takes it, None for none.

    Raises:
        ConfigurationError: it is no JSON.
    """
    document, problem = read_body(request.body)
    if problem:
        raise ConfigurationError(problem, hint='Write it like {"name": "value"}, or leave it empty.')
    return document


def headers_of(request: ShownRequest) -> dict[str, str]:
    """Return the headers that a call needs beside the credential: the deletion of a client is said twice."""
    client_id = deleted_client(request)
    return {CONFIRMATION: client_id} if client_id else {}


def login_words(form: TryForm, client: str) -> tuple[str, ...]:
    """Return in the words of `qlik-keys` how the token at hand was got.

    Args:
        form: what was asked for.
        client: the client, by a word that `--client` takes.
    """
    scopes = [word for scope in form.scopes for word in ("--scope", scope)]
    user = {"userId": ["--as-user", form.user_value], "subject": ["--as-subject", form.user_value]}
    return ("--client", client, *scopes, *user.get(form.user_field, []))


def shown_answer(
    answer: RawAnswer | TenantError,
    request: ShownRequest,
    *,
    login: Sequence[str],
    tenant_url: str,
    milliseconds: float,
    token: Secret,
) -> tuple[ShownAnswer, Secret | None]:
    """Return what is shown of an answer, and the secret that came in it, None for none.

    Args:
        answer: what came, or the refusal.
        request: the call.
        login: whose call it was, in the words of `qlik-keys token`.
        tenant_url: the tenant.
        milliseconds: how long it took.
        token: what the call was made with; it is struck out too.
    """
    values: dict[str, Any] = {
        "request": request,
        "ways": tuple(ways_of_call(request, login=login, tenant_url=tenant_url)),
        "milliseconds": milliseconds,
    }
    if isinstance(answer, Exception):
        refusal = ShownAnswer(
            status=answer.status or 0,
            trace_id=answer.trace_id,
            problem=answer.message,
            hint=answer.hint,
            kind=type(answer).__name__,
            **values,
        )
        return refusal, None
    values |= {"status": answer.status, "size": len(answer.content), "content_type": answer.content_type}
    try:
        # Read twice: no frame holds the document as it came, since a verbose traceback prints those.
        guarded, struck = guarded_document(answer.json()), struck_document(answer.json())
    except (TenantProtocolError, RecursionError):
        return ShownAnswer(raw=_without(token, _text(answer)), **values), None
    is_struck = guarded != struck
    raw = json.dumps(struck, indent=2, ensure_ascii=False) if is_struck else _text(answer)
    shown = ShownAnswer(
        is_json=bool(answer.content), document=struck, raw=_without(token, raw), struck=is_struck, **values
    )
    # What is read can be read again; what a change answers is told this once.
    told = guarded.values() if isinstance(guarded, dict) and request.method != "GET" else ()
    return shown, next((value for value in told if isinstance(value, Secret)), None)


def _text(answer: RawAnswer) -> str:
    if answer.content_type and not any(kind in answer.content_type for kind in _TEXTS):
        size = f"{len(answer.content):,} bytes of {answer.content_type}"
        return f"{size}, which is no text. In a cell: panel.last_answer.content"
    return answer.content.decode("utf-8", "replace")


def _without(token: Secret, text: str) -> str:
    return text.replace(token.reveal(), STRUCK)
