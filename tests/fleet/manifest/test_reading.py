"""Reading a fleet file: every mistake that a person makes, each with line and column, and no value quoted."""

from __future__ import annotations

import json
import pickle
import re
import traceback
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml

import qlik_keys as qk
from qlik_keys.core.durations import format_duration, parse_duration
from qlik_keys.errors import ConfigurationError, ManifestError
from qlik_keys.fleet.manifest.declared import DeclaredClient
from qlik_keys.fleet.manifest.model import json_schema
from qlik_keys.fleet.manifest.reading import manifest_of

MOST_BYTES = 8_000_000
ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "guides" / "declared-fleets.md"
SCHEMA = ROOT / "docs" / "reference" / "qlik-keys.schema.json"
GOOD = """\
version: 1
fleet: acme
defaults: {key: ES384, custody: kv, rotate-after: 90d, overlap: 24h, methods: [private-key-jwt], consent: trusted}
groups:
  etl: {scopes: [user_default], owner: data-platform@example.com, tags: [nightly]}
tenants:
  prod: {url: https://acme.eu.qlikcloud.com, login-client: key-rotation, vault: {token-variable: VAULT_TOKEN}}
  test: {context: acme-test}
clients:
  - {name: nightly-etl, group: etl, tenants: [prod]}
  - {name: reports, scopes: [apps:read], key: RS256/4096, rotate-after: P60D, impersonation: false}
"""
# Made of parts, so that no scanner takes them for secrets of this repository.
CANARIES = {
    "vault token": "hvs." + "CAESIJRM0aL2gZrwGm7hSsMb9QwErTyUiOp",
    "jwt": "eyJ" + "hbGciOiJFUzM4NCJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLW9mLWNhbmFyeQ",
    "hex": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "url": "https://user:canary-of-a-password@acme.eu.qlikcloud.com",
    "pem": "-----BEGIN " + "PRIVATE KEY-----",
}
# What is changed in the good file, where the mistake is then told (at the ^ of the new text, which is removed, else at
# the place before the words), and in which words.
MISTAKES = {
    "wrong indent": ("fleet: acme", " ^ fleet: acme", "not valid YAML"),
    "tab": ("  test:", "\t^test:", "not valid YAML: the line begins with a tab"),
    "quotation mark without a second one": ("name: reports", "name: ^'reports", "no second one"),
    "typographic quotation marks": ("name: reports", "name: ^“reports”", "typographic quotation mark"),
    "colon in a name": ("- {name: reports,", "- name: reports^: x\n    y: {", "not valid YAML"),
    "flag in other words": ("impersonation: false", "impersonation: ^Yep", "true or false"),
    "list in place of a text": ("RS256/4096", "^[RS256]", "A text is expected here"),
    "section in place of a duration": ("P60D", "^{days: 60}", "A text is expected here"),
    "JWK": ("{context:", "{^kty: EC, context:", "holds no secret"),
    "section in place of a list": ("[apps:read]", "^{apps: read}", "A list is expected here"),
    "version with a point": ("version: 1", "version: ^1.0", "write 1"),
    "name of the fleet with a blank": ("fleet: acme", "fleet: ^my fleet", "not a label"),
    "URL without encryption": ("https://acme", "^http://acme", "https"),
    "URL of a console": ("https://acme.eu.qlikcloud.com", "^https://my.canary-of.example:x", "invalid host or port"),
    "group in a group": ("tags: [nightly]", "tags: [nightly], ^group: etl", "no such key here"),
    "misspelled key that must be there": ("name: reports", "^nam: reports", "did you mean name"),
    "secret in place of a group": ("group: etl", f"group: ^{CANARIES['vault token']}", "looks like a secret"),
    "conflict of git": ("groups:", "<<<<<<< HEAD\n^groups:", "not valid YAML"),
    "template": ("name: reports", "name: {^{ reports }}", "A key must be a plain text"),
    "unknown key at the top": ("defaults:", "^defalts:", "did you mean defaults"),
    "unknown key of a client": ("impersonation:", "^impersonaton:", "did you mean impersonation"),
    "unknown key of a vault": ("token-variable:", "^token-variabel:", "did you mean token-variable"),
    "unknown key like none": ("overlap:", "^grace:", "there are: scopes, key,"),
    "duplicate key": ("key: ES384", "key: ES384, ^key: ES384", "line 3 already"),
    "duplicate tenant": ("  test: {", "  ^prod: {", "line 7 already"),
    "duplicate client": ("name: reports", "name: ^nightly-etl", "in line 10, for the same tenant"),
    "typo in a scope": ("[apps:read]", "[^apps:raed]", "did you mean apps:read"),
    "unknown scope": ("[apps:read]", "[^wholly.unknown:thing]", "`extra-scopes`"),
    "scopes in one text": ("[apps:read]", "^apps:read", "list is expected"),
    "two scopes as one": ("[apps:read]", "[^apps:read user_default]", "not one scope"),
    "no scope": ("scopes: [apps:read], ", "", "^11:5 has no scope"),
    "bad duration": ("90d", "^90", "not a duration"),
    "duration in months": ("90d", "^P3M", "not a duration"),
    "half a day": ("90d", "^36h", "whole number of days"),
    "too long": ("P60D", "^P6000D", "one day to ten years"),
    "key that no tenant takes": ("RS256/4096", "^RS256/1024", "not supported"),
    "unknown key kind": ("ES384", "^ES256", "RS256/4096"),
    "unknown custody": ("custody: kv", "custody: ^hsm", "kv or transit"),
    "unknown method": ("private-key-jwt", "^private_key_jwt", "private-key-jwt or client-secret"),
    "neither true nor false": ("impersonation: false", "impersonation: ^never", "true or false"),
    "unknown group": ("group: etl", "group: ^elt", "did you mean etl"),
    "unknown tenant": ("tenants: [prod]", "tenants: [^pord]", "did you mean prod"),
    "no tenant": ("tenants: [prod]", "tenants: ^[]", "must not be empty"),
    "tenant without a place": ("{context: acme-test}", "{}", "^8:3 neither a URL nor a context"),
    "two logins": ("{context:", "{login-client: a, api-key-variable: B, context:", "^8:3 api-key-variable and login"),
    "value for a variable": ("VAULT_TOKEN", "^my value", "not the name of an environment variable"),
    "no version": ("version: 1\n", "", "^1:1 lacks the key version"),
    "later version": ("version: 1", "version: ^2", "write 1"),
    "no name": ("name: reports, ", "", "^11:5 lacks the key name"),
    "no name of the fleet": ("fleet: acme\n", "", "^8:1 has clients and no name"),
    "tag with a blank": ("[nightly]", "[^each night]", "not a label"),
    "empty value": ("key: RS256/4096", "key: ^", "no such kind of key"),
    "name that cannot be displayed": ("name: reports", 'name: ^"re\\x07ports"', "cannot be displayed"),
    "anchor": ("[nightly]", "^&tags [nightly]", "Anchors and aliases"),
    "tag of YAML": ("[nightly]", "^!!python/tuple [nightly]", "YAML tags"),
    "merge key": ("{context: acme-test}", "{^<<: x, context: acme-test}", "Merge keys"),
    "second document": ("clients:\n", "^---\nclients:\n", "second document"),
    "secret by its key": ("{context:", "{^api-key: canary-of-an-api-key, context:", "holds no secret"),
    "secret by its key in a vault": ("{token-variable:", "{^token: canary-of-a-token, token-variable:", "no secret"),
    **{
        f"pasted {name}": ("VAULT_TOKEN", f'^"{canary}"', "looks like a secret")
        for name, canary in CANARIES.items()
    },
    "pasted into a description": ("impersonation:", f"description: ^{CANARIES['jwt']}, impersonation:", "looks like a"),
    "pasted as a key": ("[nightly]}", f"[nightly], ^{CANARIES['hex']}: x}}", "looks like a secret"),
}  # fmt: skip


def mistakes_of(text):
    with pytest.raises(ManifestError) as caught:
        manifest_of(text, file="fleet.yaml")
    return caught.value


@pytest.mark.parametrize(("there", "instead", "words"), MISTAKES.values(), ids=MISTAKES)
def test_each_mistake_is_told_with_line_and_column_and_no_value(there, instead, words):
    assert there in GOOD
    text = GOOD.replace(there, instead, 1)
    if "^" in instead:
        at = text.index("^")
        place = (text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
        text = text.replace("^", "", 1)
    else:
        found = re.match(r"\^(\d+):(\d+) ", words)
        place, words = (int(found[1]), int(found[2])), words[found.end() :]
    error = mistakes_of(text)
    if "not valid YAML" in words:  # where a parser sees that something is missing is up to it
        place = (place[0], error.problems[0].column)
    assert [(each.line, each.column) for each in error.problems] == [place], error
    assert words in str(error)
    assert f"fleet.yaml:{place[0]}:{place[1]}: " in str(error)
    for canary in (*CANARIES.values(), "canary-of", "my value", "raed", "pord"):
        assert canary not in f"{error!r}{error}{error.problems!r}"


def test_all_mistakes_are_told_at_once_and_the_error_can_be_pickled():
    text = GOOD
    for name in ("typo in a scope", "unknown group", "bad duration", "secret by its key", "unknown key of a client"):
        there, instead, _ = MISTAKES[name]
        text = text.replace(there, instead.replace("^", ""), 1)
    error = mistakes_of(text)
    assert [each.line for each in error.problems] == [3, 8, 10, 11, 11]
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


@pytest.mark.parametrize(
    "text", ["", "# nothing", "just text", "- a\n- b", "{[a]: b}", "\0", "[" * 500, "a: " * 500, "x" * (MOST_BYTES + 1)]
)
def test_what_is_no_fleet_file_at_all_is_refused(text):
    assert mistakes_of(text).problems


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        qk.Manifest.from_file(tmp_path / "nothing.yaml")


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        ("version: 1\nfleet: é\n".encode("latin-1"), "2:8", "The file is not UTF-8 text; save it as UTF-8"),
        (GOOD.encode("utf-16"), "1:1", "The file is UTF-16 text; save it as UTF-8"),
        (GOOD.encode("utf-16-be"), "1:1", "The file is UTF-16 text"),
        (b"\x1f\x8b\x08\x00x", "1:2", "not UTF-8 text"),
        (b"version: 1\nfleet: \x07\n", "2:8", "a character that YAML does not allow; remove"),
        (b"\xef\xbb\xbf" + GOOD.replace("acme\n", "a b\n").encode(), "2:8", "not a label"),
        (GOOD.replace("acme\n", "a b\n").replace("\n", "\r\n").encode(), "2:8", "not a label"),
        (b"x: " + MOST_BYTES * b"x", "1:1", "too large; the maximum is 8,000,000 bytes"),
    ],
    ids=["Latin-1", "UTF-16", "UTF-16 without a mark", "gzip", "control", "UTF-8 with a mark", "CRLF", "huge"],
)
def test_a_file_that_an_editor_saved_in_another_way_is_read_or_refused_with_a_place(content, place, words, tmp_path):
    file = tmp_path / "fleet.yaml"
    file.write_bytes(content)
    with pytest.raises(ManifestError) as caught:
        qk.Manifest.from_file(str(file))
    assert f"{file}:{place}: " in str(caught.value)
    assert words in str(caught.value)


def test_no_frame_of_a_refusal_holds_the_text(tmp_path):
    file = tmp_path / "fleet.yaml"
    file.write_text(GOOD.replace("VAULT_TOKEN", f'"{CANARIES["vault token"]}"'))
    with pytest.raises(ManifestError) as caught:
        qk.Manifest.from_file(file)
    frames = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert CANARIES["vault token"] not in frames


def test_numbers_dates_and_yes_are_texts_and_what_editors_add_does_not_matter():
    for name in ("123", "2026-01-01", "yes", "1e3"):
        text = "\ufeff" + GOOD.replace("name: reports", f"name: {name}").replace("\n", "\r\n")
        assert manifest_of(text.removeprefix("\ufeff")).clients[1].name == name


def test_a_good_file_gives_tenants_and_clients_with_what_groups_and_defaults_say(tmp_path):
    (tmp_path / "qlik-keys.yaml").write_text(GOOD)
    manifest = qk.Manifest.from_file(tmp_path / "qlik-keys.yaml")
    shared = {"methods": ("private_key_jwt",), "consent": "trusted", "custody": "kv", "overlap": timedelta(hours=24)}
    assert manifest.clients == (
        DeclaredClient(
            name="nightly-etl",
            tenants=("prod",),
            scopes=("user_default",),
            key=qk.KeySpec("ES384"),
            rotate_after=timedelta(days=90),
            owner="data-platform@example.com",
            tags=("nightly",),
            **shared,
        ),
        DeclaredClient(
            name="reports",
            tenants=("prod", "test"),
            scopes=("apps:read",),
            key=qk.KeySpec("RS256", bits=4096),
            rotate_after=timedelta(days=60),
            impersonation=False,
            **shared,
        ),
    )
    assert manifest.tenants["prod"].vault == qk.VaultReference(token_variable="VAULT_TOKEN")
    assert pickle.loads(pickle.dumps(manifest)) == manifest
    assert qk.Fleet.from_file(tmp_path / "qlik-keys.yaml").names == ("prod", "test")
    assert manifest_of(GOOD.replace("[apps:read]", "[new:thing]") + "extra-scopes: ['new:thing']\n").clients


def test_the_schema_that_is_published_is_that_of_the_program_and_takes_and_refuses_what_it_does():
    schema = json_schema()
    assert json.loads(SCHEMA.read_text("utf-8")) == schema, "write it again: qlik-keys plan --schema"
    validator = jsonschema.Draft202012Validator(schema)
    samples = re.findall(r"^```yaml\n(.*?)^```$", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert samples
    for text in (GOOD, *samples):
        assert manifest_of(text).tenants
        assert [*validator.iter_errors(yaml.safe_load(text))] == []
    for name in (
        "unknown key of a client",
        "bad duration",
        "unknown key kind",
        "unknown custody",
        "no version",
        "no name",
    ):
        there, instead, _ = MISTAKES[name]
        assert [*validator.iter_errors(yaml.safe_load(GOOD.replace(there, instead.replace("^", ""), 1)))], name


@pytest.mark.parametrize(
    ("text", "span"),
    [("14d", {"days": 14}), ("12h", {"hours": 12}), ("2w", {"weeks": 2}), ("P14D", {"days": 14}), ("0s", {}),
     ("P1DT12H", {"hours": 36}), ("PT90M", {"minutes": 90}), (" 30m ", {"minutes": 30})],
)  # fmt: skip
def test_durations_are_read_and_written(text, span):
    assert parse_duration(text) == timedelta(**span)
    assert parse_duration(format_duration(timedelta(**span))) == timedelta(**span)


@pytest.mark.parametrize("text", ["", "14", "d", "1.5d", "-1d", "P", "PT", "P1M", "1d2h", "14 d", "٣d", "99999999d"])
def test_what_is_no_duration_is_refused_and_not_quoted(text):
    with pytest.raises(ConfigurationError) as caught:
        parse_duration(text)
    assert len(text) < 2 or text not in caught.value.message
