"""Our documents in the Vault: written and read again; damaged, edited and foreign ones are told, and show no key."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from fixtures.canaries import find_canaries

from qlik_keys.errors import ConfigurationError, StoreConflict, StoreProtocolError
from qlik_keys.keystore.base import ClientRecord, PendingClient, StoredKey, pending_document_name
from qlik_keys.keystore.vault.documents import records as documents

HOST, CLIENT = "acme.eu.qlikcloud.com", "0123456789abcdef0123456789abcdef"
MADE_AT = datetime(2026, 11, 24, 3, 42, 35, tzinfo=UTC)


@pytest.fixture
def record(client_keys):
    states = zip(client_keys.values(), ("previous", "current", "next"), strict=True)
    keys = [StoredKey(public=key.public, state=state, made_at=MADE_AT, private=key) for key, state in states]
    return ClientRecord(
        tenant_host=HOST,
        client_id=CLIENT,
        client_name="nightly-etl",
        custody="kv",
        version=4,
        token_url=f"https://{HOST}/oauth/token",
        keys={key.kid: key for key in keys},
        rotate_by=MADE_AT + timedelta(days=90),
    )


@pytest.fixture
def document(record):
    """As it comes back from the Vault."""
    return json.loads(json.dumps(documents.encode_record(record)))


@pytest.fixture
def pending(client_keys):
    key = client_keys["ES384"]
    return PendingClient(
        tenant_host=HOST,
        name="nightly-etl",
        specification={"scopes": ("user_default",)},
        pending_at=MADE_AT,
        key=StoredKey(public=key.public, state="next", made_at=MADE_AT, private=key),
    )


def decode(document):
    return documents.decode_record(document, host=HOST, client_id=CLIENT, version=4, path="secret/p")


def decode_pending(document, name="nightly-etl"):
    name = pending_document_name(name)
    return documents.decode_pending(document, host=HOST, document_name=name, version=1, path="secret/p")


def test_a_record_and_a_pending_client_are_read_as_they_were_written(record, document, pending):
    assert decode(document) == record
    there = decode_pending(json.loads(json.dumps(documents.encode_pending(pending))))
    assert documents.same_pending(there, pending)
    assert there.key == pending.key
    del document["custody"]  # of a version that had one custody only
    assert decode(document) == record


def entry_of(document, state):
    return next(entry for entry in document["keys"].values() if entry["state"] == state)


DAMAGES = {
    "no name": lambda d: d.pop("client_name"),
    "name is no text": lambda d: d.update(client_name=7),
    "no token URL": lambda d: d.pop("token_url"),
    "bad date": lambda d: d.update(rotate_by="soon"),
    "date without zone": lambda d: d.update(rotate_by="2026-11-24T03:42:35"),
    "entry is no object": lambda d: d["keys"].update(x="y"),
    "unknown state": lambda d: entry_of(d, "next").update(state="resting"),
    "unknown algorithm": lambda d: entry_of(d, "next").update(alg="HS256"),
    "key without date": lambda d: entry_of(d, "next").update(made_at=""),
    "key without private half": lambda d: entry_of(d, "next").pop("private_jwk"),
    "cut private half": lambda d: entry_of(d, "next").update(private_jwk=entry_of(d, "next")["private_jwk"][:40]),
    "another private half": lambda d: entry_of(d, "next").update(private_jwk=entry_of(d, "current")["private_jwk"]),
    "two current keys": lambda d: entry_of(d, "next").update(state="current"),
    "no current key": lambda d: entry_of(d, "current").update(state="previous"),
    "cut PEM": lambda d: d.update(private_key=d["private_key"][: len(d["private_key"]) // 2]),
    "flat algorithm unknown": lambda d: d.update(alg="none"),
    "flat kid of another key": lambda d: d.update(kid=next(k for k, e in d["keys"].items() if e["state"] == "next")),
    "PEM removed": lambda d: d.update(private_key="", kid="x"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_record_is_told_and_shows_no_key(record, document, damage):
    damage(document)
    with pytest.raises(StoreProtocolError) as caught:
        decode(document)
    assert "secret/p is damaged" in caught.value.message
    assert "rollback" in caught.value.hint
    canaries = {f"d of {kid}": json.loads(key.private.reveal("jwk"))["d"] for kid, key in record.keys.items()}
    assert find_canaries(f"{caught.value!r}{caught.value}{vars(caught.value)}", canaries) == []


WITHOUT_KEYS = {"client_id": CLIENT, "name": "nightly-etl"}


@pytest.mark.parametrize(
    "foreign", [None, [], "text", {}, {"keys": []}, {"keys": {}}, {"keys": {}, "client_id": "another"}, WITHOUT_KEYS]
)
def test_a_foreign_document_is_not_ours(foreign):
    for read in (decode, decode_pending):
        with pytest.raises(StoreConflict, match="is not managed by qlik_keys"):
            read(foreign)


def test_another_client_s_pending_document_is_not_this_one_s(pending):
    with pytest.raises(StoreConflict):
        decode_pending(documents.encode_pending(pending), "daily-etl")


def test_what_could_not_be_read_again_is_not_written(record, pending, client_keys):
    key = record.in_state("next")[0]
    for bad in (
        record.with_key(replace(key, private=None)),
        record.with_key(replace(key, private=client_keys["RS256"])),
        replace(record, keys={"another": key}),
        record.with_key(replace(key, state="current")),
        record.with_key(replace(key, made_at=MADE_AT.replace(tzinfo=None))),
        replace(record, rotate_by=MADE_AT.replace(tzinfo=None)),
        replace(record, custody="transit"),
        record.with_key(replace(record.current, private=None, reference="qlik-keys.a-key-in-transit")),
    ):
        with pytest.raises(ValueError, match=r"."):
            documents.check_record(bad)
    for bad, kind in (
        (replace(pending, key=replace(pending.key, private=None)), ValueError),
        (replace(pending, pending_at=MADE_AT.replace(tzinfo=None)), ValueError),
        (replace(pending, specification={"scopes": {1, 2}}), TypeError),
    ):
        with pytest.raises(kind):
            documents.check_pending(bad)


def test_a_part_of_a_path_cannot_lead_elsewhere():
    for text in ("acme.eu.qlikcloud.com", "127.0.0.1:8123", "[::1]:8123", CLIENT, "_a-b"):
        assert documents.check_segment(text, what="tenant host") == text
    for text in ("", ".", "..", ".staged", "a/b", "a b", "a\n", "%2e", "a?b", "a#b", "ä", "a\x00"):
        with pytest.raises(ConfigurationError):
            documents.check_segment(text, what="tenant host")
        if text != "a/b":  # which a folder may be
            with pytest.raises(ConfigurationError):
                documents.check_folder(f"good/{text}/good", what="mount")


def test_metadata_fit_vault_s_limits_and_moments_are_in_utc(record):
    shown = documents.metadata_of(replace(record, client_name="ü" * 400 + "\n"), 4)
    assert all(len(text.encode()) <= 512 and text.isprintable() and text for text in shown.values())
    shown = documents.metadata_of(replace(record, client_name="", rotate_by=None, keys={}), 4)
    assert shown == {"tenant": HOST, "custody": "kv", "done_at_version": "4"}
    assert documents.summary_of({"custody": "another program's"}, client_id=CLIENT, version=4) is None
    elsewhere = replace(record, rotate_by=record.rotate_by.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert documents.encode_record(elsewhere)["rotate_by"] == "2027-02-22T03:42:35Z"


@pytest.fixture
def in_transit(record):
    """The record of a client whose keys Vault keeps, all but the oldest."""
    moved = {
        key.kid: key if key.state == "previous" else replace(key, private=None, reference=f"qlik-keys.{key.alg}")
        for key in record.keys.values()
    }
    return replace(record, keys=moved, custody="transit")


def test_a_record_with_keys_in_transit_is_read_as_it_was_written(in_transit):
    written = json.loads(json.dumps(documents.encode_record(in_transit)))
    assert "private_key" not in written
    assert (written["custody"], written["transit_key"]) == ("transit", in_transit.current.reference)
    assert decode(written) == in_transit
    for key in in_transit.keys.values():
        assert ("private_jwk" in written["keys"][key.kid]) is (key.state == "previous")


IN_TRANSIT = {
    "another public half": lambda d: entry_of(d, "next").update(public_jwk=entry_of(d, "current")["public_jwk"]),
    "no public half": lambda d: entry_of(d, "next").pop("public_jwk"),
    "a name that is no text": lambda d: entry_of(d, "next").update(reference=7),
    "another key's name in front": lambda d: d.update(transit_key=entry_of(d, "next")["reference"]),
    "another custody": lambda d: d.update(custody="kv"),
    "an unknown custody": lambda d: d.update(custody="a safe"),
}


@pytest.mark.parametrize("damage", IN_TRANSIT.values(), ids=IN_TRANSIT)
def test_a_damaged_record_with_keys_in_transit_is_told(in_transit, damage):
    written = json.loads(json.dumps(documents.encode_record(in_transit)))
    damage(written)
    with pytest.raises(StoreProtocolError, match="is damaged"):
        decode(written)
