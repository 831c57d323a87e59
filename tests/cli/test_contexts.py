"""qlik-cli's contexts: listed, shown and chosen; their file stays as it is, and their secrets where they are."""

from __future__ import annotations

import json

import pytest
from support import write_contexts

pytestmark = pytest.mark.openbao


@pytest.fixture
def file(box, tmp_path):
    file = write_contexts(tmp_path, box)
    file.chmod(0o644)
    return file


def current(ended):
    return [each["name"] for each in json.loads(ended.out) if each["current"]]


def test_a_choice_is_kept_and_the_file_is_not_touched(file, qlik_keys, box):
    before = (file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_mode)
    alone = {"QLIK_TENANT_URL": None, "QLIK_API_KEY": None}
    assert current(qlik_keys("context", "ls")) == ["elsewhere"]
    used = qlik_keys("context", "use", "practice", **alone)
    assert (used.code, json.loads(used.out)["server"], used.err) == (0, box.tenant_url, "")
    assert current(qlik_keys("context", "ls")) == ["practice"]
    assert json.loads(qlik_keys("context", "get").out)["name"] == "practice"
    assert json.loads(qlik_keys("user", "me", **alone).out)["name"].startswith("Sandbox administrator")
    assert "outrank it" in qlik_keys("context", "use", "practice").err
    ended = qlik_keys("context", "use", "nowhere")
    assert (ended.code, "There are: elsewhere, practice" in ended.err) == (1, True)
    assert current(qlik_keys("context", "ls")) == ["practice"]
    shown = "".join(qlik_keys("context", *words).out for words in (["ls"], ["get"], ["get", "elsewhere"]))
    assert box.api_key not in shown
    assert "canary" not in shown
    assert (file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_mode) == before


def test_a_context_that_is_gone_is_told_and_not_replaced_by_another(file, qlik_keys):
    alone = {"QLIK_TENANT_URL": None, "QLIK_API_KEY": None}
    assert qlik_keys("context", "use", "practice", **alone).code == 0
    file.write_text(file.read_text().replace("practice", "renamed"))
    ended = qlik_keys("user", "me", **alone)
    assert (ended.code, "no qlik-cli context 'practice'" in ended.err) == (1, True)
    assert "qlik-keys context use NAME" in ended.err
