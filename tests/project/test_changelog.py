"""The changelog is read before an upgrade, and by the release workflow: its sections are where both look for them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import qlik_keys as qk

ROOT = Path(__file__).parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
SECTIONS = ["Before you upgrade", "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
VERSIONS = re.split(r"^## ", CHANGELOG, flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("text", VERSIONS, ids=lambda text: text.splitlines()[0])
def test_a_version_has_its_link_its_date_and_first_what_needs_an_action(text):
    assert re.match(rf"\[(Unreleased|{re.escape(qk.__version__)})\]", VERSIONS[0])
    title = text.splitlines()[0]
    [name] = re.fullmatch(r"\[(.+)\](?: - \d{4}-\d\d-\d\d)?", title).groups()
    assert (name == "Unreleased") == (title[-1] == "]")
    assert f"\n[{name}]: https://" in CHANGELOG
    sections = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert sections
    assert set(sections) <= set(SECTIONS)
    assert "Before you upgrade" not in sections[1:]
    assert len(set(sections)) == len(sections)


@pytest.mark.parametrize("tag", ["v9.9.9", f"v{qk.__version__}"])
def test_a_release_is_refused_where_tag_version_and_changelog_differ(tag):
    if f"## [{qk.__version__}] - " in CHANGELOG and tag == f"v{qk.__version__}":
        pytest.skip("this version is being released")
    script = [sys.executable, str(ROOT / "tests" / "tools" / "try_distributions.py"), "--tag", tag]
    archive = f"dist/qlik_keys-{qk.__version__}.tar.gz"
    done = subprocess.run([*script, archive], capture_output=True, text=True, check=False)
    said = "is another version" if tag == "v9.9.9" else "no section with a date"
    assert (done.returncode, said in done.stderr) == (1, True)
