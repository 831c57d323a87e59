"""A host in a domain that looks like Qlik Cloud's belongs to someone else, who is sent no credential."""

import pytest

from qlik_keys.errors import ConfigurationError
from qlik_keys.tenant.url import normalise_tenant_url


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("acme.eu.qlikcloud.co", "qlikcloud.com"),
        ("acme.eu.qlickcloud.com", "qlikcloud.com"),
        ("acme.eu.QLIKCLUOD.com/console", "qlikcloud.com"),
        ("acme.eu.qlik-cloud.com", "qlikcloud.com"),
        ("qlikcloud.con", "qlikcloud.com"),
        ("acme.us.qlikcloudgov.co", "qlikcloudgov.com"),
    ],
)
def test_a_typing_error_in_the_domain_is_refused_with_what_was_probably_meant(typed, meant):
    with pytest.raises(ConfigurationError) as caught:
        normalise_tenant_url(typed)
    assert f"probably a typing error for {meant}." in caught.value.message


@pytest.mark.parametrize(
    "host", ["acme.eu.qlikcloud.com", "acme.us.qlikcloudgov.com", "cloud.com", "qlik.example.com", "10.0.0.7"]
)
def test_another_domain_is_no_typing_error(host):
    assert normalise_tenant_url(host)[0] == f"https://{host}"
