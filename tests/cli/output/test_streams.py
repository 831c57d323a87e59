"""What goes in and comes out: streams that are closed or full, answers of any shape, bytes, interrupts, bodies."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from fixtures.cli_terminal import PROGRAM
from fixtures.loopback import HANG, Loopback, Reply

SHAPES = {
    "/api/v1/empty-row": [{}],
    "/api/v1/rows-of-objects": {"data": [{"a": {"b": 1}}, {"a": {"b": 2}}]},
    "/api/v1/ids": {"data": [{"id": "a\nb"}, {"name": "\x1b[31mred"}, {"id": "\ud800"}, {"id": 7}]},
    "/api/v1/pages": {"data": [{"id": "1"}], "links": {"next": {"href": "?next=2"}}},
}


def nested(depth):
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.fixture
def tenant(settings):
    """A tenant that answers with `SHAPES`, and else with the request; the settings lead to it."""

    def answer(call):
        if call.path.startswith("/api/v1/deep"):
            return Reply(body=nested(int(call.path.removeprefix("/api/v1/deep"))))
        if call.path == "/api/v1/oauth-clients":
            return Reply(body=SHAPES["/api/v1/pages"])
        seen = {"target": call.target, "body": call.body.decode(), "headers": call.headers}
        return Reply(body=SHAPES.get(call.path, seen))

    with Loopback(answer) as tenant:
        settings["QLIK_TENANT_URL"] = tenant.url
        yield tenant


def in_bash(settings, words):
    """Run a line of bash in which `q` is `qlik-keys`."""
    script = 'q() { "${PROGRAM[@]}" "$@"; }; PROGRAM=("$1" "$2" "$3" "$4" "$5"); '
    assert len(PROGRAM) == 5
    command = ["bash", "-c", script + words, "bash", *PROGRAM]
    return subprocess.run(command, env=settings, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("words", ["user me >&-", "user me <&-", "user me --json >&- 2>&-", "--help >&-"])
@pytest.mark.usefixtures("tenant")
def test_a_closed_stream_is_not_a_terminal(words, settings):
    done = in_bash(settings, f"q {words}")
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_closed_stream_cannot_confirm(settings, tenant):
    done = in_bash(settings, "q delete x <&-")
    assert (done.returncode, b"confirm" in done.stderr, tenant.calls) == (2, True, [])


@pytest.mark.parametrize("words", ["raw get v1/ids -q", "--show-completion"])
@pytest.mark.usefixtures("tenant")
def test_a_full_disk_is_told_in_a_line_or_as_json(words, settings):
    done = in_bash(settings, f"q {words} > /dev/full")
    assert (done.returncode, b"Traceback" in done.stderr) == (1, False)
    assert done.stderr.splitlines()[0] == b"Error: The output cannot be written (No space left on device)."
    done = in_bash(settings, "q user me --json > /dev/full")
    assert (done.returncode, json.loads(done.stderr)["outcome"]) == (1, "unknown")


def test_a_pipe_that_is_closed_early_is_no_crash_and_what_is_no_text_is_wrong_usage(settings, tenant):
    done = in_bash(settings, "q raw get v1/deep600 --raw | true")
    assert (done.returncode, b"Traceback" in done.stderr, len(tenant.calls)) == (0, False, 1)
    done = in_bash(settings, r"q raw get $'v1/\xff'")
    assert (done.returncode, done.stderr) == (2, b"Error: Word 3 of the command is not UTF-8 text.\n")
    assert len(tenant.calls) == 1


@pytest.mark.usefixtures("tenant")
def test_any_shape_is_shown(terminal, qlik_keys):
    assert terminal("raw", "get", "v1/empty-row").out == "{}\n"
    assert terminal("raw", "get", "v1/rows-of-objects").out.splitlines() == ['{"a": {"b": 1}}', '{"a": {"b": 2}}']
    for path, run in itertools.product(("v1/deep600", "v1/deep900", "v1/deep3000"), (terminal, qlik_keys)):
        ended = run("raw", "get", path)
        assert "Traceback" not in ended.err
        assert (ended.code, bool(ended.out)) in {(0, True), (1, False)}
        assert not ended.code or "--raw" in ended.err or "Request it raw" in ended.err
    assert qlik_keys("raw", "get", "v1/deep3000", "--raw").out.encode() == nested(3000)
    assert qlik_keys("raw", "get", "v1/ids", "-q").out.splitlines() == ["a\\nb", "\\x1b[31mred", "\\ud800", "7"]


@pytest.mark.usefixtures("tenant")
def test_a_page_unmodified_or_as_a_list_says_that_there_are_more(qlik_keys):
    for more, told in (((), True), (("--limit", "101"), True), (("--limit", "1"), False)):
        ended = qlik_keys("oauth-client", "ls", "--raw", *more)
        assert json.loads(ended.out) == SHAPES["/api/v1/pages"]
        assert ("only the first page" in ended.err) == told
    ended = qlik_keys("raw", "get", "v1/pages")
    assert json.loads(ended.out) == SHAPES["/api/v1/pages"]["data"]
    assert ended.err == "Note: there are more objects; pass the cursor in links.next (see --raw) as --query next=…\n"
    assert qlik_keys("raw", "get", "v1/pages", "--json").err == ""


QUERIES = {
    "a=1,b=2": "?a=1&b=2",
    "a=1,2": "?a=1%2C2",
    'filter=name eq "x,y=1",limit=2': "?filter=name+eq+%22x%2Cy%3D1%22&limit=2",
    '"a=1,b=2",c=3': "?a=1%2Cb%3D2&c=3",
    "a=it's,b=2": "?a=it%27s%2Cb%3D2",
    "limit=1,next=a%2Fb%3D%3D": "?limit=1&next=a%2Fb%3D%3D",
}


@pytest.mark.usefixtures("tenant")
def test_fields_of_a_query(qlik_keys):
    for query, target in QUERIES.items():
        ended = qlik_keys("raw", "get", "v1/x", "--query", query, "--query", "z=9")
        assert json.loads(ended.out)["target"] == f"/api/v1/x{target}&z=9"


@pytest.mark.usefixtures("tenant")
def test_bodies(qlik_keys, tmp_path):
    file, header = tmp_path / "body.json", ("--headers", "Content-Type=application/json-patch+json")
    for body, sent in {"null": "null", " 0 ": "0", '"x"': '"x"', "\ufeff{}": "{}", "  ": ""}.items():
        file.write_text(body, encoding="utf-8")
        for words in (("--body", body), ("--body-file", str(file)), ("--body-file", "-")):
            ended = qlik_keys("raw", "post", "v1/x", *words, *header, stdin=body if words[-1] == "-" else "")
            seen = json.loads(ended.out)
            assert (seen["body"], "application/json-patch+json" in seen["headers"].values()) == (sent, True)


def test_no_bodies(qlik_keys, tmp_path, tenant):
    file = tmp_path / "body.json"
    for body in ("NaN", '{"a": -Infinity}', "{'a': 1}", "[" * 5000):
        file.write_text(body)
        for words, hint in ((("--body", body), "a shell removes"), (("--body-file", str(file)), "what is in it")):
            ended = qlik_keys("raw", "post", "v1/x", *words)
            assert (ended.code, "not JSON" in ended.err, hint in ended.err) == (1, True, True)
    assert tenant.calls == []


def interrupted(environment, words, when):
    """Run `qlik-keys`, interrupt it when that returns, and return its code and what is on standard error."""
    with subprocess.Popen(
        [*PROGRAM, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        when(process)
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=60)[1]
    return process.returncode, err


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["words", "json"])
def test_an_interrupt_is_told_in_a_line_or_as_json(settings, more):
    called = threading.Event()
    with Loopback(lambda _: called.set() or HANG) as slow:
        environment = {**settings, "QLIK_TENANT_URL": slow.url}
        code, err = interrupted(environment, ["raw", "get", "v1/x", *more], lambda _: called.wait(60))
    assert (code, len(err.splitlines())) == (1, 1)
    assert (json.loads(err)["error"] == "Interrupted") if more else err.startswith("Interrupted.")


def test_an_interrupt_while_the_program_is_loaded_is_told_in_a_line(settings):
    hook = """
import signal, sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == "httpx":
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
"""
    command = [*PROGRAM[:-1], hook + PROGRAM[-1], "user", "me"]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, len(done.stderr.splitlines()), done.stderr[:12]) == (1, 1, "Interrupted.")


def test_colours_are_left_out_where_they_are_not_wanted(settings):
    import pty

    for more, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)):
        ours, theirs = pty.openpty()
        environment = {**settings, "TERM": "xterm", **more}
        done = subprocess.run([*PROGRAM, "context", "get"], env=environment, stderr=theirs, timeout=60, check=False)
        os.close(theirs)
        told = os.read(ours, 65_536)
        os.close(ours)
        assert (done.returncode, b"\x1b[" in told, b"Error: " in told) == (1, coloured, True)


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["words", "json"])
def test_an_interrupt_between_an_effect_and_its_output_tells_what_was_made(settings, more):
    # More than a pipe holds: the program waits for its reader in the middle of the output.
    made = {"id": "made-4711", "note": "n" * 300_000}
    with Loopback(lambda _: Reply(status=201, body=made)) as tenant:
        environment = {**settings, "QLIK_TENANT_URL": tenant.url}
        words = ["raw", "post", "v1/things", "--body", "{}", *more]
        code, err = interrupted(environment, words, lambda process: process.stdout.read(1))
    assert code == 1
    told = json.loads(err) if more else {"message": err, "outcome": "applied", "error": "Interrupted"}
    assert "POST v1/things (id made-4711)" in told["message"]
    assert (told["error"], told["outcome"]) == ("Interrupted", "applied")


@pytest.mark.parametrize(("method", "outcome"), [("post", "unknown"), ("get", "not_applied")])
def test_an_answer_to_a_change_that_is_no_json_says_that_it_took_effect(settings, qlik_keys, method, outcome):
    with Loopback(lambda _: Reply(status=201, body=b"<html>Created</html>")) as tenant:
        settings["QLIK_TENANT_URL"] = tenant.url
        ended = qlik_keys("raw", method, "v1/things", *(["--body", "{}"] if method == "post" else []), "--json")
    told = json.loads(ended.err)
    assert (ended.code, told["outcome"], "took effect" in told["hint"]) == (1, outcome, method == "post")
    assert ("POST v1/things was answered with 201" in told["hint"]) == (method == "post")


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "qlik_keys", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout.startswith("Usage: qlik-keys ")) == (0, "", True)
