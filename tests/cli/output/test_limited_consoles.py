"""A console that cannot show a letter, a pipe that closes, a full disk: none of them comes after an effect unsaid."""

import io
import json
import os
import subprocess
import sys
import uuid
from unittest.mock import Mock

import pytest
from fixtures.cli_terminal import PROGRAM

import qlik_keys as qk
from qlik_keys.cli.output import streams
from qlik_keys.errors import Outcome, QlikKeysError

CREATE = ("oauth-client", "create", "--appType", "web", "--allowedScopes", "user_default")
CREATE += ("--allowedGrantTypes", "client_credentials", "--allowedAuthMethods", "client_secret", "--clientName")
NAMES = ["日本", "naïve", "☃ 𝄞", "half \ud83d", "Ω\u202e"]


@pytest.fixture(autouse=True)
def nothing_was_done():
    """A command that another test ran in this process may have noted its effect."""
    streams.note_effect("")
    yield
    streams.note_effect("")


def test_a_result_that_cannot_be_written_is_an_error_and_a_note_is_not(monkeypatch):
    broken = BrokenPipeError(32, "Broken pipe")
    refusing = {"write.side_effect": broken, "flush.side_effect": broken, "fileno.side_effect": ValueError}
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(
            sys, name, Mock(spec=["encoding", "write", "flush", "fileno"], encoding="utf-8", **refusing)
        )
    streams.make_streams_safe()
    print("step", file=sys.stderr)
    with pytest.raises(BrokenPipeError):
        print("a result")
    streams.note_effect("POST v1/x (id 7)", "Make another one.")
    with pytest.raises(QlikKeysError, match=r"POST v1/x \(id 7\)") as caught:
        print("a result")
    assert "Broken pipe" in caught.value.message
    assert (caught.value.hint, caught.value.outcome) == ("Make another one.", Outcome.APPLIED)


def test_results_steps_and_a_one_time_secret_are_shown_on_any_console(qlik_keys, tenant, store):
    name = f"日本 é 𝄞 {uuid.uuid4().hex[:6]}"
    done = qlik_keys(*CREATE, name, encoding="cp1252")
    document = json.loads(done.out)
    assert (done.code, done.err, document["clientName"], bool(document["clientSecret"])) == (0, "", name, True)
    tenant.oauth_clients.delete(document["clientId"])
    done = qlik_keys("provision", name, encoding="ascii")
    assert (done.code, r"\u65e5\u672c" in done.out, r"\u2026 done" in done.err) == (0, True, True)
    done = qlik_keys("rotate", f"{name}?", encoding="ascii")
    assert (done.code, r"\u65e5\u672c" in done.err.splitlines()[0]) == (1, True)
    [client] = [each for each in tenant.oauth_clients.list() if each.client_name == name]
    qk.delete(tenant, store, client.client_id, confirm=client.client_id)


@pytest.mark.parametrize("more", [(), ("--json",), ("--json", "--raw")], ids=" ".join)
@pytest.mark.parametrize("where", ["", ">/dev/full", ">&-"])
def test_a_secret_that_could_not_be_printed_is_reported(settings, tenant, where, more):
    name = f"lost-{uuid.uuid4().hex[:6]}"
    theirs, ours = os.pipe()
    os.close(theirs)
    command = ["sh", "-c", f'exec "$@" {where}', "sh", *PROGRAM, *CREATE, name, *more]
    done = subprocess.run(command, env=settings, stdout=ours, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(ours)
    [client] = [each for each in tenant.oauth_clients.list() if each.client_name == name]
    told = done.stderr.decode()
    assert done.returncode == 1
    assert f"oauth-client client-secret create --oauth-clientId {client.client_id}" in told
    if more:
        assert json.loads(told)["outcome"] == "applied"
    tenant.oauth_clients.delete(client.client_id)


def test_a_file_that_cannot_be_written_is_refused_before_the_call(qlik_keys, tenant, tmp_path):
    name = f"unsent-{uuid.uuid4().hex[:6]}"
    body = json.dumps({"appType": "web", "clientName": name})
    for place in (tmp_path, tmp_path / "no" / "such" / "file"):
        done = qlik_keys("raw", "post", "v1/oauth-clients", "--body", body, "--output-file", str(place))
        assert (done.code, "no request was sent" in done.err) == (1, True)
    assert name not in [each.client_name for each in tenant.oauth_clients.list()]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "utf-8", "utf-16"])
def test_what_an_encoding_lacks_is_escaped_once_so_that_json_stays_json(monkeypatch, encoding):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    monkeypatch.setattr(sys, "stderr", None)
    streams.make_streams_safe()
    first = sys.stdout
    streams.make_streams_safe()
    assert (sys.stdout, sys.stderr) == (first, None)
    for name in NAMES:
        print(json.dumps(name, ensure_ascii=False))
    sys.stdout.flush()
    assert [json.loads(line) for line in raw.getvalue().decode(encoding).splitlines()] == NAMES


@pytest.mark.parametrize("written", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_body_is_read_by_its_own_encoding_and_not_the_console_s(qlik_keys, tenant, tmp_path, written):
    name = f"日本 é {uuid.uuid4().hex[:6]}"
    body = {"appType": "native", "clientName": name, "redirectUris": ["https://a.example"]}
    path = tmp_path / "client.json"
    path.write_bytes(json.dumps(body, ensure_ascii=False).encode(written))
    for file in ("-", str(path)):
        words = ("raw", "post", "v1/oauth-clients", "--body-file", file, "-q")
        done = qlik_keys(*words, stdin=path.read_bytes(), encoding="cp1252")
        assert (done.code, done.err) == (0, "")
        assert tenant.oauth_clients.get(done.out.strip()).client_name == name
