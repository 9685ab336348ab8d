"""Starting weights in closed form: against scikit-learn, pyRiemann and refits."""

import numpy as np
import pytest
import torch
from pyriemann.tangentspace import TangentSpace
from scipy.linalg import fractional_matrix_power
from scipy.optimize import minimize
from scipy.signal import fftconvolve
from scipy.special import logsumexp
from scipy.stats import spearmanr
from sklearn.covariance import OAS
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from eegsep import EEGNet
from eegsep.network import initialisation as init
from eegsep.network.initialisation.induced import _leading_axes
from tests.network.starts import (
    SFREQ,
    evoked_trials,
    induced_trials,
    logits_of,
    mirrored_trials,
    net_for,
    started,
)


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
                np.eye(2)[y[others]], axis=0, weights=weight[others]
            )
            np.testing.assert_allclose(ridge.left_out[i], expected, atol=1e-8)

    def test_features_that_do_not_vary_tell_nothing(self):
        onehot = np.eye(2)[np.arange(20) % 2]
        ridge = init.ridge_by_leave_one_out(np.zeros((20, 3)), onehot, np.ones(20))
        assert ridge.loss == pytest.approx(np.log(2), abs=1e-6)

    def test_left_out_scores_of_noise_are_not_below_chance(self):
        rng, y = np.random.default_rng(0), np.arange(10) % 2
        sides = []
        for _ in range(400):
            features = rng.normal(size=(10, 40))
            ridge = init.ridge_by_leave_one_out(features, np.eye(2)[y], np.ones(10))
            sides.append(np.mean(ridge.left_out[:, 1] * (2 * y - 1) > 0))
        error = np.std(sides) / np.sqrt(len(sides))
        assert np.mean(sides) == pytest.approx(0.5, abs=3 * error)

    def test_few_trials_leave_the_shrinkage_near_what_is_expected(self):
        rng = np.random.default_rng(0)
        features, y = rng.normal(size=(6, 40)), np.arange(6) % 2
        ridge = init.ridge_by_leave_one_out(features, np.eye(2)[y], np.ones(6))
        assert 0.3 < ridge.shrinkage < 32

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

    @pytest.mark.parametrize("n_classes", [2, 3])
    @pytest.mark.parametrize("signal", [-1.0, 0.0, 1.0, 30.0])
    def test_temperatures_of_several_scores_are_those_that_scipy_finds(self, n_classes, signal):
        rng = np.random.default_rng(3)
        onehot = np.eye(n_classes)[rng.integers(n_classes, size=40)]
        share = rng.uniform(0.5, 2, size=40)
        share /= share.sum()
        scores = rng.normal(size=(3, 40, n_classes)) + signal * onehot
        expected = np.log(share @ onehot) - np.log(share @ onehot).mean()

        def loss(parameters, scores):
            factor, bias = np.exp(parameters[0]), parameters[1:]
            logits = factor * scores + bias
            entropies = logsumexp(logits, axis=1) - (onehot * logits).sum(axis=1)
            beyond = np.square(bias - expected).sum()
            return share @ entropies + 5e-4 * factor**2 + init.BIAS_PRECISION / 40 * beyond / 2

        found = init.find_temperature(scores, onehot, share)
        for each, factor, bias, least in zip(scores, *found, strict=True):
            unit = np.sqrt((share[:, None] * each**2).sum() / n_classes)
            start = np.concatenate([[-1], expected])
            bounds = [(-6, 4)] + n_classes * [(None, None)]
            best = minimize(loss, start, each / unit, bounds=bounds, options={"ftol": 1e-14})
            assert least <= best.fun + 1e-9
            assert least == pytest.approx(best.fun, abs=1e-6)
            assert loss([np.log(factor * unit), *bias], each / unit) == pytest.approx(least)

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

    @pytest.mark.parametrize("lateralised", [True, False])
    def test_images_are_of_the_other_class_where_they_tell_as_much(self, lateralised):
        X, y = mirrored_trials(lateralised, n_trials=120)
        net, mirror = EEGNet(3, 128, 2, kernel_length=8), np.array([1, 0, 2])
        features = init.best_features(net, X, y, np.ones(120), SFREQ, "induced", mirror)
        is_other = features.mirror_of_other_class(np.eye(2)[y])
        assert (is_other is not None) == lateralised

    def test_noise_has_no_images_of_the_other_class(self):
        rng, y = np.random.default_rng(0), np.arange(120) % 2
        net, mirror = EEGNet(3, 128, 2, kernel_length=8), np.array([1, 0, 2])
        for _ in range(10):
            X = rng.normal(size=(120, 3, 128))
            features = init.best_features(net, X, y, np.ones(120), SFREQ, "induced", mirror)
            assert features.mirror_of_other_class(np.eye(2)[y]) is None

    def test_nothing_is_known_of_images_without_names_or_of_waveforms(self):
        X, y = mirrored_trials(True, n_trials=120)
        net, weight = EEGNet(3, 128, 2, kernel_length=8), np.ones(120)
        for kind, mirror in (("induced", None), ("evoked", np.array([1, 0, 2]))):
            features = init.best_features(net, X, y, weight, SFREQ, kind, mirror)
            assert features.mirror_of_other_class(np.eye(2)[y]) is None


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

    @pytest.mark.parametrize(("n_trials", "are_less"), [(10, False), (40, True)])
    def test_a_classifier_is_better_by_two_nats_over_all_trials(self, n_trials, are_less):
        gains = 0.1 + 0.01 * (-1.0) ** np.arange(n_trials)
        found = init.are_surely_less(1 - gains, np.ones(n_trials), np.ones(n_trials))
        assert found == are_less

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
        expected *= ridge.left_out.std() / ridge.fitted.std()
        assert np.corrcoef(found, expected)[0, 1] > 0.95
        assert np.polyfit(expected, found, 1)[0] == pytest.approx(1, abs=0.15)
        induced = start.induced[:, 1] - start.induced[:, 0]
        assert (induced.var() > 0.3 * np.var(ridge.fitted[:, 1] - ridge.fitted[:, 0])) == (loud > 1)

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


def test_rounding_does_not_choose_axes_that_are_alike():
    rng = np.random.default_rng(0)
    chosen = []
    for _ in range(5):
        noise = 1e-15 * rng.normal(size=(1, 3, 6, 6))
        classifiers = np.eye(6) * np.array([0.3, -0.1, -0.2])[:, None, None] + noise
        chosen.append(_leading_axes(classifiers + noise.swapaxes(-1, -2), 8, 2, None)[2])
    np.testing.assert_array_equal(chosen, [chosen[0]] * 5)
