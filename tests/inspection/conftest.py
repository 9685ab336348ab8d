"""What tests of the inspection share: small fitted networks, and components that are made."""

import numpy as np
import pytest

from eegsep import EEGNetClassifier
from eegsep.inspection.learned import Components
from tests.conftest import make_trials


def small(**settings):
    return EEGNetClassifier(**{"F1": 2, "max_epochs": 2, "random_state": 0, **settings})


@pytest.fixture(scope="module")
def fitted():
    X, y = make_trials(40)
    return small(init="glorot", F1=3, sfreq=128, max_epochs=30, lr=0.01).fit(X, y), X, y


def centred(clf, X):
    return X - clf.center_[:, np.newaxis]


def made(patterns, spectra, relevance=None, classes=("left", "right"), repetition=0):
    """Return components that have these patterns and spectra."""
    n, freqs = len(patterns), np.arange(spectra.shape[1]) / 2
    return Components(
        filters=patterns,
        patterns=patterns,
        kernels=np.ones((n, 1)),
        freqs=freqs,
        responses=np.ones_like(spectra),
        spectra=spectra / spectra.sum(axis=1, keepdims=True),
        peak_freqs=freqs[spectra.argmax(axis=1)],
        bands=np.zeros((n, 2)),
        classes=np.array(classes),
        relevance=relevance,
        repetition=repetition,
    )


@pytest.fixture
def sources():
    """Return three topographies on 20 electrodes, and their spectra."""
    topographies = np.linalg.qr(np.random.default_rng(0).normal(size=(20, 4)))[0].T
    freqs = np.arange(65) / 2
    spectra = np.exp(-(((freqs - np.array([[10.0], [20.0], [12.0], [5.0]])) / 1.5) ** 2) / 2)
    return topographies, spectra + 1e-3
