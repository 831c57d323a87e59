"""A tenant whose answers are scripted."""

from __future__ import annotations

import pytest
from fixtures.scripted_transport import Wire

from qlik_keys.tenant import ApiKey, QlikTenant


@pytest.fixture
def tenant_on(clock):
    """Make a tenant with these answers, and what records its requests."""

    def make(*replies, api_key="the-api-key", **options):
        wire = Wire(*replies)
        url = "https://acme.eu.qlikcloud.com"
        return QlikTenant(url, credential=ApiKey(api_key), transport=wire, clock=clock, **options), wire

    return make
