"""Probabilities of fits are those of a file, whatever processor and torch computes them.

The file is written by ``python -m tests.estimator.test_golden``, for a change that is meant.
"""

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from eegsep import EEGNetClassifier
from eegsep._kernels import library, names

FILE = Path(__file__).parent.parent / "data" / "probabilities.json"
# As far as sums in another order take probabilities: of networks as they start, and of trained
# ones, in which each step begins where the one before ended.
TOLERANCES = {"started": 2e-5, "trained": 1e-3}
FITS = {
    "started": {"default": {}, "one scale": {"scaling": "global"}},
    "trained": {
        "paper": {"init": "glorot", "max_epochs": 20, "lr": 0.01},
        "induced": {"init": "induced", "max_epochs": 10},
        "evoked": {"init": "evoked", "max_epochs": 10},
        "early stopping": {"early_stopping": True, "max_epochs": 10},
        "standard": {"init": "glorot", "spatial": "standard", "max_epochs": 20, "lr": 0.01},
        "grouped": {"init": "glorot", "separable": "grouped:2", "max_epochs": 20, "lr": 0.01},
    },
}


def make_trials(n_trials, first, n_chans=6, n_times=128):
    """Trials by a formula: a chirp, which is like noise, and 10 Hz where the class says.

    No generator of random numbers, which may be another one in another version.
    """
    n = np.arange(n_trials * n_chans * n_times, dtype=float) + first
    X = np.sin(0.7 * n**2).reshape(n_trials, n_chans, n_times)
    y = np.arange(n_trials) % 3
    times = np.arange(n_times) / 128
    for trial, label in enumerate(y):
        X[trial, label] += 0.15 * np.sin(2 * np.pi * 10 * times + trial)
        X[trial, label + 1] += 0.3 * label * np.exp(-(((times - 0.3) / 0.05) ** 2))
    return 1e-5 * X, y


def probabilities(parameters):
    clf = EEGNetClassifier(sfreq=128.0, random_state=0, **parameters).fit(*make_trials(45, 1))
    return clf.predict_proba(make_trials(9, 10**6)[0])


CASES = [(kind, name) for kind, fits in FITS.items() for name in fits]


@pytest.fixture(params=[*names.PROCESSORS, "plain torch"])
def processor(request, monkeypatch):
    """Compute in the passes for a kind of processor, or in none."""
    kind = request.param
    if kind == "plain torch":
        monkeypatch.setattr(library, "processors", lambda: ())
    elif kind not in library.processors():
        pytest.skip("this processor is another one")
    else:
        monkeypatch.setattr(library, "processors", lambda: (kind,))
    library.load.cache_clear()
    if kind != "plain torch" and library.load(torch.float32) is None:
        pytest.skip("nothing is compiled here")
    yield kind
    library.load.cache_clear()


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_probabilities_are_those_of_the_file(kind, name, processor):
    expected = json.loads(FILE.read_text())[kind][name]
    np.testing.assert_allclose(
        probabilities(FITS[kind][name]), expected, rtol=0, atol=TOLERANCES[kind]
    )


def test_a_process_that_is_spawned_with_more_threads_gives_the_bits_of_this_one(monkeypatch):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "3")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        there = list(pool.map(probabilities, [{}, {"init": "evoked", "max_epochs": 2}]))
    here = [probabilities({}), probabilities({"init": "evoked", "max_epochs": 2})]
    np.testing.assert_array_equal(there, here)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_trial_has_the_same_bits_alone_and_among_others_in_any_order(dtype):
    X, y = make_trials(45, 1)
    X = X.astype(dtype)
    for parameters in ({}, {"init": "glorot", "max_epochs": 2}):
        clf = EEGNetClassifier(sfreq=128.0, random_state=0, **parameters).fit(X, y)
        together = clf.predict_proba(X)
        alone = np.concatenate([clf.predict_proba(trial[np.newaxis]) for trial in X])
        np.testing.assert_array_equal(alone, together)
        np.testing.assert_array_equal(clf.predict_proba(X[::-1])[::-1], together)


def write():
    """Write the file anew, to as many digits as its tolerances need."""
    content = {
        kind: {name: probabilities(each).round(7).tolist() for name, each in fits.items()}
        for kind, fits in FITS.items()
    }
    FILE.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    write()
