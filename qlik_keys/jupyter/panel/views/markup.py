"""The panel's state as HTML. Every text in it is escaped: a client may be *named* `<img onerror=…>`."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from qlik_keys.jupyter.panel.model.words import EXISTED_ALREADY, NO_LONGER_THERE, OPERATIONS
from qlik_keys.keys.spec import ROTATE_AFTER
from qlik_keys.rules.keys import OLD_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    import pandas as pd

    from qlik_keys.jupyter.panel.model.shown import (
        Connection,
        ErrorCard,
        MadeClient,
        ShownPlan,
        ShownRequest,
        ShownResult,
        ShownStep,
    )
    from qlik_keys.jupyter.panel.model.state import PanelState, WorkState

_BAR_PIXELS = 90
_PHASES = {
    "waiting": ("○", "to do"),
    "running": ("◐", "running"),
    "done": ("✓", "done"),
    "failed": ("✗", "failed"),
}


def plain(text: str) -> str:
    """Return a text, escaped."""
    return escape(text)


def plan_heading(planned: ShownPlan | None) -> str:
    """Return which change is planned, and of which client; the focus goes there when a plan is opened."""
    if planned is None:
        return ""
    operation = OPERATIONS[planned.form.operation]
    name = planned.client_name or planned.form.client_id
    client_id = f"<p><code>{escape(planned.form.client_id)}</code></p>" if planned.form.client_id else ""
    return (
        f"<h3 class='qk-plan-title' tabindex='-1' data-result='plan-{planned.opened}'>"
        f"{escape(operation.heading.format(name=name))}</h3>{client_id}"
        f"<p class='qk-muted'>{escape(operation.meaning)}</p>"
    )


def plan(planned: ShownPlan | None, *, is_current: bool = True, is_open: bool = True) -> str:
    """Return what a change would do, before it is made; its steps follow.

    Args:
        planned: the plan, None for none.
        is_current: whether it is for the options as they are now.
        is_open: whether it was not started yet: its options can be changed, and it can be discarded.
    """
    if planned is None:
        return ""
    state = "Nothing is changed yet." if is_current else "The plan is being updated for your last choice …"
    title = f"<p class='qk-muted'>{state if is_open else 'The plan that you started:'}</p>"
    if planned.blocked:
        hint = f"<p><b>What to do:</b> {formatted(planned.hint)}</p>" if planned.hint else ""
        return f"<div class='qk-plan'>{title}<p>✗ It would be refused: {formatted(planned.blocked)}</p>{hint}</div>"
    undoable = "".join(f"<li>⚠ Cannot be undone: {escape(each)}</li>" for each in planned.irreversible)
    notes = "".join(f"<li>{formatted(note)}</li>" for note in planned.notes)
    if planned.is_empty:
        why = f"<ul>{notes}</ul>" if notes else ""
        return f"<div class='qk-plan'>{title}<p>There is nothing to do.</p>{why}</div>"
    return f"<div class='qk-plan'>{title}<ul>{undoable}{notes}</ul></div>"


_RESULT_SIGNS = {"good": "✓", "warning": "⚠", "bad": "✗"}


def result(shown: ShownResult) -> str:
    """Return the result of an action: a line, or the card of its error."""
    if shown.card is not None:
        return f"<div data-result='{shown.number}'>{error(shown.card)}</div>"
    return (
        f"<p class='qk-told qk-told-{shown.kind}' role='status' tabindex='-1' data-result='{shown.number}'>"
        f"{_RESULT_SIGNS[shown.kind]} {formatted(shown.words)}</p>"
    )


def progress(state: PanelState, at: str) -> str:
    """Return the work in progress for the button at a place, or nothing."""
    is_planned = state.work.is_planning and state.change.plan is not None
    if not state.work.doing or state.work.at != at or is_planned:
        return ""
    spinner = "<span class='qk-spinner' aria-hidden='true'></span>"
    work = state.work
    doing = "Waiting for you: press Next." if work.waits_for and not work.cancelling else _doing(work)
    return (
        f"<p class='qk-told qk-told-work' aria-hidden='true'>{spinner}<span class='qk-cut'>{escape(doing)}</span></p>"
    )


def header(state: PanelState) -> str:
    """Return what the panel is connected to and as which user, the mode by colour and by text."""
    connection = state.connection
    if connection is None:
        return _badge("off", "Not connected") + "<span class='qk-muted'>No tenant and no Vault yet.</span>"
    if connection.mode == "sandbox":
        badge = _badge("sandbox", "Sandbox", ": nothing here is real")
    else:
        badge = _badge("real", "Real tenant")
    roles = f" <span class='qk-roles'>({escape(', '.join(connection.roles))})</span>" if connection.roles else ""
    keeper = ", keys in Transit" if connection.custody == "transit" else ""
    vault = (
        f"<span class='qk-vault'>Vault <code>{escape(connection.vault_url)}</code>{keeper}</span>"
        if connection.vault_url
        else ""
    )
    return (
        f"{badge}<span>Tenant <code>{escape(connection.tenant_host)}</code></span>"
        f"<span>as <b>{escape(connection.identity)}</b>{roles}</span>{vault}{_deprecations(connection)}"
    )


def _deprecations(connection: Connection) -> str:
    """Return that the tenant has deprecated what is called, with its words for a pointer and for screen readers."""
    count = len(connection.deprecations)
    if not count:
        return ""
    what = "1 deprecated API endpoint" if count == 1 else f"{count} deprecated API endpoints"
    words = escape(" ".join(connection.deprecations))
    return f"<span class='qk-deprecated' title='{words}' aria-label='{what}. {words}'>{what}: see the audit</span>"


def work(state: PanelState) -> str:
    """Return the work in progress, or nothing."""
    if not state.work.doing:
        return ""
    spinner = "<span class='qk-spinner' aria-hidden='true'></span>"
    return f"<div class='qk-work' role='status'>{spinner}{escape(_doing(state.work))}</div>"


def _doing(work: WorkState) -> str:
    if work.cancelling:
        return f"{work.doing}: stopping after this step …"
    return f"Next: {work.waits_for}" if work.waits_for else f"{work.doing} …"


def error(card: ErrorCard | None) -> str:
    """Return the error's card, or nothing."""
    if card is None:
        return ""
    rows = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td>{escape(requested)}</td><td>{escape(existing)}</td></tr>"
        for name, requested, existing in card.differences
    )
    table = (
        f"<table class='qk-differences'><thead><tr><th></th><th>requested</th><th>existing</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
        if rows
        else ""
    )
    outcome = f"<p>{escape(card.outcome)}</p>" if card.outcome else ""
    hint = f"<p><b>What to do:</b> {formatted(card.hint)}</p>" if card.hint else ""
    trace = f" · trace id <code>{escape(card.trace_id)}</code>" if card.trace_id else ""
    return (
        f"<div class='qk-error' role='alert'><p class='qk-error-title' tabindex='-1'>✗ {escape(card.doing)} "
        f"failed</p><p>{formatted(card.what)}</p>{table}{outcome}{hint}"
        f"<p class='qk-muted'>{escape(card.kind)}{trace}</p></div>"
    )


def warnings(texts: Iterable[str]) -> str:
    """Return warnings, each with its sign, or nothing."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul class='qk-warnings'>{items}</ul>" if items else ""


def preview(text: str, code: str) -> str:
    """Return the JSON of the registration, and the same in Python, both collapsed."""
    return (
        f"<details class='qk-preview'><summary>What will be sent to the tenant</summary>{code_block(text)}</details>"
        f"<details class='qk-preview'><summary>The same in Python</summary>{code_block(code)}</details>"
    )


def steps(shown: Sequence[ShownStep]) -> str:
    """Return the steps with their requests; before the first client, an introduction."""
    if not shown:
        return (
            "<div class='qk-empty'><p><b>The steps appear here as they happen</b>, each with its requests and with "
            "what you would do by hand.</p><p>The private key is stored in the Vault before its public half goes to "
            "the tenant, so that a crash in between locks no client out.</p></div>"
        )
    return f"<ol class='qk-steps'>{''.join(map(_step, shown))}</ol>"


def made(clients: Sequence[MadeClient]) -> str:
    """Return the clients that were made in this session, the newest first and expanded, each with its verification."""
    if not clients:
        return ""
    newest, *others = reversed(clients)
    listed = "".join(
        f"<details class='qk-preview'><summary>{escape(each.name)}{_GONE if each.is_gone else ''}</summary>"
        f"{_made(each)}</details>"
        for each in others
    )
    before = f"<h4>Made earlier in this session</h4>{listed}" if listed else ""
    return f"{_made(newest)}{before}"


_GONE = f" ({NO_LONGER_THERE})"


def _made(client: MadeClient) -> str:
    title = "is made" if client.created else EXISTED_ALREADY
    verification = (
        f"<p class='qk-verification'>✓ <b>Verified:</b> its key was read back from the Vault and got a token, "
        f"of the user <code>{escape(client.subject)}</code> with the scope <code>{escape(client.scope)}</code>. The "
        f"token expires at {moment(client.expires_at)}.</p>"
        if client.subject
        else ""
    )
    rows = [("Client id", client.client_id), ("Key id", client.kid), ("In the Vault", client.vault_path)]
    facts = "".join(f"<dt>{name}</dt><dd><code>{escape(value)}</code></dd>" for name, value in rows if value)
    gone = f"<p><b>The client is {NO_LONGER_THERE}.</b></p>" if client.is_gone else ""
    use = use_in_cell(client.client_id) if client.kid and not client.is_gone else ""
    return (
        f"<div class='qk-good'><p><b>✓ {escape(client.name)} {title}.</b></p>{gone}<dl>{facts}</dl>{verification}"
        f"{warnings(client.warnings)}</div>{use}"
    )


def use_in_cell(client_id: str, *, scopes: Sequence[str] = (), user: tuple[str, str] | None = None) -> str:
    """Return the code that logs in as a client from a cell, collapsed.

    Args:
        client_id: the client.
        scopes: what to request, none for all.
        user: how the token's user is looked up, and the value; None for a token of the client itself.
    """
    options = f"    scopes={[*scopes]!r},\n" if scopes else ""
    options += f"    user=qk.UserLookup({user[0]!r}, {user[1]!r}),\n" if user else ""
    code = (
        "import httpx\nimport qlik_keys as qk\n\n"
        "source = qk.TokenSource.from_store(\n"
        f"    panel.store, tenant_url=panel.tenant.url, client_id={client_id!r},\n{options})\n"
        "auth = qk.PrivateKeyJwtAuth(source)\n"
        "with httpx.Client(base_url=panel.tenant.url, auth=auth, follow_redirects=True) as api:\n"
        '    print(api.get("/api/v1/users/me").json())'
    )
    return f"<details class='qk-preview'><summary>Use it in the next cell</summary>{code_block(code)}</details>"


def listed_at(at: datetime | None, *names: str, may_differ: bool = False) -> str:
    """Return when the clients were listed, and the names by which a cell has them; nothing before."""
    if at is None:
        return ""
    warning = " ⚠ A later change may not be shown here: refresh the list." if may_differ else ""
    return (
        f"As of {moment(at)}.{warning} In a cell: {', '.join(f'<code>panel.{escape(name)}</code>' for name in names)}"
    )


def last_use(frame: pd.DataFrame | None) -> str:
    """Return why the last use of the clients is not known, or not for all of the time; nothing where it is known."""
    told = {} if frame is None else frame.attrs.get("usage", {})
    if not told.get("reason"):
        return ""
    known = f"known only since {told['since'][:10]} (UTC)" if told["since"] else "unknown"
    return f"<p role='status'>⚠ When the clients last logged in is {known}: {escape(told['reason'])}</p>"


def ages(counts: Mapping[str, tuple[int, int]]) -> str:
    """Return the ages of the current keys, as bars with their counts.

    Args:
        counts: age -> how many keys, and how many of them are old by a finding.
    """
    most = max((count for count, _ in counts.values()), default=0) or 1
    bars = "".join(_age(name, count, old, most) for name, (count, old) in counts.items())
    return (
        f"<h3>Age of the keys, in days</h3><ul class='qk-ages'>{bars}</ul>"
        "<p class='qk-muted'><span class='qk-age-key qk-age-old' aria-hidden='true'></span> Old: past the date to "
        f"rotate the key by, or older than {ROTATE_AFTER.days} days without such a date. "
        f"The findings {_old_findings()} list these clients.</p>"
    )


def _age(name: str, count: int, old: int, most: int) -> str:
    height = round(_BAR_PIXELS * count / most)
    # Hatched from the bottom: the part of the bar that has a finding.
    old_height = max(round(height * old / count), 2) if old else 0
    old_part = f"<span class='qk-age-bar qk-age-old' style='height:{old_height}px'></span>" if old else ""
    old_count = f"<span class='qk-age-told'>{old:,} old</span>" if old else ""
    return (
        f"<li class='qk-age'><span class='qk-age-count'>{count:,}</span>{old_count}"
        f"<span class='qk-age-bar' style='height:{max(height - old_height, 0 if old else 2)}px'></span>{old_part}"
        f"<span class='qk-age-name'>{escape(name)}</span></li>"
    )


def _old_findings() -> str:
    return " and ".join(f"<b>{escape(name)}</b>" for name in OLD_KEY)


def _step(step: ShownStep) -> str:
    sign, word = _PHASES[step.phase]
    by_client = step.step.startswith("verify")
    requests = "".join(_request(request, by_client=by_client) for request in step.requests)
    listed = f"<ul class='qk-requests'>{requests}</ul>" if requests else ""
    by_hand = f"<p class='qk-by-hand'>By hand: {escape(step.by_hand)}</p>" if step.by_hand else ""
    return (
        f"<li class='qk-step qk-{step.phase}'><span class='qk-sign' aria-hidden='true'>{sign}</span>"
        f"<div><p class='qk-step-title'>{escape(step.title)} <span class='qk-word'>{word}</span></p>"
        f"{by_hand}{listed}</div></li>"
    )


def _request(request: ShownRequest, *, by_client: bool) -> str:
    from qlik_keys.jupyter.panel.views.code_samples import samples_of_request  # noqa: PLC0415  # not needed before the first step

    status = "no answer" if request.status is None else str(request.status)
    again = f" · attempt {request.attempt}" if request.attempt > 1 else ""
    line = (
        f"<span class='qk-system'>{request.system}</span><code>{escape(request.method)} {escape(request.path)}</code>"
        f"<span class='qk-answer'>{status} · {request.milliseconds:.0f} ms{again}</span>"
    )
    body = f"<p class='qk-sample'>Body (body.json)</p>{code_block(request.body)}" if request.body else ""
    samples = "".join(
        f"<p class='qk-sample'>{escape(name)}</p>{code_block(code)}"
        for name, code in samples_of_request(request, by_client=by_client)
    )
    return (
        f"<li><details class='qk-request'><summary title='the same with curl, qlik-cli, Python'>{line}</summary>"
        f"{body}<p class='qk-same'>The same by hand</p>{samples}</details></li>"
    )


def moment(value: datetime | None) -> str:
    """Return a time to the minute in UTC, "" for none; a page with a kernel shows it in its own zone (`pulse.js`)."""
    return _time(f"{value:%Y-%m-%d %H:%M}") if value else ""


def formatted(text: str) -> str:
    """Return a text, escaped, with every time in it as `moment` returns it, and backticks as code."""
    return _CODE.sub(r"<code>\1</code>", _TIME.sub(lambda found: _time(found[1]), escape(text)))


_CODE = re.compile(r"`([^`]+)`")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) UTC")


def _time(minute: str) -> str:
    return f"<time datetime='{minute.replace(' ', 'T')}Z' title='{minute} UTC'>{minute} UTC</time>"


def code_block(text: str) -> str:
    """Return code with a button that copies it (`pulse.js`)."""
    return (
        f"<div class='qk-code'><pre tabindex='0'><code>{escape(text)}</code></pre>"
        "<button type='button' class='qk-quiet qk-copy' aria-label='Copy the code'>Copy</button></div>"
    )


def _badge(kind: str, text: str, more: str = "") -> str:
    """Return a badge; `more` is hidden in a narrow panel."""
    rest = f"<span class='qk-more'>{escape(more)}</span>" if more else ""
    return f"<span class='qk-badge qk-badge-{kind}'>{escape(text)}{rest}</span>"
