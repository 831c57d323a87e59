"""Fixtures that all tests share. Servers are real, started once per run, and ended with it; keys are made per run."""

from __future__ import annotations

import pytest

import qlik_keys as qk
from support import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(scope="session")
def openbao():
    """A real OpenBao server: .url and .token."""
    from qlik_keys.sandbox.openbao import OpenBao

    with OpenBao.start() as server:
        yield server


@pytest.fixture(scope="session")
def box():
    """A whole sandbox: .tenant_url .api_key .vault_url .vault_token."""
    with qk.sandbox.start() as started:
        yield started


@pytest.fixture(scope="session")
def client_keys():
    """One key of each algorithm, made once per run: {"RS256": …, "RS512": …, "ES384": …}."""
    specs = [qk.KeySpec("RS256", bits=2048), qk.KeySpec("RS512", bits=2048), qk.KeySpec("ES384")]
    return {spec.alg: qk.generate(spec) for spec in specs}
