"""Several tenants in one table, one audit, one diagnosis: what each alone says, and a row for each not asked."""

from __future__ import annotations

import contextlib
import pickle
import socket
import threading
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pandas as pd
import pytest
from fixtures.harness.steps import provision
from fixtures.loopback import Loopback
from fixtures.sandbox_client import serving
from fixtures.support import NoWaiting
from fixtures.vault_server import VaultServer

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError, StoreSealed, TenantUnreachable
from qlik_keys.sandbox.simulator.tenant import SandboxTenant

pytestmark = pytest.mark.openbao
CANARIES = {"api key": "canary-of-an-api-key", "client secret": "canary-of-a-client-secret"}


@pytest.fixture
def pair(box, world, name):
    """Two tenants with records in one Vault, asked through relays; each has a client of the same name."""
    with (
        serving(SandboxTenant) as (simulator, address),
        Loopback(upstream=box.vault_url) as vault,
        contextlib.ExitStack() as stack,
    ):
        asked = []

        def sides_of(url, api_key):
            """Tenant and store as a new process has them."""
            tenant = stack.enter_context(qk.QlikTenant(url, credential=qk.ApiKey(api_key)))
            stack.callback(tenant.subscribe(asked.append))
            return tenant, stack.enter_context(qk.VaultKeyStore(vault.url, token=box.vault_token))

        second = sides_of(address, simulator.api_key)
        made = [
            provision(world.tenant, world.store, name),
            qk.provision(*second, name=name, scopes=["user_default"], rotate_after=timedelta(days=1)),
        ]
        yield SimpleNamespace(
            sides={
                "first": partial(sides_of, box.tenant_url, box.api_key),
                "second": partial(sides_of, address, simulator.api_key),
            },
            asked=lambda: len(asked) + len(vault.calls),
            made=made,
        )
        for each in second[0].oauth_clients.list():
            qk.delete(*second, each.client_id, confirm=each.client_id)


@pytest.fixture
def unusable(box, tmp_path):
    """A tenant at whose address no server is, and one whose Vault is sealed, with the errors that tell of it."""
    with (
        socket.socket() as bound,  # it does not listen
        VaultServer(tmp_path) as vault,
        contextlib.ExitStack() as stack,
    ):
        bound.bind(("127.0.0.1", 0))
        vault.initialize()
        address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        key = qk.ApiKey(box.api_key)
        dead = stack.enter_context(qk.QlikTenant(address, credential=key, clock=NoWaiting()))
        live = stack.enter_context(qk.QlikTenant(box.tenant_url, credential=key))
        store = stack.enter_context(qk.VaultKeyStore(box.vault_url, token=box.vault_token))
        sealed = stack.enter_context(qk.VaultKeyStore(vault.url, token="s.any", timeout_seconds=10))
        yield {"dead": (dead, store), "sealed": (live, sealed)}


def without_tenant(frame, name):
    return frame[frame["tenant"] == name].drop(columns="tenant").reset_index(drop=True)


def test_one_table_has_what_each_alone_has_and_a_row_for_each_that_could_not_be_asked(pair, unusable, name):
    singles = {each: qk.clients(*sides(), usage=True) for each, sides in pair.sides.items()}
    told = []
    fleet = qk.Fleet(
        {"dead": unusable["dead"], **{n: s() for n, s in pair.sides.items()}, "sealed": unusable["sealed"]}
    )
    together = fleet.clients(usage=True, on_progress=lambda *what: told.append(what))
    assert [*together.columns] == ["tenant", *singles["first"].columns]
    assert together.dtypes.drop("tenant").equals(singles["first"].dtypes)
    for each, alone in singles.items():
        pd.testing.assert_frame_equal(without_tenant(together, each), alone.reset_index(drop=True))
        assert together.attrs["tenants"][each]["tenant"] == alone.attrs["tenant"]
        assert {what for of, what, done, total in told if of == each and done == total} >= {"keys", "consent"}
    not_asked = together[[at == ("tenant-not-asked",) for at in together["findings"]]]
    assert [*zip(not_asked["tenant"], not_asked["client_id"], strict=True)] == [("dead", ""), ("sealed", "")]
    reasons = together.attrs["not_asked"]
    assert [reasons[each]["error"] for each in ("dead", "sealed")] == [TenantUnreachable.__name__, StoreSealed.__name__]
    assert list(dict.fromkeys(together["tenant"])) == ["dead", "first", "second", "sealed"]
    assert not qk.flat(together, "csv").empty
    # A table of such rows alone has the same form.
    empty = qk.Fleet(unusable).clients(usage=True)
    assert empty.dtypes.equals(together.dtypes)


def test_one_audit_has_the_findings_of_each_highest_severity_first_with_no_request_more(pair, unusable):
    asked = [pair.asked()]
    singles = {}
    for each, sides in pair.sides.items():
        singles[each] = qk.audit(*sides())
        asked.append(pair.asked())
    fleet = qk.Fleet({each: sides() for each, sides in pair.sides.items()})
    fleet.audit()
    assert pair.asked() - asked[-1] == asked[-1] - asked[0] > 2
    found = qk.Fleet({"dead": unusable["dead"], **{n: s() for n, s in pair.sides.items()}}).audit()
    assert found["severity"].is_monotonic_increasing
    assert found.dtypes.drop("tenant").equals(singles["first"].dtypes)
    for each, alone in singles.items():
        assert without_tenant(found, each).equals(alone.reset_index(drop=True))
    due = found[found["finding"] == "rotation-due"]
    assert [*zip(due["tenant"], due["client_id"], strict=True)] == [("second", pair.made[1].client_id)]
    [dead] = without_tenant(found, "dead").itertuples()
    assert (dead.severity, dead.code, dead.finding) == ("high", "QK410", "tenant-not-asked")
    assert "did not accept a connection" in dead.meaning
    assert "check host and port" in dead.advice


def test_the_doctor_tells_of_the_tenants_that_have_the_client(pair, unusable, name):
    fleet = qk.Fleet({**{n: s() for n, s in pair.sides.items()}, "dead": unusable["dead"]})
    everywhere = fleet.only(["first", "second"]).doctor(name)
    assert (everywhere.is_healthy, [*everywhere.diagnoses]) == (True, ["first", "second"])
    assert {each.client_id for each in everywhere.diagnoses.values()} == {made.client_id for made in pair.made}
    by_id = fleet.only(["first", "second"]).doctor(pair.made[1].client_id)
    assert ([*by_id.diagnoses], by_id.without_client) == (["second"], ("first",))
    assert by_id.is_healthy
    nowhere = fleet.only(["first", "second"]).doctor("of-no-tenant")
    assert (nowhere.findings, [*nowhere.diagnoses]) == (("client-absent",), ["first", "second"])
    with_dead = fleet.doctor(name)
    assert with_dead.findings == ("tenant-unreachable",)
    assert "first: " in with_dead.to_text()
    assert "tenant-unreachable" in with_dead.to_text()


def test_an_interrupt_ends_the_tenants_that_are_being_asked(pair):
    fleet = qk.Fleet({each: sides() for each, sides in pair.sides.items()})
    interrupted = threading.Event()

    def interrupt(*_):
        interrupted.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fleet.clients(on_progress=interrupt)
    assert interrupted.is_set()
    for wrong in ({"usage": "yes"}, {"on_progress": 1}, {"consent": 1}):
        with pytest.raises(TypeError):
            fleet.audit(**wrong)


@pytest.fixture
def contexts(box, tmp_path, monkeypatch):
    """Write contexts of this user, where a name has its server and what it logs in by."""

    def write(current, **named):
        file = tmp_path / ".qlik" / "contexts.yml"
        file.parent.mkdir(exist_ok=True)
        lines = [f"current-context: {current}", "contexts:"]
        for name, (server, *fields) in named.items():
            lines += [f"  {name}:", f"    server: {server}", *(f"    {each}" for each in fields)]
        file.write_text("\n".join(lines))

    for variable in ("QLIK_TENANT_URL", "QLIK_API_KEY", "QLIK_CLI_USER_HOME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in {"HOME": tmp_path, "VAULT_ADDR": box.vault_url, "VAULT_TOKEN": box.vault_token}.items():
        monkeypatch.setenv(variable, str(value))
    return write


BY_KEY = ("headers:", f"  Authorization: Bearer {CANARIES['api key']}")
BY_SECRET = ("oauth-client-id: abc", f"oauth-client-secret: {CANARIES['client secret']}")
ACME, OTHER = "https://acme.eu.qlikcloud.com", "https://other.eu.qlikcloud.com"


def test_of_the_contexts_of_one_tenant_the_current_one_or_the_first_with_a_login_is_taken(contexts):
    listed = {
        "without": (ACME,),
        "key": (f"{ACME}/console", *BY_KEY),
        "secret": (ACME, *BY_SECRET),
        "other": (OTHER, *BY_KEY),
        "windows": ("https://sense.acme.example", "server-type: windows"),
    }
    for current, expected in (("secret", "secret"), ("without", "key"), ("other", "key")):
        contexts(current, **listed)
        fleet = qk.Fleet.of_contexts()
        assert fleet.names == (expected, "other")
        assert [notice for notice in fleet.notices if "'windows'" in notice and "Windows" in notice]
        left_out = next(notice for notice in fleet.notices if f"the context {expected!r} is for the same" in notice)
        assert all(repr(each) in left_out for each in {"without", "key", "secret"} - {expected})
    assert qk.Fleet.of_contexts(["other", "windows", "other"]).names == ("other", "windows")
    for canary in CANARIES.values():
        assert canary not in repr(fleet) + str(pickle.dumps(fleet))
    assert pickle.loads(pickle.dumps(fleet)).names == fleet.names  # what was pickled here
    with pytest.raises(ConfigurationError, match="no qlik-cli context 'nix'"):
        qk.Fleet.of_contexts(["other", "nix"])
    contexts("windows", windows=listed["windows"])
    with pytest.raises(ConfigurationError, match="is for a Qlik Cloud tenant"):
        qk.Fleet.of_contexts()


def test_a_context_that_cannot_be_used_is_a_row_and_gets_no_login_of_the_environment(contexts, box, monkeypatch):
    with Loopback(upstream=box.tenant_url) as tenant:
        contexts("bare", bare=(tenant.url,), wrong=("ftp://acme.example", *BY_KEY))
        fleet = qk.Fleet.of_contexts()
        monkeypatch.setenv("QLIK_API_KEY", box.api_key)
        reasons = fleet.clients().attrs["not_asked"]
        assert {name: each["error"] for name, each in reasons.items()} == dict.fromkeys(
            ("bare", "wrong"), ConfigurationError.__name__
        )
        assert "no login" in reasons["bare"]["message"]
        assert tenant.calls == []
        monkeypatch.setenv("QLIK_TENANT_URL", tenant.url)  # now the environment says for whom its login is
        with fleet.connect("bare") as (found, _):
            assert found.has_credential
