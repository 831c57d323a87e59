"""HTML that needs nothing else: one file, no script, no address in it; a page's own policy forbids both."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qlik_keys.inventory.formats.rows import audited_at, counts, found_rows, is_of_several, kinds, parted, tenants_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; max-width: 75rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .4rem .7rem; border-bottom: 1px solid #8886; }
td { overflow-wrap: anywhere; }
th { white-space: nowrap; }
code { font-size: .9em; }
.critical, .high { font-weight: 700; color: #b3261e; }
.medium { font-weight: 600; color: #8a5a00; }
@media (prefers-color-scheme: dark) { .critical, .high { color: #ff9d95; } .medium { color: #f2c265; } }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """Return a page.

    Args:
        title: any text.
        parts: HTML that is escaped already.
    """
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>"
    )
    return "\n".join([head, *parts, "</body>\n</html>\n"])


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts; a cell of the column "severity" has its class, one of "command" is code."""
    header = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "\n".join(f"<tr>{''.join(map(_cell, names, row))}</tr>" for row in rows)
    return f"<table>\n<thead><tr>{header}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _cell(name: str, text: str) -> str:
    shown = escape(text)
    if name == "severity":
        return f'<td class="{shown}">{shown}</td>'
    return f"<td><code>{shown}</code></td>" if name == "command" and shown else f"<td>{shown}</td>"


def audit_as_html(found: pd.DataFrame) -> str:
    """Return the page of an audit: how many findings there are, which, and what each kind means."""
    rows = found_rows(found)
    names = ["severity", "code", "finding", "name", "client_id", "command"]
    names = ["tenant", *names] if is_of_several(found) else names
    told = ", ".join(f"{count} {severity}" for severity, count in counts(rows).items() if count)
    parts = [f"<p>{audited_at(found):%Y-%m-%d %H:%M} UTC. {escape(told or 'There are no findings')}.</p>"]
    if rows:
        details = [parted(row.finding, row.meaning)[1] for row in rows]
        cells = [[getattr(row, name) for name in names] for row in rows]
        if any(details):
            names = [*names, "detail"]
            cells = [[*row, detail] for row, detail in zip(cells, details, strict=True)]
        parts.append(table(names, cells))
        parts.append("<h2>What they mean</h2>")
        parts.append(
            table(
                ["code", "finding", "meaning", "advice"],
                [(row.code, row.finding, parted(row.finding, row.meaning)[0], row.advice) for row in kinds(rows)],
            )
        )
    return page(f"Audit of {', '.join(tenants_of(found)) or 'clients and their keys'}", parts)
