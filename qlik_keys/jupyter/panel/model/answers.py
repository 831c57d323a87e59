"""From a call that was typed to its request, and from its answer to what is shown; secrets are redacted."""

from __future__ import annotations

import json
import re
from email.message import Message
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from qlik_keys.core.redaction import Redactor
from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError, Outcome
from qlik_keys.jupyter.panel.model.shown import ShownAnswer, ShownRequest
from qlik_keys.jupyter.panel.model.words import LOST_CALL
from qlik_keys.jupyter.panel.views.code_samples import deleted_client
from qlik_keys.keystore.lookup import CLIENT_ID
from qlik_keys.tenant.http.bodies import read_body, strict_json
from qlik_keys.tenant.http.guarded import guarded_document, redacted_document
from qlik_keys.tenant.resources.deleting import CONFIRMATION
from qlik_keys.tenant.resources.raw import METHODS, api_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from qlik_keys.errors import TenantError
    from qlik_keys.jupyter.panel.model.forms import CallForm, TokenForm
    from qlik_keys.tenant.resources.raw import RawAnswer

_ESCAPED = re.compile(r"(%[0-9A-Fa-f]{2})")
_TEXTS = ("json", "text/", "xml", "javascript", "x-www-form-urlencoded")


def request_of(form: CallForm, tenant_url: str) -> ShownRequest:
    """Return the request of a call that was typed, its body checked; nothing is sent.

    Raises:
        ConfigurationError: there is no such method or path, the body is not JSON, or it deletes a client and is not
            confirmed.
    """
    method = form.method.upper()
    if method not in METHODS:
        raise ConfigurationError(f"There is no method {method!r}.", hint=f"Use one of: {', '.join(METHODS)}.")
    place, query = api_path(tenant_url, form.path)
    fields = f"?{urlencode(query, doseq=True)}" if query else ""
    request = ShownRequest(
        system="tenant",
        method=method,
        path=place + fields,
        address=_encoded(place) + fields,
        body=form.body.strip() if method != "GET" else "",
        status=None,
        milliseconds=0.0,
    )
    body_of(request)
    client_id = deleted_client(request)
    if client_id and form.confirm.strip() != client_id:
        raise ConfigurationError(
            f"The client {client_id} would be deleted permanently.",
            hint="Type its id into the field below the path to confirm.",
        )
    return request


def _encoded(path: str) -> str:
    """Return a path as it is sent: what is encoded stays, what RFC 3986 does not allow in a path is encoded.

    So are brackets and braces, which curl would expand to several addresses.
    """
    parts = _ESCAPED.split(path)  # every second one is a group of the pattern
    return "".join(part if at % 2 else quote(part, safe="/:@!$&'()*+,;=~") for at, part in enumerate(parts))


def body_of(request: ShownRequest) -> Any:
    """Return a call's body as `tenant.resources.raw` takes it, None for none.

    Raises:
        ConfigurationError: it is not JSON.
    """
    document, problem = read_body(request.body)
    if problem:
        raise ConfigurationError(problem, hint='Write it like {"name": "value"}, or leave it empty.')
    return document


def headers_of(request: ShownRequest) -> dict[str, str]:
    """Return the headers that a call needs apart from the credential: one that confirms the deletion of a client."""
    client_id = deleted_client(request)
    return {CONFIRMATION: client_id} if client_id else {}


def login_words(form: TokenForm, client: str) -> tuple[str, ...]:
    """Return the options of `qlik-keys token` that request the current token.

    Args:
        form: what was requested.
        client: the client, as `--client` takes it.
    """
    scopes = [word for scope in form.scopes for word in ("--scope", scope)]
    user = {"userId": ["--as-user", form.user_value], "subject": ["--as-subject", form.user_value]}
    return ("--client", client, *scopes, *user.get(form.user_field, []))


def not_sent(form: CallForm, refusal: ConfigurationError) -> ShownAnswer:
    """Return what is shown of a call that was refused before it was sent."""
    path = form.path.strip()
    request = ShownRequest(
        system="tenant", method=form.method, path=path, address=path, body="", status=None, milliseconds=0.0
    )
    return ShownAnswer(
        request=request,
        status=None,
        sent=False,
        problem=refusal.message,
        hint=refusal.hint,
        kind=type(refusal).__name__,
    )


def shown_answer(
    answer: RawAnswer | None,
    problem: TenantError | None,
    request: ShownRequest,
    *,
    samples: Sequence[tuple[str, str]],
    needs: str,
    milliseconds: float,
    token: Secret,
) -> tuple[ShownAnswer, Secret | None]:
    """Return what is shown of an answer, and the secret that came in it, None for none.

    Args:
        answer: the answer, also one that refuses the call; None for none.
        problem: the error, None for none.
        request: the call.
        samples: the same call by hand.
        needs: what these need, in words.
        milliseconds: how long it took.
        token: the token of the call; it is redacted too.
    """
    values: dict[str, Any] = {
        "request": request,
        "samples": tuple(samples),
        "needs": needs,
        "milliseconds": milliseconds,
    }
    if problem is not None:
        values |= {
            "trace_id": problem.trace_id,
            "problem": problem.message,
            "hint": _advice(problem, request.method),
            "kind": type(problem).__name__,
        }
    if answer is None:
        return ShownAnswer(status=problem.status if problem is not None else None, **values), None
    values |= {"status": answer.status, "size": len(answer.content), "content_type": _without(token, _kind(answer))}
    text = _without(token, _text(answer))
    try:
        # Read twice: no frame holds the document unmodified, since a verbose traceback prints those.
        guarded, redacted = guarded_document(_document(text)), redacted_document(_document(text))
    except (ValueError, RecursionError):
        return ShownAnswer(raw=text, **values), None
    is_redacted = guarded != redacted
    if is_redacted:
        text = json.dumps(redacted, indent=2, ensure_ascii=False)
    # What is read can be read again; the answer to a change comes only once.
    values_of_change = guarded.values() if isinstance(guarded, dict) and request.method != "GET" else ()
    secret = next((value for value in values_of_change if isinstance(value, Secret)), None)
    values |= {"raw": text, "redacted": is_redacted}
    if text and not _is_strict(text):
        note = "This is not standard JSON: it has NaN, Infinity or a number that is too large. It is shown raw."
        return ShownAnswer(note=note, **values), secret
    return ShownAnswer(is_json=bool(text), document=redacted, **values), secret


def owner_of(answer: RawAnswer | None, now: datetime) -> str:
    """Return the owner of the secret in an answer: the client's id, or the time of the call.

    Nothing else of an answer may be saved with the notebook, so no name is used.
    """
    try:
        document = redacted_document(_document(_text(answer))) if answer is not None else None
    except (ValueError, RecursionError):
        document = None
    client_id = document.get("clientId") if isinstance(document, dict) else None
    if isinstance(client_id, str) and CLIENT_ID.fullmatch(client_id):
        return f"client {client_id}"
    return f"the call at {now:%H:%M:%S} UTC"


def _advice(problem: TenantError, method: str) -> str:
    if problem.outcome is not Outcome.UNKNOWN:
        return problem.hint
    if problem.status is None:
        return "Send it again." if method == "GET" else LOST_CALL
    return problem.hint if method == "GET" else f"{LOST_CALL} {problem.hint}"


def _is_strict(text: str) -> bool:
    try:
        strict_json(text)
    except ValueError:
        return False
    return True


def _document(text: str) -> Any:
    return json.loads(text) if text else None


def _text(answer: RawAnswer) -> str:
    """Return an answer's body as text, by its charset (RFC 9110, 8.3.2); that of JSON is known by its first bytes."""
    if answer.content_type and not any(kind in answer.content_type.lower() for kind in _TEXTS):
        size = f"{len(answer.content):,} bytes of {_kind(answer)}"
        return f"{size}, which is not text. In a cell: panel.last_answer.content"
    head = Message()
    head["content-type"] = answer.content_type
    charset = json.detect_encoding(answer.content) if _is_json(answer) else head.get_content_charset("utf-8")
    try:
        return answer.content.decode(charset, "replace")
    except (LookupError, ValueError):  # an unknown charset, or one that is not for text
        return answer.content.decode("utf-8", "replace")


def _is_json(answer: RawAnswer) -> bool:
    return not answer.content_type or "json" in answer.content_type.lower()


def _kind(answer: RawAnswer) -> str:
    return answer.redactor.server_text(answer.content_type)


def _without(token: Secret, text: str) -> str:
    return Redactor(token).without_secrets(text)
