"""Every exception of the package is in one file, and in one tree."""

from __future__ import annotations

import ast
from pathlib import Path

import kustomer_extract
from kustomer_extract import errors

ROOT = Path(kustomer_extract.__file__).parent


def list_exceptions() -> set[str]:
    """List every class of the package that derives from an exception."""
    ours = {name for name, item in vars(errors).items() if isinstance(item, type) and issubclass(item, BaseException)}
    bases = ours | {"Exception", "BaseException", "ValueError", "RuntimeError", "LookupError", "KeyError", "OSError"}
    return {
        f"{file.relative_to(ROOT)}:{node.name}"
        for file in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef) and {ast.unparse(base).rpartition(".")[2] for base in node.bases} & bases
    }


def test_every_exception_is_defined_in_errors() -> None:
    assert {place.partition(":")[0] for place in list_exceptions()} == {"errors.py"}


def test_the_tree_in_the_docstring_is_the_tree_of_the_code() -> None:
    assert errors.__doc__ is not None
    for place in list_exceptions():
        assert f" {place.partition(':')[2]} " in f"{errors.__doc__} ".replace("\n", " ")
