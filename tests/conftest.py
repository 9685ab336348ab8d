"""What several tests share: data factories, and where real recordings lie."""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

# before anything imports Keras: the parity tests run it on torch
os.environ.setdefault("KERAS_BACKEND", "torch")
# small convolutions on several threads mostly wait for each other, here and in child processes
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir():
    """Folder of real recordings, or a skip."""
    path = Path(os.environ.get("EEGSEP_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (path / "README.md").exists():
        pytest.skip(f"no real recordings at {path}; set EEGSEP_TEST_DATA to where they are")
    return path


ACCELERATORS = [kind for kind in ("cuda", "mps", "xpu") if getattr(torch, kind).is_available()]


@pytest.fixture(params=ACCELERATORS or [None])
def accelerator(request):
    """Each accelerator that torch finds here, or a skip."""
    if request.param is None:
        pytest.skip("torch finds no accelerator here")
    return request.param


@pytest.fixture(scope="module")
def memory_is_known():
    """Make an ablation take a megabyte for each fit's memory, which a process a variant tells."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eegsep.studies.ablation.fit_memory", lambda *args, **kwargs: 2**20)
        yield


def warnings_of(action):
    """Texts of the warnings that an action gives, each as often as it comes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    return [str(warning.message) for warning in caught]


def some_scores(values, *, of="pipeline", **columns):
    """Return rows of scores from ``{pipeline, or what they are of: [score of each subject]}``."""
    rows = [
        {of: name, "subject": subject, "score": score}
        for name, scores in values.items()
        for subject, score in enumerate(scores)
    ]
    defaults = {"dataset": "d", "metric": "roc_auc", "seed": 0, "time": 1.0}
    defaults |= {"samples_test": 10, "n_classes": 2}
    return pd.DataFrame(rows).assign(**(defaults | columns))


def make_trials(n_trials=40, n_chans=6, n_times=64, sfreq=128.0, seed=0, scale=1e-5):
    """Noise in volts with a 10 Hz rhythm whose place on the head tells the two classes apart.

    Returns
    -------
    X : ndarray, shape (n_trials, n_chans, n_times)
    y : ndarray of str, shape (n_trials,)
    """
    rng = np.random.default_rng(seed)
    y = np.where(np.arange(n_trials) % 2, "right_hand", "left_hand")
    X = rng.normal(size=(n_trials, n_chans, n_times))
    times = np.arange(n_times) / sfreq
    phases = rng.uniform(0, 2 * np.pi, size=(n_trials, 1))
    rhythm = 3 * np.sin(2 * np.pi * 10 * times + phases)
    for trial, label in enumerate(y):
        X[trial, 0 if label == "left_hand" else 1] += rhythm[trial]
    return scale * X, y


def make_epochs(n_trials=40, ch_names=("C3", "C4", "Cz", "Pz", "Fz", "Oz"), sfreq=128.0, seed=0):
    """:func:`make_trials` as Epochs with positions, and the labels."""
    import mne

    X, y = make_trials(n_trials, len(ch_names), sfreq=sfreq, seed=seed)
    info = mne.create_info(list(ch_names), sfreq, "eeg").set_montage("biosemi64")
    events = np.column_stack([np.arange(n_trials), np.zeros(n_trials, int), y == "right_hand"])
    return mne.EpochsArray(X, info, events.astype(int), verbose="error"), y


def pytest_collection_modifyitems(items):
    """Run the notebooks first, which take longest: processes then end at about the same time."""
    items.sort(key=lambda item: item.path.name != "test_notebooks.py")
