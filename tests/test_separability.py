"""Separability against closed forms, loops over scipy's correlation, and simulated truths."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from moabb.paradigms import LeftRightImagery
from numpy.testing import assert_allclose
from scipy.signal import correlate
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score

from eegsep import EEGNetClassifier
from eegsep.datasets import SimulatedMotorImagery, SimulatedTravellingWaves
from eegsep.presentation.figures import plot_separability
from eegsep.separability import (
    Separability,
    data_separability,
    joint_kernels,
    kernel_separability,
    random_rank_one_share,
    rank_one_share,
    separability_index,
)

SFREQ = 64


def rhythms(topographies, n_trials=10, n_times=64, freq=8, seed=0):
    """Trials of a rhythm of unit amplitude and random phase, and complex topographies by class."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(topographies)), n_trials)
    turns = np.exp(2j * np.pi * freq * np.arange(n_times) / SFREQ)
    phases = np.exp(2j * np.pi * rng.uniform(size=len(y)))
    X = np.array([np.outer(topographies[k], turns) * z for k, z in zip(y, phases, strict=True)])
    return X.real, y


STANDING = np.array([[1, 0], [0, 1]])
TRAVELLING = np.array([[1, 1j], [1, -1j]])
ONE_BIN = {"sfreq": SFREQ, "window": 1.0, "fmin": 8, "fmax": 8, "n_permutations": 20}


@pytest.fixture(scope="module")
def wave():
    """Noisy trials whose classes are two directions of a wave, and a network fitted on them."""
    X, y = rhythms(np.array([[1, 1j, -1, -1j], [1, -1j, -1, 1j]]), n_trials=20, freq=16)
    X = X + np.random.default_rng(1).normal(size=X.shape)
    settings = {"F1": 2, "D": 2, "kernel_length": 16, "drop_prob": 0.0, "lr": 0.01}
    clf = EEGNetClassifier(spatial="joint", max_epochs=25, random_state=0, **settings).fit(X, y)
    return clf, X, y


# Rank-one shares


def test_outer_product_is_all_rank_one():
    rng = np.random.default_rng(0)
    kernels = rng.normal(size=(3, 5, 1)) * rng.normal(size=(3, 1, 9))
    per_kernel, overall = rank_one_share(kernels)
    assert_allclose(per_kernel, 1)
    assert_allclose(overall, 1)


def test_share_of_a_wave_is_the_larger_of_its_two_maps_energies():
    # one period of cosine and sine are orthogonal, and so are the two maps
    times = 2 * np.pi * np.arange(16) / 16
    first, second = np.array([3.0, 0, 0]), np.array([0, 2.0, 0])
    kernel = np.outer(first, np.cos(times)) + np.outer(second, np.sin(times))
    assert_allclose(rank_one_share([kernel])[0], 9 / (9 + 4))


def test_overall_share_weighs_kernels_by_their_energy():
    per_kernel, overall = rank_one_share([np.diag([3.0, 0.0]), np.diag([1.0, 1.0])])
    assert_allclose(per_kernel, [1, 1 / 2])
    assert_allclose(overall, (9 + 1) / (9 + 2))


def test_share_of_a_kernel_of_zeros_is_unknown():
    per_kernel, overall = rank_one_share(np.stack([np.zeros((2, 3)), np.ones((2, 3))]))
    assert np.isnan(per_kernel[0])
    assert_allclose(overall, 1)


@pytest.mark.parametrize(("n_chans", "kernel_length"), [(22, 32), (64, 80)])
def test_random_share_is_that_of_the_tracy_widom_law(n_chans, kernel_length):
    # Johnstone (2001), theorem 1: centre and scale of the largest eigenvalue of a Wishart matrix;
    # the law's mean is -1.2065
    a, b = np.sqrt(n_chans - 1), np.sqrt(kernel_length)
    largest = (a + b) ** 2 - 1.2065 * (a + b) * (1 / a + 1 / b) ** (1 / 3)
    share = random_rank_one_share(n_chans, kernel_length, n_draws=200)
    assert_allclose(share, largest / (n_chans * kernel_length), rtol=0.02)


# On data


def test_two_standing_sources_differ_separably_by_the_closed_form():
    # whitened cross-spectra are diag(2, 0) and diag(0, 2): squared distance 8, over 2 electrodes
    found = data_separability(*rhythms(STANDING), **ONE_BIN, shrinkage=0)
    assert_allclose([found.separable, found.joint], [4, 0], atol=1e-9)
    assert found.index > 0.8


def test_two_directions_of_a_wave_differ_jointly_by_the_closed_form():
    # whitened cross-spectra are [[1, -i], [i, 1]] and the transpose
    found = data_separability(*rhythms(TRAVELLING), **ONE_BIN)
    assert_allclose([found.separable, found.joint], [0, 4], atol=1e-9)
    assert found.index < 0.2


def test_pairs_of_classes_are_averaged():
    # as above; of the three pairs one differs as the two directions do, two by half of it
    topographies = np.array([[1, 1j], [1, -1j]])
    X, y = rhythms(topographies)
    mixed = X.copy()
    mixed[::2, 1] *= -1  # a third class, half of the trials in either direction
    mixed = mixed[y == 0]
    found = data_separability(np.concatenate([X, mixed]), np.append(y, np.full(10, 2)), **ONE_BIN)
    # within the third class, R is plus or minus J in equal parts: <R_i, R_j> is on average
    # -2/(10-1) off the diagonal, where a class of one direction has 2
    pair = (2 - 2 / 9) / 2
    assert_allclose(found.joint, (4 + 2 * pair) / 3)


def test_mixing_the_electrodes_changes_nothing():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 4, 64)), np.arange(20) % 2
    X[y == 0, 0] *= 3
    mixed = rng.normal(size=(4, 4)) @ X
    one, other = (
        data_separability(data, y, sfreq=SFREQ, fmax=30, shrinkage=0, n_permutations=5)
        for data in (X, mixed)
    )
    assert_allclose(
        [one.separable, one.joint, one.noise], [other.separable, other.joint, other.noise]
    )


def test_unit_of_the_data_changes_nothing():
    X, y = rhythms(TRAVELLING + STANDING)
    one, other = (data_separability(scale * X, y, **ONE_BIN).index for scale in (1, 1e-6))
    assert_allclose(one, other)


def test_average_reference_costs_a_dimension_and_no_more():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 4, 64)), np.arange(20) % 2
    X -= X.mean(axis=1, keepdims=True)
    found = data_separability(X, y, sfreq=SFREQ, fmax=30, shrinkage=0, n_permutations=5)
    fewer = data_separability(X[:, :3], y, sfreq=SFREQ, fmax=30, shrinkage=0, n_permutations=5)
    assert_allclose(found.separable * 4, fewer.separable * 3)


def test_energies_of_classes_that_do_not_differ_are_zero_on_average():
    rng = np.random.default_rng(0)
    y = np.arange(12) % 2
    energies = []
    for _ in range(100):
        found = data_separability(
            rng.normal(size=(12, 3, 32)), y, sfreq=SFREQ, fmax=30, n_permutations=1
        )
        energies.append([found.separable, found.joint])
    error = np.std(energies, axis=0) / np.sqrt(len(energies))
    assert (np.abs(np.mean(energies, axis=0)) < 3 * error).all()


def test_classes_that_do_not_differ_are_said_not_to():
    rng = np.random.default_rng(0)
    found = data_separability(rng.normal(size=(40, 3, 64)), np.arange(40) % 2, sfreq=SFREQ, fmax=30)
    assert found.p_value > 0.05
    assert 0.15 < found.index < 0.85


def test_simulations_are_told_apart():
    indices = {}
    for kind, snr in ((SimulatedMotorImagery, 0.5), (SimulatedTravellingWaves, 0.1)):
        dataset = kind(n_subjects=4, n_sessions=1, n_runs=1, n_trials_per_class=30, snr=snr)
        X, y, meta = LeftRightImagery(fmin=8, fmax=32).get_data(dataset)
        indices[kind] = [
            data_separability(X[mine], y[mine], sfreq=128, n_permutations=20).index
            for mine in (meta["subject"] == subject for subject in dataset.subject_list)
        ]
    separable = np.repeat([True, False], 4)
    assert roc_auc_score(separable, np.concatenate(list(indices.values()))) >= 0.9


# On kernels


def test_separable_kernels_see_nothing_but_the_separable_part():
    rng = np.random.default_rng(0)
    kernels = rng.normal(size=(3, 4, 1)) * rng.normal(size=(3, 1, 7))
    X, y = rng.normal(size=(20, 4, 33)), np.arange(20) % 2
    X[y == 0, 1, 1:] += X[y == 0, 0, :-1]  # a source that comes to electrode 1 later
    found = kernel_separability(kernels, X, y, n_permutations=5)
    assert_allclose(found.joint, 0, atol=1e-20)
    assert found.separable != 0


def test_joint_kernel_made_for_a_wave_sees_its_direction_alone():
    X, y = rhythms(TRAVELLING, n_times=128)
    times = 2 * np.pi * np.arange(8) / 8
    kernel = np.array([np.cos(times), -np.sin(times)])
    found = kernel_separability([kernel], X, y)
    assert found.index < 0.2
    assert found.joint > 100 * abs(found.separable)


def test_kernel_energies_are_those_of_loops_over_scipys_correlation():
    rng = np.random.default_rng(0)
    kernels, X = rng.normal(size=(2, 3, 5)), rng.normal(size=(9, 3, 20))
    y = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1])
    X[y == 0, 1] *= 2
    X -= X.mean(axis=2, keepdims=True)

    def power(kernel, x):
        return np.sum(sum(correlate(x[c], kernel[c], "full") for c in range(3)) ** 2)

    ways = np.array([[[power(k, x[:, ::way]) for k in kernels] for x in X] for way in (1, -1)])
    ways /= ways.mean(axis=(0, 1))
    expected = []
    for parts in ((ways[0] + ways[1]) / 2, (ways[0] - ways[1]) / 2):
        one, other = parts[y == 0], parts[y == 1]
        same = [
            np.mean([a @ b for a, b in itertools.permutations(part, 2)]) for part in (one, other)
        ]
        across = np.mean([a @ b for a, b in itertools.product(one, other)])
        expected.append((sum(same) - 2 * across) / len(kernels))
    found = kernel_separability(kernels, X, y, n_permutations=3)
    assert_allclose([found.separable, found.joint], expected, rtol=1e-9)


def test_trials_run_backwards_give_the_same_index():
    rng = np.random.default_rng(0)
    kernels, X, y = rng.normal(size=(2, 3, 5)), rng.normal(size=(20, 3, 30)), np.arange(20) % 2
    X[y == 0] *= 2
    forwards, backwards = (
        kernel_separability(kernels, data, y, n_permutations=9) for data in (X, X[:, :, ::-1])
    )
    assert_allclose(forwards.index, backwards.index)


def test_kernel_of_zeros_sees_nothing():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 3, 30)), np.arange(8) % 2
    found = kernel_separability(np.zeros((1, 3, 5)), X, y, n_permutations=5)
    assert (found.index, found.separable, found.joint) == (0.5, 0, 0)


# On networks


def test_network_trained_on_waves_is_not_separable(wave):
    found = separability_index(*wave, n_shuffles=0)
    assert found.trained.index < 0.2
    assert found.trained.p_value < 0.05
    assert found.shuffled == ()


def test_index_is_that_of_the_networks_own_kernels(wave):
    clf, X, y = wave
    kernels = clf.module_.joint.weight.detach().numpy()[:, 0]
    assert kernels.shape == (4, 4, 16)
    expected = kernel_separability(kernels, X, y)
    found = separability_index(clf, X, y, n_shuffles=0)
    assert_allclose(found.trained.joint, expected.joint)
    assert_allclose(found.rank_one_shares["trained"], rank_one_share(kernels)[1])


def test_shuffled_training_sees_less_of_the_classes(wave):
    found = separability_index(*wave, n_shuffles=2)
    assert len(found.shuffled) == 2
    assert all(shuffled.joint < found.trained.joint / 2 for shuffled in found.shuffled)


def test_random_kernels_have_the_random_share(wave):
    clf, X, y = wave
    shares = [
        separability_index(
            clf, X, y, n_shuffles=0, n_permutations=1, random_state=seed
        ).rank_one_shares["untrained"]
        for seed in range(20)
    ]
    assert_allclose(np.mean(shares), random_rank_one_share(4, 16), rtol=0.1)


def test_index_leaves_the_classifier_alone(wave):
    clf, X, y = wave
    before = clf.module_.joint.weight.detach().clone()
    separability_index(clf, X, y, n_shuffles=0)
    assert (clf.module_.joint.weight == before).all()


def test_same_seed_gives_the_same_index(wave):
    clf, X, y = wave
    one, other = (separability_index(clf, X, y, n_shuffles=0, random_state=3) for _ in range(2))
    assert one.trained.p_value == other.trained.p_value
    assert one.untrained.index == other.untrained.index


# Bad input


def test_separable_network_is_refused(wave):
    _, X, y = wave
    clf = EEGNetClassifier(max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="fit with spatial=\"joint\", not 'depthwise'"):
        joint_kernels(clf)


def test_unfitted_network_is_refused():
    with pytest.raises(NotFittedError):
        joint_kernels(EEGNetClassifier(spatial="joint"))


def test_another_estimator_is_refused():
    with pytest.raises(TypeError, match="EEGNetClassifier is needed, not a str"):
        joint_kernels("clf")


@pytest.mark.parametrize(
    ("kernels", "message"),
    [
        (np.zeros((3, 4)), r"of shape \(n_kernels, n_chans, kernel_length\), got \(3, 4\)"),
        (np.full((1, 3, 4), np.nan), "NaN or infinite"),
    ],
)
def test_bad_kernels_are_refused(kernels, message):
    with pytest.raises(ValueError, match=message):
        rank_one_share(kernels)


def test_kernels_over_other_channels_are_refused():
    X, y = rhythms(STANDING)
    with pytest.raises(ValueError, match="kernels are over 3 channels, but the trials have 2"):
        kernel_separability(np.ones((1, 3, 4)), X, y)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": np.zeros((4, 3))}, "X must be of shape"),
        ({"X": np.full((4, 2, 64), np.inf)}, "NaN or infinite"),
        ({"X": np.zeros((4, 2, 64))}, "every channel is flat"),
        ({"y": [0, 1, 0]}, "X has 4 trials but y has 3 labels"),
        ({"y": [0, 0, 0, 0]}, "two classes with two trials each, got 4 of 0"),
        ({"y": [0, 0, 0, 1]}, "got 3 of 0, 1 of 1"),
        ({"fmin": 8.2, "fmax": 8.4}, "no frequency from 8.2 to 8.4 Hz"),
        ({"shrinkage": 2}, "'shrinkage' parameter"),
    ],
)
def test_bad_data_are_refused(changes, message):
    X = np.random.default_rng(0).normal(size=(4, 2, 64))
    with pytest.raises(ValueError, match=message):
        data_separability(**{"X": X, "y": [0, 0, 1, 1], "sfreq": SFREQ, **changes})


# The figure


def test_figure_has_a_row_a_subject_from_least_to_most_separable(wave):
    network = separability_index(*wave, n_shuffles=1, n_permutations=20)
    data = {
        subject: Separability(index, 1.0, 1.0, 0.1, 0.01)
        for subject, index in (("A", 0.9), ("B", 0.2))
    }
    before = plt.get_fignums()
    figure = plot_separability({}, data)
    assert isinstance(figure, Figure)
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["B", "A"]
    figure = plot_separability({"A": network, "B": network}, data)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["trained on shuffled labels", "random kernels", "trained kernels", "data"]
    assert plt.get_fignums() == before


def test_figure_takes_axes():
    figure, ax = plt.subplots()
    data = {1: Separability(0.9, 1.0, 0.0, 0.1, 0.5)}
    assert plot_separability({}, data, ax=ax) is figure
    plt.close(figure)


def test_figure_of_nobody_is_refused():
    with pytest.raises(ValueError, match="no subject to draw"):
        plot_separability({})
