"""Simulated P300 and SSVEP: what is recorded is what the true source does."""

import numpy as np
import pytest
from moabb.paradigms import P300, SSVEP

from eegsep.datasets import SimulatedP300, SimulatedSSVEP


def cosine(one, other):
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def epochs_of(paradigm, dataset):
    epochs, y, metadata = paradigm.get_data(dataset, [1], return_epochs=True)
    return epochs, y, metadata


@pytest.fixture(scope="module")
def p300():
    dataset = SimulatedP300(n_subjects=1, n_sessions=1, n_runs=1, n_trials_per_class=60)
    return dataset, *epochs_of(P300(), dataset)


@pytest.fixture(scope="module")
def ssvep():
    dataset = SimulatedSSVEP(n_subjects=1, n_sessions=1, n_runs=1)
    return dataset, *epochs_of(SSVEP(), dataset)


def test_targets_are_a_fifth_of_the_stimuli(p300):
    _, _, y, _ = p300
    assert (y == "Target").sum() == 60
    assert (y == "NonTarget").sum() == 240


def test_targets_evoke_the_topography_of_the_source_when_they_should(p300):
    dataset, epochs, y, _ = p300
    X = epochs.get_data()
    difference = X[y == "Target"].mean(axis=0) - X[y == "NonTarget"].mean(axis=0)
    (source,) = dataset.sources(1)
    peak = np.abs(epochs.times - 0.38).argmin()
    truth = source.pick(epochs.ch_names)
    assert cosine(difference[:, peak], truth) > 0.9
    at_pz = difference[epochs.ch_names.index("Pz")]
    assert abs(epochs.times[at_pz.argmax()] - 0.38) < 0.05
    assert at_pz.max() == pytest.approx(truth[epochs.ch_names.index("Pz")], rel=0.4)


def test_flicker_is_followed_by_the_topography_of_the_source(ssvep):
    dataset, epochs, y, _ = ssvep
    (source,) = dataset.sources(1)
    truth, X = source.pick(epochs.ch_names), epochs.get_data()
    turns = np.exp(-2j * np.pi * epochs.times * np.array([13.0, 17.0, 21.0])[:, None])
    for k, freq in enumerate(["13", "17", "21"]):
        answers = 2 * X[y == freq].mean(axis=0) @ turns.T / X.shape[-1]
        # those to the other flickers are noise
        assert np.linalg.norm(answers, axis=0).argmax() == k
        vector = answers[:, k]
        assert abs(np.vdot(vector, truth)) > 0.9 * np.linalg.norm(vector) * np.linalg.norm(truth)
        assert np.linalg.norm(vector) == pytest.approx(np.linalg.norm(truth), rel=0.3)


@pytest.mark.parametrize("kind", [SimulatedP300, SimulatedSSVEP])
def test_the_same_seed_gives_the_same_bits(kind):
    def read(subject, **settings):
        settings = {"n_sessions": 1, "n_runs": 1, "n_trials_per_class": 2} | settings
        data = kind(**settings).get_data([subject])
        return data[subject]["0"]["0"].get_data()

    first = read(2)
    np.testing.assert_array_equal(first, read(2, n_subjects=2))
    assert not np.array_equal(first, read(2, random_state=1)[:, : first.shape[1]])


@pytest.mark.parametrize("kind", [SimulatedP300, SimulatedSSVEP])
def test_settings_are_in_the_code(kind):
    assert kind().code == kind.__name__
    assert kind(amplitude=1e-6).code.startswith(f"{kind.__name__}-")


@pytest.mark.parametrize(
    "settings",
    [{"frequencies": [13]}, {"frequencies": [13, 13]}, {"frequencies": [13, 40]}]
    + [{"frequencies": [0, 13]}, {"amplitude": -1.0}],
)
def test_what_cannot_be_is_refused(settings):
    with pytest.raises(ValueError, match=r"must be"):
        SimulatedSSVEP(**settings)
