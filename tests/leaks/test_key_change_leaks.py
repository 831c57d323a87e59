"""Rotation and the like, in success and in fault: no key, old or new, shows anywhere."""

from __future__ import annotations

import io
import json
import logging
import time
import traceback
import uuid

import pytest
from fixtures.canaries import find_canaries
from fixtures.harness.sides import OPERATIONS, Client
from fixtures.support import ManualClock
from IPython.core.ultratb import VerboseTB

import qlik_keys as qk
from qlik_keys.errors import QlikKeysError
from qlik_keys.tenant import NewOAuthClient

pytestmark = pytest.mark.openbao
FAULTS = [
    None,
    {"method": "PATCH", "path": "/api/v1/oauth-clients/*", "fault": 400},
    {"method": "PATCH", "path": "/api/v1/oauth-clients/*", "fault": "lost_answer", "times": 9},
    {"method": "GET", "path": "/api/v1/oauth-clients/*", "fault": 403},
    {"method": "POST", "path": "/oauth/token", "fault": 500, "times": 9},
]


def secret_part(private):
    return json.loads(private.reveal("jwk"))["d"]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("operation", ["rotate", "rotate at once", "revoke", "retire", "adopt"])
def test_no_key_shows(operation, fault, box, caplog):
    caplog.set_level(logging.DEBUG)
    clock = ManualClock(time.time())
    left, canaries = [], {"API key": box.api_key, "Vault token": box.vault_token}
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key), clock=clock) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token, clock=clock) as store,
    ):
        name = f"leak-{uuid.uuid4().hex[:8]}"
        if operation == "adopt":
            new = NewOAuthClient(
                app_type="web",
                client_name=name,
                allowed_scopes=("user_default",),
                allowed_grant_types=("client_credentials",),
                allowed_auth_methods=("client_secret",),
                consent_method="trusted",
            )
            created = tenant.oauth_clients.create(new)
            client_id = created.client.client_id
            canaries["client secret"] = created.client_secret.reveal()
        else:
            client_id = qk.provision(tenant, store, name=name, scopes=["user_default"], clock=clock).client_id
            if operation == "retire":
                qk.rotate(tenant, store, client_id, clock=clock)

        def remember(event):
            left.append(repr(event))
            try:
                record = store.read(tenant.host, client_id)
            except QlikKeysError:
                return
            left.append(repr(record))
            canaries.update({kid: secret_part(key.private) for kid, key in record.keys.items()})

        box.configure(fail_next=[] if fault is None else [fault])
        try:
            left.append(
                repr(OPERATIONS[operation](tenant, store, Client(name, client_id), clock=clock, on_step=remember))
            )
        except QlikKeysError as problem:
            problem.__traceback__ = problem.__traceback__.tb_next  # this frame has the canaries
            left.append(VerboseTB().text(type(problem), problem, problem.__traceback__))
            out = io.StringIO()
            traceback.TracebackException.from_exception(problem, capture_locals=True).print(file=out)
            left += [out.getvalue(), repr(vars(problem)), repr(problem.__cause__), repr(problem.__context__)]
        finally:
            box.configure(fail_next=[])
        clock.now = time.time()  # the waits of the fault took it ahead of the tenant's
        qk.resume(tenant, store, clock=clock)
        left += [caplog.text, json.dumps(box.requests()[-200:])]
        qk.delete(tenant, store, client_id, confirm=client_id)
    assert len(canaries) > 2
    for text in left:
        assert find_canaries(text, canaries) == []
