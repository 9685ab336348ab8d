"""Names that load when first used, and names of modules that moved."""

import gzip
import importlib
import pickle
import subprocess
import sys

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
