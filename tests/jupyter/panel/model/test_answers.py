"""From an answer to what is shown of it: any answer of a tenant is shown truly, with secrets redacted."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from fixtures.canaries import find_canaries

from qlik_keys.core.secret import Secret
from qlik_keys.errors import Outcome, TenantProtocolError, TenantRejected
from qlik_keys.jupyter.panel.model.answers import owner_of, shown_answer
from qlik_keys.jupyter.panel.model.shown import ShownRequest
from qlik_keys.tenant.resources.raw import RawAnswer

TOKEN = "token-canary-0123456789-abcdefghijklmnop"
JSON = "application/json"
REQUEST = ShownRequest(system="tenant", method="POST", path="/x", address="/x", body="", status=None, milliseconds=0.0)


def shown(content, content_type=JSON, *, status=200, problem=None):
    answer = None if content is None else RawAnswer(status=status, content=content, content_type=content_type)
    return shown_answer(answer, problem, REQUEST, samples=(), needs="", milliseconds=1.0, token=Secret(TOKEN))


@pytest.mark.parametrize(
    ("content", "owner"),
    [
        (f'{{"clientId": "{"0a" * 16}", "clientName": "ada"}}'.encode(), f"client {'0a' * 16}"),
        (b'{"clientId": "ada@acme.example"}', "the call at 12:30:05 UTC"),  # it would be saved with the notebook
        (b'{"clientId": 5}', "the call at 12:30:05 UTC"),
        (b"[1]", "the call at 12:30:05 UTC"),
        (b"{", "the call at 12:30:05 UTC"),
        (None, "the call at 12:30:05 UTC"),
    ],
)
def test_a_secret_of_an_answer_is_named_by_nothing_that_may_be_private(content, owner):
    answer = None if content is None else RawAnswer(status=201, content=content, content_type=JSON)
    assert owner_of(answer, datetime(2026, 11, 28, 12, 30, 5, tzinfo=UTC)) == owner


@pytest.mark.parametrize("content", [b'{"a": NaN}', b"[Infinity, -Infinity]", b'{"a": [1e400]}'])
def test_what_is_no_json_by_the_standard_is_raw_with_a_note(content):
    answer, _ = shown(content)
    assert (answer.is_json, answer.raw, "not standard JSON" in answer.note) == (False, content.decode(), True)
    answer, secret = shown(b'{"n": NaN, "clientSecret": "a-secret-0123456789"}')
    assert (answer.is_json, answer.redacted, secret.reveal()) == (False, True, "a-secret-0123456789")
    assert "a-secret" not in answer.raw


@pytest.mark.parametrize(
    ("content", "content_type", "text"),
    [
        ("grüße".encode("latin-1"), "text/plain; charset=iso-8859-1", "grüße"),
        ("grüße".encode(), "text/plain; charset=nonsense", "grüße"),
        (b"abc", "text/plain; charset=hex", "abc"),
        (b"\xff", "text/plain; charset=ascii", "\ufffd"),
        ('{"a": "ü"}'.encode("utf-16"), JSON, '{"a": "ü"}'),
        (b"\xef\xbb\xbf{}", JSON, "{}"),
    ],
)
def test_a_text_is_read_by_its_charset(content, content_type, text):
    assert shown(content, content_type)[0].raw == text


def test_what_is_no_text_is_only_counted():
    answer, _ = shown(bytes(range(256)), "image/png")
    assert answer.raw.startswith("256 bytes of image/png")
    assert not answer.is_json


def test_a_refusal_is_shown_whole_without_a_secret():
    said = b'{"errors": [{"title": "first", "source": {"pointer": "/name"}}, {"title": "second"}], "meta": {"a": 1}}'
    problem = TenantRejected("The tenant answered with 400.", hint="Change it.", status=400, trace_id="ab")
    answer, _ = shown(said, status=400, problem=problem)
    assert (answer.status, answer.kind, answer.trace_id, answer.is_json) == (400, "TenantRejected", "ab", True)
    assert (answer.problem, answer.hint) == ("The tenant answered with 400.", "Change it.")
    assert answer.raw == said.decode()
    said = f'{{"errors": [{{"title": "bad {TOKEN}", "meta": {{"client_secret": "a-secret-0123456789"}}}}]}}'
    answer, _ = shown(said.encode(), status=400, problem=problem)
    assert find_canaries(answer.raw + repr(answer.document), [TOKEN, "a-secret-0123456789"]) == []


def test_a_redirect_elsewhere_is_a_problem_though_its_status_is_none_of_errors():
    problem = TenantProtocolError("It redirects to another origin.", status=302, outcome=Outcome.NOT_APPLIED)
    answer, _ = shown(None, problem=problem)
    assert (answer.status, bool(answer.problem), answer.sent) == (302, True, True)


@pytest.mark.parametrize(
    "encode", [str, lambda text: b64encode(text.encode()).decode(), lambda text: text.encode().hex()]
)
def test_the_token_is_shown_in_no_encoding_neither_in_the_body_nor_in_the_media_type(encode):
    said = encode(TOKEN)
    for content, kind in (
        (json.dumps({"got": said}).encode(), JSON),
        (said.encode(), "text/plain"),
        (b"x", f"image/{said}"),
    ):
        answer, _ = shown(content, kind)
        text = "".join([repr(answer), answer.raw, repr(answer.document), answer.content_type])
        assert find_canaries(text, [TOKEN]) == []
        assert "•••" in text
