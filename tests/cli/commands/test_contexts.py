"""qlik-cli's contexts: listed, shown and chosen; their file stays as it is, and their secrets where they are."""

from __future__ import annotations

import json

import pytest
from fixtures.support import write_contexts

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
    assert "take precedence over it" in qlik_keys("context", "use", "practice").err
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


def test_ignored_context_settings_are_reported(qlik_keys, box, tmp_path):
    (tmp_path / ".qlik").mkdir()
    (tmp_path / ".qlik" / "contexts.yml").write_text(
        f"current-context: a\nbase: &b {{comment: x}}\ncontexts:\n"
        f"  a:\n    <<: *b\n    server: {box.tenant_url}?token=canary-in-a-query\n    insecure: true\n"
        f"    headers: {{Authorization: Bearer {box.api_key}}}\n"
    )
    listed = qlik_keys("context", "ls")
    (shown,) = json.loads(listed.out)
    assert json.loads(qlik_keys("context", "get").out) == shown
    assert shown["server"] == box.tenant_url
    merge, insecure = shown["problems"]
    assert "merge key (<<), which is not supported" in merge
    assert "`insecure` is ignored" in insecure
    me = qlik_keys("user", "me", QLIK_TENANT_URL=None, QLIK_API_KEY=None)
    assert me.code == 0
    assert me.err.count("the setting `insecure` is ignored: certificates are always verified") == 1
    assert "canary" not in me.err + listed.out


def test_inside_a_program_with_a_token_its_own_context_is_the_current_one(file, qlik_keys, box):
    alone = {"QLIK_TENANT_URL": None, "QLIK_API_KEY": None}
    assert qlik_keys("context", "use", "practice", **alone).code == 0
    elsewhere = file.with_name("of-a-program.yml")
    elsewhere.write_text(file.read_text())
    assert current(qlik_keys("context", "ls", QLIK_CLI_USER_HOME_DIR=str(elsewhere))) == ["elsewhere"]
    assert current(qlik_keys("context", "ls")) == ["practice"]


def test_a_home_folder_of_an_unknown_user_is_reported(qlik_keys):
    ended = qlik_keys("context", "ls", QLIK_CLI_USER_HOME_DIR="~nosuchuser/x")
    assert (ended.code, "Traceback" in ended.err) == (1, False)
    assert "QLIK_CLI_USER_HOME_DIR names a home folder that does not exist" in ended.err
