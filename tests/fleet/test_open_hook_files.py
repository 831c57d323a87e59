"""A file that defines programs, and that every user of the machine may write, is not run."""

from __future__ import annotations

import os

import pytest

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has other rights")
HOOKS = "hooks:\n  tell:\n    command: [/bin/true]\n    clients: [etl]\n"
FLEET = """version: 1
fleet: acme
tenants:
  one: {url: https://acme.eu.qlikcloud.com}
clients:
  - {name: etl, scopes: [user_default]}
"""


@pytest.mark.parametrize(("read", "text"), [(qk.read_hooks, HOOKS), (qk.Manifest.from_file, FLEET + HOOKS)])
def test_hooks_of_a_file_that_all_may_write_are_refused(read, text, tmp_path):
    file = tmp_path / "file.yaml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o664)  # of the own group: usual where each user has one
    assert read(file)
    file.chmod(0o666)
    with pytest.raises(ConfigurationError, match="Every user of this machine may write") as caught:
        read(file)
    assert "chmod o-w" in caught.value.hint


def test_a_fleet_file_without_hooks_may_be_written_by_all(tmp_path):
    file = tmp_path / "file.yaml"
    file.write_text(FLEET, encoding="utf-8")
    file.chmod(0o666)
    assert qk.Manifest.from_file(file).clients
