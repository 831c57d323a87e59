"""The documentation as a site: it builds without a warning, loads nothing from elsewhere, and has all that is there."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
import sys
import tomllib
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
import typer
from fixtures.cli_terminal import in_a_pipe

import qlik_keys as qk
from qlik_keys.cli.app import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# What a browser loads by itself; a link that a person clicks is none of these.
LOADED = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "object": ("data",),
    "embed": ("src",),
    "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
}
LOADED_LINKS = {"stylesheet", "icon", "preload", "prefetch", "modulepreload", "preconnect", "dns-prefetch", "manifest"}


class Page(HTMLParser):
    """What a page loads, what it says, and which headings it has."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.words, self._inside = [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.loaded += [values[name] for name in LOADED.get(tag, ()) if values.get(name)]
        if tag == "link" and LOADED_LINKS & set((values.get("rel") or "").split()):
            self.loaded.append(values.get("href") or "")
        if tag == "article":
            self._inside += 1

    def handle_endtag(self, tag):
        if tag == "article":
            self._inside -= 1

    def handle_data(self, data):
        if self._inside:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


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
    return {path.relative_to(site).as_posix(): Page(path.read_text("utf-8")) for path in site.rglob("*.html")}


def test_every_file_is_a_page_with_content(pages):
    for path in DOCS.rglob("*.md"):
        name = path.relative_to(DOCS).with_suffix("").as_posix()
        page = pages["index.html" if name == "index" else f"{name.removesuffix('index').rstrip('/')}/index.html"]
        assert len(page.text) > 500, path
    for name in ("changelog", "contributing"):
        assert len(pages[f"{name}/index.html"].text) > 500
    assert not any("generated:" in page.text for page in pages.values())


def test_nothing_is_loaded_from_another_address(site, pages):
    """Also not by a style sheet, and by no feature of the theme that a script loads for (diagrams, a repository)."""
    foreign = re.compile(r"^(?:[a-z]+:)?//")
    assert [(name, each) for name, page in pages.items() for each in page.loaded if foreign.match(each)] == []
    for sheet in site.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")]+)", sheet.read_text("utf-8")) == []
    for path in site.rglob("*.html"):
        text = path.read_text("utf-8")
        assert 'class="mermaid"' not in text
        assert 'data-md-component="source"' not in text  # would ask a forge for its numbers
        assert not re.search(r"<script[^>]*>[^<]*(?:https?:)?//(?!www\.w3\.org)[^<]*</script>", text), path


def test_the_page_of_commands_is_what_the_program_prints(site):
    text = unescape(re.sub("<[^>]+>", "", (site / "reference" / "cli" / "index.html").read_text("utf-8")))
    shown = {" ".join(line.split()) for line in text.splitlines()}
    for words in ("", "raw get", "token", "doctor", "oauth-client client-secret create"):
        environment = {**os.environ, "COLUMNS": "92", "PYTHONPATH": os.pathsep.join(sys.path)}
        ended = in_a_pipe([*shlex.split(words), "--help"], environment)
        assert ended.code == 0, ended.err
        assert {" ".join(line.split()) for line in ended.out.splitlines()} - shown == set(), words


def test_every_command_has_a_section(site):
    text = (site / "reference" / "cli" / "index.html").read_text("utf-8")
    found = re.findall(r"<h[34].*?</h[34]>", text)
    headings = {unescape(re.sub("<[^>]+>", "", each)).replace("¶", "").strip() for each in found}
    for path in command_paths(typer.main.get_command(app), "qlik-keys"):
        assert path in headings


def command_paths(group, path):
    context = group.make_context(path, [], resilient_parsing=True)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield f"{path} {name}"
        if hasattr(command, "list_commands"):
            yield from command_paths(command, f"{path} {name}")


def test_every_finding_is_on_the_page_of_findings(pages):
    from qlik_keys.rules.catalogue import FINDINGS
    from qlik_keys.rules.checks import CHECKS
    from qlik_keys.rules.fixes import FIXES

    text = pages["reference/findings/index.html"].text
    whole = "".join(text.split())
    for name, finding in FINDINGS.items():
        assert f"{finding.code} {name}" in text
        for words in (finding.meaning, finding.advice):
            assert "".join(words.replace("`", "").split()) in whole, name
    for name in (*CHECKS, *FIXES):
        assert name in text


def test_every_public_name_is_on_the_page_of_the_api(site):
    text = (site / "reference" / "api" / "index.html").read_text("utf-8")
    ids = set(re.findall(r' id="qlik_keys\.([\w.]+)"', text))
    for name in set(qk.__all__) - {"__version__", "errors", "sandbox", "QlikKeysError"}:
        assert name in ids
    assert "sandbox.start" in ids
    errors = {name for name, each in vars(qk.errors).items() if isinstance(each, type) and issubclass(each, Exception)}
    assert {f"errors.{name}" for name in errors} <= ids
    # Modules may move: the page names none of them, but for the two that are public.
    assert {each.split(".")[0] for each in ids if each[0].islower()} <= set(qk.__all__)


def test_every_policy_is_on_the_page_of_the_vault(pages):
    text = "".join(pages["reference/vault/index.html"].text.split())
    for role in ("admin", "consumer", "auditor"):
        assert "".join(qk.vault_policy(role).split()) in text


def test_links_of_the_readme_lead_somewhere():
    readme = (ROOT / "README.md").read_text("utf-8")
    links = [each for each in re.findall(r"\]\(([^)#]+)[^)]*\)", readme) if "://" not in each]
    assert [each for each in links if not (ROOT / each).exists()] == []
    assert len(readme.splitlines()) <= 150
    for page in (*DOCS.glob("*.md"), *DOCS.glob("guides/*.md"), *DOCS.glob("concepts/*.md")):
        generated = page.parent == DOCS and page.stem == "index"
        assert generated or page.relative_to(ROOT).as_posix() in links, page


def citations():
    """What the package's comments and docstrings cite of the reference, with the line breaks taken out."""
    for path in (ROOT / "qlik_keys").rglob("*.py"):
        yield re.sub(r"\s*\n\s*#?\s*", " ", path.read_text("utf-8"))


def test_what_the_package_cites_is_in_the_reference():
    contract = (DOCS / "reference" / "qlik-cloud-contract.md").read_text("utf-8")
    headings = re.findall(r"^#+ (.*)$", contract, re.MULTILINE)
    facts = (DOCS / "reference" / "reliability-facts.md").read_text("utf-8")
    numbered = set(re.findall(r"^#+ (\d(?:\.\d)?)\.? ", facts, re.MULTILINE))
    findings = set(re.findall(r"^(\d+)\. \*\*", facts.split("## 1.")[0], re.MULTILINE))
    cited = {"contract": 0, "facts": 0, "pages": 0}
    for text in citations():
        for part in re.findall(r'qlik-cloud-contract(?:\.md)?,? \(?((?:"[^"]+"(?:,| and)? ?)+)', text):
            for title in re.findall(r'"([^"]+)"', part):
                cited["contract"] += 1
                assert any(each.startswith(title) for each in headings), title
        for number in re.findall(r"reliability-facts(?:\.md)?,? (?:section )?(\d+(?:\.\d+)?)", text):
            cited["facts"] += 1
            chapter, _, item = number.partition(".")
            assert number in numbered or (chapter == "0" and item in findings), number
        for page in re.findall(r"\bdocs/[\w/-]+\.md", text):
            cited["pages"] += 1
            assert (ROOT / page).exists(), page
    assert min(cited.values()) >= 4, cited


def test_decisions_are_numbered_dated_and_listed():
    files = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    index = (DOCS / "decisions" / "index.md").read_text("utf-8")
    assert len(files) >= 15
    for number, path in enumerate(files, 1):
        text = path.read_text("utf-8")
        title = re.match(rf"# {number:04d}: (.+)\n", text)
        date = re.search(r"^- Date: (\d{4}-\d\d-\d\d)$", text, re.MULTILINE)
        status = re.search(r"^- Status: (.+)$", text, re.MULTILINE)
        assert path.name.startswith(f"{number:04d}-")
        assert f"| [{number:04d}]({path.name}) | {date[1]} | {title[1]} | {status[1]} |" in index
        assert re.findall(r"^## (.*)$", text, re.MULTILINE)[:3] == ["Context", "Decision", "Alternatives"]


def test_each_dependency_has_a_reason():
    [page] = (DOCS / "decisions").glob("*-dependencies.md")
    text = page.read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras, groups = project["project"]["optional-dependencies"], project["dependency-groups"]
    for requirement in itertools.chain(project["project"]["dependencies"], *extras.values(), *groups.values()):
        name = re.match(r"[\w-]+", requirement)[0]
        assert re.search(rf"^\|[^|]*\b{re.escape(name)}\b", text, re.MULTILINE) or name == "qlik_keys", name


def test_the_packages_are_listed_in_the_order_of_their_layers():
    page = (DOCS / "concepts" / "architecture.md").read_text("utf-8")
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    [layers] = [contract["layers"] for contract in linter["contracts"] if contract["type"] == "layers"]
    listed = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    # The sandbox stands last: to the product it is one function, whatever it may import itself.
    assert listed == [*(name for name in reversed(layers) if name != "sandbox"), "sandbox"]


def test_links_into_the_repository_name_what_is_there(site):
    address = re.search(r'^REPOSITORY = "(.*)"$', (DOCS / "hooks" / "links.py").read_text("utf-8"), re.MULTILINE)[1]
    linked = set()
    for path in site.rglob("*.html"):
        linked |= set(re.findall(rf'href="{re.escape(address)}/([^"#]+)', path.read_text("utf-8")))
    assert len(linked) >= 5
    assert [each for each in linked if not (ROOT / each).exists()] == []
