"""Redaction, both ways: nothing legitimate is changed or refused, and no secret is left, whole or quoted."""

from __future__ import annotations

import base64
import json
import secrets
import string
import urllib.parse
import uuid
from datetime import UTC, datetime

import pytest
from fixtures.canaries import find_canaries
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qlik_keys.core.redaction import MAXIMUM_TEXT, OPAQUE_RUN, REDACTED, Redactor, readable_scope
from qlik_keys.core.secret import Secret
from qlik_keys.tenant.resources.scopes import known_scopes

HEX, B64 = "0123456789abcdef", string.ascii_letters + string.digits


def segment(document):
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def jwt(client_id, tenant_id):
    """Return what looks like an API key or a token, which shares dates, ids and claim names with cursors and kids."""
    now = int(datetime.now(UTC).timestamp())
    header = {"alg": "ES384", "kid": f"{datetime.now(UTC):%Y%m%d}_{secrets.token_urlsafe(32)}", "typ": "JWT"}
    claims = {"subType": "user", "tenantId": tenant_id, "clientId": client_id, "iat": now, "exp": now + 3600}
    return f"{segment(header)}.{segment(claims)}.{secrets.token_urlsafe(72)}"


CLIENT_ID, TENANT_ID = secrets.token_hex(16), secrets.token_urlsafe(24)
KNOWN = {
    "API key": jwt(CLIENT_ID, TENANT_ID),
    "client secret": secrets.token_hex(32),
    "Vault token": f"hvs.{secrets.token_urlsafe(72)}",
    "access token": jwt(CLIENT_ID, TENANT_ID),
    "password": "a pass/word + with ümlauts & 100% =!",
}
REDACTOR = Redactor(*(Secret(text, any_text=True) for text in KNOWN.values()))

WORDS = """
nightly etl production europe west data platform airflow worker billing Rechtsschutzversicherungsgesellschaften customer
orders daily snapshot k8s sfo3 v12 2026 01 s3 oauth2 client prod dev eu-central-1 日本 Zürich
"""
words = st.sampled_from(WORDS.split())
names = st.builds(str.join, st.sampled_from("-_ ./"), st.lists(words, min_size=1, max_size=8))
ids = st.one_of(
    *(st.text(HEX, min_size=size, max_size=size) for size in (24, 32)),
    *(st.text(B64, min_size=22, max_size=32), st.uuids().map(str), st.sampled_from([CLIENT_ID, TENANT_ID])),
)
kids = st.builds("{:%Y%m%d}_{}".format, st.dates(), st.text(B64 + "-_", min_size=43, max_size=43))
NEXT = {"tenantId": TENANT_ID, "createdAt": "2026-11-28T00:00:07Z"}
cursors = st.one_of(
    st.builds(lambda client: segment({"clientId": client, **NEXT}), ids),
    st.builds(lambda kid: segment({"alg": "ES384", "kid": kid, "typ": "JWT"}), kids),
    *(st.text(B64 + "-_", min_size=1, max_size=200), st.uuids().map(str)),
)
hosts = st.builds("{}.{}.qlikcloud.com".format, st.text("abcdefghijklmnop0123456789", min_size=1, max_size=40), words)
filters = st.builds('clientName eq "{}"'.format, names)
LEGITIMATE = st.one_of(names, ids, kids, cursors, hosts, filters, st.sampled_from([*known_scopes()]))
SAID = ["There is no client {}.", "{}", "name={} (409)", "'{}' exists", "got {}!"]


@given(LEGITIMATE, st.sampled_from(SAID))
def test_what_a_call_shows_and_a_tenant_names_is_not_changed_nor_refused_and_may_be_quoted_by_a_server(text, said):
    assert REDACTOR.redact(text) == "".join(letter if letter.isprintable() else " " for letter in text)
    address = f"/api/v1/oauth-clients?limit=100&next={urllib.parse.quote(text, safe='')}"
    assert not REDACTOR.finds(address)
    assert not REDACTOR.finds(urllib.parse.unquote(address))
    assert REDACTOR.redact(address) == address
    said = said.format(text)[:MAXIMUM_TEXT]
    if said == said.strip() and said.isprintable():
        assert REDACTOR.server_text(said, public=f"/api/v1/oauth-clients\n{text}\n{said}") == said
        if f" {text}." in said or said == text:
            assert REDACTOR.server_text(said, public=text) == said


TEXTS = [
    "The client assertion's audience is not https://acme.eu.qlikcloud.com/oauth/token.",
    "unsupported_client_assertion_type: urn:ietf:params:oauth:client-assertion-type:jwt-bearer is expected",
    "token_endpoint_auth_signing_alg_values_supported must contain ES384",
    "Scope admin.automations:read is not allowed for client nightly-etl-production-europe-west-1",
    "java.lang.IllegalArgumentException: allowedAuthMethodsMustContainPrivateKeyJwt",
    "No authentication configured for this hostname: acme-production-europe.eu.qlikcloud.com",
    "QLIK_CLOUD_TENANT_ADMIN_PRODUCTION is missing; Donaudampfschifffahrtsgesellschaftskapitän",
    "id 123e4567-e89b-12d3-a456-426614174000, sfo3-k8s-v12-analytics-prod-sync-job",
    "Allowed are 10, 20, 30, 40, 50, 60, 70, 80, 90, 11, 12, 13, 14, 15 minutes.",
    "from 2026-11-28 10:20:30 to 2026-11-28 11:20:30",
    "2001:0db8:85a3:0000:0000:8a2e:0370:7334 and 00:1a:2b:3c:4d:5e",
    "a &#8364; sign, &amp; and &#39;quotes&#39;",
    "Bad request ------------------------------ see ________________________________",
]


def test_texts_of_words_trace_ids_and_every_scope_of_qlik_are_shown_as_they_are():
    for text in TEXTS:
        assert Redactor().server_text(text) == REDACTOR.server_text(text) == text
    for trace_id in (secrets.token_hex(16), secrets.token_hex(8), str(uuid.uuid4())):
        assert REDACTOR.trace_id(trace_id) == trace_id
    every = " ".join(known_scopes())
    assert readable_scope(every) == every


ENCODINGS = {
    "as it is": lambda raw: raw.decode(),
    "in capitals": lambda raw: raw.decode().upper(),
    "JSON": lambda raw: json.dumps(raw.decode())[1:-1],
    "URL": lambda raw: urllib.parse.quote(raw, safe=""),
    "URL, a path": urllib.parse.quote,
    "form": urllib.parse.quote_plus,
    "URL, each letter": lambda raw: "".join(f"%{byte:02X}" for byte in raw),
    "hex": bytes.hex,
    "hex, in capitals": lambda raw: raw.hex().upper(),
    **{f"base64, {n} behind": lambda raw, n=n: base64.b64encode(b"?" * n + raw).decode() for n in range(3)},
    **{f"base64url, {n} behind": lambda raw, n=n: base64.urlsafe_b64encode(b"?" * n + raw).decode() for n in range(3)},
}
QUOTED = ["{}", "The token {} is bad.", "got {}!", '"{}"', "<{}>", "credential={}", "({}, {})", "token:{};"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", KNOWN)
def test_a_whole_secret_is_found_and_shown_nowhere(name, encoding):
    encoded = ENCODINGS[encoding](KNOWN[name].encode())
    assert REDACTOR.finds(f"/api/v1/things/{encoded}")
    for said in QUOTED:
        text = said.format(encoded, encoded)
        for shown in (REDACTOR.redact(text), REDACTOR.server_text(text), REDACTOR.trace_id(text)):
            assert REDACTED in shown
            assert find_canaries(shown, {name: KNOWN[name]}) == []


@settings(max_examples=300)
@given(st.data(), st.sampled_from([*KNOWN][:-1]), st.sampled_from([*ENCODINGS.values()]), st.sampled_from(QUOTED))
def test_a_quote_of_24_letters_is_gone_from_every_text_of_a_server(data, name, encode, said):
    start = data.draw(st.integers(0, len(KNOWN[name]) - OPAQUE_RUN))
    quote = KNOWN[name][start : start + data.draw(st.integers(OPAQUE_RUN, len(KNOWN[name])))]
    text = said.format(encode(quote.encode()), "")
    for shown in (REDACTOR.server_text(text), REDACTOR.trace_id(text)):
        assert find_canaries(shown, [quote]) == []


@given(st.binary(min_size=32, max_size=64))
def test_an_unknown_secret_is_redacted_too(raw):
    assume(len(set(raw)) > 12)  # of chance, as secrets are
    for encoded in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode(), raw.hex()):
        assert REDACTED in Redactor().server_text(f"The secret {encoded} is bad.")


@pytest.mark.parametrize("name", ["API key", "access token"])
def test_a_token_that_lacks_its_beginning_leaves_none_of_its_first_part(name):
    head = KNOWN[name].index(".")
    for before in range(OPAQUE_RUN):
        quote = KNOWN[name][head - before : head + 200]
        for said in QUOTED:
            assert find_canaries(REDACTOR.server_text(said.format(quote, quote)), [quote]) == []
    for before in range(OPAQUE_RUN, head):
        assert find_canaries(REDACTOR.redact(f"/next?a={KNOWN[name][head - before :]}"), [KNOWN[name]]) == []


WRITTEN_AS_NUMBERS = {
    "for JSON, each letter": lambda raw: "".join(f"\\u{byte:04x}" for byte in raw),
    "for a program, each letter": lambda raw: "".join(f"\\x{byte:02X}" for byte in raw),
    "for a page, each letter": lambda raw: "".join(f"&#{byte};" for byte in raw),
    "for a page, in hex": lambda raw: "".join(f"&#x{byte:02x};" for byte in raw),
    "hex with colons": lambda raw: raw.hex(":"),
    "hex with blanks": lambda raw: raw.hex(" ").upper(),
    "a list of bytes": lambda raw: ", ".join(map(hex, raw)),
}


@pytest.mark.parametrize("encoding", WRITTEN_AS_NUMBERS)
@pytest.mark.parametrize("name", KNOWN)
def test_letters_that_are_written_as_numbers_are_not_shown(name, encoding):
    quote = KNOWN[name][:OPAQUE_RUN]
    written = WRITTEN_AS_NUMBERS[encoding](quote.encode())
    for said in QUOTED:
        shown = REDACTOR.server_text(said.format(written, written))
        assert REDACTED in shown
        assert written[:40] not in shown


def test_the_body_of_an_answer_loses_whole_secrets_and_nothing_else():
    body = '{\n\t"a": "%s",\n\t"b": "eyJhbGciOiJFUzM4NCJ9.eyJzdWIiOiJ4In0.c2ln", "c": "é"\n}'
    assert REDACTOR.without_secrets(body) == body
    for encode in ENCODINGS.values():
        for secret in KNOWN.values():
            shown = REDACTOR.without_secrets(body % encode(secret.encode()))
            assert find_canaries(shown, [secret]) == []
            assert shown.startswith('{\n\t"a": ')
            assert shown.endswith((body % "")[-60:])


def test_a_piece_of_a_secret_as_a_part_of_an_address_is_not_shown():
    for piece in [text[3:30] for text in KNOWN.values()][:-1]:  # the blanks of a password end a part
        for address in (f"/api/v1/users/{urllib.parse.quote(piece, safe='')}", f"/api/v1/x?t={piece}"):
            assert find_canaries(REDACTOR.redact(address), [piece]) == []


def test_what_a_redactor_holds_does_not_show_itself():
    redactor = Redactor(Secret(KNOWN["API key"], what="API key"))
    redactor.redact("nothing" + "x" * 2000)
    assert find_canaries(f"{redactor!r}{[*redactor._forms()]!r}{redactor._known!r}", KNOWN) == []


def test_a_redactor_knows_the_last_sixteen_and_prepares_each_once():
    redactor = Redactor()
    for number in range(40):
        redactor.know(Secret(f"secret-number-{number:04}"))
    assert not redactor.finds("secret-number-0023")
    assert redactor.finds("secret-number-0024")
    assert [*map(id, redactor._forms())] == [*map(id, redactor._forms())]
    redactor.know(lambda: None)
    assert redactor.redact("secret-number-0039") == REDACTED
