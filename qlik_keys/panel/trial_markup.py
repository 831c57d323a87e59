"""What was tried with a login, as HTML, every text of which is escaped; an answer's own view is `trial_widgets`."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

from qlik_keys.panel.markup import moment, use_in_cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlik_keys.panel.trial_state import ShownAssertion, ShownLesson, ShownToken
    from qlik_keys.trial import Called

_OK, _ERRORS = 200, 400
_WRONG = "<span class='qk-wrong'>✗ wrong on purpose</span> "


def assertion(shown: ShownAssertion | None) -> str:
    """Return an assertion, member by member with the rule behind each, or nothing."""
    if shown is None:
        return ""
    from qlik_keys.trial import FAULTS  # noqa: PLC0415  # brings httpx

    fault = FAULTS.get(shown.fault)
    members = []
    for each in shown.members:
        is_wrong = fault is not None and each.name == fault.member
        members.append(
            f"<li{' class=qk-wrong-member' if is_wrong else ''}><p><b>{escape(each.name)}</b> "
            f"<code>{escape(each.value)}</code></p>"
            f"<p class='qk-muted'>{_WRONG if is_wrong else ''}{escape(each.meaning)}. {escape(each.rule)}</p></li>"
        )
    is_forged = fault is not None and not fault.member
    signed = "a key made just now, which nobody registered" if is_forged else "the private key, which stays where it is"
    members.append(
        f"<li{' class=qk-wrong-member' if is_forged else ''}><p><b>signature</b></p>"
        f"<p class='qk-muted'>{_WRONG if is_forged else ''}by {signed}. Not shown: whoever has the whole assertion "
        "first logs in with it. The tenant verifies it with the registered public key.</p></li>"
    )
    title = f"The assertion: {fault.title}" if fault is not None else "The assertion"
    return (
        f"<details class='qk-preview' open><summary><b>{escape(title)}</b></summary>"
        f"<ul class='qk-members'>{''.join(members)}</ul></details>"
    )


def lesson(learnt: ShownLesson | None) -> str:
    """Return what a tenant said to what was broken on purpose, and why, or nothing."""
    if learnt is None:
        return ""
    from qlik_keys.trial import FAULTS  # noqa: PLC0415  # brings httpx

    fault = FAULTS[learnt.fault]
    if learnt.status == _OK:
        title = f"⚠ The tenant took it: {fault.title}"
        said = "It gave a token, which it should not have."
    else:
        title = f"✓ Refused, as it must be: {fault.title}"
        said = f"The tenant answered <b>{learnt.status}</b>: {escape(learnt.said)}"
    trace = f"<p class='qk-muted'>trace id <code>{escape(learnt.trace_id)}</code></p>" if learnt.trace_id else ""
    return (
        f"<div class='qk-good' role='status'><p><b>{escape(title)}</b></p><p>{said}</p>"
        f"<p>{escape(fault.lesson)}</p>{trace}</div>"
    )


def token(shown: ShownToken | None, *, is_old: bool = False) -> str:
    """Return what is known of the token at hand, or nothing.

    Args:
        shown: the token.
        is_old: something else was tried since.
    """
    if shown is None:
        return ""
    form = shown.form
    ends = moment(shown.expires_at) + ("" if shown.lifetime_known else ", guessed: the tenant did not say")
    rows = [
        ("The tenant says you are", shown.subject),
        ("Asked for the user", f"{form.user_field} {form.user_value}" if form.user_field else ""),
        ("Scope", shown.scope),
        ("Ends", ends),
        ("Key id", shown.kid),
    ]
    facts = "".join(f"<dt>{name}</dt><dd><code>{escape(value)}</code></dd>" for name, value in rows if value)
    whose = escape(shown.client_name)
    title = f"The token from before is still at hand: {whose}" if is_old else f"✓ {whose} logged in"
    title = f"✗ The token of {whose} is revoked" if shown.is_revoked else title
    kind = "qk-good" if not shown.is_revoked else "qk-error"
    after = "<p>Call anything with it: the tenant answers 401.</p>" if shown.is_revoked else ""
    return f"<div class='{kind}' role='status'><p><b>{title}.</b></p><dl>{facts}</dl>{after}</div>"


def token_parts(shown: ShownToken | None) -> str:
    """Return the token's own parts under reserve, and how to get one in a cell; nothing without a token."""
    if shown is None:
        return ""
    from qlik_keys.trial import UNOFFICIAL, moment_in_words  # noqa: PLC0415  # brings httpx

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


def calls(made: Sequence[Called]) -> str:
    """Return the newest calls, the newest first, or nothing."""
    if not made:
        return ""
    rows = "".join(_called(each) for each in reversed(made))
    return (
        f"<details class='qk-preview'><summary>What was called, the newest first</summary><div class='qk-wide' "
        f"tabindex='0' role='region' aria-label='Calls'><table class='qk-differences'><thead><tr><th>Time (UTC)</th>"
        f"<th>As</th><th>Call</th><th>Answer</th><th>Trace id</th></tr></thead><tbody>{rows}</tbody></table></div>"
        f"<p class='qk-muted'>All of them as a DataFrame, in a cell: <code>panel.history</code></p></details>"
    )


def _called(call: Called) -> str:
    status = "no answer" if call.status is None else str(call.status)
    is_bad = call.status is None or call.status >= _ERRORS
    sign = "✗" if is_bad else "✓"
    again = f", again in {call.retry_after:.0f} s" if call.retry_after is not None else ""
    return (
        f"<tr><td>{call.time:%H:%M:%S}</td><td>{escape(call.client)}</td>"
        f"<td><code>{escape(call.method)} {escape(call.path)}</code></td>"
        f"<td{' class=qk-problem' if is_bad else ''}>{sign} {status} · {call.milliseconds:.0f} ms{again}</td>"
        f"<td><code>{escape(call.trace_id)}</code></td></tr>"
    )
