"""Processes that provision clients, and may kill themselves at one step: run by test_provision_killed and others.

Each line of standard input is a list of wishes, one process each, which start together; the answer is a line with
their ids, and when all have ended, a line with how each ended and what it said. They are forked from this process,
which has done the imports: so that a hundred kills take seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path

import httpx

import qlik_keys as qk
from qlik_keys.keystore.vault import store as vault
from qlik_keys.lifecycle import provision
from qlik_keys.tenant import QlikTenant

sys.path.append(str(Path(__file__).parents[1]))
from key_changes import CHANGES, OTHERS  # a script has the tests' folder on no path

KEYS = {"none": None, "ES384": qk.KeySpec("ES384"), "RS256": qk.KeySpec("RS256", bits=2048)}


def act(told: dict) -> dict:
    def die(event: object) -> None:
        if (event.step, event.phase) == (told.get("step"), told.get("phase")):
            os.kill(os.getpid(), signal.SIGKILL)

    transport = httpx.HTTPTransport(proxy=told["proxy"]) if told.get("proxy") else None
    with (
        QlikTenant(told["tenant_url"], credential=qk.ApiKey(told["api_key"]), transport=transport) as tenant,
        vault.VaultKeyStore(told["vault_url"], token=told["vault_token"], custody=told.get("custody", "kv")) as store,
    ):
        key = qk.generate() if told["key"] == "own" else KEYS[told["key"]]
        if told.get("operation"):
            return change_keys(tenant, store, told, die)
        try:
            made = provision(
                tenant, store, name=told["name"], scopes=["user_default"], key=key,
                client_secret=told["client_secret"], on_step=die,
            )  # fmt: skip
        except qk.QlikKeysError as problem:
            return {"error": type(problem).__name__, "hint": problem.hint}
    secret = made.client_secret and made.client_secret.reveal()
    return {"client_id": made.client_id, "kid": made.kid, "created": made.created, "secret": secret}


def change_keys(tenant: QlikTenant, store: vault.VaultKeyStore, told: dict, on_step: object) -> dict:
    try:
        done = {**CHANGES, **OTHERS}[told["operation"]](tenant, store, told["client_id"], on_step=on_step)
    except qk.QlikKeysError as problem:
        return {"error": type(problem).__name__, "hint": problem.hint, "message": problem.message}
    if told["operation"] != "rotate":
        return {}
    return {"kid": done.kid, "made_key": done.made_key, "warnings": done.warnings}


def child(told: dict, gun: int, mouth: int) -> None:
    """Wait for the gun, act, and say what came of it; never return."""
    os.read(gun, 1)
    with os.fdopen(mouth, "w") as said:
        json.dump(act(told), said)
    os._exit(0)


def start(wishes: list[dict]) -> list[tuple[int, int]]:
    """Fork a process for each wish and fire the gun; return their ids and ears."""
    gun, trigger = os.pipe()
    started = []
    for told in wishes:
        ear, mouth = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(trigger)
            try:
                child(told, gun, mouth)
            finally:
                os._exit(1)
        os.close(mouth)
        started.append((pid, ear))
    os.close(gun)
    print(json.dumps([pid for pid, _ in started]), flush=True)
    os.close(trigger)
    return started


def main() -> None:
    for line in sys.stdin:
        ends = []
        for pid, ear in start(json.loads(line)):
            with os.fdopen(ear) as heard:
                text = heard.read()
            _, status = os.waitpid(pid, 0)
            said = {}
            with contextlib.suppress(ValueError):
                said = json.loads(text)
            ends.append({"returncode": os.waitstatus_to_exitcode(status), "said": said})
        print(json.dumps(ends), flush=True)


if __name__ == "__main__":
    main()
