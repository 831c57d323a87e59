"""The header `qlik-api-version` and deprecated endpoints on the sandbox tenant (qlik-cloud-contract, "Versions")."""

from __future__ import annotations

import pytest

from qlik_keys.sandbox.simulator.settings import Deprecation, SandboxSettings

SUNSET = "Mon, 01 Mar 2027 00:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "status", "logged"),
    [
        ({}, 200, ""),
        *(({"qlik-api-version": version}, 200, version) for version in ("2026-05", "2026-08", "2026-11")),
        ({"qlik-api-version": "2026-04"}, 400, "•••"),
        ({"qlik-api-version": "canary"}, 400, "•••"),
    ],
)
def test_a_version_that_is_not_supported_is_refused(sandbox, headers, status, logged):
    answer = sandbox.call("GET", headers=headers)
    assert (answer.status_code, sandbox.tenant.requests()[-1].api_version) == (status, logged)
    if status == 400:
        (error,) = answer.json()["errors"]
        assert error["title"] == "Unsupported API version"
        assert error["detail"] == "The header qlik-api-version takes 2026-05, 2026-08, 2026-11."


def test_the_supported_versions_can_be_set(sandbox):
    sandbox.tenant.configure(api_versions=["2027-02"])
    assert sandbox.call("GET", headers={"qlik-api-version": "2026-11"}).status_code == 400
    assert sandbox.call("GET", headers={"qlik-api-version": "2027-02"}).status_code == 200


def test_a_deprecated_endpoint_says_so_in_success_and_refusal(sandbox):
    told = {"path": "/api/v1/oauth-clients/*", "method": "GET", "sunset": SUNSET, "link": "https://qlik.dev/a"}
    sandbox.tenant.configure(deprecations=[told, {"path": "/oauth/*"}])
    client = sandbox.client()
    for answer in (sandbox.call("GET", f"/{client.client_id}"), sandbox.call("GET", "/" + "0" * 32)):
        assert answer.headers["deprecation"] == "true"
        assert answer.headers["sunset"] == SUNSET
        assert answer.headers["link"] == '<https://qlik.dev/a>; rel="deprecation"'
    assert "deprecation" not in sandbox.call("DELETE", f"/{client.client_id}").headers
    token = sandbox.get_token("unknown")
    assert (token.headers["deprecation"], "sunset" in token.headers, "link" in token.headers) == ("true", False, False)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"api_versions": []}, "api_versions must be a list of at least one text"),
        ({"api_versions": "2026-11"}, "api_versions must be a list of at least one text"),
        ({"api_versions": [2026]}, "api_versions must be a list of at least one text"),
        ({"deprecations": ["/x"]}, "a deprecation must be a Deprecation or a mapping"),
        ({"deprecations": [{"method": "GET"}]}, "a deprecation has `path`, and may have method, sunset, link"),
        (
            {"deprecations": [{"path": "/x", "until": ""}]},
            "a deprecation has `path`, and may have method, sunset, link",
        ),
        (
            {"deprecations": [{"path": "/x", "link": "a\r\nb"}]},
            "a deprecation has `path`, and may have method, sunset and",
        ),
    ],
)
def test_a_wrong_setting_is_refused(changes, problem):
    with pytest.raises(ValueError, match=problem):
        SandboxSettings(**changes)


def test_a_mapping_and_a_deprecation_are_the_same():
    assert SandboxSettings(deprecations=[{"path": "/x"}]).deprecations == (Deprecation(path="/x"),)
