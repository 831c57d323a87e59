"""The tenant's host names: which are believed, and what is followed within them (contract, "Host names")."""

import httpx
import pytest

from qlik_keys.errors import ConfigurationError, TenantProtocolError, TenantUnavailable
from qlik_keys.sandbox.simulator.settings import SandboxSettings
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport
from qlik_keys.tenant import Anonymous, ApiKey, QlikTenant
from qlik_keys.tenant.url import may_be_same_tenant, normalise_tenant_url

DISPLAY, ALIAS = "acme.eu.qlikcloud.com", "analytics.eu.qlikcloud.com"
ELSEWHERE = "https://other.eu.qlikcloud.com"


class Recorded(SandboxTransport):
    """The sandbox by both of its names, and which requests came with which credential."""

    def __init__(self, simulator, change=lambda _, answer: answer):
        super().__init__(simulator)
        self.sent, self._change = [], change

    def handle_request(self, request):
        self.sent.append((request.url.host, request.url.path))
        return self._change(request, super().handle_request(request))


@pytest.fixture
def named(clock):
    """Make a tenant that is asked by a host name, and what records its requests."""

    def make(host=ALIAS, change=lambda _, answer: answer, *, anonymous=False, **settings):
        simulator = SandboxTenant(
            f"https://{DISPLAY}", clock=clock, settings=SandboxSettings(alias_hosts=(ALIAS,), **settings)
        )
        simulator.seed_clients(250)
        transport = Recorded(simulator, change)
        credential = Anonymous() if anonymous else ApiKey(simulator.api_key)
        return QlikTenant(f"https://{host}", credential=credential, transport=transport, clock=clock), transport

    return make


@pytest.mark.parametrize("answer_host", ["display", "addressed"])
@pytest.mark.parametrize("host", [DISPLAY, ALIAS])
def test_pages_and_redirects_within_the_names_are_asked_by_the_name_in_use(named, host, answer_host):
    tenant, transport = named(host, answer_host=answer_host)
    assert tenant.users.me().subject == "sandbox\\administrator"
    assert len(tenant.oauth_clients.list()) == 250
    assert sum(len(page["data"]) for page in tenant.raw_pages("v1/oauth-clients", query={"limit": "100"})) == 250
    assert tenant.raw("get", "v1/tenants/me").json()["hostnames"] == [DISPLAY, ALIAS]
    assert {asked for asked, _ in transport.sent} == {host}  # the credential goes nowhere else
    asked_for_names = [path for _, path in transport.sent if "tenants" in path]
    # What was asked for above, and once for all where an answer names the other host.
    assert len(asked_for_names) == (4 if (host, answer_host) == (ALIAS, "display") else 2)


def test_the_names_are_asked_for_once(named):
    tenant, transport = named()
    assert tenant.host_names() == tenant.host_names() == (DISPLAY, ALIAS)
    assert len(transport.sent) == 2  # tenants/me, and where it leads
    anonymous, transport = named(anonymous=True)
    assert anonymous.host_names() == (DISPLAY, ALIAS)  # by the metadata, which name one
    assert [path for _, path in transport.sent] == ["/.well-known/oauth-authorization-server"]


def redirected(request, answer):
    if request.url.path == "/api/v1/users/me":
        return httpx.Response(307, headers={"location": f"{ELSEWHERE}/api/v1/users/1"})
    return answer


def continued(request, answer):
    if request.url.path == "/api/v1/oauth-clients":
        return httpx.Response(200, text=answer.text.replace(f"https://{DISPLAY}", ELSEWHERE))
    return answer


@pytest.mark.parametrize(
    ("change", "ask"),
    [(redirected, lambda tenant: tenant.users.me()), (continued, lambda tenant: tenant.oauth_clients.list())],
    ids=["redirect", "page"],
)
def test_another_tenant_is_not_followed(named, change, ask):
    tenant, transport = named(DISPLAY, change)
    with pytest.raises(TenantProtocolError) as caught:
        ask(tenant)
    assert "another" in caught.value.message
    assert {asked for asked, _ in transport.sent} == {DISPLAY}
    assert [path for _, path in transport.sent].count("/api/v1/tenants/me") == 1


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        (httpx.Response(200, json={"hostnames": ["Acme.eu.qlikcloud.com", "evil.example.com", 3]}), (DISPLAY,)),
        (httpx.Response(200, json={"hostnames": ["console.qlikcloud.com", "b.us.qlikcloud.com"]}), None),
        (httpx.Response(307, headers={"location": "https://evil.example.com/api/v1/tenants/1"}), (DISPLAY,)),
        (httpx.Response(200, json=["no object"]), (DISPLAY,)),
        (httpx.Response(200, text="<html>"), (DISPLAY,)),
        (httpx.Response(403, json={"errors": [{"code": "HTTP-403", "title": "Forbidden"}]}), (DISPLAY,)),
    ],
)
def test_what_is_no_name_of_the_tenant_is_not_believed(tenant_on, answer, names):
    tenant, transport = tenant_on(answer)
    assert tenant.host_names() == (names or ("b.us.qlikcloud.com", DISPLAY))
    assert {httpx.URL(sent.url).host for sent in transport.sent} == {DISPLAY}


def test_a_tenant_that_cannot_tell_now_is_asked_again(tenant_on):
    answers = [httpx.Response(503)] * 5 + [httpx.Response(200, json={"hostnames": [DISPLAY, ALIAS]})]
    tenant, _ = tenant_on(*answers)
    with pytest.raises(TenantUnavailable):
        tenant.host_names()
    assert tenant.host_names() == (DISPLAY, ALIAS)


@pytest.mark.parametrize(
    ("url", "other", "may_be"),
    [
        (f"https://{DISPLAY}", ALIAS, True),
        (f"https://{DISPLAY}", "acme.us.qlikcloudgov.com", True),
        (f"https://{DISPLAY}", "acme.example.com", False),
        ("https://evil.example.com", DISPLAY, False),
        ("https://evil.example.com", "other.example.com", False),
        (f"https://{DISPLAY}", f"{ALIAS}:8443", False),
        (f"https://{DISPLAY}", "eu.qlikcloud.com", False),
        (f"https://{DISPLAY}", "localhost", False),
        (f"https://{DISPLAY}", "", False),
        (f"https://{DISPLAY}", "a/b.qlikcloud.com", False),
        ("http://127.0.0.1:8123", "localhost:8123", True),
        ("http://127.0.0.1:8123", "localhost:8124", False),
        ("http://127.0.0.1:8123", DISPLAY, False),
    ],
)
def test_which_names_may_be_of_one_tenant(url, other, may_be):
    assert may_be_same_tenant(url, other) is may_be


@pytest.mark.parametrize("module", ["internal_windows_authentication", "internal_forms_authentication"])
@pytest.mark.parametrize(
    "ask",
    [
        lambda tenant: tenant.users.me(),
        lambda tenant: tenant.oauth_clients.list(),
        lambda tenant: tenant.discover(),
        lambda tenant: tenant.raw("post", "v1/items"),
    ],
)
@pytest.mark.parametrize("origin", ["", "https://acme.eu.qlikcloud.com:4244", "https://idp.example.com"])
def test_a_windows_server_is_told_by_where_it_sends_for_a_login(tenant_on, ask, module, origin):
    tenant, transport = tenant_on(httpx.Response(302, headers={"location": f"{origin}/{module}/?targetId=1"}))
    with pytest.raises(TenantProtocolError, match="is no tenant: it is a server of Qlik Sense Enterprise on Windows"):
        ask(tenant)
    assert len(transport.sent) == 1


@pytest.mark.parametrize(
    "url", ["https://qlik.example.com/qmc/", "https://qlik.example.com/prefix/QMC", "qlik.x.org/qrs/about"]
)
def test_an_address_of_a_windows_server_is_refused(url):
    with pytest.raises(ConfigurationError, match="Qlik Sense Enterprise on Windows"):
        normalise_tenant_url(url)


def test_other_hosts_say_what_they_are():
    for url, words in (
        ("https://console.qlikcloud.com", "the keys of those cannot be rotated"),
        ("https://us.qlikcloud.com", "in no tenant's list"),
        ("https://console.qlikcloudgov.com", "government clouds have no console"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            normalise_tenant_url(url)
    assert normalise_tenant_url("https://acme.us.qlikcloudgov.com/qmc")[0] == "https://acme.us.qlikcloudgov.com"
