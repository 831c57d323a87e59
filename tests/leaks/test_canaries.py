"""The search itself must find what it is for: each encoding, at each alignment, whole or cut."""

from __future__ import annotations

import base64
import json
import secrets
import urllib.parse

import pytest
from fixtures.canaries import find_canaries, find_canaries_in_files

CANARY = "canary+/" + secrets.token_urlsafe(32) + "~é"
PEM = "-----BEGIN KEY-----\n" + "\n".join(secrets.token_urlsafe(48) for _ in range(3)) + "\n-----END KEY-----\n"
ENCODINGS = {
    "as it is": str,
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps(json.dumps({"cell": text})),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "URL": lambda text: urllib.parse.quote(text, safe=""),
    "URL in small letters": lambda text: urllib.parse.quote(text, safe="").lower(),
    "hex": lambda text: text.encode().hex(),
    "hex in capitals": lambda text: text.encode().hex().upper(),
    "repr": repr,
    "its beginning": lambda text: text[5:25],
    "its end": lambda text: text[-26:-6],
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_each_encoding_at_each_alignment_is_found(encoding):
    for canary in (CANARY, PEM):
        for lead in ("", "a", "ab", "abc", "abcd"):
            haystack = "x" * 50 + ENCODINGS[encoding](lead + canary + "tail") + "y" * 50
            assert find_canaries(haystack, {"it": canary})
            assert find_canaries(haystack.encode(), [canary])


def test_a_hit_names_the_canary_and_does_not_repeat_it_and_other_text_is_no_hit():
    (hit, *_) = find_canaries(f"key={CANARY}", {"API key": CANARY})
    assert (hit.name, hit.encoding, hit.offset) == ("API key", "raw", 4)
    assert CANARY not in repr(hit)
    assert find_canaries(CANARY[:18] + " " + CANARY[-18:], [CANARY]) == []
    assert find_canaries(secrets.token_urlsafe(5000), {"a": CANARY, "b": PEM}) == []


def test_files_below_a_folder_are_searched(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "history.sqlite").write_bytes(b"\0\1" + CANARY.encode() + b"\2")
    (tmp_path / "clean.txt").write_text("nothing")
    assert list(find_canaries_in_files(tmp_path, {"it": CANARY})) == ["inner/history.sqlite"]
