"""Fixtures that all tests share. Servers are real, started once per run, and ended with it; keys are made per run."""

from __future__ import annotations

import os
import signal

import hypothesis
import pytest
from support import ManualClock, environment_of

import qlik_keys as qk

# The servers are on this machine: a proxy of somebody's environment has no part in it.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost,::1"
# The machine may be busy with something else: a slow example is no fault. Fixtures are shared by a test's examples.
hypothesis.settings.register_profile(
    "shared",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("shared")
# A shell's background job ignores these, and so would the programs that the tests interrupt.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI, where the project sets up its own browser and OpenBao, a test of theirs that is skipped has failed."""
    report = yield
    needed = any(item.get_closest_marker(name) for name in ("browser", "openbao"))
    if os.environ.get("CI") and needed and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {call.excinfo.value}"
    return report


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


@pytest.fixture
def shell(box, monkeypatch, tmp_path):
    """A real IPython with the magics loaded, in the environment of somebody who uses the sandbox."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    InteractiveShell.clear_instance()
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    shell.run_line_magic("load_ext", "qlik_keys")
    for name in [each for each in os.environ if each.startswith(("QLIK_", "VAULT_", "BAO_"))]:
        monkeypatch.delenv(name)
    for name, value in {**environment_of(box), "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture(scope="session")
def client_keys():
    """One key of each algorithm, made once per run: {"RS256": …, "RS512": …, "ES384": …}."""
    specs = [qk.KeySpec("RS256", bits=2048), qk.KeySpec("RS512", bits=2048), qk.KeySpec("ES384")]
    return {spec.alg: qk.generate(spec) for spec in specs}
