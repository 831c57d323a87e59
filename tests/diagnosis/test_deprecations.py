"""A deprecated endpoint is told in audit, doctor, CLI and panel, and stops no one."""

from __future__ import annotations

import pytest
from fixtures.cli_terminal import in_a_pipe
from fixtures.support import connected_controllers, environment_of, made_client

import qlik_keys as qk
from qlik_keys.jupyter.panel.views import markup

PATHS = "/api/v1/oauth-clients"
WORDS = (
    "Qlik Cloud has deprecated GET /api/v1/oauth-clients, and may remove it on 2027-03-01. "
    "See https://qlik.dev/changelog/300."
)


@pytest.fixture
def deprecating(box):
    link = "https://qlik.dev/changelog/300"
    box.configure(deprecations=[{"path": PATHS, "method": "GET", "sunset": "2027-03-01", "link": link}])
    yield box
    box.configure(deprecations=[])


def test_audit_doctor_and_panel_have_one_warning_for_an_endpoint(deprecating):
    with made_client(deprecating, "deprecated-endpoint") as made:
        controllers = connected_controllers(deprecating)
        tenant, store = controllers.connection.connected()
        for _ in range(2):
            found = qk.audit(tenant, store).query("finding == 'deprecated-endpoint'")
        [row] = found[["severity", "code", "client_id", "name", "meaning", "command"]].itertuples(
            index=False, name=None
        )
        assert row == ("low", "QK409", "", f"GET {PATHS}", WORDS, "")
        diagnosis = qk.doctor(tenant, store, made.client_id)
        assert [(check.finding, check.why) for check in diagnosis.findings] == [("deprecated-endpoint", WORDS)]
        assert diagnosis.login.verdict == "passed"
        state = controllers.store.state
        assert state.connection.deprecations == (WORDS,)
        assert f"1 deprecated API endpoint. {WORDS}" in markup.header(state)


def test_the_command_line_warns_once_on_standard_error(deprecating, tmp_path):
    environment = {**environment_of(deprecating), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    listed = in_a_pipe(["oauth-client", "ls", "--limit", "1"], environment)
    assert (listed.code, listed.err) == (0, f"{WORDS}\n")
    audited = in_a_pipe(["audit", "--json"], environment)
    assert audited.err == ""
    assert '"deprecated-endpoint"' in audited.out
