"""Starting weights: against scikit-learn and pyRiemann, and through the estimator."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from pyriemann.tangentspace import TangentSpace
from scipy.linalg import fractional_matrix_power
from scipy.signal import fftconvolve
from scipy.stats import spearmanr
from sklearn.covariance import OAS
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge

from eegsep import EEGNet, EEGNetClassifier
from eegsep.datasets.mirror import mirror_images
from eegsep.estimator import epoch_choice
from eegsep.network import initialisation as init
from eegsep.network.side_by_side import side_by_side, surely_adds
from eegsep.training.loop import KerasAdam, centred_step, train_step

SFREQ = 128.0


def induced_trials(n_trials=80, n_chans=4, n_classes=2, n_times=256, gain=0.5, seed=0):
    """Noise through a mixing matrix; each class has one louder source."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_trials) % n_classes
    sources = rng.normal(size=(n_trials, n_chans, n_times))
    for k in range(n_classes):
        sources[y == k, k] *= 1 + gain
    return rng.normal(size=(n_chans, n_chans)) @ sources, y


def evoked_trials(n_trials=80, n_chans=4, n_times=128, seed=0):
    """Noise, and a slow wave of one topography that the classes have with opposite signs."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_trials) % 2
    wave = np.hanning(n_times // 2)
    X = rng.normal(size=(n_trials, n_chans, n_times))
    X[:, :, n_times // 4 : n_times // 4 + len(wave)] += (
        0.25 * (2 * y - 1)[:, None, None] * rng.normal(size=(n_chans, 1)) * wave
    )
    return X, y


def mirrored_trials(lateralised, louder=1.15, n_trials=40, n_times=128, seed=0):
    """Three channels, left, right and between; a class each has one side louder, or the middle."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_trials) % 2
    X = rng.normal(size=(n_trials, 3, n_times))
    if lateralised:
        X[np.arange(n_trials), y] *= louder
    else:
        X[y == 1, 2] *= louder**2
    return X, y


def net_for(X, n_outputs=2):
    generator = torch.Generator().manual_seed(0)
    return EEGNet(*X.shape[1:], n_outputs, generator=generator).eval()


def logits_of(net, X):
    with torch.no_grad():
        return net(torch.from_numpy(X).float()).double().numpy()


def started(X, y, features_of):
    net, weight = net_for(X, y.max() + 1), np.ones(len(y))
    start = init.find_start(net, features_of(net, weight), y, weight)
    return init.set_start(net, start, X), start


class TestRidge:
    def test_left_out_scores_are_those_of_refits(self):
        rng = np.random.default_rng(0)
        features, y = rng.normal(size=(20, 30)), np.arange(20) % 2
        weight = rng.uniform(0.5, 2, size=20)
        ridge = init.ridge_by_leave_one_out(features, np.eye(2)[y], weight)
        weight = weight / weight.mean()
        centred = features - np.average(features, axis=0, weights=weight)
        penalty = ridge.shrinkage * (weight[:, None] * centred**2).sum() / 20
        for i in range(20):
            others = np.arange(20) != i
            refit = Ridge(alpha=penalty).fit(
                features[others], np.eye(2)[y[others]], sample_weight=weight[others]
            )
            expected = refit.predict(features[i : i + 1])[0] - np.average(
                np.eye(2)[y], axis=0, weights=weight
            )
            np.testing.assert_allclose(ridge.left_out[i], expected, atol=1e-8)

    def test_for_two_classes_it_is_linear_discriminant_analysis_with_shrinkage(self):
        rng = np.random.default_rng(1)
        features, y = rng.normal(size=(30, 10)), np.arange(30) % 2
        features[y == 1, 0] += 1
        ridge = init.ridge_by_leave_one_out(features, np.eye(2)[y], np.ones(30))
        centred = features - features.mean(axis=0)
        penalty = ridge.shrinkage * (centred**2).sum() / 30
        within = np.concatenate([features[y == k] - features[y == k].mean(axis=0) for k in (0, 1)])
        ratio = penalty / 30 / (np.square(within).sum() / 30 / 10)
        lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=ratio / (1 + ratio))
        expected = lda.fit(features, y).coef_[0]
        found = ridge.coef[:, 1] - ridge.coef[:, 0]
        np.testing.assert_allclose(
            found / np.linalg.norm(found), expected / np.linalg.norm(expected), atol=1e-6
        )

    def test_trust_weighs_trials_in_the_regression_and_not_in_the_loss(self):
        rng = np.random.default_rng(4)
        features, y, trust = rng.normal(size=(30, 4)), np.arange(30) % 2, rng.uniform(0.2, 3, 30)
        onehot = np.eye(2)[y]
        ridge = init.ridge_by_leave_one_out(features, onehot, np.ones(30), trust)
        weighted = init.ridge_by_leave_one_out(features, onehot, trust)
        np.testing.assert_array_equal(
            init.ridge_by_leave_one_out(features, onehot, np.ones(30), np.ones(30)).coef,
            init.ridge_by_leave_one_out(features, onehot, np.ones(30)).coef,
        )
        logits = ridge.temperature * ridge.left_out + ridge.bias
        loss = -(onehot * logits).sum(axis=1) + np.log(np.exp(logits).sum(axis=1))
        assert ridge.loss == pytest.approx(loss.mean(), abs=0.01)
        if ridge.shrinkage == weighted.shrinkage:
            np.testing.assert_allclose(ridge.coef, weighted.coef)

    def test_a_sum_of_log_odds_leaves_out_what_says_nothing(self):
        rng = np.random.default_rng(5)
        y = np.arange(60) % 2
        onehot, weight = np.eye(2)[y], np.ones(60)
        told = rng.normal(size=(60, 3)) + y[:, np.newaxis]
        ridges = [
            init.ridge_by_leave_one_out(features, onehot, weight)
            for features in (told, rng.normal(size=(60, 3)))
        ]
        both = init.sum_of_log_odds(ridges, onehot, weight)
        logits = sum(each.temperature * each.left_out for each in ridges)
        np.testing.assert_allclose(both.left_out, logits)
        assert both.loss == pytest.approx(ridges[0].loss, abs=0.02)
        np.testing.assert_array_equal(
            init.sum_of_log_odds(ridges[:1], onehot, weight).coef, ridges[0].coef
        )

    def test_scores_that_say_nothing_leave_the_shares_of_the_classes(self):
        y = np.repeat([0, 1, 2], [20, 10, 10])
        _, bias, _ = init.find_temperature(np.zeros((40, 3)), np.eye(3)[y], np.ones(40))
        probabilities = np.exp(bias) / np.exp(bias).sum()
        np.testing.assert_allclose(probabilities, [0.5, 0.25, 0.25], atol=1e-4)

    def test_more_trials_than_features_gives_the_same_as_fewer(self):
        rng = np.random.default_rng(2)
        features, y = rng.normal(size=(40, 6)), np.arange(40) % 3
        wide = np.concatenate([features, np.zeros((40, 60))], axis=1)
        narrow = init.ridge_by_leave_one_out(features, np.eye(3)[y], np.ones(40))
        wide = init.ridge_by_leave_one_out(wide, np.eye(3)[y], np.ones(40))
        np.testing.assert_allclose(narrow.left_out, wide.left_out, atol=1e-8)
        np.testing.assert_allclose(narrow.coef, wide.coef[:6], atol=1e-8)


class TestTangentSpace:
    def test_covariances_are_those_of_scikit_learn(self):
        X, _ = induced_trials(n_trials=5)
        expected = [OAS().fit(x.T).covariance_ for x in X]
        np.testing.assert_allclose(init.covariances(X), expected, rtol=1e-9)

    @pytest.mark.parametrize("length", [64, 65])
    def test_covariances_of_a_filter_are_those_of_filtered_trials(self, length):
        X, _ = induced_trials(n_trials=3)
        kernel = init.band_passes(length, SFREQ, [(8, 12)])[0]
        filtered = fftconvolve(X - X.mean(axis=2, keepdims=True), kernel[np.newaxis, np.newaxis])
        unshrunk = filtered @ filtered.transpose(0, 2, 1) / X.shape[2]
        found = init.covariances(X, kernel)
        # shrinkage moves eigenvalues and leaves eigenvectors
        np.testing.assert_allclose(found @ unshrunk, unshrunk @ found, atol=1e-9)
        traces = [np.trace(each, axis1=1, axis2=2) for each in (found, unshrunk)]
        np.testing.assert_allclose(*traces, rtol=1e-6)

    def test_vectors_are_those_of_pyriemann(self):
        X, _ = induced_trials(n_trials=20)
        matrices = init.covariances(X)
        tangents, _ = init.tangent_vectors(matrices, np.ones(20))
        space = TangentSpace(metric={"mean": "euclid", "map": "riemann"}).fit(matrices)
        rows, columns = np.triu_indices(4)
        vectors = tangents[:, rows, columns] * np.where(rows == columns, 1, 2**0.5)
        np.testing.assert_allclose(vectors, space.transform(matrices), atol=1e-8)

    def test_scores_are_those_from_the_riemannian_mean(self):
        X, y = induced_trials(n_trials=40, gain=0.1)
        matrices = init.covariances(X)
        upper = np.triu_indices(4)
        found = init.tangent_vectors(matrices, np.ones(40))[0][:, upper[0], upper[1]]
        expected = TangentSpace(metric="riemann").fit(matrices).transform(matrices)
        scores = [
            init.ridge_by_leave_one_out(each, np.eye(2)[y], np.ones(40)).left_out[:, 1]
            for each in (found * np.where(upper[0] == upper[1], 1, 2**0.5), expected)
        ]
        assert np.corrcoef(scores)[0, 1] > 0.99

    def test_a_weight_of_two_is_the_trial_twice(self):
        X, _ = induced_trials(n_trials=10)
        matrices = init.covariances(X)
        twice = np.concatenate([matrices, matrices[:1]])
        weight = np.r_[2.0, np.ones(9)]
        np.testing.assert_allclose(
            init.tangent_vectors(matrices, weight)[1],
            init.tangent_vectors(twice, np.ones(11))[1],
            atol=1e-10,
        )

    def test_of_a_mirror_image_it_is_the_mirror_image(self):
        X, _ = induced_trials(n_trials=20)
        mirror = np.array([1, 0, 2, 3])
        matrices = init.covariances(X)
        images = matrices[:, mirror[:, None], mirror]
        both = np.concatenate([matrices, images])
        found, whitener = init.tangent_vectors(matrices, np.ones(20), mirror=mirror)
        expected, of_both = init.tangent_vectors(both, np.ones(40))
        np.testing.assert_allclose(whitener, of_both, atol=1e-9)
        np.testing.assert_allclose(found, expected[:20], atol=1e-9)
        np.testing.assert_allclose(found[:, mirror[:, None], mirror], expected[20:], atol=1e-9)


class TestMirror:
    def test_images_are_left_and_right_by_the_names_of_the_10_20_system(self):
        names = ["FC5", "C3", "Cz", "C4", "FC6", "T10", "T9"]
        np.testing.assert_array_equal(mirror_images(names), [4, 3, 2, 1, 0, 6, 5])

    @pytest.mark.parametrize("names", [["C3", "Cz"], ["EEG 1", "EEG 2"], ["a", "b"]])
    def test_none_where_an_image_is_lacking_or_names_say_nothing(self, names):
        assert mirror_images(names) is None

    @pytest.mark.parametrize("lateralised", [True, False])
    def test_images_count_by_what_training_trials_show_of_them(self, lateralised):
        X, y = mirrored_trials(lateralised)
        # filters too short for bands
        net, weight = EEGNet(3, 128, 2, kernel_length=8), np.ones(len(y))
        mirror = np.array([1, 0, 2])
        features = [
            init.best_features(net, X, y, weight, SFREQ, "induced", each) for each in (None, mirror)
        ]
        upper = np.triu_indices(3)
        classifiers = np.zeros((2, 3, 3))
        for W, each in zip(classifiers, features, strict=True):
            coef = init.find_start(net, each, y, weight).ridge.coef[:, 1]
            W[upper] = coef / np.linalg.norm(coef)
            W += np.triu(W, 1).T
        images = classifiers[:, mirror][:, :, mirror]
        even_plain, even = np.linalg.norm(classifiers + images, axis=(1, 2))
        if lateralised:
            assert even < 0.7 * even_plain
        else:
            np.testing.assert_allclose(classifiers[1], classifiers[0], atol=0.05)

    def test_the_estimator_goes_by_the_names_of_channels(self):
        X, y = mirrored_trials(lateralised=True, louder=1.3)
        clf = EEGNetClassifier(init="induced", kernel_length=8, max_epochs=0)
        plain = clf.fit(X, y).decision_function(X)
        named = clf.set_params(ch_names=["C3", "C4", "Cz"]).fit(X, y)
        assert not np.allclose(named.decision_function(X), plain)
        mirrored = named.decision_function(X[:, [1, 0, 2]])
        assert np.corrcoef(mirrored, -named.decision_function(X))[0, 1] > 0.95

    @pytest.mark.parametrize("names", [["C3", "C4"], ["C3", "C4", "C4"]])
    def test_names_that_are_not_those_of_the_channels_are_refused(self, names):
        X, y = mirrored_trials(lateralised=True, louder=1.3)
        with pytest.raises(ValueError, match="ch_names must be 3 different names"):
            EEGNetClassifier(ch_names=names, sfreq=SFREQ).fit(X, y)


class TestNetworkAtTheStart:
    def test_induced_start_scores_as_the_tangent_space_classifier(self):
        X, y = induced_trials(gain=0.15)
        X /= X.std(axis=(0, 2))[:, None]
        net, start = started(
            X, y, lambda net, w: init.Induced(X, w, init.one_sample(net.kernel_length))
        )
        logits = logits_of(net, X)
        found = logits[:, 1] - logits[:, 0]
        expected = start.ridge.fitted[:, 1] - start.ridge.fitted[:, 0]
        assert spearmanr(found, expected)[0] > 0.95

    def test_two_classes_score_by_softly_thresholded_log_powers(self):
        X, y = induced_trials()
        X /= X.std(axis=(0, 2))[:, None]
        net = net_for(X)
        kernel = init.one_sample(net.kernel_length)
        features = init.Induced(X, np.ones(len(y)), kernel, n_components=2)
        onehot = np.eye(2)[y]
        coef = init.ridge_by_leave_one_out(
            features.features, onehot, np.ones(len(y)), given_up=init.GIVEN_UP
        )
        rows, columns = np.triu_indices(X.shape[1])
        W = np.zeros((X.shape[1], X.shape[1]))
        W[rows, columns] = coef.coef[:, 1] / np.where(rows == columns, 1, 2**0.5)
        values, vectors = np.linalg.eigh(W + np.triu(W, 1).T)
        leading = np.argsort(-np.abs(values))
        matrices = init.covariances(X)
        _, whitener = init.tangent_vectors(matrices, np.ones(len(y)))
        powers = np.square(vectors[:, leading[:2]].T @ whitener @ X).mean(axis=2)
        values = values[leading]
        kept = np.sign(values[:2]) * (np.abs(values[:2]) - np.abs(values[2]))
        start = features.start(net, onehot, np.ones(len(y)), np.arange(len(y)))
        logits = logits_of(init.set_start(net, start, X), X)
        assert np.corrcoef(logits[:, 1] - logits[:, 0], np.log(powers) @ kept)[0, 1] > 0.98

    @pytest.mark.parametrize("n_times", [128, 140])
    def test_maps_of_signals_hold_a_linear_classifier_exactly(self, n_times):
        rng = np.random.default_rng(0)
        X, weight = rng.normal(size=(30, 3, n_times)), np.ones(30)
        net = net_for(X)
        features = init.Evoked(X, weight, net)
        coef = rng.normal(size=(features.features.shape[1], 1)) * [[-1, 1]]
        axes, kernels, rows = features._maps(coef, np.arange(30), 12)
        pooled = X[..., : n_times // 4 * 4].reshape(30, 3, -1, 4).mean(axis=3)
        maps = axes @ fractional_matrix_power(init.covariances(X).mean(axis=0), -0.5) @ pooled
        filtered = torch.nn.functional.conv1d(
            torch.nn.functional.pad(torch.from_numpy(maps), (7, 8)),
            torch.from_numpy(kernels)[:, None],
            groups=12,
        )
        windows = torch.nn.functional.avg_pool1d(filtered, 8).numpy()
        found = np.einsum("nmw,mwk->nk", windows, rows)
        np.testing.assert_allclose(found, features.features @ coef, atol=1e-9)

    def test_features_of_evoked_activity_are_whitened_means_over_the_first_pooling(self):
        X, _ = evoked_trials(n_trials=10)
        features = init.Evoked(X, np.ones(10), net_for(X)).features
        values, vectors = np.linalg.eigh(init.covariances(X).mean(axis=0))
        whitened = (vectors / np.sqrt(values)) @ vectors.T @ X
        expected = whitened.reshape(10, 4, 32, 4).mean(axis=3)
        np.testing.assert_allclose(features.reshape(expected.shape), expected, atol=1e-9)

    @pytest.mark.parametrize("loud", [1, 6])
    def test_evoked_start_scores_as_the_classifier_of_signals_and_powers(self, loud):
        X, y = evoked_trials(n_chans=2)
        X[y == 1, 1, 64:96] *= loud
        net, start = started(X, y, lambda net, w: init.Evoked(X, w, net))
        logits = logits_of(net, X)
        found = logits[:, 1] - logits[:, 0]
        ridge = start.ridge
        expected = ridge.temperature * (ridge.fitted[:, 1] - ridge.fitted[:, 0])
        assert np.corrcoef(found, expected)[0, 1] > 0.95
        assert np.polyfit(expected, found, 1)[0] == pytest.approx(1, abs=0.15)
        induced = start.induced[:, 1] - start.induced[:, 0]
        assert (induced.var() > 0.3 * np.var(expected / ridge.temperature)) == (loud > 1)

    def test_scores_spread_as_those_of_left_out_trials(self):
        X, y = induced_trials(n_trials=24, gain=0.2)
        net, start = started(
            X, y, lambda net, w: init.Induced(X, w, init.one_sample(net.kernel_length))
        )
        logits = logits_of(net, X)
        spread = start.ridge.temperature * (
            start.ridge.left_out - start.ridge.left_out.mean(axis=0)
        )
        assert np.linalg.norm(logits - logits.mean(axis=0)) == pytest.approx(
            np.linalg.norm(spread), rel=1e-3
        )

    def test_it_respects_the_bounds_on_norms(self):
        X, y = induced_trials(gain=3)
        net, _ = started(
            X, y, lambda net, w: init.Induced(X, w, init.one_sample(net.kernel_length))
        )
        before = {name: value.clone() for name, value in net.state_dict().items()}
        net.project_()
        for name, value in net.state_dict().items():
            torch.testing.assert_close(value, before[name])

    def test_running_statistics_are_those_of_the_training_trials(self):
        X, y = induced_trials()
        kernels = init.band_passes(64, SFREQ, [(8, 12), (20, 30)])
        net, _ = started(X, y, lambda net, w: init.Induced(X, w, kernels))
        with torch.no_grad():
            filtered = net.temporal(torch.from_numpy(X).float().unsqueeze(1))
            maps = net.first_convolution(torch.from_numpy(X).float())
        for norm, values in ((net.temporal_norm, filtered), (net.spatial_norm, maps)):
            torch.testing.assert_close(
                norm.running_mean, values.mean((0, 2, 3)), atol=1e-4, rtol=1e-3
            )
            torch.testing.assert_close(
                norm.running_var, values.var((0, 2, 3)), atol=1e-4, rtol=1e-3
            )

    def test_bands_are_chosen_where_the_difference_is_narrow(self):
        rng = np.random.default_rng(3)
        y = np.arange(60) % 2
        X = rng.normal(size=(60, 3, 256))
        X[:, 0] *= 3
        time = np.arange(256) / SFREQ
        phase = rng.uniform(0, 2 * np.pi, 60)
        tone = np.sin(2 * np.pi * 11 * time + phase[:, None])
        X[:, 0] += 1.5 * y[:, None] * tone
        net, weight = net_for(X), np.ones(60)
        features = init.best_features(net, X, y, weight, SFREQ, "induced")
        start = init.find_start(net, features, y, weight)
        spectrum = np.abs(np.fft.rfft(start.kernels[0], 256))
        assert abs(spectrum.argmax() * SFREQ / 256 - 11) <= 2


class TestBands:
    def test_narrow_bands_are_as_far_apart_as_kernels_can_tell(self):
        bands = np.array(init.narrow_bands(64, SFREQ))
        np.testing.assert_allclose(np.diff(bands.mean(axis=1)), 2)
        assert bands.min() > 0
        assert bands.mean(axis=1).max() < 45
        assert len(init.narrow_bands(128, SFREQ)) == 2 * len(bands) - 1

    def test_responses_to_flicker_a_few_hertz_apart_are_told_apart(self):
        rng = np.random.default_rng(5)
        y = np.arange(120) % 4
        frequency = np.array([0, 13, 17, 21])[y][:, None]
        time = np.arange(256) / SFREQ
        phase = rng.uniform(0, 2 * np.pi, (120, 1))
        X = rng.normal(size=(120, 4, 256))
        X += 0.5 * np.sin(2 * np.pi * frequency * time + phase)[:, None] * [[1], [2], [0], [1]]
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=0).fit(X[:80], y[:80])
        assert clf.init_ == "induced"
        assert clf.score(X[80:], y[80:]) >= 0.9


class TestEstimator:
    @pytest.mark.parametrize(
        ("trials", "kind"), [(induced_trials, "induced"), (evoked_trials, "evoked")]
    )
    def test_auto_tells_induced_from_evoked_activity(self, trials, kind):
        X, y = trials()
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=0).fit(X[:60], y[:60])
        assert clf.init_ == kind
        assert clf.score(X[60:], y[60:]) >= 0.8

    def test_more_than_two_classes(self):
        X, y = induced_trials(n_trials=120, n_classes=3, gain=1)
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=0).fit(X[:90], y[:90])
        assert clf.score(X[90:], y[90:]) >= 0.8

    @pytest.mark.parametrize("F1", [1, 2, 8])
    def test_evoked_activity_of_three_classes_in_networks_of_any_size(self, F1):
        rng = np.random.default_rng(6)
        y = np.arange(90) % 3
        X = rng.normal(size=(90, 3, 128))
        X[y == 1, 0, 20:60] += 0.8
        X[y == 2, 0, 20:60] -= 0.8
        clf = EEGNetClassifier(init="evoked", F1=F1, D=1, sfreq=SFREQ, max_epochs=0)
        assert clf.fit(X[:60], y[:60]).score(X[60:], y[60:]) >= 0.8

    def test_order_and_unit_do_not_matter(self):
        X, y = induced_trials(n_trials=30)
        order = np.random.default_rng(0).permutation(30)
        clf = EEGNetClassifier(
            init="auto", early_stopping="cv", sfreq=SFREQ, max_epochs=5, random_state=0
        )
        expected = clf.fit(X, y).decision_function(X)
        np.testing.assert_array_equal(clf.fit(X[order], y[order]).decision_function(X), expected)
        found = clf.fit(X * 2.0**-20, y).decision_function(X * 2.0**-20)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

    def test_a_weight_of_two_is_the_trial_twice(self):
        X, y = induced_trials(n_trials=30)
        clf = EEGNetClassifier(init="induced", sfreq=SFREQ, max_epochs=2, random_state=0)
        twice = clf.fit(np.concatenate([X, X[:3]]), np.r_[y, y[:3]]).decision_function(X)
        weight = np.r_[2.0, 2, 2, np.ones(27)]
        np.testing.assert_array_equal(clf.fit(X, y, weight).decision_function(X), twice)

    @pytest.mark.parametrize("options", [{"spatial": "joint"}, {"F2": 4}])
    def test_what_cannot_hold_a_start_is_drawn_or_refused(self, options):
        X, y = induced_trials(n_trials=20)
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=1, **options)
        assert clf.fit(X, y).init_ == "glorot"
        with pytest.raises(ValueError, match="init='induced' is not possible"):
            clf.set_params(init="induced").fit(X, y)

    def test_flat_trials_and_single_samples_are_drawn(self):
        X, y = induced_trials(n_trials=20)
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=1)
        assert clf.fit(X[:, :, 0], y).init_ == "glorot"
        X[3] = 0
        assert clf.fit(X, y).init_ == "glorot"

    def test_a_class_without_weight_is_drawn_or_refused(self):
        X, y = induced_trials(n_trials=30)
        y[::3] = 2
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=1, class_weight={2: 0})
        assert clf.fit(X, y).init_ == "glorot"
        for kind in ("induced", "evoked"):
            with pytest.raises(ValueError, match="fewer than 3 distinct trials that count"):
                clf.set_params(init=kind).fit(X, y)

    def test_partial_fit_draws(self):
        X, y = induced_trials(n_trials=20)
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ)
        assert clf.partial_fit(X, y).init_ == "glorot"


class TestDropout:
    @pytest.mark.parametrize(
        ("trials", "kind"), [(induced_trials, "induced"), (evoked_trials, "evoked")]
    )
    def test_a_start_is_trained_without_and_keeps_its_function(self, trials, kind):
        X, y = trials()
        clf = EEGNetClassifier(init=kind, sfreq=SFREQ, lr=1e-12, random_state=0, max_epochs=0)
        expected = clf.fit(X, y).decision_function(X)
        assert clf.module_.dropout1.drop_prob == clf.module_.dropout2.drop_prob == 0
        found = clf.set_params(max_epochs=2).fit(X, y).decision_function(X)
        assert np.corrcoef(found, expected)[0, 1] > 0.99

    def test_random_weights_are_trained_with_it(self):
        X, y = induced_trials(n_trials=20)
        clf = EEGNetClassifier(init="glorot", max_epochs=1, drop_prob=0.25, sfreq=SFREQ).fit(X, y)
        assert clf.module_.dropout1.drop_prob == 0.25


class TestStartBesideRandomWeights:
    def test_logits_are_those_of_a_start_and_of_a_network_trained_from_random_weights(self):
        X, y = induced_trials(n_trials=120, n_classes=3)
        options = {"sfreq": SFREQ, "max_epochs": 14, "lr": 0.01, "random_state": 0}
        start = EEGNetClassifier(init="auto", **options | {"max_epochs": 0}).fit(X, y)
        drawn = EEGNetClassifier(init="glorot", **options).fit(X, y)
        auto = EEGNetClassifier(init="auto", **options).fit(X, y)
        logits = np.stack([each.decision_function(X).ravel() for each in (start, drawn)], axis=1)
        shares, misfit, *_ = np.linalg.lstsq(logits, auto.decision_function(X).ravel())
        assert misfit < 1e-4
        np.testing.assert_allclose(shares, 0.5, atol=1e-3)
        assert auto.init_ == start.init_
        assert auto.history_[-1]["train_loss"] == drawn.history_[-1]["train_loss"]

    @pytest.mark.parametrize("n_trials", [40, 2000])
    def test_a_network_adds_that_errs_on_other_trials(self, n_trials):
        rng = np.random.default_rng(0)
        onehot, weight = np.eye(2)[np.arange(n_trials) % 2], np.ones(n_trials)
        start, other = onehot + rng.normal(size=(2, n_trials, 2)) / 2
        assert surely_adds(start, other, onehot, weight)
        assert surely_adds(start, 10 * other, onehot, weight)

    @pytest.mark.parametrize("n_trials", [40, 2000])
    def test_a_network_at_chance_adds_nothing_however_sure_it_is(self, n_trials):
        onehot, weight = np.eye(2)[np.arange(n_trials) % 2], np.ones(n_trials)
        added = 0
        for seed in range(40):
            rng = np.random.default_rng(seed)
            start, other = onehot + rng.normal(size=(2, n_trials, 2)) / 2 * [[[1]], [[10]]]
            added += surely_adds(start, other - onehot, onehot, weight)
        assert added <= 2  # of 40, one side of two standard errors

    def test_the_start_once_more_adds_nothing(self):
        rng = np.random.default_rng(2)
        onehot = np.eye(2)[np.arange(2000) % 2]
        scores = onehot + rng.normal(size=(2000, 2)) / 2
        model = LogisticRegression(C=np.inf, fit_intercept=False).fit(np.diff(scores), onehot[:, 1])
        start = model.coef_[0, 0] * scores
        assert not surely_adds(start, start, onehot, np.ones(2000))

    def test_without_groups_to_leave_out_the_start_counts_alone(self):
        X, y = induced_trials(n_trials=120)
        options = {"sfreq": SFREQ, "random_state": 0}
        auto = EEGNetClassifier(init="auto", max_epochs=2, **options).fit(X, y, groups=y)
        start = EEGNetClassifier(init="auto", max_epochs=0, **options).fit(X, y)
        np.testing.assert_allclose(
            auto.decision_function(X), start.decision_function(X), rtol=1e-4, atol=1e-5
        )

    @pytest.mark.parametrize("n_trials", [40, 100])
    @pytest.mark.parametrize("early_stopping", [True, "cv"])
    def test_it_stops_early(self, early_stopping, n_trials):
        X, y = induced_trials(n_trials)
        clf = EEGNetClassifier(
            init="auto", early_stopping=early_stopping, sfreq=SFREQ, max_epochs=5, random_state=0
        )
        assert clf.fit(X, y).score(X, y) > 0.8

    def test_it_is_one_network_of_the_filters_of_both(self):
        X, y = induced_trials(n_trials=120, n_classes=3)
        clf = EEGNetClassifier(init="auto", F1=6, sfreq=SFREQ, max_epochs=14, lr=0.01)
        clf.set_params(random_state=0).fit(X, y)
        assert clf.drawn_share_ == 0.5
        assert clf.module_.F1 == 12
        assert clf.filters_.shape == clf.patterns_.shape == (24, X.shape[1])
        before = {name: value.clone() for name, value in clf.module_.state_dict().items()}
        clf.module_.project_()
        for name, value in clf.module_.state_dict().items():
            torch.testing.assert_close(value, before[name])

    def test_a_network_that_adds_nothing_is_left_out(self):
        X, y = induced_trials(n_trials=120)
        options = {"F1": 3, "sfreq": SFREQ, "random_state": 0}
        auto = EEGNetClassifier(init="auto", max_epochs=1, **options).fit(X, y)
        start = EEGNetClassifier(init="auto", max_epochs=0, **options).fit(X, y)
        assert auto.drawn_share_ == start.drawn_share_ == 0
        assert auto.module_.F1 == 3
        np.testing.assert_array_equal(auto.decision_function(X), start.decision_function(X))

    def test_few_trials_train_the_start_alone(self):
        X, y = induced_trials(n_trials=99)
        clf = EEGNetClassifier(F1=3, sfreq=SFREQ, max_epochs=30, random_state=0).fit(X, y)
        assert (clf.drawn_share_, clf.module_.F1, clf.n_iter_) == (0, 3, 30)

    def test_a_start_alone_is_trained_at_a_rate_that_is_150_times_smaller(self):
        X, y = induced_trials(n_trials=30)
        start = EEGNetClassifier(init="induced", sfreq=SFREQ, max_epochs=2, lr=1e-5, random_state=0)
        auto = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=2, lr=1.5e-3, random_state=0)
        start.fit(X, y)
        auto.fit(X, y)
        for name in ("temporal", "spatial", "separable_depthwise"):
            expected, found = (getattr(clf.module_, name).weight for clf in (start, auto))
            torch.testing.assert_close(found, expected)

    def test_training_goes_on_as_a_whole(self):
        X, y = induced_trials(n_trials=120, n_classes=3)
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=14, lr=0.01, random_state=0)
        before = clf.fit(X, y).module_.temporal.weight.detach().clone()
        clf.set_params(warm_start=True, max_epochs=1).fit(X, y)
        assert clf.n_iter_ == 1
        assert clf.partial_fit(X, y).n_iter_ == 2
        changed = (clf.module_.temporal.weight != before).flatten(1).any(dim=1)
        assert len(changed) == 16
        assert changed.all()

    def test_it_is_random_weights_alone_where_no_start_can_be_made(self):
        X, y = induced_trials(n_trials=20)
        options = {"spatial": "joint", "sfreq": SFREQ, "max_epochs": 2, "random_state": 0}
        auto = EEGNetClassifier(init="auto", **options).fit(X, y)
        drawn = EEGNetClassifier(init="glorot", **options).fit(X, y)
        assert auto.init_ == "glorot"
        np.testing.assert_array_equal(auto.decision_function(X), drawn.decision_function(X))

    def test_order_and_unit_do_not_matter(self):
        X, y = induced_trials(n_trials=30)
        order = np.random.default_rng(0).permutation(30)
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=15, random_state=0)
        expected = clf.fit(X, y).decision_function(X)
        np.testing.assert_array_equal(clf.fit(X[order], y[order]).decision_function(X), expected)
        found = clf.fit(X * 2.0**-20, y).decision_function(X * 2.0**-20)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

    def test_networks_of_other_convolutions_cannot_stand_side_by_side(self):
        nets = [EEGNet(3, 128, 2, spatial="standard") for _ in range(2)]
        with pytest.raises(ValueError, match="published convolutions"):
            side_by_side(nets, (0.5, 0.5))


class TestEpochChoice:
    def test_folds_keep_groups_together_and_hold_every_class(self):
        y = np.arange(48) % 3
        groups = np.arange(48) // 4
        splits = epoch_choice.folds(y, groups, 0)
        assert len(splits) == epoch_choice.N_FOLDS
        assert sorted(np.concatenate([left for _, left in splits])) == list(range(48))
        for kept, left in splits:
            assert not set(groups[kept]) & set(groups[left])
            assert set(y[kept]) == {0, 1, 2}

    def test_nothing_to_leave_out_trains_for_all_epochs(self):
        X, _ = induced_trials(n_trials=4)
        clf = EEGNetClassifier(early_stopping="cv", sfreq=SFREQ, max_epochs=3)
        assert clf.fit(X, [0, 1, 1, 1]).n_iter_ == 3

    def test_labels_by_chance_get_flat_probabilities(self):
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(40, 4, 128)), rng.permutation(np.arange(40) % 2)
        clf = EEGNetClassifier(
            init="auto", early_stopping="cv", sfreq=SFREQ, max_epochs=10, random_state=0
        ).fit(X, y)
        assert clf.predict_proba(rng.normal(size=(40, 4, 128))).max() < 0.8

    def test_validation_data_does_not_go_with_it(self):
        X, y = induced_trials(n_trials=20)
        clf = EEGNetClassifier(early_stopping="cv", sfreq=SFREQ, max_epochs=1)
        with pytest.raises(ValueError, match="validation_data"):
            clf.fit(X, y, validation_data=(X, y))


class TestTrainingFromAStart:
    def test_its_steps_are_those_of_the_network_with_centred_classifier_inputs(self):
        X, y = induced_trials(n_trials=20)
        clf = EEGNetClassifier(init="induced", sfreq=SFREQ, max_epochs=0).fit(X, y)
        scaled = (X - clf.center_[:, np.newaxis]) / clf.scale_[:, np.newaxis]
        x, target = torch.from_numpy(scaled), torch.from_numpy(np.searchsorted(clf.classes_, y))
        net, centred = deepcopy(clf.module_).double(), deepcopy(clf.module_).double()
        offset = net.separable_norm.bias.detach()
        mean = offset.repeat_interleave(net.classifier.in_features // len(offset))
        assert mean.min() > 0  # where an ELU is the identity
        with torch.no_grad():
            centred.classifier.bias += centred.classifier.weight @ mean
        centred.classifier.register_forward_pre_hook(lambda _, inputs: (inputs[0] - mean,))
        for each, step in ((net, centred_step), (centred, train_step)):
            each.train().separable_norm.bias.requires_grad_(False)
            optimizer = KerasAdam((p for p in each.parameters() if p.requires_grad), lr=1e-3)
            for _ in range(5):
                step(each, optimizer, x, target, torch.ones(len(x)))
            each.eval()
        assert not torch.allclose(net(x), deepcopy(clf.module_).double().eval()(x), atol=1e-3)
        torch.testing.assert_close(net(x), centred(x), atol=1e-9, rtol=1e-9)
