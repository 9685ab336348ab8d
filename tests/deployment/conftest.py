"""A fitted classifier, and recordings for it, that the tests of this room share."""

import mne
import numpy as np
import pytest

from eegsep import EEGNetClassifier
from tests.conftest import make_epochs

NAMES = ["C3", "C4", "Cz", "Pz", "Fz", "Oz"]
BAND = (6.0, 30.0)


@pytest.fixture(scope="session")
def clf():
    """A classifier of 0.5 s at 128 Hz, 6 to 30 Hz, fitted on Epochs in volts."""
    epochs, y = make_epochs(n_trials=30)
    filtered = epochs.copy().filter(*BAND, method="iir", verbose="error")
    return EEGNetClassifier(max_epochs=2, random_state=0).fit(filtered, y)


def make_recording(n_times, n_chans=6, sfreq=128.0, seed=1):
    """Volts (n_chans, n_times): noise on offsets that differ, and a rhythm that comes and goes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_chans, n_times)) + 20 * rng.normal(size=(n_chans, 1))
    times = np.arange(n_times) / sfreq
    x[0] += 3 * np.sin(2 * np.pi * 10 * times) * (np.sin(2 * np.pi * times / 4) > 0)
    return 1e-5 * x


def as_raw(x, sfreq=128.0):
    return mne.io.RawArray(x, mne.create_info(NAMES, sfreq, "eeg"), verbose="error")
