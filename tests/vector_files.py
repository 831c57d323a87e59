"""Where the test vectors are: next to the checkout when they are there, else the copy that the checkout carries."""

from __future__ import annotations

import json
from pathlib import Path

COPY = Path(__file__).parent / "vectors" / "data"
BESIDE = Path(__file__).parents[2] / "shared" / "vectors"


def vector(name):
    folder = BESIDE if BESIDE.is_dir() else COPY
    return json.loads((folder / name).read_text(encoding="utf-8"))


def vector_groups(name):
    return vector(f"wycheproof/{name}.json")["testGroups"]
