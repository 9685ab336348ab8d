"""A network of random weights beside one that left a start: when, and all it goes through."""

import pickle

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

import eegsep
from eegsep import EEGNetClassifier, components
from tests.network.starts import SFREQ

OPTIONS = {"sfreq": SFREQ, "F1": 4, "max_epochs": 50, "lr": 0.004, "random_state": 0}


def trials_of_bursts(n_trials, seed=0):
    """Trials whose classes differ in when a rhythm comes, of any phase: a start holds no such."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_trials) % 2
    X = rng.normal(size=(n_trials, 3, 128))
    phases = rng.uniform(0, 2 * np.pi, (n_trials, 1))
    rhythm = np.sin(2 * np.pi * 20 * np.arange(40) / SFREQ + phases)
    for x, label, burst in zip(X, y, rhythm, strict=True):
        begin = 10 + 64 * label
        x[1, begin : begin + 40] += 0.9 * burst
    return X, y


@pytest.fixture(scope="module")
def trials():
    return trials_of_bursts(800)


@pytest.fixture(scope="module")
def fitted(trials):
    return EEGNetClassifier(**OPTIONS).fit(*trials)


def test_where_it_adds_the_network_is_of_twice_the_filters_and_better(trials, fitted):
    assert fitted.second_network_
    assert fitted.module_.F1 == 2 * fitted.F1
    X, y = trials_of_bursts(500, seed=1)
    start = EEGNetClassifier(**OPTIONS | {"max_epochs": 0}).fit(*trials)
    assert fitted.score(X, y) > start.score(X, y) + 0.2


def test_where_it_adds_nothing_the_first_one_stays_alone():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(800, 3, 64)), np.arange(800) % 2
    X[y == 1, 0] *= 1.2
    clf = EEGNetClassifier(**OPTIONS | {"max_epochs": 10}).fit(X, y)
    assert not clf.second_network_
    assert clf.module_.F1 == clf.F1


def test_of_fewer_than_800_trials_there_is_none(trials):
    X, y = trials
    assert not EEGNetClassifier(**OPTIONS).fit(X[:798], y[:798]).second_network_


def test_components_say_which_of_the_networks_they_are_of(trials, fitted):
    learned = components(fitted, trials[0])
    assert learned.starts.tolist() == [fitted.init_] * 8 + ["glorot"] * 8


@pytest.mark.parametrize("way", ["file", "pickle"])
def test_it_is_kept_and_goes_on_from_there(trials, fitted, way, tmp_path):
    X, y = trials
    if way == "file":
        fitted.save(tmp_path / "model.eegsep")
        kept = eegsep.load(tmp_path / "model.eegsep")
    else:
        kept = pickle.loads(pickle.dumps(fitted))
    assert kept.second_network_
    np.testing.assert_array_equal(kept.predict_proba(X), fitted.predict_proba(X))
    again = pickle.loads(pickle.dumps(fitted)).partial_fit(X, y)
    np.testing.assert_array_equal(kept.partial_fit(X, y).predict_proba(X), again.predict_proba(X))
    kept.set_params(warm_start=True, max_epochs=1).fit(X, y)
    assert kept.module_.F1 == 8


@pytest.mark.parametrize(
    "options",
    [
        {"F1": "matched", "weight_averaging": "ema"},
        {"spatial": "grouped:4", "lr_schedule": "cosine", "early_stopping": "cv"},
    ],
    ids=str,
)
def test_however_the_network_is_asked_for_it_is_kept_and_exported(trials, options, tmp_path):
    X, y = trials
    clf = EEGNetClassifier(**OPTIONS | {"max_epochs": 30} | options).fit(X, y)
    assert clf.second_network_
    clf.save(tmp_path / "model.eegsep")
    kept = eegsep.load(tmp_path / "model.eegsep")
    np.testing.assert_array_equal(kept.predict_proba(X), clf.predict_proba(X))
    assert clf.to_onnx() is not None
    kept.set_params(warm_start=True, early_stopping=False, max_epochs=1).fit(X, y)


def test_others_can_start_from_it(trials, fitted):
    X, y = trials_of_bursts(40, seed=3)
    clf = EEGNetClassifier(**OPTIONS | {"init": FrozenEstimator(fitted), "max_epochs": 2})
    clf.fit(X, y)
    assert clf.second_network_
    assert clf.module_.F1 == 8
    with pytest.raises(ValueError, match="another network than is asked for, by F1=5 and not 4"):
        clf.set_params(F1=5).fit(X, y)


def test_two_fits_are_the_same(trials, fitted):
    again = EEGNetClassifier(**OPTIONS).fit(*trials)
    np.testing.assert_array_equal(again.predict_proba(trials[0]), fitted.predict_proba(trials[0]))
