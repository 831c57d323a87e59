"""No proxy, authority or certificate of a developer's environment has a part in these tests."""

from __future__ import annotations

import pytest

VARIABLES = """
    SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE QLIK_KEYS_TENANT_CERT QLIK_KEYS_TENANT_KEY
    HTTPS_PROXY https_proxy ALL_PROXY all_proxy HTTP_PROXY http_proxy NO_PROXY no_proxy
"""


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    for name in VARIABLES.split():
        monkeypatch.delenv(name, raising=False)
