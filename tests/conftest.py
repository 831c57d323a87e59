"""Fixtures that all tests share. Servers are real, started once per run, and ended with it; keys are made per run."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import sys
from pathlib import Path

import hypothesis
import pytest
from fixtures.support import ManualClock, environment_of

import qlik_keys as qk

# The servers are on this machine: a proxy of the environment has no part in it.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost,::1"
# The machine may be busy with something else: a slow example is no fault. Fixtures are shared by a test's examples.
EXPECTED = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture]
hypothesis.settings.register_profile("shared", deadline=None, suppress_health_check=EXPECTED)
hypothesis.settings.load_profile("shared")
# A shell's background job ignores the first two, and nohup the third; what is ignored stays so in the programs that the
# tests start and interrupt. A handler is not inherited: this process still outlives its terminal, and they do not.
HANDLERS = {"SIGINT": signal.default_int_handler, "SIGQUIT": signal.SIG_DFL, "SIGHUP": lambda *_: None}
for name, handler in HANDLERS.items():
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
        signal.signal(getattr(signal, name), handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look for no garbage meanwhile, and not in what is made here later: half a million objects outlive the tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


# Left out of `make test-fast`, unless a test has the marker `fast` itself.
NOT_FAST = ("browser", "node", "openbao", "registry", "slow")
FOLDERS_NOT_FAST = ("docs", "leaks", "project")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items):
    """Mark what asks for a server and what is fast, before `-m` chooses; let what takes long come first."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if {"openbao", "box"} & {*fixtures}:
            item.add_marker(pytest.mark.openbao)
        if "site" in fixtures:  # of the documentation, which takes a quarter of a minute to build
            item.add_marker(pytest.mark.slow)
        has_examples = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        is_elsewhere = item.path.relative_to(Path(__file__).parent).parts[0] in FOLDERS_NOT_FAST
        if not has_examples and not is_elsewhere and not any(map(item.get_closest_marker, NOT_FAST)):
            item.add_marker(pytest.mark.fast)
    yield
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    # The browser tests of a file share a panel (tests/browser/conftest.py): each begins with what the one before it in
    # the file has left, at each run. The files stay in a random order.
    for path in {item.path for item in items if item.path.parent.name == "browser"}:
        places = [place for place, item in enumerate(items) if item.path == path]
        in_order = sorted((items[place] for place in places), key=lambda item: (item.location[1], item.name))
        for place, item in zip(places, in_order, strict=True):
            items[place] = item


# The markers of which a test that starts this program needs one: where a machine lacks it, they deselect the test.
MARKERS_OF_PROGRAMS = {
    "bao": {"openbao"},
    "-m qlik_keys.sandbox.server": {"openbao"},
    "chromium": {"browser"},
    "node": {"browser", "node", "registry"},  # Playwright's driver runs on it
    "npm": {"registry"},
}
marked_now: set[str] | None = None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    global marked_now  # noqa: PLW0603  # an audit hook takes nothing along
    marked_now = {marker.name for marker in item.iter_markers()}
    try:
        return (yield)
    finally:
        marked_now = None


def refuse_unmarked_programs(event, arguments):
    """Fail a test that starts a program whose marker it lacks: no developer's machine lacks the program."""
    if event != "subprocess.Popen" or marked_now is None:
        return
    executable, words, *_ = arguments
    words = [words] if isinstance(words, (str, bytes)) else words
    words = [os.fsdecode(word) for word in [executable or "", *words]]
    programs = [Path(word).name.removesuffix(".exe") for word in words]  # an interpreter starts our servers
    for program in [*programs, *(f"-m {module}" for option, module in itertools.pairwise(words) if option == "-m")]:
        needed = MARKERS_OF_PROGRAMS.get(program)
        if needed and not needed & marked_now:
            pytest.fail(f"starts {program} and has no marker {' or '.join(sorted(needed))}")


sys.addaudithook(refuse_unmarked_programs)


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


SHARED_BOX = pytest.StashKey[qk.sandbox.Sandbox]()


@pytest.fixture(scope="session")
def box(request):
    """A whole sandbox: .tenant_url .api_key .vault_url .vault_token; all tests of a worker share it."""
    with qk.sandbox.start() as started:
        request.config.stash[SHARED_BOX] = started
        yield started


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """Finish what a module's tests interrupted on the shared sandbox, before those of another look for what is left."""
    yield
    if "box" not in getattr(item, "fixturenames", ()) or nextitem is None or nextitem.path == item.path:
        return
    box = item.config.stash.get(SHARED_BOX, None)
    if box is None:
        return
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        qk.resume(tenant, store)


@pytest.fixture
def shell(box, monkeypatch, tmp_path):
    """A real IPython with the magics loaded, in the environment of a user of the sandbox."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    InteractiveShell.clear_instance()
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    shell.run_line_magic("load_ext", "qlik_keys")
    for name in [each for each in os.environ if each.startswith(("QLIK_", "VAULT_", "BAO_", "XDG_CONFIG_HOME"))]:
        monkeypatch.delenv(name)
    for name, value in {**environment_of(box), "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture(scope="session")
def client_keys():
    """One key of each algorithm, made once per run: {"RS256": …, "RS512": …, "ES384": …}."""
    specs = [qk.KeySpec("RS256", bits=2048), qk.KeySpec("RS512", bits=2048), qk.KeySpec("ES384")]
    return {spec.alg: qk.generate(spec) for spec in specs}
