"""The table of actions: complete, and no entry that contradicts what a run does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import qlik_keys.lifecycle.actions
from qlik_keys.lifecycle.actions import ACTIONS, Action

SOURCE = Path(qlik_keys.lifecycle.actions.__file__).read_text(encoding="utf-8")


def test_each_action_has_its_facts():
    assert list(ACTIONS) == list(Action)
    titles = [facts.title for facts in ACTIONS.values()]
    assert len(set(titles)) == len(titles)


def test_an_action_without_facts_fails_at_import(tmp_path):
    forgetful = SOURCE.replace('    CHECK = "check"\n', '    CHECK = "check"\n    FORGOTTEN = "forgotten"\n')
    assert forgetful != SOURCE
    (tmp_path / "actions.py").write_text(forgetful, encoding="utf-8")
    done = subprocess.run([sys.executable, "actions.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "these actions have no facts: forgotten" in done.stderr


def test_the_facts_are_what_people_were_told_so_far():
    irreversible = {action for action, facts in ACTIONS.items() if not facts.is_reversible}
    assert irreversible == {
        Action.REPLACE_SECRET,
        Action.REMOVE_DUPLICATE,
        Action.RETIRE,
        Action.PURGE,
        Action.REMOVE_SECRETS,
        Action.DELETE_CLIENT,
        Action.END_TOKENS,
        Action.REMOVE_BOT,
        Action.DELETE_RECORD,
    }
    on_tenant = {action for action, facts in ACTIONS.items() if facts.system == "tenant"}
    assert on_tenant == {
        Action.REGISTER,
        Action.TRUST,
        Action.REPLACE_SECRET,
        Action.REMOVE_DUPLICATE,
        Action.PUBLISH,
        Action.SWAP,
        Action.UNPUBLISH,
        Action.REMOVE_SECRETS,
        Action.DELETE_CLIENT,
        Action.END_TOKENS,
        Action.REMOVE_BOT,
    }
