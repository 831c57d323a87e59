"""A value of another type is refused where it is passed: the error names argument, type and what is expected."""

from __future__ import annotations

import functools
import threading
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

import qlik_keys as qk
from qlik_keys.core.arguments import texts

URL = VAULT = "http://127.0.0.1:9"  # nothing listens there: what is refused is refused before the first request
CLIENT = "0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 11, 28, tzinfo=UTC)
KEY = qk.generate()
store = functools.partial(qk.VaultKeyStore, VAULT, token="t")
tenant = functools.partial(qk.QlikTenant, URL, credential=qk.ApiKey("k"))
source = functools.partial(qk.TokenSource, f"{URL}/oauth/token", client_id=CLIENT, secret="s")
BOTH = tenant(), store()
provision = functools.partial(qk.provision, *BOTH, name="n", scopes=["user_default"])
rotate = functools.partial(qk.rotate, *BOTH, "n")


# argument -> what is called with it, values that are refused, what the error says of what is wanted
CASES = {
    "name": (lambda value: provision(name=value), [5, None, b"n"], "text"),
    "scopes": (lambda value: provision(scopes=value), [5, None, b"s", {"user_default": 1}], "a list of texts"),
    "each of": (lambda value: provision(scopes=value), [["a", 5], [None], (b"s",)], "text"),
    "rotate_after": (lambda value: provision(rotate_after=value), [90, "90d", NOW], "a timedelta"),
    "overlap": (lambda value: rotate(overlap=value), [5, "1d", True, NOW], "a timedelta"),
    "custody": (lambda value: rotate(custody=value), [5, ["kv"]], "text"),
    "on_step": (lambda value: rotate(on_step=value), ["print", 5], "a function"),
    "cancel": (lambda value: rotate(cancel=value), [True, threading.Event], "Event"),
    "clock": (lambda value: rotate(clock=value), [None, NOW], "a clock"),
    "workers": (lambda value: qk.rotate_due(*BOTH, workers=value), ["4", None, 1.5, True], "whole number"),
    "before": (lambda value: qk.rotate_due(*BOTH, before=value), ["2026-11-28", 5, NOW.date()], "datetime"),
    "client_id": (lambda value: qk.preview(*BOTH, "rotate", value), [5, None], "text"),
    "user": (lambda value: qk.doctor(*BOTH, "n", user=value), ["ada", {"field": "subject"}], "UserLookup"),
    "consent": (lambda value: qk.clients(BOTH[0], consent=value), ["trusted", 1], "True or False"),
    "frame": (lambda value: qk.flat(value, "csv"), [[1], None, "clients.csv"], "a DataFrame"),
    "target": (lambda value: qk.flat(pd.DataFrame(), value), [5, None, ["csv"]], "text"),
    "alg": (qk.KeySpec, [5, ["RS256"], None], "text"),
    "bits": (lambda value: qk.KeySpec("RS256", bits=value), ["2048", 2048.0, True], "whole number"),
    "spec": (qk.generate, ["RS256", 2048], "a KeySpec"),
    "made_on": (lambda value: qk.generate(made_on=value), ["2026-11-28", NOW], "a date"),
    "form": (KEY.reveal, [5, None], "text"),
    "role": (qk.vault_policy, [5, None], "text"),
    "mount": (lambda value: store(mount=value), [5, None, b"kv"], "text"),
    "tls_server_name": (lambda value: store(tls_server_name=value), [None, 5], "text"),
    "ca_cert": (lambda value: store(ca_cert=value), [5, b"ca", ["ca"]], "a path"),
    "proxy": (lambda value: store(proxy=value), [5, b"p"], "text"),
    "token_file": (lambda value: qk.KubernetesLogin("r", token_file=value), [5, b"f"], "a path"),
    "timeout_seconds": (lambda value: tenant(timeout_seconds=value), ["10", None, timedelta(1)], "seconds"),
    "transport": (lambda value: tenant(transport=value), ["http"], "httpx.BaseTransport"),
    "retry": (lambda value: tenant(retry=value), [3, True], "a RetryPolicy"),
    "budget": (lambda value: tenant(budget=value), [100], "a RateBudget"),
    "path": (lambda value: tenant().raw("get", value), [5, b"/v1"], "text"),
    "query": (lambda value: tenant().raw("get", "v1/items", query=value), ["a=1", [("a", "1")], {"a": {}}], "mapping"),
    "headers": (lambda value: tenant().raw("get", "v1/items", headers=value), ["A: b", [("A", "b")]], "mapping"),
    "body": (lambda value: tenant().raw("post", "v1/items", body=value), [b"{}", {"at": NOW}, {1, 2}], "JSON-ready"),
    "assertion_seconds": (lambda value: source(assertion_seconds=value), ["60", 1.5, True], "whole number"),
    "http": (lambda value: source(http=value), [True, "x"], "http"),
    "tenant": (lambda value: qk.Panel(tenant=value, store=store()), ["x", URL], "a QlikTenant"),
    "store": (lambda value: qk.Panel(tenant=tenant(), store=value), ["x", VAULT], "a KeyStore"),
    "settings": (lambda value: qk.Panel(settings=value), ["x", {}], "Settings"),
    "context": (lambda value: qk.Settings.resolve(context=value), [5, ["a"]], "text"),
    "timeout_seconds of sandbox.start": (lambda value: qk.sandbox.start(timeout_seconds=value), ["x"], "seconds"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_type_is_refused_by_its_argument_before_anything_is_asked(name):
    argument, (call, values, wanted) = name.split(" of ")[0], CASES[name]
    for value in values:
        with pytest.raises(TypeError) as caught:
            call(value)
        said = str(caught.value)
        assert said.startswith((argument, f"the {argument} must be", f"the argument {argument} must be"))
        assert wanted in said
        assert argument in ("query", "body", "each of") or f"not {type(value).__name__}" in said


def test_a_value_out_of_bounds_is_a_value_error_by_its_argument():
    for call, words in (
        (lambda: tenant(timeout_seconds=float("inf")), "timeout_seconds"),
        (lambda: tenant(timeout_seconds=float("nan")), "timeout_seconds"),
        (lambda: store(timeout_seconds=1e10), "timeout_seconds"),
        (lambda: store(timeout_seconds=0), "timeout_seconds"),
        (lambda: KEY.reveal("PEM"), "form must be 'pem' or 'jwk'"),
        (lambda: source(secret_style="header"), "secret_style must be 'form' or 'basic'"),
        (lambda: source(client_id=" "), "client_id"),
        (lambda: qk.rotate_due(*BOTH, workers=0), "workers must be 1 or more, not 0"),
        (lambda: tenant().raw("post", "v1/items", body={"n": float("nan")}), "JSON-ready"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_what_would_lead_elsewhere_or_break_a_header_is_refused():
    for login in (qk.UserPass, qk.AppRole, qk.JwtLogin):
        for mount in ("../sys", "a/../../sys", "", "a//b", "a?b"):
            with pytest.raises(qk.errors.ConfigurationError, match="mount of the login"):
                login("ada", "horse", mount=mount)
        assert login("ada", "horse", mount="/team/ldap/").mount == "team/ldap"
    with pytest.raises(qk.errors.ConfigurationError, match="namespace"):
        store(namespace="team\nproject")
    with pytest.raises(qk.errors.ConfigurationError, match="one client") as caught:
        qk.preview(None, None, "rotate", "")
    assert "id or its name" in caught.value.hint
    for right in ((scope for scope in ("a", "b")), pd.Series(["a", "b"])):  # texts from anything that yields them
        assert texts("scopes", right) == ("a", "b")


OPERATIONS = {
    "provision": lambda tenant, store: qk.provision(tenant, store, name="a", scopes=["b"]),
    "preview": lambda tenant, store: qk.preview(tenant, store, "rotate", "a"),
    "delete": lambda tenant, store: qk.delete(tenant, store, "a", confirm="a"),
    **{
        each.__name__: lambda tenant, store, each=each: each(tenant, store, "a")
        for each in (qk.rotate, qk.revoke, qk.adopt, qk.doctor)
    },
    **{each.__name__: each for each in (qk.resume, qk.rotate_due, qk.retire_due, qk.clients, qk.audit)},
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_no_tenant_and_no_store_is_named(operation):
    one, other, perform = tenant(), store(), OPERATIONS[operation]
    for wrong in (other, None, URL, qk.ApiKey("a")):
        with pytest.raises(TypeError, match=f"^tenant must be a QlikTenant, not {type(wrong).__name__}"):
            perform(wrong, other)
    for wrong in (one, URL, {}, *(() if operation == "clients" else (None,))):
        with pytest.raises(TypeError, match=f"^store must be a KeyStore.*, not {type(wrong).__name__}"):
            perform(one, wrong)
