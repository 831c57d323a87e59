"""A console that cannot show a letter, a pipe that closes, a full disk: none of them comes after an effect unsaid."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import uuid

import pytest
from fixtures.cli_terminal import PROGRAM

from qlik_keys.cli.output import streams
from qlik_keys.cli.output.streams import SafeStream, showable
from qlik_keys.errors import Outcome, QlikKeysError

CREATE = ("oauth-client", "create", "--appType", "web", "--allowedScopes", "user_default")
CREATE += ("--allowedGrantTypes", "client_credentials", "--allowedAuthMethods", "client_secret", "--clientName")
NAMES = ["日本", "naïve", "☃ 𝄞", "half \ud83d", "Ω\u202e"]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "cp437", "utf-8", "utf-16"])
@pytest.mark.parametrize("name", NAMES)
def test_what_an_encoding_lacks_is_escaped_so_that_json_stays_json(encoding, name):
    shown = showable(name, encoding)
    shown.encode(encoding)
    assert json.loads(f'"{shown}"') == name
    assert showable("plain", encoding) == "plain"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437"])
def test_a_stream_takes_any_text(encoding):
    raw = io.BytesIO()
    stream = SafeStream(io.TextIOWrapper(raw, encoding=encoding), is_optional=False)
    for name in NAMES:
        assert stream.write(f"{json.dumps(name, ensure_ascii=False)}\n") == len(name) + 3
    stream.flush()
    assert [json.loads(line) for line in raw.getvalue().decode(encoding).splitlines()] == NAMES


class Broken:
    """A stream that takes nothing."""

    encoding = "utf-8"

    def write(self, _=""):
        raise BrokenPipeError(32, "Broken pipe")

    flush = write

    def fileno(self):
        raise ValueError


@pytest.fixture(autouse=True)
def nothing_was_done():
    """A command that another test ran in this process may have noted its effect."""
    streams.note_effect("")
    yield
    streams.note_effect("")


def test_notes_on_a_closed_stream_do_not_stop_the_command():
    stream = SafeStream(Broken(), is_optional=True)
    stream.write("step … ")
    with pytest.raises(BrokenPipeError):
        SafeStream(Broken(), is_optional=False).write("an answer")


def test_a_result_that_is_lost_after_an_effect_is_told(monkeypatch):
    monkeypatch.setattr(Broken, "flush", lambda _: None)
    streams.note_effect("POST v1/x (id 7)", "Make another one.")
    with pytest.raises(QlikKeysError) as caught:
        SafeStream(Broken(), is_optional=False).write("an answer")
    assert "Broken pipe" in caught.value.message
    assert "POST v1/x (id 7)" in caught.value.message
    assert (caught.value.hint, caught.value.outcome) == ("Make another one.", Outcome.APPLIED)


@pytest.mark.openbao
@pytest.mark.parametrize(("encoding", "more"), [("cp1252", ()), ("ascii", ("--json",)), ("cp437", ("--raw",))])
def test_a_one_time_secret_is_not_lost_to_a_letter(qlik_keys, tenant, encoding, more):
    name = f"日本 é 𝄞 {uuid.uuid4().hex[:6]}"
    done = qlik_keys(*CREATE, name, *more, encoding=encoding)
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    assert (document["clientName"], bool(document["clientSecret"])) == (name, True)
    tenant.oauth_clients.delete(document["clientId"])


@pytest.mark.openbao
def test_steps_and_results_are_shown_on_any_console(qlik_keys, tenant, store):
    name = f"日本 {uuid.uuid4().hex[:6]}"
    done = qlik_keys("provision", name, encoding="ascii")
    assert (done.code, r"\u65e5\u672c" in done.out, r"\u2026 done" in done.err) == (0, True, True)
    done = qlik_keys("rotate", f"{name}?", encoding="ascii")
    assert (done.code, r"\u65e5\u672c" in done.err.splitlines()[0]) == (1, True)
    [client] = [each for each in tenant.oauth_clients.list() if each.client_name == name]
    tenant.oauth_clients.delete(client.client_id)
    store.delete(tenant.host, client.client_id)


@pytest.mark.openbao
@pytest.mark.parametrize("more", [(), ("--json",)])
@pytest.mark.parametrize("kind", ["pipe", "disk"])
def test_a_secret_that_could_not_be_printed_is_reported(settings, tenant, kind, more):
    name = f"lost-{uuid.uuid4().hex[:6]}"
    if kind == "pipe":
        theirs, ours = os.pipe()
        os.close(theirs)
    else:
        ours = os.open("/dev/full", os.O_WRONLY)
    done = subprocess.run(
        [*PROGRAM, *CREATE, name, *more], env=settings, stdout=ours, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(ours)
    [client] = [each for each in tenant.oauth_clients.list() if each.client_name == name]
    told = done.stderr.decode()
    assert done.returncode == 1
    assert client.client_id in told
    assert f"oauth-client client-secret create --oauth-clientId {client.client_id}" in told
    if more:
        assert json.loads(told)["outcome"] == "applied"
    tenant.oauth_clients.delete(client.client_id)


@pytest.mark.openbao
def test_a_file_that_cannot_be_written_is_refused_before_the_call(qlik_keys, tenant, tmp_path):
    name = f"unsent-{uuid.uuid4().hex[:6]}"
    body = json.dumps({"appType": "web", "clientName": name})
    for place in (tmp_path, tmp_path / "no" / "such" / "file"):
        done = qlik_keys("raw", "post", "v1/oauth-clients", "--body", body, "--output-file", str(place))
        assert (done.code, "no request was sent" in done.err) == (1, True)
    assert name not in [each.client_name for each in tenant.oauth_clients.list()]


def test_a_result_that_cannot_be_written_is_an_error_and_a_note_is_not(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Broken())
    monkeypatch.setattr(sys, "stderr", Broken())
    streams.make_streams_safe()
    print("step", file=sys.stderr)
    with pytest.raises(BrokenPipeError):
        print("a result")


def test_the_processs_own_streams_are_made_safe_once(monkeypatch):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    streams.make_streams_safe()
    first = sys.stdout
    streams.make_streams_safe()
    assert sys.stdout is first
    print("日本")  # whoever prints
    monkeypatch.setattr(sys, "stdout", None)
    streams.make_streams_safe()
    assert sys.stdout is None


@pytest.mark.openbao
def test_a_one_time_secret_that_has_nowhere_to_go_is_told(settings, tenant):
    name = f"closed-{uuid.uuid4().hex[:6]}"
    for more in ((), ("--raw",)):
        done = subprocess.run(
            ["/bin/sh", "-c", '"$@" >&-', "sh", *PROGRAM, *CREATE, name, "--json", *more],
            env=settings,
            capture_output=True,
            timeout=60,
            check=False,
        )
        told = json.loads(done.stderr)
        assert (done.returncode, done.stdout, told["outcome"]) == (1, b"", "applied")
        assert "client-secret create --oauth-clientId" in told["hint"]
    made = [client for client in tenant.oauth_clients.iterate() if client.client_name == name]
    assert len(made) == 2


@pytest.mark.openbao
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
