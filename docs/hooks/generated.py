# ruff: noqa: INP001  # hooks that mkdocs loads by their path
"""Writes the parts of the reference that the code knows: commands, findings, policies; and shows whole files.

A page has a comment `<!-- generated: NAME -->` where the part belongs. It is made when the site is built, so it cannot
differ from the program. `<!-- file: PATH -->` stands for a file of `docs/`, so what is shown is what is tested.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

MARK = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.MULTILINE)
FILE_MARK = re.compile(r"^<!-- file: ([\w./-]+) -->$", re.MULTILINE)
LANGUAGES = {".sh": "sh", ".py": "python", ".yml": "yaml", ".yaml": "yaml", ".env": "sh"}
WIDTH = 90  # what a terminal of 92 columns gives a help text


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page's text with each mark replaced by what it names."""
    del page, files
    markdown = FILE_MARK.sub(lambda found: _file(Path(config.docs_dir, found[1])), markdown)
    return MARK.sub(lambda found: PARTS[found[1]](), markdown)


def _file(path: Path) -> str:
    """Return a file as a block of code."""
    return f"```{LANGUAGES.get(path.suffix, 'ini')}\n{path.read_text(encoding='utf-8').strip()}\n```"


def commands() -> str:
    """Return a section for each command, with its help."""
    return "\n\n".join(_command_sections())


def _command_sections() -> Iterator[str]:
    import typer  # noqa: PLC0415  # only where the page is built

    from qlik_keys.cli.app import TREE, app  # noqa: PLC0415

    root: Any = typer.main.get_command(app)
    context = root.make_context("qlik-keys", [], resilient_parsing=True)
    context.terminal_width = WIDTH
    yield f"```text\n{_help(root, context)}\n```"
    for title, entries in TREE.items():
        yield f"## {title}"
        for name in entries:
            yield from _walk(root.get_command(context, name), name, context, level=3)


def _walk(command: Any, name: str, parent: Any, *, level: int) -> Iterator[str]:  # typer's own click
    context = type(parent)(command, info_name=name, parent=parent, terminal_width=WIDTH)
    yield f"{'#' * level} {context.command_path}"
    yield f"```text\n{_help(command, context)}\n```"
    if hasattr(command, "list_commands"):
        for each in command.list_commands(context):
            yield from _walk(command.get_command(context, each), each, context, level=min(level + 1, 4))


def _help(command: Any, context: Any) -> str:
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines())


def findings() -> str:
    """Return the findings of audit and doctor, a section for each severity."""
    from qlik_keys.rules.catalogue import FINDINGS  # noqa: PLC0415
    from qlik_keys.rules.model import SEVERITIES  # noqa: PLC0415

    parts = []
    for severity in SEVERITIES:
        parts.append(f"### {severity.capitalize()}")
        for name, each in FINDINGS.items():
            if each.severity == severity:
                operation = f" Operation: `{each.operation}`." if each.operation else ""
                parts.append(
                    f"#### {each.code} {name}\n\n{_text(each.meaning)}\n\n**Fix**: {_text(each.advice)}{operation}"
                )
    return "\n\n".join(parts)


def _text(words: str) -> str:
    """Return a sentence that may have <words> in it, which are no tags."""
    return words.replace("<", "&lt;")


def checks() -> str:
    """Return the doctor's checks, and what it may fix by itself."""
    from qlik_keys.rules.checks import CHECKS  # noqa: PLC0415
    from qlik_keys.rules.fixes import FIXES  # noqa: PLC0415

    rows = [f"| `{name}` | {title} |" for name, title in CHECKS.items()]
    fixes = [f"| `{name}` | {words} |" for name, words in FIXES.items()]
    return "\n".join(
        [
            "| check | what must hold |\n|---|---|",
            *rows,
            "\n### Safe fixes\n",
            "| fix | what it does |\n|---|---|",
            *fixes,
        ]
    )


def policies() -> str:
    """Return the Vault policy of each role."""
    import qlik_keys as qk  # noqa: PLC0415
    from qlik_keys.keystore.vault.policy import ROLES  # noqa: PLC0415

    parts = (f"### {role}\n\n```hcl\n{qk.vault_policy(role).strip()}\n```" for role in ROLES)
    return "\n\n".join(parts)


PARTS = {"commands": commands, "findings": findings, "checks": checks, "policies": policies}
