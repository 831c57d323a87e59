"""Operations in processes of their own, which start at the same moment (lifecycle/killed.py); and eight that rotate."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from concurrent.futures import Future
from pathlib import Path

from both_sides import BothSides

import qlik_keys as qk

TOGETHER = 8


class Actors:
    """Provisions in processes of their own (killed.py)."""

    def __init__(self, box):
        self._where = {
            "tenant_url": box.tenant_url,
            "api_key": box.api_key,
            "vault_url": box.vault_url,
            "vault_token": box.vault_token,
        }
        script = Path(__file__).with_name("lifecycle") / "killed.py"
        self._process = subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pids = Future()

    def run(self, *wishes):
        """Start a process for each wish, all at once; return how they ended. `pids` is set when they start."""
        told = [{**self._where, "key": "ES384", "client_secret": False, **wish} for wish in wishes]
        self.pids = Future()
        self._process.stdin.write(json.dumps(told).encode() + b"\n")
        self._process.stdin.flush()
        self.pids.set_result(json.loads(self._process.stdout.readline()))
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(10) == 0


class Vault:
    """A sandbox's Vault, as `BothSides` wants it."""

    def __init__(self, box):
        self.url, self.token = box.vault_url, box.vault_token


def rotate_together(box, actors, tenant, store):
    """Have eight processes rotate a new client at once; assert one new key, and one true answer each (R7).

    Args:
        box: the sandbox.
        actors: runs the processes.
        tenant: the tenant.
        store: where the keys are; its custody is the one of the client.
    """
    made = qk.provision(tenant, store, name=f"together-{uuid.uuid4().hex[:12]}", scopes=["user_default"])
    wish = {"operation": "rotate", "client_id": made.client_id, "custody": store.custody}
    ends = actors.run(*[wish] * TOGETHER)
    assert [end["returncode"] for end in ends] == [0] * TOGETHER, ends
    answers = [end["said"] for end in ends]
    sides = BothSides(Vault(box), box.tenant_url, box.api_key)
    try:
        keys, current = sides.keys(made.client_id), sides.document(made.client_id)["kid"]
        client = sides.client(made.client_id)
        assert current != made.kid
        assert set(keys) == {made.kid, current} == {key["kid"] for key in client["publicKeys"]}
        assert all(sides.logs_in(made.client_id, kid, parts) for kid, parts in keys.items())
    finally:
        sides.close()
    done = [answer for answer in answers if "error" not in answer]
    assert [answer["kid"] for answer in done if answer["made_key"]] == [current], answers
    for answer in done:
        assert answer["kid"] == current, answers
        assert answer["made_key"] or any("makes no further key" in text for text in answer["warnings"]), answers
    for answer in answers:
        # Who is refused has made no key, and is told so, with what to do.
        assert "error" not in answer or (answer["error"] == "ManualActionRequired" and answer["hint"]), answers
    assert qk.resume(tenant, store) == []
    tenant.oauth_clients.delete(made.client_id)
    store.delete(tenant.host, made.client_id)
    return len(done)
