"""The panel's state as HTML, every text of which is escaped: a client may be *named* `<img onerror=…>`."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from qlik_keys.jupyter.panel.model.words import OPERATIONS
from qlik_keys.jupyter.panel.views.code_samples import same_as
from qlik_keys.keys.spec import ROTATE_AFTER
from qlik_keys.rules.keys import OLD_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    import pandas as pd

    from qlik_keys.jupyter.panel.model.change_state import ShownPlan, ShownResult
    from qlik_keys.jupyter.panel.model.state import ErrorCard, MadeClient, PanelState, ShownRequest, ShownStep

_BAR_PIXELS = 90
_PHASES = {
    "waiting": ("○", "to do"),
    "running": ("◐", "doing"),
    "done": ("✓", "done"),
    "failed": ("✗", "failed"),
}


def plain(words: str) -> str:
    """Return a text that is no markup."""
    return escape(words)


def plan_heading(planned: ShownPlan | None) -> str:
    """Return what is planned and for which client, or nothing; the focus goes there when a plan is opened."""
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
    """Return what a change would do, before it is done; its steps stand below.

    Args:
        planned: the plan, None for none.
        is_current: whether it is for the choices as they are now.
        is_open: whether it can still be chosen otherwise, or put away; else it was started.
    """
    if planned is None:
        return ""
    state = "Nothing is changed yet." if is_current else "The plan is being updated for your last choice …"
    title = f"<p class='qk-muted'>{state if is_open else 'The plan that you started:'}</p>"
    if planned.blocked:
        hint = f"<p><b>What to do:</b> {told(planned.hint)}</p>" if planned.hint else ""
        return f"<div class='qk-plan'>{title}<p>✗ It would be refused: {told(planned.blocked)}</p>{hint}</div>"
    if planned.is_empty:
        return f"<div class='qk-plan'>{title}<p>There is nothing to do.</p></div>"
    undoable = "".join(f"<li>⚠ Cannot be undone: {escape(each)}</li>" for each in planned.irreversible)
    notes = "".join(f"<li>{told(note)}</li>" for note in planned.notes)
    return f"<div class='qk-plan'>{title}<ul>{undoable}{notes}</ul></div>"


_RESULT_SIGNS = {"good": "✓", "warning": "⚠", "bad": "✗"}


def result(shown: ShownResult) -> str:
    """Return what an action came to: a line, or the card of what went wrong."""
    if shown.card is not None:
        return f"<div data-result='{shown.number}'>{error(shown.card)}</div>"
    return (
        f"<p class='qk-told qk-told-{shown.kind}' role='status' tabindex='-1' data-result='{shown.number}'>"
        f"{_RESULT_SIGNS[shown.kind]} {told(shown.words)}</p>"
    )


def progress(state: PanelState, at: str) -> str:
    """Return what is being done for the button at a place, or nothing."""
    if not state.work or state.work_at != at:
        return ""
    spinner = "<span class='qk-spinner' aria-hidden='true'></span>"
    doing = "It waits for you: press Next." if state.waits_for and not state.cancelling else _doing(state)
    return (
        f"<p class='qk-told qk-told-work' aria-hidden='true'>{spinner}<span class='qk-cut'>{escape(doing)}</span></p>"
    )


def header(state: PanelState) -> str:
    """Return who and what the panel is connected to, the mode in colour and in words."""
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
        f"<span>as <b>{escape(connection.identity)}</b>{roles}</span>{vault}"
    )


def work(state: PanelState) -> str:
    """Return what is being done, or nothing."""
    if not state.work:
        return ""
    spinner = "<span class='qk-spinner' aria-hidden='true'></span>"
    return f"<div class='qk-work' role='status'>{spinner}{escape(_doing(state))}</div>"


def _doing(state: PanelState) -> str:
    if state.cancelling:
        return f"{state.work}: stopping after this step …"
    return f"Next: {state.waits_for}" if state.waits_for else f"{state.work} …"


def error(card: ErrorCard | None) -> str:
    """Return the error's card, or nothing."""
    if card is None:
        return ""
    rows = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td>{escape(asked)}</td><td>{escape(there)}</td></tr>"
        for name, asked, there in card.differences
    )
    table = (
        f"<table class='qk-differences'><thead><tr><th></th><th>asked for</th><th>there</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
        if rows
        else ""
    )
    outcome = f"<p>{escape(card.outcome)}</p>" if card.outcome else ""
    hint = f"<p><b>What to do:</b> {told(card.hint)}</p>" if card.hint else ""
    trace = f" · trace id <code>{escape(card.trace_id)}</code>" if card.trace_id else ""
    return (
        f"<div class='qk-error' role='alert'><p class='qk-error-title' tabindex='-1'>✗ {escape(card.doing)} did not "
        f"work</p><p>{told(card.what)}</p>{table}{outcome}{hint}"
        f"<p class='qk-muted'>{escape(card.kind)}{trace}</p></div>"
    )


def warnings(texts: Iterable[str]) -> str:
    """Return warnings, each with its sign, or nothing."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul class='qk-warnings'>{items}</ul>" if items else ""


def preview(text: str, code: str) -> str:
    """Return the registration's JSON, and the same in Python, both folded up."""
    return (
        f"<details class='qk-preview'><summary>What will be sent to the tenant</summary>{code_block(text)}</details>"
        f"<details class='qk-preview'><summary>The same in Python</summary>{code_block(code)}</details>"
    )


def steps(shown: Sequence[ShownStep]) -> str:
    """Return the steps with their requests; before the first client, what they will be."""
    if not shown:
        return (
            "<div class='qk-empty'><p><b>The steps appear here as they happen</b>, each with the requests that it "
            "makes and with what you would do by hand.</p><p>The private key goes into the Vault before its public "
            "half goes to the tenant, so no crash in between locks anyone out.</p></div>"
        )
    return f"<ol class='qk-steps'>{''.join(map(_step, shown))}</ol>"


def made(clients: Sequence[MadeClient]) -> str:
    """Return the clients that were made in this session, the newest first and open, each with its login verified."""
    if not clients:
        return ""
    newest, *others = reversed(clients)
    listed = "".join(
        f"<details class='qk-preview'><summary>{escape(each.name)}{_GONE if each.is_gone else ''}</summary>"
        f"{_made(each)}</details>"
        for each in others
    )
    before = f"<h4>Made before in this session</h4>{listed}" if listed else ""
    return f"{_made(newest)}{before}"


_GONE = " (not on the tenant any more)"


def _made(client: MadeClient) -> str:
    title = "is made" if client.created else "was there already, just as asked for"
    verification = (
        f"<p class='qk-verification'>✓ <b>Verified:</b> it read its key back from the Vault, got a token and asked "
        f"the tenant who it is: <code>{escape(client.subject)}</code>. Scope <code>{escape(client.scope)}</code>, "
        f"the token ends {moment(client.expires_at)}.</p>"
        if client.subject
        else ""
    )
    rows = [("Client id", client.client_id), ("Key id", client.kid), ("In the Vault", client.vault_path)]
    facts = "".join(f"<dt>{name}</dt><dd><code>{escape(value)}</code></dd>" for name, value in rows if value)
    gone = "<p><b>The tenant has no such client any more.</b></p>" if client.is_gone else ""
    use = use_in_cell(client.client_id) if client.kid and not client.is_gone else ""
    return (
        f"<div class='qk-good'><p><b>✓ {escape(client.name)} {title}.</b></p>{gone}<dl>{facts}</dl>{verification}"
        f"{warnings(client.warnings)}</div>{use}"
    )


def use_in_cell(client_id: str, *, scopes: Sequence[str] = (), user: tuple[str, str] | None = None) -> str:
    """Return the code that logs in as a client from a cell, folded up.

    Args:
        client_id: the client.
        scopes: what to ask for, none for all.
        user: how a user is looked up for whom the token is, and the value; None for the client's own.
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
    """Return when the clients were asked for, and by which names a cell has them; nothing before."""
    if at is None:
        return ""
    warning = " ⚠ Something was done since that may not be shown here: ask again." if may_differ else ""
    return (
        f"As of {moment(at)}.{warning} In a cell: {', '.join(f'<code>panel.{escape(name)}</code>' for name in names)}"
    )


def chosen(rows: pd.DataFrame | None, client_ids: Sequence[str], why: str) -> str:
    """Return which client the buttons below are about, or why they are off."""
    if why:
        return f"<p class='qk-note'>{escape(why)}</p>"
    if not client_ids:
        return "<p class='qk-note'>Select a client in the table; the plan is shown before anything is done.</p>"
    if len(client_ids) > 1:
        return (
            f"<p class='qk-note'>{len(client_ids):,} are selected: here, keys are changed one client at a time. "
            "For many, in a cell: <code>qk.rotate_due(panel.tenant, panel.store)</code>, or a loop over "
            "<code>panel.selected</code>.</p>"
        )
    name = "" if rows is None or rows.empty else f"<b>{escape(str(rows['name'].iloc[0]))}</b> "
    told = None if rows is None else rows.attrs.get("operations", {}).get(client_ids[0])
    interrupted = (
        warnings([f"In progress, or interrupted: {told['words']}. Resume finishes it, if nobody is at it now."])
        if told
        else ""
    )
    return f"<p>{name}<code>{escape(client_ids[0])}</code></p>{interrupted}"


def ages(counts: Mapping[str, tuple[int, int]]) -> str:
    """Return how old the current keys are, as bars with their figures.

    Args:
        counts: age -> how many keys, and how many of them are old by a finding.
    """
    most = max((count for count, _ in counts.values()), default=0) or 1
    bars = "".join(_age(name, count, old, most) for name, (count, old) in counts.items())
    return (
        f"<h3>How old the keys are, in days</h3><ul class='qk-ages'>{bars}</ul>"
        "<p class='qk-muted'><span class='qk-age-key qk-age-old' aria-hidden='true'></span> Old: past the date by "
        f"which the key should have been replaced, or older than {ROTATE_AFTER.days} days without such a date. "
        f"The findings {_old_findings()} list these clients.</p>"
    )


def _age(name: str, count: int, old: int, most: int) -> str:
    height = round(_BAR_PIXELS * count / most)
    # Hatched from its foot: as much of the bar as has a finding.
    old_height = max(round(height * old / count), 2) if old else 0
    old_part = f"<span class='qk-age-bar qk-age-old' style='height:{old_height}px'></span>" if old else ""
    told = f"<span class='qk-age-told'>{old:,} old</span>" if old else ""
    return (
        f"<li class='qk-age'><span class='qk-age-count'>{count:,}</span>{told}"
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
    status = "no answer" if request.status is None else str(request.status)
    again = f" · attempt {request.attempt}" if request.attempt > 1 else ""
    line = (
        f"<span class='qk-system'>{request.system}</span><code>{escape(request.method)} {escape(request.path)}</code>"
        f"<span class='qk-answer'>{status} · {request.milliseconds:.0f} ms{again}</span>"
    )
    body = f"<p class='qk-way'>Body (body.json)</p>{code_block(request.body)}" if request.body else ""
    ways = "".join(
        f"<p class='qk-way'>{escape(name)}</p>{code_block(code)}"
        for name, code in same_as(request, by_client=by_client)
    )
    return (
        f"<li><details class='qk-request'><summary title='the same with curl, qlik-cli, Python'>{line}</summary>"
        f"{body}<p class='qk-same'>The same as</p>{ways}</details></li>"
    )


def moment(value: datetime | None) -> str:
    """Return a time to the minute, "" for none: in UTC, which a living page shows in its own zone (`pulse.js`)."""
    return _time(f"{value:%Y-%m-%d %H:%M}") if value else ""


def told(words: str) -> str:
    """Return a text that is no markup, with every time in it as `moment` gives it, and backticks as code."""
    return _CODE.sub(r"<code>\1</code>", _TIME.sub(lambda found: _time(found[1]), escape(words)))


_CODE = re.compile(r"`([^`]+)`")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) UTC")


def _time(minute: str) -> str:
    return f"<time datetime='{minute.replace(' ', 'T')}Z' title='{minute} UTC'>{minute} UTC</time>"


def code_block(text: str) -> str:
    """Return code with a button that copies it, which `pulse.js` minds."""
    return (
        f"<div class='qk-code'><pre tabindex='0'><code>{escape(text)}</code></pre>"
        "<button type='button' class='qk-quiet qk-copy' aria-label='Copy the code'>Copy</button></div>"
    )


def _badge(kind: str, words: str, more: str = "") -> str:
    """Return a badge; `more` is left out where there is little room."""
    rest = f"<span class='qk-more'>{escape(more)}</span>" if more else ""
    return f"<span class='qk-badge qk-badge-{kind}'>{escape(words)}{rest}</span>"
