"""What was tried with a login, as HTML, every text of which is escaped; an answer's own view is `inspection`."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

from qlik_keys.jupyter.panel.views.markup import told, use_in_cell

if TYPE_CHECKING:
    from datetime import datetime

    from qlik_keys.auth.inspection import Explained, InvalidVariant
    from qlik_keys.jupyter.panel.model.inspection_state import ClientToTry, ShownAssertion, ShownRejection, ShownToken

_OK = 200
_PARTS = {"header": "Header", "claims": "Claims"}


def assertion(shown: ShownAssertion | None) -> str:
    """Return an assertion, member by member with the rule behind each, or nothing."""
    if shown is None:
        return ""
    from qlik_keys.auth.inspection import INVALID_VARIANTS  # noqa: PLC0415  # brings httpx

    fault = INVALID_VARIANTS.get(shown.fault)
    wrong = _wrong(shown.fault)
    parts = []
    for part, heading in _PARTS.items():
        members = "".join(_member(each, fault, wrong) for each in shown.members if each.part == part)
        parts.append(f"<h4>{heading}</h4><ul class='qk-members'>{members}</ul>")
    is_forged = fault is not None and not fault.member
    signed = "a key made just now, which nobody registered" if is_forged else "the private key, which stays where it is"
    parts.append(
        f"<h4>Signature</h4><ul class='qk-members'><li{' class=qk-wrong-member' if is_forged else ''}>"
        f"<p class='qk-muted'>{wrong if is_forged else ''}By {signed}. Not shown: whoever has the whole assertion "
        "first logs in with it. The tenant verifies it with the registered public key.</p></li></ul>"
    )
    title = f"The assertion: {fault.title}" if fault is not None else "The assertion"
    return f"<details class='qk-preview' open><summary><b>{escape(title)}</b></summary>{''.join(parts)}</details>"


def _wrong(fault: str) -> str:
    words = "used twice on purpose" if fault == "replayed" else "wrong on purpose"
    return f"<span class='qk-wrong'>✗ {words}</span> "


def _member(each: Explained, fault: InvalidVariant | None, wrong: str) -> str:
    is_wrong = fault is not None and each.name == fault.member
    return (
        f"<li{' class=qk-wrong-member' if is_wrong else ''}><p><b>{escape(each.name)}</b> "
        f"<code>{escape(each.value)}</code></p>"
        f"<p class='qk-muted'>{wrong if is_wrong else ''}{escape(each.meaning)}. {escape(each.rule)}</p></li>"
    )


def rejection(learnt: ShownRejection | None) -> str:
    """Return what a tenant said to what was broken on purpose, and why, or nothing."""
    if learnt is None:
        return ""
    from qlik_keys.auth.inspection import INVALID_VARIANTS  # noqa: PLC0415  # brings httpx

    fault = INVALID_VARIANTS[learnt.fault]
    if learnt.status == _OK:
        title = f"⚠ The tenant took it: {fault.title}"
        said = "It gave a token, which it should not have."
    else:
        title = f"✓ Refused, as it must be: {fault.title}"
        said = f"The tenant answered <b>{learnt.status}</b>: {escape(learnt.said)}"
    trace = f"<p class='qk-muted'>trace id <code>{escape(learnt.trace_id)}</code></p>" if learnt.trace_id else ""
    return (
        f"<div class='qk-good' role='status'><p><b>{escape(title)}</b></p><p>{said}</p>"
        f"<p>{escape(fault.rejection)}</p>{trace}</div>"
    )


def token(shown: ShownToken | None, *, now: datetime, is_old: bool = False) -> str:
    """Return what is known of the current token, or nothing.

    Args:
        shown: the token.
        now: what time it is, UTC.
        is_old: something else was tried since.
    """
    if shown is None:
        return ""
    form = shown.form
    ends = f"{shown.expires_at:%Y-%m-%d %H:%M} UTC" + (
        "" if shown.lifetime_known else ", guessed: the tenant did not say"
    )
    rows = [
        ("The tenant says you are", shown.subject),
        ("Asked for the user", f"{form.user_field} {form.user_value}" if form.user_field else ""),
        ("Scope", shown.scope),
        ("Ends", ends),
        ("Key id", shown.kid),
    ]
    facts = "".join(f"<dt>{name}</dt><dd><code>{told(value)}</code></dd>" for name, value in rows if value)
    whose = escape(shown.client_name)
    title = f"The token from before is still at hand: {whose}" if is_old else f"✓ {whose} logged in"
    is_over = shown.is_revoked or shown.expires_at <= now
    if is_over:
        title = f"✗ The token of {whose} is {'revoked' if shown.is_revoked else 'over'}"
    kind = "qk-error" if is_over else "qk-good"
    after = "<p>Call anything with it: the tenant answers 401.</p>" if is_over else ""
    return f"<div class='{kind}' role='status'><p><b>{title}.</b></p><dl>{facts}</dl>{after}</div>"


def token_parts(shown: ShownToken | None) -> str:
    """Return the token's own parts under reserve, and how to get one in a cell; nothing without a token."""
    if shown is None:
        return ""
    from qlik_keys.auth.inspection import UNOFFICIAL, moment_in_words  # noqa: PLC0415  # brings httpx

    form = shown.form
    user = (form.user_field, form.user_value.strip()) if form.user_field else None
    use = use_in_cell(form.client_id, scopes=form.scopes, user=user)
    summary = f"<summary>The token's own parts <span class='qk-finding qk-severity-low'>{UNOFFICIAL}</span></summary>"
    reserve = (
        "<p class='qk-muted'>Officially an access token is opaque: its scope and its end come from the answer that "
        "brought it, and whose it is says <code>users/me</code>. Build nothing on what stands in it.</p>"
    )
    if shown.parts is None:
        inside = "<p>This one is no JWT: there is nothing to be read in it, and it works all the same.</p>"
    else:
        rows = [
            (part, name, json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value, value)
            for part, members in shown.parts.items()
            for name, value in members.items()
        ]
        cells = "".join(
            f"<dt>{escape(name)}</dt><dd><code>{escape(text)}</code>"
            f"{f' {moment_in_words(value)}' if name in ('iat', 'exp', 'nbf') else ''}</dd>"
            for _, name, text, value in rows
        )
        inside = f"<dl>{cells}</dl>"
    return f"<details class='qk-preview'>{summary}{reserve}{inside}</details>{use}"


def call_heading(shown: ShownToken | None, chosen: ClientToTry | None) -> str:
    """Return the heading over the call, which says whose token is in use, also where another client is chosen by now.

    Args:
        shown: the current token, None for none.
        chosen: the client that is chosen, None for none.
    """
    if shown is None:
        return "<h3>Call with a token</h3>"
    user = f" for the user {shown.subject or shown.form.user_value}" if shown.form.user_field else ""
    whose = escape(f"{shown.client_name}{user}")
    note = ""
    if chosen is not None and chosen.client_id != shown.form.client_id:
        note = f"<p class='qk-note'>To call as {escape(chosen.name)}, get a token of it first.</p>"
    return f"<h3>Call with the token of {whose}</h3>{note}"
