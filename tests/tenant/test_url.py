"""The tenant's URL: normalized and said, or refused with the reason (qlik-cloud-contract, "Hosts")."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlik_keys.errors import ConfigurationError
from qlik_keys.tenant.url import escaped_value, normalise_tenant_url, plain_value, tenant_host, token_url_of

TENANT = "https://acme.eu.qlikcloud.com"


@pytest.mark.parametrize(
    ("typed", "url", "notices"),
    [
        (TENANT, TENANT, []),
        ("acme.eu.qlikcloud.com", TENANT, ["added https://"]),
        ("//acme.eu.qlikcloud.com", TENANT, ["added https://"]),
        (TENANT + "/", TENANT, ["removed the slash at the end"]),
        (f"  {TENANT}\n", TENANT, ["removed the text around it"]),
        (f'"{TENANT}"', TENANT, ["removed the text around it"]),
        ("HTTPS://Acme.EU.qlikcloud.com", TENANT, ["wrote the host in lower case"]),
        (TENANT + ":443", TENANT, ["removed the port 443, which is the default"]),
        (TENANT + "/console/oauth", TENANT, ["removed the path"]),
        (TENANT + "/oauth/token", TENANT, ["removed the path"]),
        (TENANT + "/?a=1#b", TENANT, ["removed the slash at the end", "removed the part after ? or #"]),
        (TENANT + ":8443", TENANT + ":8443", []),
        (TENANT + ".", TENANT, []),
        ("https://acme.us.qlikcloudgov.com", "https://acme.us.qlikcloudgov.com", []),
        ("https://acme.xx.qlikcloud.com", "https://acme.xx.qlikcloud.com", []),
        ("https://eu.us.qlikcloud.com", "https://eu.us.qlikcloud.com", []),
        ("http://127.0.0.1:8123", "http://127.0.0.1:8123", []),
        ("http://localhost:80/", "http://localhost", ["removed the port 80, which is the default", "removed the sl"]),
        ("http://[::1]:9000", "http://[::1]:9000", []),
        ("https://qlik.example.com", "https://qlik.example.com", ["qlik.example.com is not a host of qlikcloud.com"]),
        ("https://qlikcloud.com.evil.example", "https://qlikcloud.com.evil.example", ["qlikcloud.com.evil.example is"]),
        ("https://evilqlikcloud.com", "https://evilqlikcloud.com", ["evilqlikcloud.com is not a host"]),
    ],
)
def test_nearly_right_is_normalized_and_said(typed, url, notices):
    found, said = normalise_tenant_url(typed)
    assert found == url
    assert len(said) == len(notices), said
    for notice, wanted in zip(said, notices, strict=True):
        assert notice.startswith(wanted)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ("https://", "has no host"),
        ("http://acme.eu.qlikcloud.com", "plain http"),
        ("http://127.0.0.1.evil.example", "plain http"),
        ("ftp://acme.eu.qlikcloud.com", "neither https nor http"),
        ("file:///etc/passwd", "neither https nor http"),
        ("https://acme", "not the full host name"),
        ("acme", "not the full host name"),
        ("https://acme eu.qlikcloud.com", "a space or a control"),
        ("https://acme\t.eu.qlikcloud.com", "a space or a control"),
        ("https://acme.eu.qlikcloud.com:port", "invalid host or port"),
        ("https://acme.eu.qlikcloud.com:99999", "invalid host or port"),
        ("https://[::1", "invalid host or port"),
        ("https://acme_1.eu.qlikcloud.com", "is not a host name"),
        ("https://-acme.eu.qlikcloud.com", "is not a host name"),
        ("https://acme..qlikcloud.com", "is not a host name"),
        ("https://acme.eu.qlikcloud.com%2eevil.example", "is not a host name"),
        ("https://аcme.eu.qlikcloud.com", "letters outside a-z"),  # noqa: RUF001  # a Cyrillic letter
        ("https://1.2.3", "neither a host name nor an address"),
        ("https://<script>.com", "is not a host name"),
        ("https://console.qlikcloud.com", "console.qlikcloud.com is no tenant: it is the console of an organization"),
        ("https://console.qlikcloud.com/oauth/token", "is no tenant: it is the console of an organization"),
        ("Console.QlikCloud.com.", "is no tenant: it is the console of an organization"),
        *[
            (f"https://{region}.qlikcloud.com", f"{region}.qlikcloud.com is no tenant: it is the region {region}")
            for region in ("us", "eu", "de", "uk", "fr", "se", "ap", "sg", "jp", "in", "ae", "il", "xx")
        ],
        ("https://us.qlikcloudgov.com", "us.qlikcloudgov.com is no tenant: it is the region us"),
        ("https://console.qlikcloudgov.com", "is no tenant"),
        ("qlikcloud.com", "is no tenant: it is the domain"),
        ("qlikcloudgov.com", "is no tenant: it is the domain"),
        ("https://acme.qlikcloud.com", "is no tenant: it is a host without a region"),
        ("https://login.qlikcloud.com", "is no tenant: it is where users log in"),
        ("https://login.eu.qlikcloud.com", "is no tenant: it is a service of Qlik's (login)"),
        ("https://status.qlikcloud.com", "is no tenant"),
        ("https://qlik.dev/apis/rest/oauth", "is no tenant: it is Qlik's site for developers"),
        ("https://www.qlik.dev", "is no tenant: it is a web site of Qlik"),
        ("https://account.qlik.com", "is no tenant: it is where users log in with a Qlik account"),
        ("https://account.myqlik.qlik.com", "is no tenant: it is My Qlik"),
        ("https://help.qlik.com", "is no tenant: it is a web site of Qlik"),
    ],
)
def test_wrong_is_refused_with_the_reason(typed, reason):
    with pytest.raises(ConfigurationError) as caught:
        normalise_tenant_url(typed)
    assert reason in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("typed", ["https://joe:hunter22@acme.eu.qlikcloud.com", "joe:hunter22@acme.eu.qlikcloud.com"])
def test_a_password_in_the_url_is_refused_and_not_repeated(typed):
    with pytest.raises(ConfigurationError) as caught:
        normalise_tenant_url(typed)
    assert "password" in caught.value.message
    assert "hunter22" not in str(caught.value)
    assert "joe" not in str(caught.value)
    assert caught.value.__context__ is None


def test_host_and_token_url_are_made_from_the_same_text():
    url, _ = normalise_tenant_url("http://127.0.0.1:8123/")
    assert tenant_host(url) == "127.0.0.1:8123"
    assert token_url_of(url) == "http://127.0.0.1:8123/oauth/token"


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


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("a%2Fb%3D%3D", "a/b=="),  # a cursor that a script cut out of links.next.href
        ("a%2525b", "a%25b"),
        ("50%", "50%"),
        ("100% of it", "100% of it"),
        ('name co "%41"', 'name co "%41"'),
        ("%ff", "%ff"),
        ("%zz", "%zz"),
        ("abc-_.~*+", "abc-_.~*+"),
        ("", ""),
    ],
)
def test_a_value_that_is_encoded_already_is_not_encoded_again(given, plain):
    assert plain_value(given) == plain
    assert plain_value(escaped_value(given)) == given


def test_a_long_value_is_read_at_once():
    assert plain_value("%41" * 100_000 + "!").endswith("%41!")
