"""Other people's networks behave as pipeline steps: seeded, cloned, with labels of any kind."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone

from eegsep.estimator.peers import BraindecodeClassifier
from tests.conftest import make_epochs, make_trials


@pytest.fixture(params=["EEGNet", "ShallowFBCSPNet"])
def peer(request):
    return BraindecodeClassifier(request.param, max_epochs=2, random_state=0, device="cpu")


def test_importing_the_module_does_not_import_braindecode():
    code = "import sys, eegsep.estimator.peers; sys.exit('braindecode' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_predicts_labels_and_probabilities(peer):
    X, y = make_trials(20, n_times=256, scale=10)
    peer.fit(X, y)
    assert set(peer.predict(X)) <= {"left_hand", "right_hand"}
    probabilities = peer.predict_proba(X)
    assert probabilities.shape == (20, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_same_seed_gives_the_same_bits(peer):
    X, y = make_trials(20, n_times=256, scale=10)
    first, second = (clone(peer).fit(X, y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_another_seed_gives_another_network(peer):
    X, y = make_trials(20, n_times=256, scale=10)
    first = clone(peer).fit(X, y).predict_proba(X)
    second = clone(peer).set_params(random_state=1).fit(X, y).predict_proba(X)
    assert not np.array_equal(first, second)


def test_global_generators_are_left_as_they_were(peer):
    X, y = make_trials(20, n_times=256, scale=10)
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    peer.fit(X, y).predict(X)
    assert torch.equal(torch_before, torch.get_rng_state())
    np.testing.assert_array_equal(numpy_before, np.random.get_state()[1])  # noqa: NPY002


def test_without_a_seed_the_global_generator_decides():
    X, y = make_trials(20, n_times=256, scale=10)
    peer = BraindecodeClassifier(max_epochs=1, device="cpu")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        first = clone(peer).fit(X, y).predict_proba(X)
        torch.manual_seed(3)
        second = clone(peer).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(first, second)


def test_fit_leaves_the_parameters_unchanged(peer):
    X, y = make_trials(20, n_times=256, scale=10)
    before = peer.get_params()
    peer.fit(X, y)
    assert peer.get_params() == before


def test_can_be_fitted_again_on_another_montage(peer):
    peer.fit(*make_trials(20, n_chans=6, n_times=256, scale=10))
    X, y = make_trials(20, n_chans=4, n_times=200, scale=10)
    assert peer.fit(X, y).predict(X).shape == (20,)


def test_a_set_smaller_than_the_batch_is_trained_on():
    X, y = make_trials(20, n_times=256, scale=10)
    peer = BraindecodeClassifier(batch_size=64, max_epochs=30, random_state=0, device="cpu")
    losses = peer.fit(X, y).net_.history[:, "train_loss"]
    assert losses[-1] < losses[0]


def test_takes_epochs_in_microvolts():
    epochs, y = make_epochs()
    peer = BraindecodeClassifier(max_epochs=1, random_state=0, device="cpu").fit(epochs, y)
    microvolts = epochs.get_data(units="uV")
    np.testing.assert_array_equal(peer.predict_proba(epochs), peer.predict_proba(microvolts))
