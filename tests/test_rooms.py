"""Imports run one way: a file imports from its own room and from those before it, no other."""

import ast
import re
from importlib.util import resolve_name

import pytest

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "eegsep"
# The rooms in their order; those of one step know nothing of each other. A file that lies in none
# of the sub-packages is a room of its own.
STEPS = [
    ["eegsep._utils"],
    ["eegsep.datasets", "eegsep.network", "eegsep.statistics"],
    ["eegsep.training"],
    ["eegsep.estimator"],
    ["eegsep.inspection", "eegsep.separability"],
    ["eegsep.studies"],
    ["eegsep.presentation"],
    ["eegsep.cli"],
]
STEP = {room: step for step, rooms in enumerate(STEPS) for room in rooms}
# Rooms in two places: what of the network is compiled, and the package's own names.
SAME = {"eegsep._kernels": "eegsep.network", "eegsep": "eegsep._utils"}
# What some rooms have nothing to do with.
UNKNOWN = {
    "eegsep.datasets": {"torch"},
    "eegsep.network": {"sklearn", "mne", "moabb"},
    "eegsep.training": {"sklearn", "mne", "moabb"},
    "eegsep.estimator": {"moabb"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(module):
    parts = module.split(".")
    room = ".".join(parts[:2])
    return SAME.get(room, room if room in STEP else SAME["eegsep"])


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


def test_every_file_is_in_a_room():
    places = {".".join(name_of(file).split(".")[:2]) for file in FILES}
    assert places == STEP.keys() | SAME.keys()


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_imports_from_its_own_room_and_those_before(file):
    room = room_of(name_of(file))
    rooms = {name: room_of(name) for name in imported_by(file) if f"{name}.".startswith("eegsep.")}
    late = [name for name, its in rooms.items() if its != room and STEP[its] >= STEP[room]]
    assert late == []


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_room_knows_only_its_own_libraries(file):
    libraries = {name.partition(".")[0] for name in imported_by(file)}
    assert libraries & UNKNOWN.get(room_of(name_of(file)), set()) == set()


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_imports_nothing_private_of_another_file(file):
    ours = {name for name in imported_by(file) if name.startswith("eegsep.")} - SAME.keys()
    private = [name for name in ours if re.match("_(?!_)", name.rpartition(".")[2])]
    assert private == []
