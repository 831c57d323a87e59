"""What the commands for many clients say: which old keys stay, since when a key counts, which hook is unknown."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import datetime, timedelta

import pandas as pd
import pytest

import qlik_keys as qk
from qlik_keys.cli.output.table import audit_as_text

COUNT = 2


@pytest.fixture
def held(tenant, store):
    """Clients with a due old key that stays since a hook has failed, by their names."""
    name = f"told-{uuid.uuid4().hex[:8]}"
    failing = [qk.Hook("restart", command=["false"])]
    made = [qk.provision(tenant, store, name=f"{name}-{each}", scopes=["user_default"]) for each in range(COUNT)]
    for each in made:
        qk.rotate(tenant, store, each.client_id, overlap=timedelta(0), hooks=failing)
        record = store.read(tenant.host, each.client_id)
        for key in record.keys.values():  # an hour ago, so that a revocation of this second is about it
            record = record.with_key(replace(key, made_at=key.made_at - timedelta(hours=1)))
        store.write(record)
    yield {each.name: each.client_id for each in made}
    for each in made:
        qk.delete(tenant, store, each.client_id, confirm=each.client_id)


@pytest.mark.openbao
def test_retire_names_the_clients_whose_old_key_stays_and_resume_an_unknown_hook(qlik_keys, box, held, tmp_path):
    pattern = next(iter(held)).rpartition("-")[0] + "-*"
    why = "The old key stays registered until these hooks succeed: restart. `qlik-keys resume --hooks FILE` runs them."
    for words in (("retire",), ("retire", "--name", pattern)):
        ended = qlik_keys(*words)
        assert ended.code == 0
        [note] = [line for line in ended.err.splitlines() if why in line]  # once for all of them
        for name, client_id in held.items():
            assert name in note
            assert f"Kept the old key of {name}: client id {client_id}" in ended.out
        told = {each["client_id"]: each for each in json.loads(qlik_keys(*words, "--json").out)}
        assert [told[each]["pending_hooks"] for each in held.values()] == [["restart"]] * COUNT
        assert [told[each]["retired"] for each in held.values()] == [[]] * COUNT
        assert "stay" in qlik_keys(*words, "--dry-run").out
    plan = qlik_keys("retire", "--name", pattern, "--dry-run").out
    assert f"{COUNT} of them with an old key that stays until pending hooks succeed" in plan

    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(f"version: 1\ntenants:\n  here: {{url: '{box.tenant_url}'}}\n")
    for more in ((), ("--fleet", str(fleet))):
        misspelled = qlik_keys("resume", "-q", *more, "--drop-hook", "restrat", "--yes")
        assert misspelled.code == 1
        assert "has a pending hook of this name. Pending hooks: restart." in misspelled.err
        planned = qlik_keys("resume", *more, "--drop-hook", "restrat", "--dry-run")
        assert (planned.code, "pending hook of this name" in planned.out) == (1, True)
    dropped = qlik_keys("resume", "--fleet", str(fleet), "--drop-hook", "restart", "--yes", "--json")
    assert (dropped.code, dropped.err) == (0, "")
    assert {each["client_id"] for each in json.loads(dropped.out) if each["retired"]} >= {*held.values()}


@pytest.mark.openbao
def test_a_revocation_of_many_tells_its_moment_before_it_runs_and_where_it_fails(qlik_keys, held):
    one, other = held
    ended = qlik_keys("revoke", "--name", one, "--yes", "--json")
    first = json.loads(ended.err)
    moment = datetime.fromisoformat(first["made_before"])
    assert (ended.code, first["clients"]) == (0, 1)
    assert first["to_continue"] == f"add --made-before {moment:%Y-%m-%dT%H:%M:%SZ}"
    assert [each["made_before"] for each in json.loads(ended.out)] == [first["made_before"]]
    told = qlik_keys("revoke", "--name", other, "--yes", "--made-before", moment.isoformat())
    assert f"Summary: 1 revoked; keys made from {moment.isoformat()} on count as replaced." in told.err
    failed = qlik_keys("revoke", "--from-file", "-", "--yes", "--json", stdin=f"{uuid.uuid4().hex}\n")
    assert (failed.code, "To continue, add --made-before 20" in json.loads(failed.err)["hint"]) == (1, True)


@pytest.mark.openbao
def test_a_plan_tells_which_clients_cannot_be_rotated_before_their_overlap_is_over(qlik_keys, tenant, store):
    name = f"told-{uuid.uuid4().hex[:8]}"
    made = qk.provision(tenant, store, name=name, scopes=["user_default"], rotate_after=timedelta(days=1))
    qk.rotate(tenant, store, made.client_id)
    planned = qlik_keys("rotate", "--due", "--within", "2d", "--name", name, "--dry-run").out
    assert "1 to do, 1 of them refused until the overlap of their last rotation is over" in planned
    qk.delete(tenant, store, made.client_id, confirm=made.client_id)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_the_urls_of_notify_may_come_from_an_editor_of_windows(encoding, qlik_keys, tmp_path):
    file = tmp_path / "urls"
    file.write_bytes("canary://a-secret\r\n".encode(encoding))
    ended = qlik_keys("notify", "--from-file", str(file))
    assert (ended.code, "URL number 1 is none that apprise knows" in ended.err) == (1, True)
    file.write_bytes(b"\xff\xfe\x00")
    ended = qlik_keys("notify", "--from-file", str(file))
    assert (ended.code, "cannot be read: it is not UTF-8 text" in ended.err) == (1, True)


def test_one_command_stands_for_all_clients_of_a_finding_and_single_ones_keep_theirs():
    found = [("rotation-overdue", 3), ("overlap-over", 1), ("locked-out", 2)]
    rows = [
        {
            "severity": "high",
            "code": "QK100",
            "finding": finding,
            "name": f"{finding}-{number}",
            "client_id": f"{finding}-id-{number}",
            "command": f"qlik-keys fix {finding}-id-{number}",
            "meaning": "It is so.",
            "advice": "Do it.",
        }
        for finding, count in found
        for number in range(count)
    ]
    commands = {"rotation-overdue": "qlik-keys rotate --due", "overlap-over": "qlik-keys retire"}
    text = audit_as_text(pd.DataFrame(rows), commands)
    assert "qlik-keys rotate --due  # all 3 with rotation-overdue" in text
    assert "qlik-keys fix rotation-overdue" not in text
    assert "qlik-keys retire" not in text
    assert text.count("qlik-keys fix overlap-over") == 1
    assert text.count("qlik-keys fix locked-out") == 2
