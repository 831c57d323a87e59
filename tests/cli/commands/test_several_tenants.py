"""`clients`, `audit` and `doctor` for the tenants of qlik-cli's contexts: one table, exit codes, no secret shown."""

from __future__ import annotations

import io
import json
import re
import shlex
from datetime import timedelta

import IPython.core.completer
import pytest
from fixtures.sandbox_client import serving
from fixtures.support import made_client

import qlik_keys as qk
from qlik_keys.cli.output.progress import ProgressLine
from qlik_keys.sandbox.simulator.tenant import SandboxTenant

pytestmark = pytest.mark.openbao
CANARY = "canary-of-an-api-key"
BARE = "https://bare.eu.qlikcloud.com"


@pytest.fixture(scope="module")
def box():
    """A sandbox of its own: the tables have its clients and no others."""
    with qk.sandbox.start() as started:
        yield started


@pytest.fixture(scope="module")
def second(box):
    """Another tenant, whose keys are in the same Vault; it has one client, whose key is due."""
    with (
        serving(SandboxTenant) as (simulator, address),
        qk.QlikTenant(address, credential=qk.ApiKey(simulator.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        qk.provision(tenant, store, name="due", scopes=["user_default"], rotate_after=timedelta(days=1))
        yield simulator, address, tenant


@pytest.fixture(scope="module")
def made(box):
    with made_client(box, "nightly-etl") as client:
        yield client


@pytest.fixture
def settings(settings, box, second, made, tmp_path):
    """The environment of a user whose contexts have all logins: two tenants, one that refuses, one without a login."""
    del made
    simulator, address, _ = second
    named = {
        "prod": (box.tenant_url, box.api_key),
        "test site": (address, simulator.api_key),
        "refused": (box.tenant_url.replace("127.0.0.1", "localhost"), CANARY),
        "bare": (BARE, ""),
    }
    lines = ["current-context: prod", "contexts:"]
    for name, (server, key) in named.items():
        lines += [f"  {name}:", f"    server: {server}"]
        lines += ["    headers:", f"      Authorization: Bearer {key}"] if key else []
    file = tmp_path / ".qlik" / "contexts.yml"
    file.parent.mkdir()
    file.write_text("\n".join(lines))
    left = {name: value for name, value in settings.items() if name not in {"QLIK_TENANT_URL", "QLIK_API_KEY"}}
    return {**left, "HOME": str(tmp_path)}


@pytest.fixture
def run(qlik_keys, terminal, box, second):
    """Run a command in a pipe or on a terminal; what it says never has a secret of a context in it."""

    def run(*words, on_terminal=False, **more):
        ended = (terminal if on_terminal else qlik_keys)(*words, **more)
        for secret in (CANARY, box.api_key, second[0].api_key, box.vault_token):
            assert secret not in ended.out + ended.err
        return ended

    return run


GOOD = ("--tenant", "prod", "--tenant", "test site")


def test_clients_of_all_contexts_are_one_table_and_the_others_are_told(run, made):
    ended = run("clients", "--all-contexts", on_terminal=True)
    assert ended.code == 1
    rows = [line.split() for line in ended.out.splitlines()]
    assert rows[0][:3] == ["tenant", "name", "client_id"]
    assert ["prod", "nightly-etl", made.client_id] in [row[:3] for row in rows]
    assert ["bare", "tenant-not-asked"] in rows
    assert "bare: the tenant could not be asked. The qlik-cli context 'bare' has no login." in ended.err
    assert "refused: the tenant could not be asked." in ended.err
    ended = run("clients", "--all-contexts", "--json")
    assert [row["tenant"] for row in json.loads(ended.out)] == ["prod", "test site", "refused", "bare"]
    errors = {each["tenant"]: each for each in map(json.loads, ended.err.splitlines())}
    assert {name: each["error"] for name, each in errors.items()} == {
        "refused": "TenantAuthError",
        "bare": "ConfigurationError",
    }
    ended = run("clients", *GOOD, "--json", "--usage")
    assert (ended.code, ended.err) == (0, "")
    assert {"tenant", "last_login"} < set(json.loads(ended.out)[1])
    ids = run("clients", "--all-contexts", "--quiet")
    assert (ids.code, len(ids.out.split()), ids.out.split()[0]) == (1, 2, made.client_id)


def test_an_audit_of_all_contexts_names_the_tenant_in_its_commands_and_tells_what_it_could_not_see(run):
    ended = run("audit", "--all-contexts", "--json")
    assert (ended.code, ended.err) == (3, "")
    found = {(row["tenant"], row["finding"]): row for row in json.loads(ended.out)}
    assert {("refused", "tenant-not-asked"), ("bare", "tenant-not-asked"), ("test site", "rotation-due")} <= {*found}
    command = shlex.split(found["test site", "rotation-due"]["command"])
    assert command[:2] == ["qlik-keys", "rotate"]
    assert command[-2:] == ["--context", "test site"]
    assert run(*command[1:], "--dry-run").code == 0
    shown = run("audit", "--all-contexts", on_terminal=True).out
    assert "tenant-not-asked (bare): The qlik-cli context 'bare' has no login." in shown
    assert re.search(r"^tenant-not-asked \(refused\): \S", shown, re.MULTILINE)
    # Whether the tenants that were not asked have a critical finding is unknown; of none alone nothing is known.
    for words, code in (
        (("--all-contexts", "--fail-on", "critical"), 1),
        ((*GOOD, "--fail-on", "critical"), 0),
        (("--tenant", "refused", "--tenant", "bare"), 1),
        (GOOD, 3),
    ):
        assert run("audit", *words, "--quiet").code == code, words


def test_the_doctor_looks_for_a_client_on_each_tenant_and_fixes_it_where_it_is(run, second):
    *_, tenant = second
    ended = run("doctor", "--client", "nightly-etl", *GOOD, on_terminal=True)
    assert ended.code == 0, ended.err
    assert re.match(r"prod: nightly-etl \(\w{32}\) on \S+, .*: no finding", ended.out)
    assert "Without a client 'nightly-etl': test site." in ended.out
    client_id = tenant.oauth_clients.list()[0].client_id
    tenant.oauth_clients.set_consent(client_id, "required")
    ended = run("doctor", "--client", "due", *GOOD, "--json")
    [row] = json.loads(ended.out)
    assert (ended.code, row["tenant"], row["findings"]) == (3, "test site", ["consent-not-trusted"])
    ended = run("doctor", "--client", "due", *GOOD, "--fix", "--json")
    [row] = json.loads(ended.out)
    assert (ended.code, row["is_healthy"]) == (0, True)
    told = json.loads(ended.err)
    assert (told["tenant"], told["fix"]) == ("test site", "trust")
    ended = run("doctor", "--client", "due", "--tenant", "bare", "--json")
    assert (ended.code, json.loads(ended.out)[0]["findings"]) == (1, ["tenant-not-asked"])
    ended = run("doctor", "--client", "due", "--tenant", "bare", "--tenant", "test site", "--quiet")
    assert (ended.code, ended.out) == (3, "tenant-not-asked\n")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--all-contexts", "--context", "prod"), "--context: it names one tenant, and --all-contexts names several"),
        (("--fleet", "qlik-keys.yaml", "-s", BARE), "--server: it names one tenant, and --fleet names several"),
        (("--all-contexts", "--tenant", "prod"), "--all-contexts: it means every context, and --tenant names some"),
        (("--tenant", " "), "'--tenant': the value is empty"),
    ],
)
def test_options_that_contradict_each_other_are_refused(run, words, why):
    ended = run("clients", *words)
    assert ended.code == 2
    assert why in ended.err


def test_a_variable_with_a_fleet_file_yields_to_options_that_name_tenants(run):
    for words in (("--all-contexts",), ("--context", "prod")):
        ended = run("clients", *words, "--json", QLIK_KEYS_FLEET="not-there.yaml")
        assert json.loads(ended.out)[0]["name"] == "nightly-etl"


def test_a_fleet_file_names_the_tenants_also_by_the_variable(run, tmp_path):
    file = tmp_path / "fleet.yaml"
    file.write_text(
        "version: 1\nfleet: acme\ntenants:\n  one:\n    context: prod\n  two:\n    context: test site\n"
        f"  down:\n    url: {BARE}\n    api-key-variable: NOT_SET\n"
    )
    rows = json.loads(run("clients", "--fleet", str(file), "--json").out)
    assert [(row["tenant"], row["name"]) for row in rows] == [("one", "nightly-etl"), ("two", "due"), ("down", "")]
    ended = run("audit", "--tenant", "two", "--json", QLIK_KEYS_FLEET=str(file))
    [row] = json.loads(ended.out)
    assert row["command"].endswith(f" --fleet {file} --tenant two")
    assert run("clients", "--tenant", "prod", "--fleet", str(file)).code == 1
    assert run("clients", QLIK_KEYS_FLEET=str(tmp_path / "none.yaml")).code == 1


def test_the_progress_is_one_line_of_a_terminal_that_is_removed_at_the_end(monkeypatch):
    for is_terminal, is_silent, shown in ((True, False, 2), (True, True, 0), (False, False, 0)):
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda is_terminal=is_terminal: is_terminal)
        monkeypatch.setattr("sys.stderr", stream)
        with ProgressLine(is_silent=is_silent) as line:
            line.show("empty", "keys", 0, 0)
            line.show("prod", "keys", 1, 2)
            line.show("te\x1bst", "consent", 3, 400)
        told = stream.getvalue().split("\r\x1b[K")[1:]
        assert [*filter(None, told)] == ["prod: keys 1/2", "prod: keys 1/2, te\\x1bst: consent 3/400"][:shown]
        assert not told or told[-1] == ""


def test_a_notebook_gets_the_table_with_all_tenants(shell, settings, monkeypatch, capsys):
    for name in ("QLIK_TENANT_URL", "QLIK_API_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", settings["HOME"])
    frame = shell.run_line_magic("qlik", "clients --all-contexts")
    assert list(frame["tenant"]) == ["prod", "test site", "refused", "bare"]
    assert [*frame.attrs["not_asked"]] == ["refused", "bare"]
    assert "bare: the tenant could not be asked" in capsys.readouterr().err
    found = shell.run_line_magic("qlik", "doctor --client due --tenant 'test site'")
    assert found.diagnoses["test site"].is_healthy
    assert "<h4>test site</h4>" in found._repr_html_()
    for line, offered in (("clients --tenant te", "'test site'"), ("doctor --tenant 'test site' --client d", "due")):
        with IPython.core.completer.provisionalcompleter():
            [offer] = shell.Completer.completions(f"%qlik {line}", len(line) + 6)
        assert offer.text == offered


def test_an_export_of_contexts_names_them_and_holds_no_login(run):
    written = run("export", "-", *GOOD)
    assert written.code == 0, written.err
    assert "  prod: {context: prod}\n  test site: {context: test site}\n" in written.out
    assert "tenants: [test site]" in written.out
    assert run("export", "-", "--context", "prod", "--tenant", "test site").code == 2
