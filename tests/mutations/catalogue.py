"""The mutations of the product in `mutations.toml`: read, found in the source by their text, and applied to a copy."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).with_name("mutations.toml")
_SOURCES = ("*.py", "*.js", "*.css")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A fault that a change could make."""

    name: str  # on the command line
    package: str  # of qlik_keys, which has the text
    text: str  # what is replaced
    replacement: str
    fault: str  # what goes wrong then
    tests: tuple[str, ...]  # the folders of tests/ that must find it

    def files(self, root):
        """Return the files of the package that have the text, one entry for each place where it stands."""
        folder = root / "qlik_keys" / self.package
        files = sorted(file for pattern in _SOURCES for file in folder.rglob(pattern))
        return [file for file in files for _ in range(file.read_text(encoding="utf-8").count(self.text))]

    def apply(self, root):
        """Replace the text; return the file, and what it was; a LookupError if the text does not stand there once."""
        found = self.files(root)
        if len(found) != 1:
            where = ", ".join(str(file.relative_to(root)) for file in found) or "nowhere"
            raise LookupError(f"{self.name}: the text must stand once in qlik_keys/{self.package}, and stands: {where}")
        before = found[0].read_text(encoding="utf-8")
        found[0].write_text(before.replace(self.text, self.replacement), encoding="utf-8")
        return found[0], before


def mutations():
    """Return the mutations of the list."""
    entries = tomllib.loads(LIST.read_text(encoding="utf-8"))["mutation"]
    return [Mutation(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries]
