"""The vectors that the checkout carries are those that their authors published."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from fixtures.vector_files import COPY, SHARED

LINES = Path(__file__).with_name("data.sha256").read_text(encoding="utf-8").splitlines()
DIGESTS = {name: digest for digest, name in (line.split("  ") for line in LINES)}


def test_the_copy_is_complete_and_unmodified():
    found = {
        path.relative_to(COPY).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in COPY.rglob("*")
        if path.is_file()
    }
    assert found == DIGESTS


@pytest.mark.parametrize("name", sorted(DIGESTS))
def test_the_copy_is_what_lies_next_to_the_checkout(name):
    sibling = SHARED / name if SHARED.is_dir() else COPY / name
    assert sibling.read_bytes() == (COPY / name).read_bytes()


def test_the_authors_licences_are_there():
    assert "Apache License" in (COPY / "wycheproof/LICENSE").read_text(encoding="utf-8")
    assert "public domain" in (COPY / "rfc/rfc7520-cookbook/LICENSE").read_text(encoding="utf-8")
