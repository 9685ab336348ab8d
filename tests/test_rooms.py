"""A file's private names stay in it; which rooms a room imports from, `lint-imports` checks."""

import ast
import re
from importlib.util import resolve_name

import pytest

from tests.conftest import REPOSITORY

FILES = sorted((REPOSITORY / "eegsep").rglob("*.py"))


def imported_by(file):
    package = ".".join(file.relative_to(REPOSITORY).parent.parts)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{module}.{each.name}" for each in node.names)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_a_file_imports_nothing_private_of_another_file(file):
    ours = {name for name in imported_by(file) if name.startswith("eegsep.")} - {"eegsep._kernels"}
    private = [name for name in ours if re.match("_(?!_)", name.rpartition(".")[2])]
    assert private == []
