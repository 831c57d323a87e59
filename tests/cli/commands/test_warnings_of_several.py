"""`notify`, `report` and the formats of `audit` for several tenants, one of which cannot be asked."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from datetime import timedelta

import pytest
from fixtures.canaries import find_canaries
from fixtures.loopback import Loopback, Reply
from fixtures.sandbox_client import serving
from icalendar import Calendar
from prometheus_client.parser import text_string_to_metric_families

import qlik_keys as qk
from qlik_keys.inventory.formats.rows import attrs_by_tenant, dated_keys
from qlik_keys.sandbox.simulator.tenant import SandboxTenant

pytestmark = pytest.mark.openbao
DAYS = {"prod": 20, "test": 40}
CANARY = "canary-of-a-webhook"


@pytest.fixture(scope="module")
def made(box, tmp_path_factory):
    """A fleet file of two tenants with a client each, and of one that refuses; the clients, and the logins."""
    folder = tmp_path_factory.mktemp("fleet")
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(qk.VaultKeyStore(box.vault_url, token=box.vault_token))
        lines, clients, logins = [], {}, {"KEY_OF_DEAD": "canary-of-a-login"}
        for name, days in DAYS.items():
            simulator, url = stack.enter_context(serving(SandboxTenant))
            tenant = stack.enter_context(qk.QlikTenant(url, credential=qk.ApiKey(simulator.api_key)))
            clients[name] = qk.provision(
                tenant, store, name=f"etl-{name}", scopes=["user_default"], rotate_after=timedelta(days=days)
            )
            logins[f"KEY_OF_{name.upper()}"] = simulator.api_key
            lines.append(f"  {name}: {{url: '{url}', api-key-variable: KEY_OF_{name.upper()}}}")
        dead = box.tenant_url.replace("127.0.0.1", "localhost")
        lines.append(f"  dead: {{url: '{dead}', api-key-variable: KEY_OF_DEAD}}")
        file = folder / "fleet.yaml"
        file.write_text("\n".join(["version: 1", "tenants:", *lines]) + "\n")
        yield clients, {"QLIK_KEYS_FLEET": str(file), **logins}


@pytest.fixture
def run(qlik_keys, made):
    return lambda *words, **more: qlik_keys(*words, **made[1], **more)


def test_findings_of_all_tenants_are_one_message_and_told_once(run, made):
    with Loopback(lambda _: Reply(200)) as receiver:
        url = f"{receiver.url.replace('http', 'json')}/{CANARY}"
        told = run("notify", "--due-within", "30d", "--json", QLIK_KEYS_NOTIFY=url)
        [first] = receiver.calls
        again = run("notify", "--due-within", "30d", QLIK_KEYS_NOTIFY=url)
        calls = [*receiver.calls]
    message = first.json["message"]
    lines = message.splitlines()
    assert any(line.startswith("NEW prod: ") and "etl-prod" in line for line in lines)  # due within 30 days
    assert not any("etl-test" in line for line in lines)
    assert any(line.startswith("NEW dead: high QK410 tenant-not-asked") for line in lines), lines
    [delivery] = json.loads(told.out)
    assert (delivery["sent"], delivery["new"]) == (True, 2)
    # Where the dead tenant's memory cannot be read, it is told again; the others' findings are not.
    assert all("etl-prod" not in each.json["message"] for each in calls[1:])
    assert "etl-prod" not in again.out
    secrets = {name: value for name, value in made[1].items() if name.startswith("KEY_OF_")} | {"webhook": CANARY}
    assert find_canaries(told.out + told.err + again.out + again.err, secrets) == []


def test_a_report_has_the_tenants_and_says_what_is_unknown_of_the_dead_one(run, made, tmp_path):
    table = run("report", "--format", "csv")
    assert table.code == 1
    rows = [*csv.DictReader(io.StringIO(table.out))]
    assert {(each["tenant"], each["event"]) for each in rows} >= {
        ("prod", "key-promoted"),
        ("test", "key-promoted"),
        ("dead", "tenant-not-asked"),
    }
    assert "Note: dead: nothing is known, since it could not be asked." in table.err
    document = json.loads(run("report", "--json").out)
    assert (document["tenants"], [*document["not_asked"]]) == (["prod", "test"], ["dead"])
    times = [each["time"] for each in document["events"] if each["time"]]
    assert times == sorted(times)
    assert {each["tenant"] for each in document["events"]} == {"prod", "test", "dead"}
    page = tmp_path / "report.html"
    assert run("report", "--output", str(page), "--tenant", "prod", "--tenant", "test").code == 0
    assert "Clients and their keys on prod, test: who did what" in page.read_text()
    assert all(made[0][name].client_id in page.read_text() for name in DAYS)


def test_formats_have_the_dates_of_each_tenant_by_its_name(run, made):
    clients = made[0]
    calendar = Calendar.from_ical(run("audit", "--format", "ics").out)
    events = {str(each["summary"]): str(each["uid"]) for each in calendar.walk("VEVENT")}
    assert events == {
        f"Rotate the key of etl-{name} on {name}": f"{clients[name].client_id}.rotate-by@{name}" for name in DAYS
    }
    families = text_string_to_metric_families(run("audit", "--format", "prometheus").out)
    samples = [each for family in families for each in family.samples]

    def values(name):
        """By tenant, of the gauge of that name."""
        return {each.labels["tenant"]: each.value for each in samples if each.name == f"qlik_keys_{name}"}

    assert {name: round(value) for name, value in values("key_age_days").items()} == dict.fromkeys(DAYS, 0)
    due = values("key_rotation_due_seconds")
    assert {name: round(value / 86_400) for name, value in due.items()} == DAYS
    # Of the tenant that was not asked there is the finding, and no time at which it was audited.
    assert set(values("audit_timestamp_seconds")) == set(DAYS)
    [dead] = [each.labels for each in samples if each.name == "qlik_keys_findings" and each.labels["tenant"] == "dead"]
    assert (dead["code"], dead["finding"], dead["severity"]) == ("QK410", "tenant-not-asked", "high")


def test_the_attributes_of_a_fleets_audit_fit_the_formats(made, box, monkeypatch):
    for name, value in {**made[1], "VAULT_ADDR": box.vault_url, "VAULT_TOKEN": box.vault_token}.items():
        monkeypatch.setenv(name, value)
    found = qk.Fleet.from_file(made[1]["QLIK_KEYS_FLEET"]).audit(due_within=timedelta(days=30))
    assert [name for name, _ in attrs_by_tenant(found)] == [*DAYS]
    keys = dated_keys(found)
    assert [(each.tenant, each.name, (each.rotate_by - each.made_at).days) for each in keys] == [
        (name, f"etl-{name}", days) for name, days in DAYS.items()
    ]
    assert set(found[found["finding"] == "rotation-due-soon"]["tenant"]) == {"prod"}
