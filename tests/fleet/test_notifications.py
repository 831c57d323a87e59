"""Findings sent to a real HTTP receiver by apprise: once, again when they change or are gone, and nothing secret."""

from __future__ import annotations

import http.server
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import uuid
from datetime import timedelta

import hvac
import pandas as pd
import pytest
from fixtures.canaries import find_canaries
from fixtures.cli_here import in_a_pipe_here
from fixtures.support import ManualClock, environment_of, machine_client

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError
from qlik_keys.fleet.notifications import notify_fleet, notify_found
from qlik_keys.fleet.notifications.destinations import destinations_of
from qlik_keys.fleet.notifications.memory import Remembered, StoreMemory, ToldFinding, key_of
from qlik_keys.fleet.notifications.messages import message_of, news_of
from qlik_keys.inventory.formats.rows import found_rows
from qlik_keys.keystore.optional import NOTIFIED, Note
from qlik_keys.rules.access import NOT_CHECKED
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport

pytestmark = pytest.mark.openbao
DAY = 86_400
PATH = "canary-T0KEN-of-a-webhook"


class Receiver:
    """A webhook on loopback; `status` is what it answers, `on_message` is called before it does."""

    def __init__(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.messages.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                receiver.on_message()
                self.send_response(receiver.status)
                self.send_header("location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.messages, self.status, self.on_message = [], 200, lambda: None
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"json://user:hunter2-of-a-webhook@127.0.0.1:{self._server.server_port}/{PATH}"

    def taken(self):
        """The messages since the last call: their titles' counts, and their bodies."""
        told, self.messages = self.messages, []
        return [(each["title"].rpartition(": ")[2], each["message"]) for each in told]

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


class Place:
    """A tenant in this process whose time is moved by hand, with its keys in a real OpenBao."""

    def __init__(self, openbao):
        self.host = f"n{uuid.uuid4().hex[:8]}.eu.qlikcloud.com"
        self.clock = ManualClock()
        self.sandbox = SandboxTenant(f"https://{self.host}", clock=self.clock)
        options = {"transport": SandboxTransport(self.sandbox), "clock": self.clock}
        self.tenant = qk.QlikTenant(f"https://{self.host}", credential=qk.ApiKey(self.sandbox.api_key), **options)
        self.store = qk.VaultKeyStore(openbao.url, token=openbao.token, clock=self.clock)
        self.sides = self.tenant, self.store

    def made(self, name="etl", days=20):
        life = timedelta(days=days)
        return qk.provision(*self.sides, name=name, scopes=["user_default"], rotate_after=life, clock=self.clock)

    def by_secret(self, name):
        return self.tenant.oauth_clients.create(machine_client(name)).client.client_id

    def notify(self, *urls, **options):
        return qk.notify(*self.sides, urls, clock=self.clock, **options)

    def close(self):
        self.tenant.close()
        self.store.close()


@pytest.fixture
def place(openbao):
    place = Place(openbao)
    yield place
    place.close()


def test_a_finding_is_told_once_and_again_when_it_changes_and_when_it_is_gone(place, receiver):
    made, secret = place.made(), place.by_secret("<!channel> @all *b*")
    done = place.notify(receiver.url)
    [(count, body)] = receiver.taken()
    assert (count, done.deliveries[0].sent, done.failures) == ("1 new", True, [])
    assert f"NEW medium QK306 secret-only, ??channel? ?all ?b? [{secret}]" in body
    assert "authenticates only by client secret" in body
    place.notify(receiver.url)
    assert receiver.taken() == []
    place.clock.advance(15 * DAY)
    place.notify(receiver.url)
    [(count, body)] = receiver.taken()
    assert (count, "QK115 rotation-due, etl" in body, "QK306" in body) == ("1 new", True, False)
    place.clock.advance(15 * DAY)
    qk.adopt(*place.sides, secret, remove_secrets=True, clock=place.clock)
    place.notify(receiver.url)
    [(count, body)] = receiver.taken()
    assert (count, receiver.taken()) == ("1 new, 2 gone", [])
    assert {line.split(",")[0] for line in body.splitlines() if "GONE" in line} == {
        "GONE QK115 rotation-due",
        "GONE QK306 secret-only",
    }
    qk.rotate(*place.sides, made.client_id, clock=place.clock)
    place.notify(receiver.url)
    assert [count for count, _ in receiver.taken()] == ["1 gone"]


@pytest.mark.parametrize("status", [500, 302])
def test_a_failed_delivery_is_not_remembered_and_stops_no_other(place, receiver, status):
    other = Receiver()
    place.by_secret("secret")
    receiver.status = status
    done = place.notify(receiver.url, other.url)
    assert [(each.sent, bool(each.reason)) for each in done.deliveries] == [(False, True), (True, False)]
    assert done.failures[0].reason == ("HTTP status 500" if status == 500 else "no answer, or a refusal")
    receiver.status = 200
    place.notify(receiver.url, other.url)
    assert ([count for count, _ in receiver.taken()], len(other.taken())) == (["1 new", "1 new"], 1)
    other.close()


def test_a_process_that_is_killed_before_it_remembers_tells_it_again(box, receiver, tmp_path):
    environment = {**os.environ, **environment_of(box), "HOME": str(tmp_path), "QLIK_KEYS_NOTIFY": receiver.url}
    words = ["notify", "--only", "secret-only", "--json"]
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        client_id = tenant.oauth_clients.create(machine_client("killed")).client.client_id
        killed = subprocess.Popen([sys.executable, "-m", "qlik_keys", *words], env=environment)
        receiver.on_message = lambda: os.kill(killed.pid, signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
        receiver.on_message = lambda: None
        again, once_more = (in_a_pipe_here(words, environment) for _ in range(2))
        assert [json.loads(each.out)[0]["sent"] for each in (again, once_more)] == [True, False]
        assert not find_canaries(again.out + again.err, [PATH, "hunter2-of-a-webhook"])
        assert [client_id in body for _, body in receiver.taken()] == [True, True]
        tenant.oauth_clients.delete(client_id)


def test_a_role_that_may_only_note_what_was_told_needs_every_right_and_one_that_may_not_tells_again(
    place, receiver, openbao
):
    vault, made = hvac.Client(url=openbao.url, token=openbao.token), []
    place.made()
    place.by_secret("secret")

    def store_of(rules):
        made.append(f"role-{uuid.uuid4().hex[:12]}")
        vault.sys.create_or_update_policy(made[-1], rules)
        token = vault.auth.token.create(policies=[made[-1]], no_default_policy=True, no_parent=True)
        return qk.VaultKeyStore(openbao.url, token=token["auth"]["client_token"])

    rules = qk.vault_policy("notifier", tenant_host=place.host, custody="kv")
    its = '"create", "read", "update"'
    options = {"clock": place.clock}
    # Before there is a note, without "create" it cannot be written: the message was sent, and will be again.
    with store_of(rules.replace(its, '"read", "update"')) as store:
        done = qk.notify(place.tenant, store, [receiver.url], **options)
        assert ([each.sent for each in done.deliveries], [*done.forgetful]) == ([True], [place.host])
    with store_of(rules) as store:
        for expected in ([("1 new")] * 2, []):
            assert not qk.notify(place.tenant, store, [receiver.url], **options).forgetful
            assert [count for count, _ in receiver.taken()] == expected
        with pytest.raises(qk.errors.StoreDenied):
            store.read(place.host, place.made().client_id)
    place.by_secret("another")
    with store_of(rules.replace(its, '"create", "read"')) as store:
        assert qk.notify(place.tenant, store, [receiver.url], **options).forgetful
    with store_of(rules.replace(its, '"create", "update"')) as store, pytest.raises(qk.errors.StoreDenied):
        qk.notify(place.tenant, store, [receiver.url], **options)
    for name in made:
        vault.sys.delete_policy(name)
    vault.adapter.close()


def test_two_that_notify_at_once_keep_what_both_have_told(place, receiver):
    other = Receiver()
    place.by_secret("secret")
    receiver.on_message = lambda: place.notify(other.url)  # it remembers before the first one does
    place.notify(receiver.url)
    assert [len(each.taken()) for each in (receiver, other)] == [1, 1]
    receiver.on_message = lambda: None
    place.notify(receiver.url, other.url)
    assert [len(each.taken()) for each in (receiver, other)] == [0, 0]
    other.close()


def test_nothing_secret_is_sent_kept_logged_or_shown(place, receiver, openbao, caplog):
    caplog.set_level(logging.DEBUG)
    made = place.made(days=5)
    [urls, dead] = [receiver.url], f"json://127.0.0.1:1/{PATH}?+X-Token={PATH}"
    done = place.notify(*urls, dead)
    note = place.store.read_note(place.host, NOTIFIED)
    [destination] = destinations_of(urls)
    key = place.store.read(place.host, made.client_id).current.private.reveal("pem")
    canaries = {
        "API key": place.sandbox.api_key,
        "Vault token": openbao.token,
        "private key": key,
        "URL": PATH,
        "password": "hunter2-of-a-webhook",
    }
    logged = [(each.getMessage(), each.__dict__) for each in caplog.records]
    shown = f"{done} {note} {destination!r} {receiver.messages} {logged}"
    assert not find_canaries(shown, canaries)
    assert "QK115" in str(receiver.messages)
    with pytest.raises(TypeError, match="pickled"):
        destination.__reduce__()
    with pytest.raises(ConfigurationError) as refused:
        place.notify(f"json:/{PATH}")
    assert not find_canaries(f"{refused.value} {refused.value.__context__}", canaries)


def test_a_fleet_is_told_in_one_message_and_a_tenant_that_was_not_asked_has_lost_no_finding(openbao, receiver):
    places = {"eu": Place(openbao), "us": Place(openbao)}
    fleet = qk.Fleet({name: each.sides for name, each in places.items()})
    for each in places.values():
        each.by_secret("secret")

    def audit(*, dead=""):
        tables = {name: qk.audit(*each.sides, clock=each.clock) for name, each in places.items()}
        if dead:
            row = {
                "severity": "high",
                "code": "QK410",
                "finding": "tenant-not-asked",
                "client_id": "",
                "name": "",
                "command": "",
            }
            tables[dead] = pd.DataFrame([{**row, "meaning": "It could not be asked.", "advice": "Look."}])
        columns = [table.astype({"severity": "string"}).assign(tenant=name) for name, table in tables.items()]
        return pd.concat(columns, ignore_index=True)

    for found, expected in ((audit(), ["2 new"]), (audit(dead="us"), ["1 new"]), (audit(), ["1 gone"]), (audit(), [])):
        assert not notify_fleet(found, fleet, [receiver.url]).failures
        told = receiver.taken()
        assert [count for count, _ in told] == expected
    assert {each.store.read_note(each.host, NOTIFIED).version for each in places.values()} == {1, 3}
    for each in places.values():
        each.close()


def test_what_an_audit_did_not_look_for_is_not_gone():
    codes = ("QK104", "QK315", "QK313", "QK318", "QK306")
    keys = {code: key_of(*rows_of(code=code, client_id=code.lower())) for code in codes}
    findings = {key: ToldFinding(code, code.lower(), "etl", "low") for code, key in keys.items()}
    remembered = Remembered(findings=findings, told={"there": dict.fromkeys(findings, "x")})

    def gone(*rows, is_wanted=lambda _: True, **attrs):
        news = news_of("acme", rows, remembered, "there", is_wanted=is_wanted, attrs=attrs)
        assert {*news.knows} >= {keys[code] for code in {*codes} - {each.code for each in news.gone} - {"QK318"}}
        return {each.code for each in news.gone}

    usage = {"since": "2026-01-01T00:00:00+00:00", "reason": ""}
    assert gone() == {"QK104", "QK313", "QK306"}
    assert gone(usage=usage, due_within_seconds=1) == {"QK104", "QK313", "QK306", "QK315"}
    assert gone(usage={**usage, "reason": "too many"}, bots_unknown="refused") == {"QK104", "QK306"}
    assert gone(is_wanted=lambda each: each.code == "QK104") == {"QK104"}
    assert gone(*rows_of(finding=NOT_CHECKED.name, client_id="qk104")) == {"QK313", "QK306"}
    [row] = rows_of(code="QK104", client_id="qk104", meaning="It is another one.")
    news = news_of("acme", [row], remembered, "there", is_wanted=lambda _: True, attrs={})
    assert (news.new, news.changed) == ([], [row])
    [told] = [each for each in message_of([news]).body.splitlines() if each.startswith("CHANGED")]
    assert "QK104" in told


def rows_of(**values):
    columns = ("severity", "code", "finding", "client_id", "name", "meaning", "advice", "command")
    return found_rows(pd.DataFrame([{name: values.get(name, "low") for name in columns}]))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"told": 5}', '{"told": {"a": {"b": "c"}}}', '{"findings": {"a": [1]}}']
)
def test_a_note_that_was_damaged_says_nothing_and_is_replaced(place, receiver, text):
    place.by_secret("secret")
    place.store.write_note(place.host, NOTIFIED, Note(text=text, version=0))
    place.notify(receiver.url)
    place.notify(receiver.url)
    assert [count for count, _ in receiver.taken()] == ["1 new"]


def test_a_note_that_was_deleted_in_vault_is_written_again(place, receiver, openbao):
    place.by_secret("secret")
    vault = hvac.Client(url=openbao.url, token=openbao.token)
    for _ in range(2):
        assert not place.notify(receiver.url).forgetful
        vault.secrets.kv.v2.delete_latest_version_of_secret(f"qlik-keys/{place.host}/.profile/{NOTIFIED}")
    vault.adapter.close()
    assert [count for count, _ in receiver.taken()] == ["1 new", "1 new"]


def test_very_many_findings_are_one_short_message(place, receiver):
    found = qk.audit(*place.sides, clock=place.clock)
    row = {
        "severity": "low",
        "code": "QK311",
        "finding": "dynamic-registration",
        "meaning": "m",
        "advice": "a",
        "command": "",
    }
    many = pd.DataFrame([{**row, "client_id": f"{number:032x}", "name": "n"} for number in range(2000)])
    many.attrs = found.attrs
    memory = {place.host: StoreMemory(*place.sides)}
    for expected in (["2000 new"], []):
        notify_found(many, memory, destinations_of([receiver.url]))
        told = receiver.taken()
        assert [count for count, _ in told] == expected
        assert all("and 1960 more" in body and len(body) < 8000 for _, body in told)
