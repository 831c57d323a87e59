"""The settings for what the public documents leave open (qlik-cloud-contract, "Not published"), each turned."""

from __future__ import annotations

import json

import pytest
from fixtures.sandbox_client import ASSERTION_TYPE

FORMS = {"objects": lambda keys: keys, "texts": lambda keys: [*map(json.dumps, keys)], "text": json.dumps}


def patch(sandbox, client, path, value, op="replace"):
    body = [{"op": op, "path": path, "value": value}]
    return sandbox.call("PATCH", f"/{client.client_id}", json=body).status_code


def log_in(sandbox, client, assertion=None, **parameters):
    assertion = assertion or sandbox.assertion(client)
    return sandbox.get_token(
        client.client_id, client_assertion=assertion, client_assertion_type=ASSERTION_TYPE, **parameters
    )


@pytest.mark.parametrize("taken", FORMS)
def test_one_form_of_keys_is_taken(sandbox, client_keys, taken):
    first, second = client_keys["ES384"], client_keys["RS256"]
    client = sandbox.client(first)
    sandbox.tenant.configure(keys_form=taken)
    keys = [first.public.to_dict(), second.public.to_dict()]
    statuses = {form: patch(sandbox, client, "/publicKeys", FORMS[form](keys)) for form in FORMS}
    assert statuses == {form: 204 if form == taken else 400 for form in FORMS}
    assert sandbox.call("GET", f"/{client.client_id}").json()["publicKeys"] == keys


@pytest.mark.parametrize(
    ("form", "value"), [("texts", ["{"]), ("texts", [1]), ("texts", "[]"), ("text", ["[]"]), ("text", "{")]
)
def test_what_is_not_in_the_form_is_refused(sandbox, client_keys, form, value):
    client = sandbox.client(client_keys["ES384"])
    sandbox.tenant.configure(keys_form=form)
    assert patch(sandbox, client, "/publicKeys", value) == 400


def test_a_removed_key_may_log_in_for_a_while(sandbox, client_keys):
    old, new = client_keys["ES384"], client_keys["RS256"]
    client = sandbox.client(old)
    sandbox.tenant.configure(key_removal_seconds=30)
    assert patch(sandbox, client, "/publicKeys", [new.public.to_dict()]) == 204
    sandbox.clock.advance(29)
    assert sandbox.log_in(client, key=old).status_code == 200
    sandbox.clock.advance(1)
    assert sandbox.log_in(client, key=old).status_code == 401
    assert sandbox.log_in(client, key=new).status_code == 200


@pytest.mark.parametrize(("seconds", "second", "third"), [(None, 401, 401), (0, 200, 200), (60, 401, 200)])
def test_a_jti_is_remembered_as_long_as_is_set(sandbox, client_keys, seconds, second, third):
    client = sandbox.client(client_keys["ES384"])
    sandbox.tenant.configure(jti_remembered_seconds=seconds)
    assertion = sandbox.assertion(client)
    assert log_in(sandbox, client, assertion).status_code == 200
    assert log_in(sandbox, client, assertion).status_code == second
    sandbox.clock.advance(61)
    assert log_in(sandbox, client, assertion).status_code == third


def test_a_token_by_key_may_end_earlier_than_one_by_secret(sandbox, client_keys):
    client = sandbox.client(client_keys["ES384"], allowedAuthMethods=["private_key_jwt", "client_secret"])
    sandbox.tenant.configure(key_token_lifetime_seconds=3600)
    by_secret = sandbox.get_token(client.client_id, client_secret=client.secret)
    assert (log_in(sandbox, client).json()["expires_in"], by_secret.json()["expires_in"]) == (3600, 21600)


@pytest.mark.parametrize(("setting", "status"), [("all", 200), ("refused", 400)])
def test_an_empty_scope_gives_all_or_nothing(sandbox, client_keys, setting, status):
    client = sandbox.client(client_keys["ES384"])
    sandbox.tenant.configure(empty_scope=setting)
    assert log_in(sandbox, client).status_code == status
    assert log_in(sandbox, client, scope="user_default").status_code == 200


@pytest.mark.parametrize(("setting", "status"), [("refused", 400), ("applied", 204)])
def test_an_absent_member_may_be_replaced_if_that_is_set(sandbox, setting, status):
    client = sandbox.client()
    sandbox.tenant.configure(absent_replace=setting)
    assert patch(sandbox, client, "/clientUri", "https://example.com") == status
    assert sandbox.call("PATCH", f"/{client.client_id}", json=[{"op": "remove", "path": "/logoUri"}]).status_code == 400


@pytest.mark.parametrize(("setting", "count"), [("ignore", 1), ("exact", 0)])
def test_filters_compare_case_as_is_set(sandbox, setting, count):
    client = sandbox.client(clientName="Nightly ETL")
    sandbox.tenant.configure(filter_case=setting)
    for text, found in (("nightly etl", count), ("Nightly ETL", 1)):
        rows = sandbox.call("GET", params={"filter": f'clientName eq "{text}"'}).json()["data"]
        assert [row["clientId"] for row in rows] == [client.client_id] * found


def test_a_page_has_no_more_rows_than_is_set(sandbox):
    sandbox.tenant.seed_clients(5)
    sandbox.tenant.configure(maximum_page_size=2)
    page = sandbox.call("GET", "?limit=100").json()
    assert (len(page["data"]), "next" in page["links"]) == (2, True)


@pytest.mark.parametrize(
    "changes",
    [{"keys_form": "yaml"}, {"key_removal_seconds": -1}, {"jti_remembered_seconds": "1"}, {"maximum_page_size": 0},
     {"key_token_lifetime_seconds": 0}, {"empty_scope": "some"}, {"absent_replace": True}, {"filter_case": "upper"}],
)  # fmt: skip
def test_a_wrong_setting_is_refused(sandbox, changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        sandbox.tenant.configure(**changes)
