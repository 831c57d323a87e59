"""The vectors that the checkout contains are those that their authors published, with their licences."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fixtures.vector_files import COPY, SHARED

LINES = Path(__file__).with_name("data.sha256").read_text(encoding="utf-8").splitlines()
DIGESTS = {name: digest for digest, name in (line.split("  ") for line in LINES)}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_vectors_are_complete_and_unmodified():
    files = (path for path in COPY.rglob("*") if path.is_file())
    assert {path.relative_to(COPY).as_posix(): digest(path) for path in files} == DIGESTS
    assert not SHARED.is_dir() or {name: digest(SHARED / name) for name in DIGESTS} == DIGESTS
