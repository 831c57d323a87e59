"""Completion in a real bash, by the script that the program itself prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from canaries import find_canaries
from support import made_client, write_contexts

pytestmark = pytest.mark.openbao
SCRIPT = """
eval "$(qlik-keys --show-completion)" || exit 9
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=()
_qlik_keys_completion qlik-keys
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def made(box):
    with made_client(box, "completed") as made:
        yield made


@pytest.fixture
def contexts(box, tmp_path):
    write_contexts(tmp_path, box)


@pytest.mark.parametrize(
    ("words", "some", "none"),
    [
        ("qlik-keys ''", {"demo", "provision", "raw", "doctor"}, set()),
        ("qlik-keys oauth-client cl", {"client-secret"}, {"ls"}),
        ("qlik-keys raw get v1/users/me --ret", {"--retry"}, {"--raw"}),
        ("qlik-keys token --client comp", {"completed"}, set()),
        ("qlik-keys rotate comp", {"completed"}, set()),
        ("qlik-keys user me --context p", {"practice"}, {"elsewhere"}),
        ("qlik-keys context use ''", {"practice", "elsewhere"}, set()),
    ],
)
@pytest.mark.usefixtures("made", "contexts")
def test_in_bash(words, some, none, settings, box):
    environment = {**settings, "PATH": f"{Path(sys.executable).parent}:{settings['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", SCRIPT.format(words=words)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = {*done.stdout.split()}
    assert some <= found
    assert not none & found
    assert find_canaries(done.stdout + done.stderr, [box.api_key, box.vault_token]) == []
