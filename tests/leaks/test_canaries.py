"""The search itself must find what it is for: each encoding, at each alignment, whole or cut."""

from __future__ import annotations

import base64
import itertools
import json
import secrets
import urllib.parse

import pytest
from fixtures.canaries import find_canaries, find_canaries_in_files

CANARY = "canary+/" + secrets.token_urlsafe(32) + "~é"
PEM = "-----BEGIN KEY-----\n" + "\n".join(secrets.token_urlsafe(48) for _ in range(3)) + "\n-----END KEY-----\n"
ENCODINGS = (
    *(str, repr, json.dumps, lambda text: json.dumps(json.dumps({"cell": text}))),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    lambda text: urllib.parse.quote(text, safe=""),
    lambda text: urllib.parse.quote(text, safe="").lower(),
    *(lambda text: text.encode().hex(), lambda text: text.encode().hex().upper()),
    *(lambda text: text[5:25], lambda text: text[-26:-6]),
)


@pytest.mark.parametrize("encode", ENCODINGS)
def test_each_encoding_at_each_alignment_is_found(encode):
    for canary, lead in itertools.product((CANARY, PEM), ("", "a", "ab", "abc", "abcd")):
        haystack = "x" * 50 + encode(lead + canary + "tail") + "y" * 50
        assert find_canaries(haystack, {"it": canary})
        assert find_canaries(haystack.encode(), [canary])


def test_a_hit_names_the_canary_and_does_not_repeat_it_and_other_text_is_no_hit(tmp_path):
    (hit, *_) = find_canaries(f"key={CANARY}", {"API key": CANARY})
    assert (hit.name, hit.encoding, hit.offset) == ("API key", "raw", 4)
    assert CANARY not in repr(hit)
    assert find_canaries(CANARY[:18] + " " + CANARY[-18:], [CANARY]) == []
    assert find_canaries(secrets.token_urlsafe(5000), {"a": CANARY, "b": PEM}) == []
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "history.sqlite").write_bytes(b"\0\1" + CANARY.encode() + b"\2")
    (tmp_path / "clean.txt").write_text("nothing")
    assert list(find_canaries_in_files(tmp_path, {"it": CANARY})) == ["inner/history.sqlite"]
