"""A client secret that `resume` makes is shown, this once, in each form of the command, and if it is interrupted."""

from __future__ import annotations

import json
import re
import threading
import uuid

import pytest

import qlik_keys as qk
from qlik_keys import lifecycle

pytestmark = pytest.mark.openbao
SHOWN = r"Client secret of {name} \(([0-9a-f]{{32}})\), shown this once: (\S+)"


@pytest.fixture
def interrupted(tenant, store):
    """Makes a client with a client secret up to its registration, and returns its name; removes it in the end."""
    names = []

    def make():
        cancel = threading.Event()
        names.append(f"half-made-{uuid.uuid4().hex[:8]}")
        with pytest.raises(qk.errors.Interrupted):
            qk.provision(
                tenant,
                store,
                name=names[-1],
                scopes=["user_default"],
                client_secret=True,
                cancel=cancel,
                on_step=lambda event: cancel.set() if event.step == "register" else None,
            )
        return names[-1]

    yield make
    for name in names:
        for client in tenant.oauth_clients.iterate(qk.tenant.eq("clientName", name)):
            qk.delete(tenant, store, client.client_id, confirm=client.client_id)


def logs_in(box, client_id, secret):
    with qk.QlikTenant(box.tenant_url, credential=qk.ClientSecret(client_id, secret)) as tenant:
        return tenant.users.me().client_id == client_id


def test_resume_shows_a_client_secret_that_it_makes(qlik_keys, box, interrupted, tmp_path):
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(f"version: 1\ntenants:\n  here: {{url: '{box.tenant_url}'}}\n")
    for more in ((), ("--fleet", str(fleet), "--yes")):
        name = interrupted()
        ended = qlik_keys("resume", *more)
        assert ended.code == 0
        [(client_id, secret)] = re.findall(SHOWN.format(name=name), ended.out)
        assert secret not in ended.err
        assert logs_in(box, client_id, secret)

        name = interrupted()
        ended = qlik_keys("resume", *more, "--json")
        assert ended.code == 0
        [told] = [each for each in json.loads(ended.out) if each["name"] == name]
        assert logs_in(box, told["client_id"], told["client_secret"])


@pytest.mark.parametrize("as_json", [False, True])
def test_a_client_secret_that_is_made_before_an_interruption_is_shown(
    qlik_keys, box, interrupted, monkeypatch, as_json
):
    name, finished = interrupted(), lifecycle.resume

    def ends_early(*sides, **options):
        finished(*sides, **options)
        raise qk.errors.Interrupted("Cancelled.", hint="Run it again.")

    monkeypatch.setattr(lifecycle, "resume", ends_early)
    ended = qlik_keys("resume", "-q", *(["--json"] if as_json else []))
    assert ended.code
    if as_json:
        [told] = json.loads(ended.out)
        assert logs_in(box, told["client_id"], told["client_secret"])
    else:
        [found] = re.findall(SHOWN.format(name=name), ended.out)
        assert logs_in(box, *found)
