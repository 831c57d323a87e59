"""Bodies as they are typed: what is not JSON by the standard is refused with the reason, and null is a body."""

import pytest

from qlik_keys.cli.options.inputs import document_of
from qlik_keys.errors import ConfigurationError
from qlik_keys.tenant.http.bodies import JSON_NULL, read_body
from qlik_keys.tenant.resources.deleting import deleted_client_id


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{'a': 1}", "The body is not JSON (line 1, column 2)."),
        ("[NaN]", "The body is not JSON: NaN is not a number there."),
        ("1e400", "The body is not JSON: a number in it is too large."),
        ("[" * 100_000, "The body is not JSON."),
        ("1" * 5000, "The body is not JSON."),
    ],
)
def test_what_is_not_json_is_refused_with_its_reason(text, words):
    assert read_body(text) == (None, words)
    with pytest.raises(ConfigurationError) as refused:
        document_of(text, None)
    assert refused.value.message == words


def test_null_is_a_body_and_nothing_is_none():
    assert read_body(" \n") == (None, "")
    assert read_body(" null ") == (JSON_NULL, "")
    assert document_of("null", None) is JSON_NULL


def test_a_client_that_is_deleted_is_seen_in_any_spelling():
    for path in ("/api//v1/OAuth-Clients/ab//", "/api/v1/oauth%2Dclients%2Fab"):
        assert deleted_client_id("delete", path) == "ab"
    assert deleted_client_id("GET", "/api/v1/oauth-clients/ab") == ""
    for path in ("/api/v1/oauth-clients/ab/client-secrets/x", "/api/v1/oauth-clients"):
        assert deleted_client_id("DELETE", path) == ""
