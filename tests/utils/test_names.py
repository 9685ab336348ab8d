"""Names that load when first used, and names of modules that moved."""

import ast
import gzip
import importlib
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import eegsep
from eegsep._utils.names import FORMER
from tests.conftest import REPOSITORY, make_trials

PACKAGES = ["eegsep"] + [
    f"eegsep.{room}" for room in ("datasets", "estimator", "inspection", "network", "training")
]


@pytest.fixture
def forgotten():
    """Forget that modules were imported by their former names, whose first import warns."""
    for name in FORMER:
        if name not in PACKAGES:
            sys.modules.pop(name, None)
            vars(eegsep).pop(name.rpartition(".")[2], None)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there_and_listed(package):
    package = importlib.import_module(package)
    assert [name for name in package.__all__ if not hasattr(package, name)] == []
    assert dir(package) == sorted(package.__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_that_does_not_exist_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = importlib.import_module(package).nothing


def test_importing_the_package_and_its_rooms_loads_no_heavy_library():
    code = (
        f"import sys, {', '.join(PACKAGES)}\n"
        "sys.exit(bool({'torch', 'mne', 'moabb', 'braindecode'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)


@pytest.mark.parametrize("name", sorted(FORMER.keys() - set(PACKAGES)))
def test_a_former_module_is_the_one_that_moved(name, forgotten):
    with pytest.warns(DeprecationWarning, match=f"{name} is in {FORMER[name]} now") as caught:
        former = importlib.import_module(name)
    assert former is importlib.import_module(FORMER[name])
    assert caught[0].filename == __file__


def test_a_former_module_is_an_attribute_of_the_package(forgotten):
    with pytest.warns(DeprecationWarning, match="eegsep.conv is in eegsep.network.convolutions"):
        from eegsep import conv
    assert conv is importlib.import_module("eegsep.network.convolutions")


@pytest.mark.parametrize("package", sorted(FORMER.keys() & set(PACKAGES)))
def test_what_a_module_held_before_it_became_a_package_is_found(package):
    module = importlib.import_module(FORMER[package])
    names = [name for name, value in vars(module).items() if hasattr(value, "__qualname__")]
    defined = [name for name in names if getattr(module, name).__module__ == module.__name__]
    package = importlib.import_module(package)
    with pytest.warns(DeprecationWarning, match="is in"):
        assert all(getattr(package, name) is getattr(module, name) for name in defined)


@pytest.mark.parametrize("name", ["check_groups", "cut_pipeline", "fit_with_groups", "fresh_clone"])
def test_what_the_inspections_one_module_held_beside_its_public_names_is_found(name):
    package = importlib.import_module("eegsep.inspection")
    assert name not in package.__all__
    with pytest.warns(DeprecationWarning, match=f"eegsep.inspection.{name} is in"):
        assert getattr(package, name).__name__ == name


@pytest.mark.filterwarnings("ignore:Trying to unpickle")  # scikit-learn's version then
def test_pickles_made_before_modules_moved_are_loaded(forgotten):
    file = REPOSITORY / "tests" / "data" / "before_rooms.pkl.gz"
    with pytest.warns(DeprecationWarning, match="eegsep.classifier is in"):
        old = pickle.loads(gzip.decompress(file.read_bytes()))
    X, y = make_trials(20, 3, 64)
    assert type(old["classifier"]) is eegsep.EEGNetClassifier
    assert type(old["network"]) is eegsep.EEGNet
    np.testing.assert_allclose(
        old["classifier"].predict_proba(X), old["probabilities"], rtol=0, atol=1e-6
    )
    assert set(old["classifier"].predict(X)) <= set(y)


@pytest.mark.parametrize(
    "package", ["eegsep", "eegsep.deployment", "eegsep.estimator", "eegsep.files"]
)
def test_type_checkers_are_told_of_every_public_name_where_it_is(package):
    loaded = importlib.import_module(package)
    stub = Path(loaded.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    told = {}
    for node in ast.walk(ast.parse(stub)):
        if isinstance(node, ast.AnnAssign):
            told[node.target.id] = getattr(loaded, node.target.id)
        elif isinstance(node, ast.ImportFrom):
            for name in node.names:
                home = importlib.import_module("." + (node.module or name.name), package)
                told[name.asname] = getattr(home, name.name) if node.module else home
    assert told == {name: getattr(loaded, name) for name in loaded.__all__}


def test_every_public_function_of_the_estimator_says_its_types():
    package = importlib.import_module("eegsep.estimator")
    lacking = []
    for name in package.__all__:
        thing = getattr(package, name)
        members = vars(thing).items() if inspect.isclass(thing) else [(name, thing)]
        for member, value in members:
            value = value.fget if isinstance(value, property) else value
            value = inspect.unwrap(getattr(value, "fn", value))
            public = member == "__init__" or not member.startswith("_")
            if public and inspect.isfunction(value):
                signature = inspect.signature(value)
                said = [p.annotation for k, p in signature.parameters.items() if k != "self"]
                if inspect.Signature.empty in (*said, signature.return_annotation):
                    lacking.append(f"{name}.{member}")
    assert lacking == []
