# ruff: noqa: INP001  # hooks that mkdocs loads by their path
"""Prepares pages for the site: they are written so that they can be read in the repository as well.

- A link that leaves `docs/` leads to the repository; a picture out there is copied into the site.
- A diagram (`*.svg`) becomes a part of its page, so that its colours follow the page's theme.
- CHANGELOG.md and CONTRIBUTING.md are pages too.
"""

from __future__ import annotations

import posixpath
import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

REPOSITORY = "https://github.com/qlik-keys/qlik_keys/blob/HEAD"
ROOT_PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
PICTURES = "assets/pictures"
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_FENCE = re.compile(r"^(```.*?^```)$", re.MULTILINE | re.DOTALL)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages and pictures that lie outside of `docs/`."""
    root = Path(config.docs_dir).parent
    for name, page in ROOT_PAGES.items():
        files.append(File.generated(config, page, content=(root / name).read_text(encoding="utf-8")))
    for picture in sorted((root / "notebooks").glob("*.png")):
        files.append(File.generated(config, f"{PICTURES}/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page's text with its links and diagrams made fit for the site; code stays as it is."""
    del files
    source = page.file.src_uri
    at_root = {there: name for name, there in ROOT_PAGES.items()}.get(source)
    folder = "" if at_root else posixpath.dirname(f"docs/{source}")

    def replaced(found: re.Match[str]) -> str:
        sign, words, target = found.groups()
        return _written(sign, words, target, folder=folder, source=source, docs=Path(config.docs_dir))

    parts = _FENCE.split(markdown)
    return "".join(part if part.startswith("```") else _LINK.sub(replaced, part) for part in parts)


def _written(sign: str, words: str, target: str, *, folder: str, source: str, docs: Path) -> str:
    same = f"{sign}[{words}]({target})"
    if ":" in target or target.startswith("#"):
        return same
    path, _, anchor = target.partition("#")
    place = posixpath.normpath(posixpath.join(folder, path))
    anchor = f"#{anchor}" if anchor else ""
    if sign and place.endswith(".svg"):
        drawn = (docs.parent / place).read_text(encoding="utf-8")
        return f'<div class="diagram" role="img" aria-label="{escape(words)}">\n{drawn.strip()}\n</div>\n'
    here = posixpath.dirname(source) or "."
    if place in ROOT_PAGES:
        inside = ROOT_PAGES[place]
    elif place.startswith("docs/"):
        inside = place.removeprefix("docs/")
    elif sign:
        inside = f"{PICTURES}/{posixpath.basename(place)}"
    else:
        return f"[{words}]({REPOSITORY}/{place}{anchor})"
    return f"{sign}[{words}]({posixpath.relpath(inside, here)}{anchor})"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put every decision into the navigation, in the order of their numbers."""
    decisions = sorted(Path(config.docs_dir, "decisions").glob("[0-9]*.md"))
    pages = ["decisions/index.md", *(f"decisions/{path.name}" for path in decisions)]
    project = next(entry["Project"] for entry in config.nav or [] if "Project" in entry)
    project[-1] = {"Decisions": pages}
    return config
