"""The command line: settings by environment, two streams and an exit code back."""

import sys

import pytest
from fixtures.cli_here import in_a_pipe_here, on_a_terminal_here
from fixtures.cli_terminal import in_a_pipe
from fixtures.support import environment_of

import qlik_keys as qk


@pytest.fixture
def settings(box, tmp_path):
    """The environment of a user of the sandbox, and nothing else."""
    return {**environment_of(box), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}


@pytest.fixture
def qlik_keys(settings):
    """Run `qlik-keys` with its streams in pipes; a setting that is None is not there."""

    def run(*words, stdin="", encoding="utf-8", **more):
        if "--exec" in words:  # a program writes to the process's own streams
            return in_a_pipe(words, _environment(settings, more), stdin=stdin)
        return in_a_pipe_here(words, _environment(settings, more), stdin=stdin, encoding=encoding)

    return run


@pytest.fixture
def terminal(settings):
    """Run `qlik-keys` on a terminal."""

    def run(*words, typed="", columns=400, **more):
        return on_a_terminal_here(words, _environment(settings, more), typed=typed, columns=columns)

    return run


def _environment(settings, more):
    return {name: value for name, value in {**settings, **more}.items() if value is not None}


@pytest.fixture
def tenant(box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        yield tenant


@pytest.fixture
def store(box):
    with qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store:
        yield store
