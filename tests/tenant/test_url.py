"""The tenant's URL: normalized and said, or refused with the reason (qlik-cloud-contract, "Hosts")."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlik_keys.errors import ConfigurationError
from qlik_keys.tenant.url import escaped_value, normalise_tenant_url, plain_value, tenant_host

TENANT = "https://acme.eu.qlikcloud.com"
RIGHT = (TENANT, TENANT + ":8443", "https://acme.us.qlikcloudgov.com", "https://acme.xx.qlikcloud.com")
RIGHT += ("https://eu.us.qlikcloud.com", "http://127.0.0.1:8123", "http://[::1]:9000")
UNUSUAL = ("qlik.example.com", "qlikcloud.com.evil.example", "evilqlikcloud.com")
REGIONS = ("us", "eu", "de", "uk", "fr", "se", "ap", "sg", "jp", "in", "ae", "il", "xx")


@pytest.mark.parametrize(
    ("typed", "url", "notices"),
    [
        ("acme.eu.qlikcloud.com", TENANT, ["added https://"]),
        ("//acme.eu.qlikcloud.com", TENANT, ["added https://"]),
        (TENANT + "/", TENANT, ["removed the slash at the end"]),
        (f"  {TENANT}\n", TENANT, ["removed the text around it"]),
        (f'"{TENANT}"', TENANT, ["removed the text around it"]),
        ("HTTPS://Acme.EU.qlikcloud.com", TENANT, ["wrote the host in lower case"]),
        (TENANT + ":443", TENANT, ["removed the port 443, which is the default"]),
        (TENANT + "/oauth/token", TENANT, ["removed the path"]),
        (TENANT + "/?a=1#b", TENANT, ["removed the slash at the end", "removed the part after ? or #"]),
        (TENANT + ".", TENANT, []),
        *((right, right, []) for right in RIGHT),
        ("http://localhost:80/", "http://localhost", ["removed the port 80, which is the default", "removed the sl"]),
        *((f"https://{host}", f"https://{host}", [f"{host} is not a host of qlikcloud.com"]) for host in UNUSUAL),
    ],
)
def test_nearly_right_is_normalized_with_a_notice(typed, url, notices):
    found, shown = normalise_tenant_url(typed)
    assert found == url
    assert len(shown) == len(notices), shown
    for notice, wanted in zip(shown, notices, strict=True):
        assert notice.startswith(wanted)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("  \n", "is empty"),
        ("https://", "has no host"),
        ("http://acme.eu.qlikcloud.com", "plain http"),
        ("http://127.0.0.1.evil.example", "plain http"),
        ("http://localhost.evil.example", "plain http"),
        ("file:///etc/passwd", "neither https nor http"),
        ("acme", "not the full host name"),
        ("https://acme\t.eu.qlikcloud.com", "a space or a control"),
        ("https://acme.eu.qlikcloud.com:99999", "invalid host or port"),
        ("https://[::1", "invalid host or port"),
        ("https://-acme.eu.qlikcloud.com", "is not a host name"),
        ("https://acme..qlikcloud.com", "is not a host name"),
        ("https://acme.eu.qlikcloud.com%2eevil.example", "is not a host name"),
        ("https://аcme.eu.qlikcloud.com", "letters outside a-z"),  # noqa: RUF001  # a Cyrillic letter
        ("https://1.2.3", "neither a host name nor an address"),
        ("https://console.qlikcloud.com/oauth", "console.qlikcloud.com is no tenant: it is the console of an organiz"),
        *((f"https://{region}.qlikcloud.com", f"is no tenant: it is the region {region}") for region in REGIONS),
        ("Console.QlikCloudGov.com.", "is no tenant: it is not in use: government clouds have no console"),
        ("qlikcloudgov.com", "is no tenant: it is the domain"),
        ("https://acme.qlikcloud.com", "is no tenant: it is a host without a region"),
        ("https://login.qlikcloud.com", "is no tenant: it is where users log in"),
        ("https://login.eu.qlikcloud.com", "is no tenant: it is a service of Qlik's (login)"),
        ("https://status.qlikcloud.com", "is no tenant"),
        ("https://qlik.dev/apis/rest/oauth", "is no tenant: it is Qlik's site for developers"),
        ("https://www.qlik.dev", "is no tenant: it is a web site of Qlik"),
        ("https://account.qlik.com", "is no tenant: it is where users log in with a Qlik account"),
        ("https://account.myqlik.qlik.com", "is no tenant: it is My Qlik"),
    ],
)
def test_wrong_is_refused_with_the_reason(typed, reason):
    with pytest.raises(ConfigurationError) as caught:
        normalise_tenant_url(typed)
    assert reason in caught.value.message
    assert caught.value.hint


def test_a_password_in_the_url_is_refused_and_not_repeated():
    for scheme in ("https://", ""):
        with pytest.raises(ConfigurationError, match="password") as caught:
            normalise_tenant_url(f"{scheme}joe:hunter22@acme.eu.qlikcloud.com")
        assert not [secret for secret in ("hunter22", "joe") if secret in str(caught.value)]
        assert caught.value.__context__ is None


@given(st.text(max_size=80) | st.text(max_size=30).map(lambda text: "https://" + text))
def test_whatever_is_typed_is_a_safe_url_or_a_configuration_error(typed):
    try:
        url, _ = normalise_tenant_url(typed)
    except ConfigurationError:
        return
    assert url.isascii()
    assert url.isprintable()
    assert normalise_tenant_url(url)[0] == url
    assert url.startswith("https://") or tenant_host(url).startswith(("localhost", "127.", "[::1]"))


ENCODED = [("a%2Fb%3D%3D", "a/b=="), ("a%2525b", "a%25b")]  # the first: a cursor that was cut out of links.next.href
PLAIN = ["50%", "100% of it", 'name co "%41"', "%ff", "%zz", "abc-_.~*+", ""]


@pytest.mark.parametrize(("given", "plain"), [*ENCODED, *((text, text) for text in PLAIN)])
def test_a_value_that_is_encoded_already_is_not_encoded_again(given, plain):
    assert plain_value(given) == plain
    assert plain_value(escaped_value(given)) == given
