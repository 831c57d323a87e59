"""The commands for many clients: plan, question, result per client, exit code, and how an interrupted one goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.canaries import find_canaries
from fixtures.cli_terminal import PROGRAM
from fixtures.sandbox_client import serving
from fixtures.support import machine_client, wait_for

import qlik_keys as qk
from qlik_keys.cli.output.progress_bar import ProgressBar
from qlik_keys.sandbox.simulator.tenant import SandboxTenant

pytestmark = pytest.mark.openbao
DUE = ("rotate", "--due", "--within", "2d")


@pytest.fixture
def name():
    return f"many-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def made(tenant, store, name):
    """Three clients whose keys are due tomorrow, by their ids: kid."""
    options = {"scopes": ["user_default"], "rotate_after": timedelta(days=1)}
    clients = [qk.provision(tenant, store, name=f"{name}-{number}", **options) for number in range(3)]
    yield {each.client_id: each.kid for each in clients}
    for client in tenant.oauth_clients.list():
        if client.client_name.startswith(name):
            qk.delete(tenant, store, client.client_id, confirm=client.client_id)


def after_this_second():
    """Wait for the next second, in which keys are made after the ones of now; return its beginning."""
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    wait_for(lambda: datetime.now(UTC) >= moment, "the second passes")
    return moment


def test_the_plan_then_a_result_per_client_and_the_same_again_has_nothing_to_do(
    *, qlik_keys, terminal, box, tenant, store, made, name
):
    mine = ("--name", f"{name}-*")
    planned = qlik_keys(*DUE, *mine, "--dry-run", "--json")
    plan = json.loads(planned.out)
    assert (planned.code, planned.err, plan["clients"]) == (0, "", 3)
    assert {each["client_id"] for each in plan["tenants"][0]["clients"]} == set(made)
    assert {store.read(tenant.host, each).current.kid for each in made} == set(made.values())

    refused = terminal(*DUE, *mine, typed="n\n")
    assert (refused.code, "Rotate these 3 clients?" in refused.err, "Nothing was changed" in refused.err) == (
        1,
        True,
        True,
    )
    done = terminal(*DUE, *mine, typed="y\n")
    assert (done.code, len(done.out.splitlines())) == (0, 3 + 1), done.err  # the typed line is on the terminal too
    assert "rotate 3 clients (due within 2d" in done.err
    assert "[3/3] rotated" in done.err
    assert "Summary: 3 rotated." in done.err
    assert qlik_keys(*DUE, *mine).out == "There is nothing to rotate.\n"
    assert all(len(store.read(tenant.host, each).keys) == 2 for each in made)

    retired = qlik_keys("retire", *mine, "--force", "--json")
    assert (retired.code, retired.err) == (0, "")
    assert {(each["client_id"], each["outcome"], *each["retired"]) for each in json.loads(retired.out)} == {
        (client_id, "retired", kid) for client_id, kid in made.items()
    }
    for ended in (planned, refused, done, retired):
        assert find_canaries(ended.out + ended.err, {"API key": box.api_key, "Vault token": box.vault_token}) == []


def test_a_list_of_compromised_clients_is_revoked_once_and_each_that_fails_is_named(
    *, qlik_keys, tenant, store, made, name, tmp_path
):
    file = tmp_path / "compromised.txt"
    ids = [*made]
    after_this_second()
    file.write_text(f"# order 17\n{ids[0]}\n\n{name}-1\nno-such-client\n{ids[0]}\n", encoding="utf-8-sig")
    unasked = qlik_keys("revoke", "--from-file", str(file))
    assert (unasked.code, unasked.out, "--yes" in unasked.err) == (2, "", True)
    ended = qlik_keys("revoke", "--from-file", str(file), "--yes", "--json")
    assert ended.code == 1
    documents, problem = json.loads(ended.out), json.loads(ended.err)
    assert {(each["client_id"], each["outcome"], *each["retired"]) for each in documents} == {
        (client_id, "revoked", made[client_id]) for client_id in ids[:2]
    }
    assert [each["name"] for each in problem["failures"]] == ["no-such-client"]
    kids = {each: store.read(tenant.host, each).current.kid for each in ids}
    again = qlik_keys("revoke", "--from-file", str(file), "--yes")
    assert (again.code, again.out) == (1, "")
    assert "2 need nothing" in again.err
    assert "no-such-client: No tenant has a client" in again.err
    assert {each: store.read(tenant.host, each).current.kid for each in ids} == kids
    assert kids[ids[2]] == made[ids[2]]
    from_stdin = qlik_keys("revoke", "--from-file", "-", "--dry-run", "--json", stdin=f"{name}-2\n")
    assert json.loads(from_stdin.out)["clients"] == 1
    assert json.loads(from_stdin.out)["made_before"]
    for wrong, told in (
        (("--from-file", str(tmp_path / "none")), "cannot be used"),
        (("--from-file", str(file), "--made-before", "2100-01-01T00:00:00Z"), "in the future"),
        (("--from-file", str(file), "--made-before", "yesterday"), "time zone"),
    ):
        assert told in qlik_keys("revoke", *wrong, "--yes").err


def test_ctrl_c_between_two_steps_says_how_to_go_on_and_none_is_done_twice(
    *, settings, qlik_keys, tenant, store, made, name
):
    after_this_second()
    words = [*PROGRAM, "revoke", "--name", f"{name}-*", "--yes"]
    options = {"env": settings, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, text=True, **options) as run:
        said = ""
        while "add no waiting time" not in said:
            said += run.stderr.readline()
        run.send_signal(signal.SIGINT)
        out, err = run.communicate()
    assert run.returncode == 1
    moment = (said + err).rpartition("--made-before ")[2].split()[0].rstrip(".")
    assert f"of 3 clients are done. To continue, add --made-before {moment}." in err
    ended = qlik_keys(*words[len(PROGRAM) :], "--made-before", moment, "--json")
    assert ended.code == 0, ended.err
    assert len(json.loads(ended.out)) + out.count("retired") >= 3
    for client_id, kid in made.items():
        record = store.read(tenant.host, client_id)
        assert (record.removed_kids, len(record.keys), record.operation) == ((kid,), 1, None)


def test_adopt_and_trust_of_those_that_need_it_at_several_tenants(*, qlik_keys, box, tenant, made, name, tmp_path):
    secret = tenant.oauth_clients.create(machine_client(f"{name}-secret")).client.client_id
    trusted = next(iter(made))
    tenant.oauth_clients.set_consent(trusted, "required")
    with serving(SandboxTenant) as (simulator, address):
        contexts = {
            "here": (box.tenant_url, box.api_key),
            "there": (address, simulator.api_key),
            "gone": ("https://a.eu.qlikcloud.com", ""),
        }
        file = tmp_path / ".qlik" / "contexts.yml"
        file.parent.mkdir()
        file.write_text(
            "current-context: here\ncontexts:\n"
            + "".join(
                f"  {of}:\n    server: {url}\n" + (f"    headers:\n      Authorization: Bearer {key}\n" if key else "")
                for of, (url, key) in contexts.items()
            )
        )
        unset = dict.fromkeys(("QLIK_TENANT_URL", "QLIK_API_KEY"))
        both = ("--tenant", "here", "--tenant", "there", "--name", f"{name}-*")
        ended = qlik_keys("trust", *both, **unset)
        assert ended.code == 0, ended.err
        assert ended.out.startswith(f"here: Trusted {name}-0")
        ended = qlik_keys("adopt", "--secret-only", "--remove-secrets", "--yes", *both, "--json", **unset)
        [adopted] = json.loads(ended.out)
        assert (adopted["tenant"], adopted["client_id"], adopted["outcome"]) == ("here", secret, "adopted")
        ended = qlik_keys(*DUE, *both, "--tenant", "gone", "--json", **unset)
        assert (ended.code, len(json.loads(ended.out))) == (1, 3)
        [failure] = json.loads(ended.err)["failures"]
        assert (failure["tenant"], failure["client_id"]) == ("gone", "")
        for words in (("rotate", trusted, *both[:4]), ("delete", trusted, "--all-contexts", "--confirm", trusted)):
            assert "give one --tenant" in qlik_keys(*words, **unset).err
        assert qlik_keys("rotate", trusted, "--tenant", "here", "--dry-run", **unset).code in {0, 1}
        ended = qlik_keys("resume", *both[:4], **unset)
        assert (ended.code, ended.out) == (0, "There is nothing to resume.\n")
    client = tenant.oauth_clients.get(secret)
    assert (client.client_secrets, client.allowed_auth_methods) == ((), ("private_key_jwt",))
    assert tenant.oauth_clients.connection_config(trusted).consent_method == "trusted"


WRONG = [
    ("rotate", "--due"),
    ("rotate --name x", "--due"),
    ("rotate one --due", "names one client"),
    ("rotate --within 2d --older-than 3d", "--due"),
    ("rotate --due --within 2y", "not a duration"),
    ("rotate --finding QK999", "no finding"),
    ("adopt --name x", "--secret-only"),
    ("adopt --secret-only --remove-secrets", "--yes"),
    ("revoke", "--from-file"),
    ("revoke --name x", "--yes"),
]


@pytest.mark.parametrize(("words", "told"), WRONG)
def test_what_is_not_said_clearly_is_a_wrong_usage_before_anything_is_asked(words, told, qlik_keys, box):
    before = len(box.requests())
    ended = qlik_keys(*words.split())
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert len(box.requests()) == before


def test_the_bar_tells_the_time_left_by_the_rate_so_far(clock, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    bar = ProgressBar(4, is_silent=True, clock=clock)
    assert bar.to_text() == f"[{'-' * 24}] 0/4"
    clock.sleep(60)
    bar.advance("rotated a")
    assert bar.to_text() == f"[{'#' * 6}{'-' * 18}] 1/4, about 3 minutes left"
    for _ in range(3):
        bar.advance("failed b", has_failed=True)
    assert bar.to_text() == f"[{'#' * 24}] 4/4, 3 failed"
