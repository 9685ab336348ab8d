"""The documentation is true: code blocks run, commands parse, each public name has an example."""

import doctest
import pkgutil
import re
from importlib import import_module

import matplotlib as mpl
import mne
import pytest
import yaml

import eegsep
from docs._ext.docstrings import reference, value_of
from tests.conftest import REPOSITORY
from tests.documentation_blocks import (
    PYTHON,
    blocks,
    commands,
    pages,
    wrong_names,
    wrong_with_command,
)

# Packages whose names are for other rooms of this package, and may change.
FOR_ROOMS = {
    "eegsep.cli",
    "eegsep.datasets.recordings",
    "eegsep.datasets.study_folders",
    "eegsep.network.initialisation",
}
PAGES = pages()
IDS = [path.relative_to(REPOSITORY).as_posix() for path in PAGES]


def public_names():
    """Names of the public packages, each where it is imported from."""
    packages = ["eegsep"]
    for module in pkgutil.walk_packages(eegsep.__path__, "eegsep."):
        is_private = any(part.startswith("_") for part in module.name.split("."))
        if module.ispkg and not is_private and module.name not in FOR_ROOMS:
            packages.append(module.name)
    for package in packages:
        module = import_module(package)
        for name in getattr(module, "__all__", ()):
            if not name.startswith("__") and f"{package}.{name}" not in packages:
                yield f"{package}.{name}"


REFERENCE = reference()
CALLABLE = [name for name in REFERENCE if callable(value_of(name))]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, pictures that nobody sees, and MNE without words."""
    monkeypatch.chdir(tmp_path)
    with mpl.rc_context(), mne.utils.use_log_level("ERROR"):
        mpl.use("agg")
        yield tmp_path


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_code_of_a_page_runs_from_top_to_bottom(path, folder):
    namespace = {"__name__": "__main__"}
    for block in blocks(path, PYTHON):
        if block.is_run:
            exec(block.compiled(), namespace)
        else:
            block.compiled()
            assert wrong_names(block.code) == []


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_commands_of_a_page_are_those_that_there_are(path):
    wrong = [wrong_with_command(line) for line in commands(path)]
    assert [each for each in wrong if each] == []


def test_every_public_name_is_in_the_reference():
    objects = {id(value_of(name)) for name in REFERENCE}
    assert [name for name in public_names() if id(value_of(name)) not in objects] == []


def test_every_name_of_this_package_in_readme_is_in_the_reference():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    named = {name.strip(".") for name in re.findall(r"`(eegsep\.[\w.]+)(?:\(.*?\))?`", text)}
    functions = {name for name in named if not _is_module(name)}
    objects = {id(value_of(name)) for name in REFERENCE}
    assert [name for name in sorted(functions) if id(value_of(name)) not in objects] == []


def _is_module(name):
    try:
        import_module(name)
    except ImportError:
        return False
    return True


@pytest.mark.parametrize("name", CALLABLE)
def test_example_in_the_reference_runs(name, folder):
    docstring = value_of(name).__doc__ or ""
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    parsed = doctest.DocTestParser().get_doctest(docstring, {}, name, None, 0)
    assert parsed.examples, f"{name} has no example"
    failures = []
    doctest.DocTestRunner(optionflags=options).run(parsed, out=failures.append)
    assert not failures, "".join(failures)


def test_citation_is_of_this_version():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == eegsep.__version__
    assert citation["cff-version"] == "1.2.0"
    assert {"title", "message", "authors"} <= set(citation)


@pytest.mark.parametrize(
    "line",
    [
        "eegsep benchmark --no-such-option 1",
        "eegsep bench",
        "eegsep study mend folder",
        "eegsep report one two",
        "eegsep list songs",
        "make tea",
    ],
)
def test_a_command_that_there_is_not_is_told(line):
    assert wrong_with_command(line)


@pytest.mark.parametrize(
    "code",
    [
        "from eegsep import EEGNet2",
        "from eegsep import EEGNetClassifier\nEEGNetClassifier(kernel=3)",
        "import eegsep\neegsep.no_such_name()",
        "import eegsep.statistics as s\ns.holm(p=1, q=2)",
    ],
)
def test_a_name_or_keyword_that_there_is_not_is_told(code):
    assert wrong_names(code)
