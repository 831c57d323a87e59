"""The list of mutations fits the product: a text that was changed or that is there twice would test nothing."""

import ast
from pathlib import Path

import pytest
from mutations.catalogue import mutations

ROOT = Path(__file__).parents[2]
MUTATIONS = mutations()


def test_there_are_sixty_with_names_of_their_own():
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) == 60


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_text_stands_once_its_replacement_is_python_and_folders_that_must_find_it_are_there(mutation):
    [file] = mutation.files(ROOT)
    mutated = file.read_text(encoding="utf-8").replace(mutation.text, mutation.replacement)
    assert mutation.text != mutation.replacement
    ast.parse(mutated)
    assert mutation.tests
    assert [folder for folder in mutation.tests if not (ROOT / "tests" / folder).is_dir()] == []
