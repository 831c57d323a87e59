"""One exception tree, in one module, which says itself what it has."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re

import qlik_keys as qk
from qlik_keys import errors


def classes(root):
    return {root, *(each for child in root.__subclasses__() for each in classes(child))}


def ours():
    """The package's exceptions; other tests make some of their own."""
    return {each for each in classes(errors.QlikKeysError) if each.__module__.startswith("qlik_keys")}


def test_the_docstring_draws_the_whole_tree():
    drawn = {}
    path = []
    for line in re.findall(r"^[│├└─ ]*[A-Z]\w+(?=  |$)", errors.__doc__.split("```")[1], re.MULTILINE):
        name = line.lstrip("│├└─ ")
        depth = (len(line) - len(name)) // 4
        path[depth:] = [name]
        drawn[name] = path[depth - 1] if depth else None
    there = {
        each.__name__: None
        if each is errors.QlikKeysError
        else next(base.__name__ for base in each.__mro__[1:] if base in ours())
        for each in ours()
    }
    assert drawn == there


def test_every_exception_of_the_package_is_in_that_module_and_public():
    for module in pkgutil.walk_packages(qk.__path__, "qlik_keys."):
        if not re.search(r"\.__main__$|\.testing", module.name):
            importlib.import_module(module.name)
    assert {each.__module__ for each in ours()} == {"qlik_keys.errors"}
    named = {name for name, each in vars(qk.errors).items() if inspect.isclass(each) and each in ours()}
    assert named == {each.__name__ for each in ours()}
