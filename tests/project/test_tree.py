"""The repository has what people look for, and nothing that a program left there."""

from __future__ import annotations

from fixtures.fresh_copy import tracked_files

FOLDERS = {".ci", ".github", "binder", "docs", "notebooks", "qlik_keys", "requirements", "tests"}
FILES = {
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "hatch_build.py",
    "mkdocs.yml",
    "pyproject.toml",
}


def test_the_top_of_the_repository_has_what_contributing_names_and_what_tools_need():
    assert {name.partition("/")[0] for name in tracked_files()} == FOLDERS | FILES
