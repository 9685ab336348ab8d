"""Imports run one way: a file imports from rooms before its own, never from one after it."""

import ast
import re
from importlib.util import resolve_name

import pytest

from .conftest import REPOSITORY

PACKAGE = REPOSITORY / "eegsep"
# The last rooms in their order; all that is not in one of these comes before them.
ROOMS = ["eegsep.studies", "eegsep.presentation", "eegsep.cli"]
FILES = sorted(PACKAGE.rglob("*.py"))


def place(module):
    inside = [k for k, room in enumerate(ROOMS, 1) if f"{module}.".startswith(f"{room}.")]
    return inside[0] if inside else 0


def name_of(file):
    parts = file.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_by(file):
    package = ".".join(file.relative_to(REPOSITORY).parent.parts)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{module}.{each.name}" for each in node.names)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_imports_from_no_room_after_its_own(file):
    late = [name for name in imported_by(file) if place(name) > place(name_of(file))]
    assert late == []


@pytest.mark.parametrize("file", [file for file in FILES if place(name_of(file))], ids=name_of)
def test_studies_pages_and_commands_import_nothing_private(file):
    ours = [name for name in imported_by(file) if name.startswith("eegsep.")]
    private = [name for name in ours if re.match("_(?!_)", name.rpartition(".")[2])]
    assert private == []
