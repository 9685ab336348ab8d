"""Maps of fitted networks against closed forms, MNE and the simulation's truth."""

import pickle
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import sklearn
import torch
from mne.decoding import get_spatial_filter_from_estimator
from moabb.paradigms import LeftRightImagery
from scipy.signal import freqz, welch
from scipy.stats import mannwhitneyu
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from eegsep import EEGNetClassifier
from eegsep.datasets import SimulatedMotorImagery
from eegsep.estimator.haufe import find_maps
from eegsep.inspection.controls import label_shuffled, untrained
from eegsep.inspection.cross_validation import cross_components, cross_fits, sanity_checks
from eegsep.inspection.folds import make_folds, parts_to_shuffle, shuffle_labels
from eegsep.inspection.learned import Components, components, similarity, spatial_patterns
from eegsep.inspection.pipelines import fit_with_groups
from eegsep.inspection.recurrence import consensus
from eegsep.inspection.worth import integrated_gradients, relevance
from eegsep.network.side_by_side import side_by_side
from tests.conftest import make_epochs, make_trials


def small(**settings):
    return EEGNetClassifier(**{"F1": 2, "max_epochs": 2, "random_state": 0, **settings})


@pytest.fixture(scope="module")
def fitted():
    X, y = make_trials(40)
    return small(init="glorot", F1=3, sfreq=128, max_epochs=30, lr=0.01).fit(X, y), X, y


def centred(clf, X):
    return X - clf.center_[:, np.newaxis]


def temporally_filtered(clf, X):
    """Return k_f * x of the network's own temporal convolution, (F1, n_chans, all samples)."""
    with torch.no_grad():
        x = torch.from_numpy(centred(clf, X)).unsqueeze(1)
        x = clf.module_.temporal.double()(x).numpy()
    clf.module_.float()
    return np.stack([np.concatenate(list(x[:, f]), axis=1) for f in range(x.shape[1])])


# -- filters and patterns --------------------------------------------------------------------------


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


def test_another_estimator_is_refused_with_what_to_pass():
    with pytest.raises(TypeError, match=r"not a LogisticRegression"):
        components(LogisticRegression())


# -- MNE -------------------------------------------------------------------------------------------


class Mixing(TransformerMixin, BaseEstimator):
    """A fixed linear map of the electrodes."""

    def __init__(self, matrix):
        self.matrix = matrix

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return self.matrix @ X

    def __sklearn_is_fitted__(self):
        return True


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


# -- pipelines -------------------------------------------------------------------------------------


def test_maps_of_a_pipeline_are_on_the_electrodes():
    """Haufe's pattern of w on A x is A's inverse times that on the electrodes: Cov(Ax)w = A Cov."""
    X, y = make_trials(30)
    matrix = np.eye(6) + 0.2 * np.random.default_rng(0).normal(size=(6, 6))
    pipeline = make_pipeline(Mixing(matrix), small(D=1)).fit(X, y)
    found, inner = components(pipeline, X), components(pipeline[-1])
    expected = inner.patterns @ np.linalg.inv(matrix).T
    signs = np.sign((expected * found.patterns).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found.patterns, signs * expected, rtol=1e-6)
    np.testing.assert_allclose(found.filters, signs * (inner.filters @ matrix), rtol=1e-6)


def test_a_pipeline_without_steps_before_is_its_classifier(fitted):
    clf, *_ = fitted
    pipeline = make_pipeline(clf)
    np.testing.assert_array_equal(components(pipeline).patterns, clf.patterns_)


def test_a_pipeline_needs_its_trials():
    X, y = make_trials(20)
    pipeline = make_pipeline(Mixing(np.eye(6)), small()).fit(X, y)
    with pytest.raises(ValueError, match="pass X"):
        components(pipeline)


@pytest.mark.parametrize("function", [np.abs, lambda X: X / X.std(axis=(1, 2), keepdims=True)])
def test_steps_that_are_no_linear_map_of_the_electrodes_are_refused(function):
    X, y = make_trials(20)
    X = X * np.linspace(1, 2, len(X))[:, np.newaxis, np.newaxis]
    pipeline = make_pipeline(FunctionTransformer(function), small()).fit(X, y)
    with pytest.raises(ValueError, match="not one linear map"):
        components(pipeline, X)


# -- frequencies -----------------------------------------------------------------------------------


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


def test_of_two_networks_side_by_side_components_say_what_they_began_with(fitted):
    _, X, y = fitted
    assert set(components(small(init="induced").fit(X, y)).starts) == {"induced"}
    assert set(components(small(init="glorot").fit(X, y)).starts) == {"glorot"}
    started = small(init="induced", D=1, max_epochs=0).fit(X, y)
    drawn = small(init="glorot", D=1, max_epochs=0).fit(X, y)
    started.module_ = side_by_side([started.module_, drawn.module_], (0.5, 0.5))
    started.drawn_share_ = 0.5
    found = components(started, X)
    assert found.starts.tolist() == ["induced", "induced", "glorot", "glorot"]
    np.testing.assert_allclose(found.patterns[2:], drawn.patterns_, rtol=1e-5)


def test_leading_components_are_the_relevant_ones_and_copies_count_once(sources):
    topographies, spectra = sources
    order, worth = [0, 0, 1, 2], np.array([1.0, 2.0, 0.5, 3.0])
    scales = np.array([[1.0], [-2.0], [1.0], [1.0]])
    found = made(scales * topographies[order], spectra[order], np.column_stack([worth, worth]))
    assert found.leading().tolist() == [3, 1, 2]
    assert found.leading(2).tolist() == [3, 1]
    assert replace(found, relevance=None).leading().tolist() == [0, 2, 3]


# -- relevance and attribution ---------------------------------------------------------------------


def test_silenced_relevance_is_the_rise_of_the_loss_without_the_component(fitted):
    clf, X, y = fitted
    net, index = clf.module_, np.searchsorted(clf.classes_, y)
    x = torch.from_numpy((centred(clf, X) / clf.scale_[:, np.newaxis]).astype(np.float32))
    criterion = torch.nn.CrossEntropyLoss(reduction="none")

    def losses(hook=None):
        handle = net.dropout1.register_forward_hook(hook or (lambda *_: None))
        with torch.no_grad():
            found = criterion(net(x), torch.from_numpy(index)).numpy()
        handle.remove()
        return found

    def silence(module, args, out):
        out = out.clone()
        out[:, 2] = out[:, 2].mean(dim=0)
        return out

    rise = losses(silence) - losses()
    expected = [rise[index == c].mean() for c in (0, 1)]
    found = relevance(clf, X, y, method="silence")
    np.testing.assert_allclose(found[2], expected, rtol=1e-3, atol=1e-5)


def test_a_component_that_goes_nowhere_has_no_relevance():
    X, y = make_trials(30)
    clf = small(F1=2, max_epochs=20, lr=0.01).fit(X, y)
    with torch.no_grad():
        clf.module_.pointwise.weight[:, 1] = 0
    found = relevance(clf, X, y)
    np.testing.assert_allclose(found[1], 0, atol=1e-9)
    assert (np.abs(found[0]) > 1e-9).all()


def test_what_decides_is_relevant(fitted):
    """Permuted decisive components leave a loss above that of the whole network."""
    assert relevance(*fitted).max() > 0.01


def test_a_class_without_trials_has_no_relevance(fitted):
    clf, X, y = fitted
    found = relevance(clf, X[y == "left_hand"], y[y == "left_hand"])
    assert np.isnan(found[:, 1]).all()
    assert np.isfinite(found[:, 0]).all()


def test_relevance_refuses_unknown_labels(fitted):
    with pytest.raises(ValueError, match="not among the classes"):
        relevance(fitted[0], fitted[1], np.repeat("feet", 40))


@pytest.mark.parametrize("domain", ["time", "frequency"])
@pytest.mark.parametrize("algorithm", ["published", "spatial_first"])
def test_attributions_sum_to_the_change_of_the_log_odds(algorithm, domain):
    X, y = make_trials(30)
    clf = small(max_epochs=20, lr=0.01, algorithm=algorithm).fit(X, y)
    found = integrated_gradients(clf, X, np.repeat("right_hand", 30), domain=domain)
    nothing = np.zeros_like(X) + clf.center_[:, np.newaxis]
    expected = clf.decision_function(X) - clf.decision_function(nothing)
    np.testing.assert_allclose(found.sum(axis=(1, 2)), expected, rtol=1e-3, atol=1e-3)


def test_attributions_explain_the_predicted_class(fitted):
    clf, X, _ = fitted
    np.testing.assert_array_equal(
        integrated_gradients(clf, X), integrated_gradients(clf, X, clf.predict(X))
    )


# -- consensus -------------------------------------------------------------------------------------


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


@pytest.fixture
def five_fits(sources):
    """Return fits that found three sources in other orders, signs, scales; one found a fourth."""
    topographies, spectra = sources
    rng = np.random.default_rng(1)
    fits = []
    for fit in range(5):
        order = rng.permutation(4 if fit == 2 else 3)
        scales = rng.choice([-1, 1], (len(order), 1)) * rng.uniform(0.1, 10, (len(order), 1))
        noise = 0.03 * rng.normal(size=(len(order), 20))
        worth = np.array([3.0, 2.0, 1.0, 0.5])[order]
        fits.append(
            made(
                scales * (topographies[order] + noise),
                spectra[order],
                np.column_stack([worth, worth / 2]),
            )
        )
    return fits


def test_consensus_finds_what_fits_share_up_to_order_sign_and_scale(five_fits, sources):
    found = consensus(five_fits)
    assert [cluster.n_fits for cluster in found.clusters] == [5, 5, 5, 1]
    for cluster, topography in zip(found.clusters, sources[0], strict=True):
        assert abs(cluster.pattern @ topography) > 0.97
    assert [cluster.peak_freq for cluster in found.clusters] == [10, 20, 12, 5]


def test_what_one_fit_alone_has_comes_last_and_is_marked(five_fits):
    table = consensus(five_fits).to_frame()
    assert table["single"].tolist() == [False, False, False, True]
    assert np.isnan(table["similarity"].iloc[-1])


def test_relevance_of_a_cluster_is_the_mean_over_fits(five_fits):
    found = consensus(five_fits)
    np.testing.assert_allclose(
        [cluster.relevance for cluster in found.clusters],
        [[3, 1.5], [2, 1], [1, 0.5], [0.1, 0.05]],
    )


def test_spread_is_the_deviation_of_the_maps(five_fits):
    """The maps were made with a deviation of 0.03 about topographies of norm 1."""
    cluster = consensus(five_fits).clusters[0]
    assert np.sqrt(np.mean(cluster.spread**2)) == pytest.approx(0.03, rel=0.3)


def test_a_fit_counts_once_however_often_it_has_a_source(sources):
    topographies, spectra = sources
    twice = made(topographies[[0, 0, 1]], spectra[[0, 0, 1]])
    once = made(topographies[:2], spectra[:2])
    found = consensus([twice, once])
    assert sorted(cluster.n_fits for cluster in found.clusters) == [2, 2]
    assert sorted(len(cluster.members) for cluster in found.clusters) == [2, 3]


def test_the_same_place_at_another_frequency_is_another_component(sources):
    topographies, spectra = sources
    fit = made(topographies[[0, 0]], spectra[:2])
    assert len(consensus([fit, fit]).clusters) == 2


def test_similarity_is_free_of_sign_and_scale(sources):
    topographies, spectra = sources
    first, second = made(topographies, spectra), made(-7 * topographies, spectra)
    np.testing.assert_allclose(np.diagonal(similarity(first, second)), 1)


def test_reliability_of_equal_fits_is_one(sources):
    fit = made(*sources)
    assert consensus([fit, fit, fit]).reliability == pytest.approx(1)


def test_reliability_is_zero_where_components_help_as_often_as_they_hurt(sources):
    worth = np.array([[1.0, 1.0], [-1.0, -1.0], [2.0, 2.0], [-2.0, -2.0]])
    fit = made(*sources, worth)
    assert consensus([fit, fit]).reliability == pytest.approx(0, abs=1e-12)


def test_fits_of_other_repetitions_are_not_compared(sources):
    """Those of a fold in two repetitions have the same trials, and may be one start twice."""
    topographies, spectra = sources
    fits = [made(topographies[[k]], spectra[[k]], repetition=r) for r in (0, 1) for k in (0, 1)]
    found = consensus(fits)
    assert found.reliability == pytest.approx(0, abs=1e-9)
    assert [cluster.n_fits for cluster in found.clusters] == [2, 2]
    assert found.to_frame()["single"].all()


def test_reliability_is_the_mean_over_repetitions(sources):
    topographies, spectra = sources
    alike = [made(topographies[[2]], spectra[[2]], repetition=0)] * 3
    apart = [made(topographies[[k]], spectra[[k]], repetition=1) for k in (0, 1)]
    assert consensus(alike + apart).reliability == pytest.approx(1 / 2)


def test_a_repetition_of_one_fit_does_not_count(sources):
    topographies, spectra = sources
    alike = [made(topographies, spectra)] * 2
    alone = made(topographies[[0]], spectra[[1]], repetition=1)
    assert consensus([*alike, alone]).reliability == pytest.approx(1)
    with pytest.raises(ValueError, match="at least two fits of a repetition"):
        consensus([alike[0], alone])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fits": 1}, "at least two"),
        ({"n_chans": 19}, "different electrodes"),
        ({"n_freqs": 60}, "frequencies"),
        ({"classes": ("feet", "tongue")}, "different classes"),
    ],
)
def test_fits_that_cannot_be_compared_are_refused(sources, change, message):
    topographies, spectra = sources
    other = made(
        topographies[:, : change.get("n_chans")],
        spectra[:, : change.get("n_freqs")],
        classes=change.get("classes", ("left", "right")),
    )
    with pytest.raises(ValueError, match=message):
        consensus([made(topographies, spectra), other][: change.get("fits")])


def test_consensus_takes_classifiers(fitted):
    clf, X, y = fitted
    other = small(F1=3, sfreq=128, random_state=1).fit(X, y)
    assert consensus([clf, other]).n_fits == 2


# -- controls --------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", ["glorot", "induced"])
def test_an_untrained_network_keeps_its_initial_weights_and_normalises_the_data(init):
    X, y = make_trials(20)
    clf = small(init=init, kernel_length=8, max_epochs=5)
    fitted = untrained(clf, X, y, random_state=3)
    rng = np.random.RandomState(3)
    seed = rng.randint(2**31 - 1)
    start = clone(clf).set_params(max_epochs=0, random_state=seed)
    start.fit(X, shuffle_labels(y, random_state=rng))
    for one, other in zip(fitted.module_.parameters(), start.module_.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-25)
    net = fitted.module_
    scaled = (X - fitted.center_[:, None]) / fitted.scale_[:, None]
    filtered = net.temporal(torch.tensor(scaled, dtype=torch.float32)[:, None])
    torch.testing.assert_close(
        net.temporal_norm.running_var, filtered.var(dim=(0, 2, 3)), rtol=1e-3, atol=1e-5
    )


def test_an_untrained_network_knows_nothing_of_the_classes_where_its_start_would():
    X, y = make_trials(60)
    clf = small(init="induced", max_epochs=1, kernel_length=8)
    assert clone(clf).fit(X[:40], y[:40]).score(X[40:], y[40:]) == 1
    controls = [untrained(clf, X[:40], y[:40], random_state=r) for r in range(8)]
    assert np.mean([clf.score(X[40:], y[40:]) for clf in controls]) == pytest.approx(0.5, abs=0.2)


REMEMBERED = []


class Remembers(EEGNetClassifier):
    """Keeps the first value and the label of each trial of each fit in ``REMEMBERED``."""

    def fit(self, X, y):
        REMEMBERED.append(dict(zip(X[:, 0, 0], y, strict=True)))
        return super().fit(X, y)


@pytest.mark.parametrize("control", ["untrained", "shuffled"])
def test_a_control_is_a_cross_validation_with_shuffled_labels(control):
    """So it is no other than one of trained networks where classes do not differ."""
    X, y = make_trials(24)
    clf = Remembers(F1=1, max_epochs=1, init="induced", kernel_length=8)
    REMEMBERED.clear()
    folds = make_folds(3, y)
    found = list(cross_fits(clf, X, y, cv=folds, n_seeds=2, control=control, random_state=5))
    labels = []
    for repetition in (0, 1):
        of_folds = REMEMBERED[3 * repetition : 3 * repetition + 3]
        known = {value: label for fit in of_folds for value, label in fit.items()}
        assert all(known[value] == label for fit in of_folds for value, label in fit.items())
        labels.append(np.array([known[value] for value in X[:, 0, 0]]))
        assert (labels[-1] != y).any()
        for _, test in folds:
            assert sorted(labels[-1][test]) == sorted(y[test])
    assert (labels[0] != labels[1]).any()
    if control == "shuffled":
        options = {"cv": folds, "n_seeds": 2, "random_state": 5}
        trained = [list(cross_fits(clf, X, each, **options)) for each in labels]
        for i, fit in enumerate(found):
            one, other = fit.components, trained[i // 3][i].components
            np.testing.assert_array_equal(one.patterns, other.patterns)
            np.testing.assert_array_equal(one.relevance, other.relevance)
            assert one.repetition == i // 3


@pytest.mark.parametrize("control", ["untrained", "shuffled"])
def test_controls_are_as_reliable_as_trained_networks_where_there_is_nothing_to_learn(control):
    rng, reliability = np.random.default_rng(0), []
    clf = small(F1=4, init="induced", max_epochs=1, kernel_length=8)
    for seed in range(20):
        X, y = rng.normal(size=(24, 6, 32)), np.arange(24) % 2
        reliability.append(
            [
                consensus(
                    cross_components(clf, X, y, cv=3, control=kind, random_state=seed)
                ).reliability
                for kind in (None, control)
            ]
        )
    assert mannwhitneyu(*np.transpose(reliability)).pvalue > 0.05


def test_labels_are_shuffled_where_folds_keep_their_numbers_of_each_class():
    y = np.tile(["left", "right"], 10)
    tests = [np.arange(0, 8), np.arange(8, 16)]
    parts = parts_to_shuffle(tests, y)
    assert [part.tolist() for part in parts] == [[*range(8)], [*range(8, 16)], [*range(16, 20)]]
    shuffled = shuffle_labels(y, random_state=0, parts=parts)
    assert (shuffled != y).any()
    assert all((shuffled[part] == "left").sum() == len(part) / 2 for part in parts)


@pytest.mark.parametrize(
    ("tests", "y"),
    [
        ([np.arange(8), np.arange(4, 12)], np.arange(12) % 2),  # some trials twice
        ([np.arange(6), np.arange(6, 12)], np.arange(12) // 6),  # a class a fold
    ],
)
def test_labels_are_shuffled_across_folds_where_they_cannot_be_within(tests, y):
    (part,) = parts_to_shuffle(tests, y)
    assert part.tolist() == [*range(12)]


def test_shuffling_leaves_the_labels_as_they_are():
    X, y = make_trials(20)
    before = y.copy()
    label_shuffled(make_pipeline(small()), X, y)
    np.testing.assert_array_equal(y, before)


def test_cross_components_fit_every_fold_from_other_weights():
    epochs, y = make_epochs(20)
    fits = cross_components(small(), epochs, y, cv=2, n_seeds=2)
    assert len(fits) == 4
    assert all(fit.relevance.shape == (4, 2) and fit.info is not None for fit in fits)
    assert len({fit.kernels.tobytes() for fit in fits}) == 4


def test_an_unknown_control_is_refused():
    with pytest.raises(ValueError, match="control must be"):
        cross_components(small(), *make_trials(20), control="frozen")


# -- truth -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulated():
    """Return a subject's sources, and the consensus of trained fits and of controls."""
    dataset = SimulatedMotorImagery(n_subjects=1, n_sessions=1, snr=1.0)
    epochs, y, _ = LeftRightImagery().get_data(dataset, [1], return_epochs=True)
    clf = EEGNetClassifier(F1=4, max_epochs=60, lr=0.01)
    return dataset.sources(1), epochs.ch_names, sanity_checks(clf, epochs, y, cv=3)


def test_consensus_patterns_are_the_topographies_of_the_sources(simulated):
    sources, ch_names, checks = simulated
    found = [cluster for cluster in checks["trained"].clusters if cluster.n_fits > 1]
    for source in sources:
        truth = source.pick(ch_names) / np.linalg.norm(source.pick(ch_names))
        best = max(found, key=lambda cluster: abs(cluster.pattern @ truth))
        assert abs(best.pattern @ truth) > 0.93
        assert abs(best.filter @ truth) < 0.8
        assert min(abs(best.peak_freq - f) for f in (source.mu_freq, source.beta_freq)) < 1.5


def test_controls_are_less_reliable_than_trained_networks(simulated):
    _, _, checks = simulated
    for control in ("untrained", "shuffled"):
        assert checks[control].reliability < checks["trained"].reliability - 0.2


# -- groups --------------------------------------------------------------------------------------


class AsksForGroups(EEGNetClassifier):
    """Remembers the groups that a fit was given."""

    def fit(self, X, y, groups=None):
        super().fit(X, y)
        self.groups_ = groups
        return self


def test_whole_groups_are_held_out_and_a_splitter_gets_them():
    X, y = make_trials(12)
    groups = np.arange(12) // 4
    fits = list(cross_fits(small(F1=1), X, y, cv=LeaveOneGroupOut(), groups=groups))
    assert [fit.test.tolist() for fit in fits] == np.arange(12).reshape(3, 4).tolist()
    assert len(cross_components(small(F1=1), X, y, cv=3, groups=groups)) == 3
    checks = sanity_checks(small(F1=1), X, y, cv=LeaveOneGroupOut(), groups=groups)
    assert [each.n_fits for each in checks.values()] == [3, 3, 3]


def test_a_splitter_that_needs_groups_says_so():
    with pytest.raises(ValueError, match="LeaveOneGroupOut needs groups: pass groups="):
        cross_components(small(F1=1), *make_trials(12), cv=LeaveOneGroupOut())


def test_groups_reach_estimators_that_request_them():
    X, y = make_trials(8)
    groups = np.arange(8) // 2
    with sklearn.config_context(enable_metadata_routing=True):
        asks = AsksForGroups(F1=1, max_epochs=1).set_fit_request(groups=True)
        for estimator in (asks, make_pipeline(asks)):
            fitted = fit_with_groups(clone(estimator), X, y, groups)
            clf = fitted[-1] if estimator is not asks else fitted
            np.testing.assert_array_equal(clf.groups_, groups)
        not_asking = AsksForGroups(F1=1, max_epochs=1).set_fit_request(groups=False)
        assert fit_with_groups(not_asking, X, y, groups).groups_ is None
    assert fit_with_groups(clone(asks), X, y, groups).groups_ is None


def test_groups_of_one_class_are_shuffled_whole_and_others_within():
    groups = np.repeat(range(10), 6)
    whole = np.repeat(np.arange(10) % 2, 6)
    shuffled = shuffle_labels(whole, groups, 0)
    assert all(len(set(shuffled[groups == group])) == 1 for group in range(10))
    assert shuffled.sum() == whole.sum()
    assert not np.array_equal(shuffled, whole)
    mixed = np.tile([0, 0, 0, 1, 1, 1], 10)
    shuffled = shuffle_labels(mixed, groups, 0)
    assert all(shuffled[groups == group].sum() == 3 for group in range(10))
    assert not np.array_equal(shuffled, mixed)
