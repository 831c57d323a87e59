"""The README as the package index shows it: there, links and pictures within the repository would lead nowhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_REPOSITORY = "github.com/qlik-keys/qlik_keys"
_LINK = re.compile(r"(!?)\[([^\[\]]*)\]\((?!https?:|#)([^()\s]+)\)")


class CustomMetadataHook(MetadataHookInterface):
    """Makes the metadata that `pyproject.toml` calls dynamic, except the version."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the README, its links leading to the files of this version."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute(text, f"v{metadata['version']}")}


def absolute(text: str, tag: str) -> str:
    """Return a text in Markdown with its relative links made absolute, for pictures to the picture itself."""

    def link(found: re.Match[str]) -> str:
        picture, words, target = found.groups()
        return f"{picture}[{words}](https://{_REPOSITORY}/{'raw' if picture else 'blob'}/{tag}/{target})"

    return _LINK.sub(link, text)
