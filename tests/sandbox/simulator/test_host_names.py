"""The sandbox tenant by several host names, in each of the ways that the public documents leave open."""

from __future__ import annotations

import httpx
import pytest
from fixtures.sandbox_client import SandboxClient

import qlik_keys as qk
from qlik_keys.sandbox.simulator.settings import SandboxSettings
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport

DISPLAY, ALIAS = "acme.eu.qlikcloud.com", "analytics.eu.qlikcloud.com"


@pytest.fixture
def by_name(clock):
    tenant = SandboxTenant(f"https://{DISPLAY}", clock=clock, settings=SandboxSettings(alias_hosts=(ALIAS,)))

    def by(host):
        http = httpx.Client(base_url=f"https://{host}", transport=SandboxTransport(tenant))
        return SandboxClient(tenant, http, clock)

    return by


@pytest.mark.parametrize(
    ("setting", "accepted"),
    [
        ("all", {(DISPLAY, DISPLAY), (DISPLAY, ALIAS), (ALIAS, DISPLAY), (ALIAS, ALIAS)}),
        ("display", {(DISPLAY, DISPLAY), (ALIAS, DISPLAY)}),
        ("addressed", {(DISPLAY, DISPLAY), (ALIAS, ALIAS)}),
    ],
)
def test_the_audiences_that_are_accepted(by_name, setting, accepted):
    found = set()
    client = by_name(DISPLAY).client(qk.generate(qk.KeySpec("ES384")))
    for addressed in (DISPLAY, ALIAS):
        door = by_name(addressed)
        door.tenant.configure(audience_hosts=setting)
        for audience in (DISPLAY, ALIAS, "other.eu.qlikcloud.com"):
            door.token_url = f"https://{audience}/oauth/token"
            answer = door.log_in(client)
            assert answer.status_code in (200, 401)
            found |= {(addressed, audience)} if answer.status_code == 200 else set()
    assert found == accepted


@pytest.mark.parametrize(("setting", "host"), [("display", DISPLAY), ("addressed", ALIAS)])
def test_by_which_name_answers_name_the_tenant(by_name, setting, host):
    door = by_name(ALIAS)
    door.tenant.configure(answer_host=setting)
    door.tenant.seed_clients(3)
    base = f"https://{host}"
    metadata = door.http.get("/.well-known/oauth-authorization-server").json()
    assert (metadata["issuer"], metadata["token_endpoint"]) == (base, f"{base}/oauth/token")
    assert door.call("GET", params={"limit": 1}).json()["links"]["next"]["href"].startswith(f"{base}/api/v1/")
    me = door.http.get("/api/v1/tenants/me", headers=door.admin)
    assert me.headers["location"].startswith(f"{base}/api/v1/tenants/")
    told = door.http.get(httpx.URL(me.headers["location"]).path, headers=door.admin).json()
    assert told["hostnames"] == [DISPLAY, ALIAS]


def test_a_host_that_is_none_of_the_tenants_is_refused(by_name):
    door = by_name(DISPLAY)
    answer = door.http.get("/api/v1/users/me", headers={**door.admin, "host": "other.eu.qlikcloud.com"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, "LOGIN-2")
    with pytest.raises(httpx.ConnectError):
        by_name("other.eu.qlikcloud.com").http.get("/")


@pytest.mark.parametrize(
    "wrong",
    [
        {"alias_hosts": "localhost"},
        {"alias_hosts": ["localhost:80"]},
        {"alias_hosts": ["https://localhost"]},
        {"alias_hosts": [3]},
        {"alias_hosts": None},
        {"audience_hosts": "none"},
        {"answer_host": "all"},
    ],
)
def test_a_setting_that_is_none(by_name, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        by_name(DISPLAY).tenant.configure(**wrong)
