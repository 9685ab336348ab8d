"""Filters, patterns and spectra of fitted networks against closed forms and MNE."""

import pickle
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from mne.decoding import get_spatial_filter_from_estimator
from scipy.signal import freqz, welch
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from eegsep import EEGNetClassifier
from eegsep.estimator.haufe import find_maps
from eegsep.inspection.learned import components, similarity, spatial_patterns
from tests.conftest import make_epochs, make_trials
from tests.inspection.conftest import centred, made, small


def temporally_filtered(clf, X):
    """Return k_f * x of the network's own temporal convolution, (F1, n_chans, all samples)."""
    with torch.no_grad():
        x = torch.from_numpy(centred(clf, X)).unsqueeze(1)
        x = clf.module_.temporal.double()(x).numpy()
    clf.module_.float()
    return np.stack([np.concatenate(list(x[:, f]), axis=1) for f in range(x.shape[1])])


@pytest.mark.parametrize("kernel_length", [8, 9])
def test_patterns_are_covariances_of_the_filtered_signal_with_the_component(kernel_length):
    X, y = make_trials(20)
    clf = small(D=1, kernel_length=kernel_length).fit(X, y)
    signals = temporally_filtered(clf, X)
    for x, spatial, pattern in zip(signals, clf.filters_, clf.patterns_, strict=True):
        component = spatial @ x
        expected = np.cov(x, component, bias=True)[:-1, -1] / component.std()
        gain = np.linalg.norm(expected) / np.linalg.norm(pattern)
        np.testing.assert_allclose(pattern * gain, expected, rtol=1e-6)


def test_patterns_are_scaled_to_a_temporal_gain_of_one_at_the_peak():
    X, y = make_trials(20)
    clf = small(D=1, kernel_length=9).fit(X, y)
    kernels = clf.module_.temporal.weight.detach().numpy()[:, 0, 0]
    for x, kernel, spatial, pattern in zip(
        temporally_filtered(clf, X), kernels, clf.filters_, clf.patterns_, strict=True
    ):
        freqs, power = welch(spatial @ centred(clf, X), fs=1, nperseg=X.shape[2])
        gains = np.abs(freqz(kernel, worN=2 * np.pi * freqs)[1])
        gain = gains[(gains * power.mean(axis=0)).argmax()]
        x = x / gain
        expected = np.cov(x, spatial @ x, bias=True)[:-1, -1] / (spatial @ x).std()
        np.testing.assert_allclose(pattern, expected, rtol=1e-5)


def test_filters_make_components_of_variance_one(fitted):
    clf, X, _ = fitted
    found = components(clf)
    for spatial, kernel in zip(found.filters, found.kernels, strict=True):
        left = (len(kernel) - 1) // 2
        padded = np.pad(spatial @ centred(clf, X), ((0, 0), (left, len(kernel) - 1 - left)))
        y = [np.correlate(trial, kernel, "valid") for trial in padded]
        assert np.var(y) == pytest.approx(1, rel=1e-5)


def test_largest_value_of_a_pattern_is_positive(fitted):
    patterns = fitted[0].patterns_
    assert (patterns.max(axis=1) == np.abs(patterns).max(axis=1)).all()


def test_a_filter_and_its_pattern_have_an_inner_product_of_one(fitted):
    """w' Cov w / sd is the standard deviation, 1."""
    clf, *_ = fitted
    np.testing.assert_allclose((clf.filters_ * clf.patterns_).sum(axis=1), 1, rtol=1e-5)


def test_patterns_are_those_of_the_training_trials(fitted):
    clf, X, _ = fitted
    np.testing.assert_allclose(spatial_patterns(clf, X), clf.patterns_, rtol=1e-9)


def test_patterns_are_in_the_unit_of_the_data():
    X, y = make_trials(20)
    clf = small()
    volts, microvolts = clf.fit(X, y).patterns_, clf.fit(1e6 * X, y).patterns_
    np.testing.assert_allclose(1e6 * volts, microvolts, rtol=1e-4, atol=1e-4)


def test_evals_of_principal_components_are_their_eigenvalues():
    X, _ = make_trials(20)
    values, vectors = np.linalg.eigh(np.cov(np.hstack(list(X)), bias=True))
    maps = find_maps(X, np.arange(len(X)), vectors.T, np.ones((6, 1)))
    np.testing.assert_allclose(np.square(maps.patterns).sum(axis=1), values, rtol=1e-6)


def test_evals_are_the_variance_that_patterns_explain(fitted):
    clf, *_ = fitted
    np.testing.assert_allclose(clf.evals_, np.linalg.norm(clf.patterns_, axis=1) ** 2)


def test_a_large_offset_leaves_patterns_as_they_are():
    X, y = make_trials(20)
    clf = small(kernel_length=1).fit(X, y)
    found = spatial_patterns(clf, X + 1e4 * X.std())
    np.testing.assert_allclose(found, spatial_patterns(clf, X), rtol=1e-4, atol=1e-10)


def test_pattern_finds_the_source_where_the_filter_does_not():
    """A filter also cancels noise that its source's electrodes share; a pattern does not."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2, 64))
    noise = 3 * rng.normal(size=(40, 64))
    X[:, 0] += noise
    X[:, 1] = noise + 0.01 * X[:, 1]
    clf = small(F1=1, D=1, kernel_length=1).fit(X, np.arange(40) % 2)
    with torch.no_grad():
        # a difference in the unit of X
        difference = torch.from_numpy(clf.scale_ * [0.05, -0.05])
        clf.module_.spatial.weight[0, 0, :, 0] = difference
    pattern = np.abs(spatial_patterns(clf, X)[0])
    assert pattern[1] < 0.1 * pattern[0]


def test_patterns_survive_pickling(fitted):
    clf, *_ = fitted
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clf)).patterns_, clf.patterns_)


def test_patterns_after_partial_fit_are_those_of_its_trials():
    X, y = make_trials(20)
    clf = small().partial_fit(X, y)
    np.testing.assert_allclose(spatial_patterns(clf, X), clf.patterns_, rtol=1e-9)


@pytest.mark.parametrize("name", ["filters_", "patterns_", "evals_"])
@pytest.mark.parametrize("spatial", ["standard", "grouped:2", "joint", "low_rank:1"])
def test_kinds_without_a_single_spatial_filter_have_no_maps(spatial, name):
    clf = small(F1=4, spatial=spatial).fit(*make_trials(20))
    with pytest.raises(AttributeError, match=f"{name} does not exist for spatial='{spatial}'"):
        getattr(clf, name)


def test_maps_need_a_fit():
    with pytest.raises(NotFittedError):
        spatial_patterns(EEGNetClassifier(), make_trials()[0])
    with pytest.raises(AttributeError, match="patterns_ exists once"):
        _ = EEGNetClassifier().patterns_


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_mne_draws_filters_patterns_and_scree(in_pipeline):
    epochs, y = make_epochs(20)
    estimator = small()
    if in_pipeline:
        estimator = make_pipeline(FunctionTransformer(), estimator)
    estimator.fit(epochs, y)
    clf = estimator[-1] if in_pipeline else estimator
    spatial_filter = get_spatial_filter_from_estimator(
        estimator,
        clf.info_,
        get_coefs=("filters_", "patterns_", "evals_"),
        patterns_method="haufe",
    )
    np.testing.assert_array_equal(spatial_filter.patterns, clf.patterns_)
    before = plt.get_fignums()
    figures = [
        spatial_filter.plot_filters(show=False),
        spatial_filter.plot_patterns(show=False),
        spatial_filter.plot_scree(show=False),
    ]
    np.testing.assert_array_equal(figures[2].axes[0].lines[0].get_ydata(), clf.evals_)
    for number in set(plt.get_fignums()) - set(before):
        plt.close(number)


def test_responses_are_those_of_the_kernels(fitted):
    found = components(fitted[0])
    for kernel, response in zip(found.kernels, found.responses, strict=True):
        expected = np.abs(freqz(kernel, worN=found.freqs, fs=128)[1])
        np.testing.assert_allclose(response, expected, atol=1e-9)


def test_gain_is_one_at_the_peak(fitted):
    found = components(fitted[0])
    for kernel, freq in zip(found.kernels, found.peak_freqs, strict=True):
        assert abs(freqz(kernel, worN=[freq], fs=128)[1][0]) == pytest.approx(1, rel=1e-6)


@pytest.fixture(scope="module")
def rhythm():
    """Return a network of flat kernels on a rhythm of 16 Hz in little noise."""
    rng = np.random.default_rng(0)
    turns = 2 * np.pi * 16 * np.arange(256) / 128 + rng.uniform(0, 2 * np.pi, (30, 1, 1))
    X = np.sin(turns) + 1e-3 * rng.normal(size=(30, 4, 256))
    return small(kernel_length=1, sfreq=128).fit(X, np.arange(30) % 2)


def test_frequency_pattern_peaks_at_the_rhythm(rhythm):
    np.testing.assert_allclose(components(rhythm).peak_freqs, 16)


def test_band_of_a_pure_rhythm_is_that_of_the_hann_window(rhythm):
    """A Hann window is 1.44 bins wide at -3 dB (Harris 1978); a bin is half a hertz here."""
    low, high = components(rhythm).bands.T
    np.testing.assert_allclose(high - low, 1.44 / 2, rtol=0.1)
    np.testing.assert_allclose((low + high) / 2, 16, atol=0.05)


@pytest.mark.parametrize("init", ["induced", "glorot"])
def test_components_say_what_they_began_with(fitted, init):
    _, X, y = fitted
    assert set(components(small(init=init).fit(X, y)).starts) == {init}


def test_leading_components_are_the_relevant_ones_and_copies_count_once(sources):
    topographies, spectra = sources
    order, worth = [0, 0, 1, 2], np.array([1.0, 2.0, 0.5, 3.0])
    scales = np.array([[1.0], [-2.0], [1.0], [1.0]])
    found = made(scales * topographies[order], spectra[order], np.column_stack([worth, worth]))
    assert found.leading().tolist() == [3, 1, 2]
    assert found.leading(2).tolist() == [3, 1]
    assert replace(found, relevance=None).leading().tolist() == [0, 2, 3]


def test_similarity_is_free_of_sign_and_scale(sources):
    topographies, spectra = sources
    first, second = made(topographies, spectra), made(-7 * topographies, spectra)
    np.testing.assert_allclose(np.diagonal(similarity(first, second)), 1)
