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


def assertion(shown: ShownAssertion | None) -> str:
    """Return an assertion, member by member with the rule behind each, or nothing."""
    if shown is None:
        return ""
    from qlik_keys.trial import FAULTS  # noqa: PLC0415  # brings httpx

    fault = FAULTS.get(shown.fault)
    rows = []
    for each in shown.members:
        is_wrong = fault is not None and each.name == fault.member
        sign = "<span class='qk-wrong'>✗ wrong on purpose</span> " if is_wrong else ""
        rows.append(
            f"<tr{' class=qk-wrong-row' if is_wrong else ''}><th scope='row'><code>{escape(each.name)}</code></th>"
            f"<td><code>{escape(each.value)}</code></td>"
            f"<td>{sign}<b>{escape(each.meaning)}.</b> {escape(each.rule)}</td></tr>"
        )
    unsigned = (
        "<span class='qk-wrong'>✗ wrong on purpose</span> by a key made just now, which nobody registered"
        if fault is not None and not fault.member
        else "by the private key, which stays where it is; the tenant verifies it with the registered public key"
    )
    title = f"The assertion: {fault.title}" if fault is not None else "The assertion"
    return (
        f"<details class='qk-preview' open><summary><b>{escape(title)}</b></summary><div class='qk-wide' tabindex='0' "
        f"role='region' aria-label='The assertion'><table class='qk-differences qk-members'><thead><tr><th>Member</th>"
        f"<th>Here</th><th>What it is, and the rule</th></tr></thead><tbody>{''.join(rows)}<tr><th scope='row'>"
        f"signature</th><td>not shown</td><td>{unsigned}.</td></tr></tbody></table></div></details>"
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


def token(shown: ShownToken | None) -> str:
    """Return what is known of the token at hand, or nothing."""
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
    title = "✗ This token is revoked" if shown.is_revoked else f"✓ {escape(shown.client_name)} logged in"
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
    summary = f"<summary>The token's own parts <span class='qk-badge qk-badge-off'>{UNOFFICIAL}</span></summary>"
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
