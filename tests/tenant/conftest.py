"""A tenant whose answers are scripted."""

import pytest
from fixtures.scripted_transport import ScriptedTransport

from qlik_keys.tenant import ApiKey, QlikTenant


@pytest.fixture
def tenant_on(clock):
    """Make a tenant with these answers, and what records its requests."""

    def make(*replies, api_key="the-api-key", **options):
        transport = ScriptedTransport(*replies)
        url = "https://acme.eu.qlikcloud.com"
        return QlikTenant(url, credential=ApiKey(api_key), transport=transport, clock=clock, **options), transport

    return make
