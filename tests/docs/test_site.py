"""The documentation as a site: it builds without a warning, loads nothing from elsewhere, and has all that is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
import typer
from fixtures.cli_terminal import in_a_pipe

import qlik_keys as qk
from qlik_keys.cli.app import app
from qlik_keys.rules.catalogue import FINDINGS
from qlik_keys.rules.checks import CHECKS
from qlik_keys.rules.fixes import FIXES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# What a browser loads by itself; a link that a person clicks is none of these.
LOADED = {"src", "srcset", "poster", "data"}
LOADED_LINKS = {"stylesheet", "icon", "preload", "prefetch", "modulepreload", "preconnect", "dns-prefetch", "manifest"}


class Loads(HTMLParser):
    """What a page loads."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        loaded = LOADED | ({"href", "xlink:href"} if tag in ("use", "image") else set())
        if tag == "link" and LOADED_LINKS & set((dict(attributes).get("rel") or "").split()):
            loaded = {"href"}
        self.found += [value for name, value in attributes if name in loaded and value]


def words_of(html):
    """The words of a page's article, or of another piece of it."""
    article = re.search("<article.*</article>", html, re.DOTALL)
    return " ".join(unescape(re.sub("<[^>]+>", " ", article[0] if article else html)).split())


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """Each page of the site by its path."""
    return {path.relative_to(site).as_posix(): path.read_text("utf-8") for path in site.rglob("*.html")}


def test_every_file_is_a_page_with_content(pages):
    for path in DOCS.rglob("*.md"):
        name = path.relative_to(DOCS).with_suffix("").as_posix()
        page = "index.html" if name == "index" else f"{name.removesuffix('index').rstrip('/')}/index.html"
        assert len(words_of(pages[page])) > 500, path
    for name in ("changelog", "contributing"):
        assert len(words_of(pages[f"{name}/index.html"])) > 500
    assert not any("generated:" in words_of(page) for page in pages.values())
    policies = "".join(words_of(pages["reference/vault/index.html"]).split())
    assert all(
        "".join(qk.vault_policy(role).split()) in policies for role in ("admin", "consumer", "auditor", "notifier")
    )


def test_nothing_is_loaded_from_another_address(site, pages):
    """Also not by a style sheet, and by no feature of the theme that a script loads for (diagrams, a repository)."""
    foreign = re.compile(r"^(?:[a-z]+:)?//")
    for sheet in site.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")]+)", sheet.read_text("utf-8")) == []
    for name, text in pages.items():
        assert [each for each in Loads(text).found if foreign.match(each)] == [], name
        assert 'class="mermaid"' not in text
        assert 'data-md-component="source"' not in text  # would ask a forge for its numbers
        assert not re.search(r"<script[^>]*>[^<]*(?:https?:)?//(?!www\.w3\.org)[^<]*</script>", text), name


def test_the_page_of_commands_is_what_the_program_prints_with_a_section_for_each(pages):
    page = pages["reference/cli/index.html"]
    shown = {" ".join(line.split()) for line in unescape(re.sub("<[^>]+>", "", page)).splitlines()}
    environment = {**os.environ, "COLUMNS": "92", "PYTHONPATH": os.pathsep.join(sys.path)}
    for words in ("", "oauth-client client-secret create"):
        ended = in_a_pipe([*words.split(), "--help"], environment)
        assert ended.code == 0, ended.err
        assert {" ".join(line.split()) for line in ended.out.splitlines()} - shown == set(), words
    headings = {words_of(each).removesuffix("¶").strip() for each in re.findall(r"<h[34].*?</h[34]>", page)}
    assert {*command_paths(typer.main.get_command(app), "qlik-keys")} <= headings


def command_paths(group, path):
    context = group.make_context(path, [], resilient_parsing=True)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield f"{path} {name}"
        if hasattr(command, "list_commands"):
            yield from command_paths(command, f"{path} {name}")


def test_every_finding_is_on_the_page_of_findings(pages):
    text = words_of(pages["reference/findings/index.html"])
    whole = "".join(text.split())
    for name, finding in FINDINGS.items():
        assert f"{finding.code} {name}" in text
        for words in (finding.meaning, finding.advice):
            assert "".join(words.replace("`", "").split()) in whole, name
    assert [name for name in (*CHECKS, *FIXES) if name not in text] == []


def test_every_public_name_is_on_the_page_of_the_api(pages):
    ids = set(re.findall(r' id="qlik_keys\.([\w.]+)"', pages["reference/api/index.html"]))
    for name in set(qk.__all__) - {"__version__", "errors", "sandbox", "QlikKeysError"}:
        assert name in ids
    assert "sandbox.start" in ids
    errors = {name for name, each in vars(qk.errors).items() if isinstance(each, type) and issubclass(each, Exception)}
    assert {f"errors.{name}" for name in errors} <= ids
    # It names no module but the two that are public.
    assert {each.split(".")[0] for each in ids if each[0].islower()} <= set(qk.__all__)


def test_the_readme_is_short_and_links_lead_somewhere(pages):
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(readme.splitlines()) <= 150
    links = [each for each in re.findall(r"\]\(([^)#]+)[^)]*\)", readme) if "://" not in each]
    assert [each for each in links if not (ROOT / each).exists()] == []
    for page in (*DOCS.glob("*.md"), *DOCS.glob("guides/*.md"), *DOCS.glob("concepts/*.md")):
        assert page == DOCS / "index.md" or page.relative_to(ROOT).as_posix() in links, page
    address = re.search(r'^REPOSITORY = "(.*)"$', (DOCS / "hooks" / "links.py").read_text("utf-8"), re.MULTILINE)[1]
    pattern = re.compile(rf'href="{re.escape(address)}/([^"#]+)')
    linked = {each for page in pages.values() for each in pattern.findall(page)}
    assert len(linked) >= 5
    assert [each for each in linked if not (ROOT / each).exists()] == []
