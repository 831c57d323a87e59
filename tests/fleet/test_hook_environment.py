"""What a hook of a fleet inherits: no variable that a reference names, and no login, however many secrets passed by."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

import qlik_keys as qk
from qlik_keys.core.redaction import Redactor
from qlik_keys.core.secret import Secret
from qlik_keys.lifecycle.hooks.running import HookCall, run_hook

WRITE = "import json, os, sys; open(sys.argv[1], 'w').write(json.dumps(dict(os.environ)))"
CALL = HookCall(hook="told", client_id="c", client_name="n", kid="k", tenant="https://acme.eu.qlikcloud.com")


def inherited(tmp_path, redactor):
    """Return the environment of a program that a hook runs."""
    told = tmp_path / "told.json"
    hook = qk.Hook("told", command=[sys.executable, "-c", WRITE, str(told)])
    run_hook(hook, CALL, [hook], redactor=redactor, cancel=None)
    return json.loads(told.read_text())


def test_logins_of_all_tenants_of_a_fleet_stay_out(tmp_path, monkeypatch):
    named = {"B18_API_KEY", "B18_CLIENT_SECRET", "B18_VAULT_TOKEN"}
    for name in (*named, "B18_KEPT"):
        monkeypatch.setenv(name, f"value-of-{name}")
    vault = qk.VaultReference(token_variable="B18_VAULT_TOKEN")
    url = "https://acme.eu.qlikcloud.com"
    qk.TenantReference(url=url, api_key_variable="B18_API_KEY", vault=vault)
    qk.TenantReference(url=url, client_id="c", client_secret_variable="B18_CLIENT_SECRET")
    seen = inherited(tmp_path, Redactor())
    assert seen["B18_KEPT"] == "value-of-B18_KEPT"
    assert not named & {*seen}


def test_a_reference_that_travelled_is_known_where_it_is_looked_up(monkeypatch):
    reference = qk.TenantReference(url="https://acme.eu.qlikcloud.com", api_key_variable="B18_TRAVELLED")
    program = (
        "import pickle, sys; from qlik_keys.config.vault_environment import NAMED_VARIABLES\n"
        "pickle.loads(sys.stdin.buffer.read()).settings(); print('B18_TRAVELLED' in NAMED_VARIABLES)"
    )
    monkeypatch.setenv("B18_TRAVELLED", "value")
    done = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps(reference), capture_output=True, check=True
    )
    assert done.stdout.split() == [b"True"]


def test_the_tenants_credential_stays_known_however_many_tokens_pass_by(tmp_path, monkeypatch):
    monkeypatch.setenv("B18_OTHER_NAME", "the-login-of-the-tenant")
    monkeypatch.setenv("B18_SECRET_NAME", "the-secret-of-the-tenant")
    key, secret = qk.ApiKey("the-login-of-the-tenant"), qk.ClientSecret("c", "the-secret-of-the-tenant")
    for credential, name in ((key, "B18_OTHER_NAME"), (secret, "B18_SECRET_NAME")):
        with qk.QlikTenant(CALL.tenant, credential=credential) as tenant:
            for number in range(40):
                tenant.http.redactor.know(Secret(f"token-of-a-client-{number:03}"))
            assert name not in inherited(tmp_path, tenant.http.redactor)
