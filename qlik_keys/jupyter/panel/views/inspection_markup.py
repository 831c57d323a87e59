"""A login as HTML, every text of which is escaped. `widgets.inspection` shows the answers to calls."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

from qlik_keys.jupyter.panel.controllers.token import REPLAYED
from qlik_keys.jupyter.panel.views.markup import formatted, use_in_cell

if TYPE_CHECKING:
    from datetime import datetime

    from qlik_keys.auth.inspection import Explained
    from qlik_keys.auth.invalid_variants import InvalidVariant
    from qlik_keys.jupyter.panel.model.shown import ClientWithKey, ShownAssertion, ShownRejection, ShownToken

_OK = 200
_PARTS = {"header": "Header", "claims": "Claims"}


def assertion(shown: ShownAssertion | None) -> str:
    """Return an assertion, member by member with the rule for each, or nothing."""
    if shown is None:
        return ""
    from qlik_keys.auth.invalid_variants import INVALID_VARIANTS  # noqa: PLC0415  # brings cryptography

    variant = INVALID_VARIANTS.get(shown.variant)
    wrong = _wrong(shown.variant)
    parts = []
    for part, heading in _PARTS.items():
        members = "".join(_member(each, variant, wrong) for each in shown.members if each.part == part)
        parts.append(f"<h4>{heading}</h4><ul class='qk-members'>{members}</ul>")
    is_forged = variant is not None and not variant.member
    signed = "a new key, which is not registered" if is_forged else "the private key, which stays where it is"
    parts.append(
        f"<h4>Signature</h4><ul class='qk-members'><li{' class=qk-wrong-member' if is_forged else ''}>"
        f"<p class='qk-muted'>{wrong if is_forged else ''}By {signed}. Not shown: any holder of the whole "
        "assertion can log in with it once. The tenant verifies it with the registered public key.</p></li></ul>"
    )
    title = f"The assertion: {variant.title}" if variant is not None else "The assertion"
    return f"<details class='qk-preview' open><summary><b>{escape(title)}</b></summary>{''.join(parts)}</details>"


def _wrong(variant: str) -> str:
    text = "sent twice on purpose" if variant == REPLAYED else "invalid on purpose"
    return f"<span class='qk-wrong'>✗ {text}</span> "


def _member(each: Explained, variant: InvalidVariant | None, wrong: str) -> str:
    is_wrong = variant is not None and each.name == variant.member
    return (
        f"<li{' class=qk-wrong-member' if is_wrong else ''}><p><b>{escape(each.name)}</b> "
        f"<code>{escape(each.value)}</code></p>"
        f"<p class='qk-muted'>{wrong if is_wrong else ''}{escape(each.meaning)}. {escape(each.rule)}</p></li>"
    )


def rejection(shown: ShownRejection | None) -> str:
    """Return the tenant's answer to what was invalid on purpose, and the reason, or nothing."""
    if shown is None:
        return ""
    from qlik_keys.auth.invalid_variants import INVALID_VARIANTS  # noqa: PLC0415  # brings cryptography

    variant = INVALID_VARIANTS[shown.variant]
    if shown.status == _OK:
        title = f"⚠ The tenant accepted it: {variant.title}"
        said = "It returned a token, although it should have refused the assertion."
    else:
        title = f"✓ Refused, as expected: {variant.title}"
        said = f"The tenant answered <b>{shown.status}</b>: {escape(shown.said)}"
    trace = f"<p class='qk-muted'>trace id <code>{escape(shown.trace_id)}</code></p>" if shown.trace_id else ""
    return (
        f"<div class='qk-good' role='status'><p><b>{escape(title)}</b></p><p>{said}</p>"
        f"<p>{escape(variant.rejection)}</p>{trace}</div>"
    )


def token(shown: ShownToken | None, *, now: datetime, is_old: bool = False) -> str:
    """Return what is known of the current token, or nothing.

    Args:
        shown: the token.
        now: what time it is, UTC.
        is_old: an invalid assertion was sent after it.
    """
    if shown is None:
        return ""
    form = shown.form
    ends = f"{shown.expires_at:%Y-%m-%d %H:%M} UTC" + (
        "" if shown.lifetime_known else ", estimated: the tenant did not say"
    )
    rows = [
        ("User", shown.subject),
        ("Requested for the user", f"{form.user_field} {form.user_value}" if form.user_field else ""),
        ("Scope", shown.scope),
        ("Expires", ends),
        ("Key id", shown.kid),
    ]
    facts = "".join(f"<dt>{name}</dt><dd><code>{formatted(value)}</code></dd>" for name, value in rows if value)
    name = escape(shown.client_name)
    title = f"The current token is still that of {name}" if is_old else f"✓ {name} logged in"
    is_over = shown.is_revoked or shown.expires_at <= now
    if is_over:
        title = f"✗ The token of {name} {'is revoked' if shown.is_revoked else 'has expired'}"
    kind = "qk-error" if is_over else "qk-good"
    after = "<p>The tenant answers every call with it by 401.</p>" if is_over else ""
    return f"<div class='{kind}' role='status'><p><b>{title}.</b></p><dl>{facts}</dl>{after}</div>"


def token_parts(shown: ShownToken | None) -> str:
    """Return the parts of the token, which are unofficial, and how to get one in a cell; nothing without a token."""
    if shown is None:
        return ""
    from qlik_keys.auth.inspection import UNOFFICIAL, format_timestamp  # noqa: PLC0415  # brings httpx

    form = shown.form
    user = (form.user_field, form.user_value.strip()) if form.user_field else None
    use = use_in_cell(form.client_id, scopes=form.scopes, user=user)
    summary = f"<summary>The parts of the token <span class='qk-finding qk-severity-low'>{UNOFFICIAL}</span></summary>"
    reserve = (
        "<p class='qk-muted'>Officially an access token is opaque: the answer that brought it has its scope and "
        "expiry, and <code>users/me</code> has its user. No program should depend on its parts.</p>"
    )
    if shown.parts is None:
        inside = "<p>This token is no JWT, so its parts cannot be read. It works nevertheless.</p>"
    else:
        rows = [
            (part, name, json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value, value)
            for part, members in shown.parts.items()
            for name, value in members.items()
        ]
        cells = "".join(
            f"<dt>{escape(name)}</dt><dd><code>{escape(text)}</code>"
            f"{f' {format_timestamp(value)}' if name in ('iat', 'exp', 'nbf') else ''}</dd>"
            for _, name, text, value in rows
        )
        inside = f"<dl>{cells}</dl>"
    return f"<details class='qk-preview'>{summary}{reserve}{inside}</details>{use}"


def call_heading(shown: ShownToken | None, chosen: ClientWithKey | None) -> str:
    """Return the heading of the call, which names the client of the token, also after another client was chosen.

    Args:
        shown: the current token, None for none.
        chosen: the client that is chosen, None for none.
    """
    if shown is None:
        return "<h3>Call with a token</h3>"
    user = f" for the user {shown.subject or shown.form.user_value}" if shown.form.user_field else ""
    owner = escape(f"{shown.client_name}{user}")
    note = ""
    if chosen is not None and chosen.client_id != shown.form.client_id:
        note = f"<p class='qk-note'>To call as {escape(chosen.name)}, get its token first.</p>"
    return f"<h3>Call with the token of {owner}</h3>{note}"
