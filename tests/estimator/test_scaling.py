"""Robust centre and scale of each channel, and warnings of what is off its peers."""

import warnings

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

from eegsep import EEGNetClassifier
from eegsep.estimator.scaling import Moments, center_and_scale, off_their_peers
from tests.conftest import make_epochs, make_trials, warnings_of


def quick(**settings):
    return EEGNetClassifier(**{"max_epochs": 2, "sfreq": 128, "random_state": 0, **settings})


def decoding_score(X, y):
    clf = quick(max_epochs=30, lr=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cross_val_score(clf, X, y, cv=4, scoring="roc_auc").mean()


# -- what is learned -------------------------------------------------------------------------------


def test_moments_are_those_of_each_trial_and_channel():
    X = np.random.default_rng(0).normal(3, 2, size=(700, 5, 33)).astype(np.float32)
    moments = Moments.of(X, np.arange(0, 700, 2))
    np.testing.assert_allclose(moments.means, X[::2].astype(float).mean(axis=2))
    np.testing.assert_allclose(moments.variances, X[::2].astype(float).var(axis=2))


def test_center_and_scale_of_gaussian_trials_are_their_mean_and_deviation():
    deviations, offsets = np.array([1, 10, 1e-6]), np.array([0, 300, -2e-4])
    X = np.random.default_rng(0).normal(size=(400, 3, 500))
    X = X * deviations[:, np.newaxis] + offsets[:, np.newaxis]
    center, scale = center_and_scale(Moments.of(X))
    np.testing.assert_allclose(center, offsets, atol=0.02 * deviations.max(), rtol=1e-3)
    np.testing.assert_allclose(scale, deviations, rtol=0.01)


def test_a_third_of_the_trials_moves_neither_center_nor_scale_far():
    X = np.random.default_rng(0).normal(size=(90, 3, 200))
    spoilt = X.copy()
    spoilt[::3] = 1e6 + 1e6 * spoilt[::3]
    center, scale = center_and_scale(Moments.of(spoilt))
    assert np.abs(center).max() < 0.5
    np.testing.assert_allclose(scale, 1, rtol=0.3)


def test_global_scaling_is_the_root_mean_square_of_the_channels_deviations():
    X, _ = make_trials()
    X[:, 2] *= 7
    center, scale = center_and_scale(Moments.of(X), "global")
    deviations = X.transpose(1, 0, 2).reshape(6, -1).std(axis=1)
    np.testing.assert_allclose(scale, np.sqrt(np.mean(deviations**2)))
    assert not center.any()


def test_a_channel_that_is_still_in_most_trials_has_its_deviation_for_a_scale():
    X = np.zeros((10, 1, 50))
    X[0, 0, :25] = 1
    _, scale = center_and_scale(Moments.of(X))
    np.testing.assert_allclose(scale, np.sqrt(np.mean(X**2)))


@pytest.mark.parametrize(
    ("amplitudes", "off"),
    [
        ([1, 1.2, 2, 3], []),
        ([1, 1.2, 2, 300], [3]),
        ([1, 1e-4, 2, 3], [1]),
        ([1, 1, 1, 1e3, 1e3, 1e3], [3, 4, 5]),
        ([1, 5, 25, 125, 625], []),  # no step parts them
        ([0, 1, 1, 1], []),
        ([1, 1, np.inf], [2]),
        ([], []),
    ],
)
def test_what_is_off_is_behind_a_step_of_more_than_ten(amplitudes, off):
    assert np.flatnonzero(off_their_peers(np.array(amplitudes, dtype=float))).tolist() == off


def test_the_network_gets_trials_of_unit_scale_around_zero():
    X, y = make_trials(60)
    X = X * np.array([1, 10, 1e3, 1, 1, 0.1])[:, np.newaxis] + 4e-3
    clf = quick()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(X, y)
    scaled = (X - clf.center_[:, np.newaxis]) / clf.scale_[:, np.newaxis]
    assert np.abs(np.median(scaled.mean(axis=2), axis=0)).max() < 1e-9
    np.testing.assert_allclose(np.median(np.mean(scaled**2, axis=2), axis=0), 1, rtol=1e-6)
    with_net = clf.module_.eval()
    import torch

    logits = with_net(torch.from_numpy(scaled).float()).detach().double().numpy()
    np.testing.assert_allclose(clf.decision_function(X), logits[:, 1] - logits[:, 0], atol=1e-4)


def test_float32_and_float64_give_the_same_predictions():
    X, y = make_trials(scale=50.0)
    X = (X + 2000).astype(np.float32)
    clf = quick(max_epochs=5).fit(X, y)
    other = quick(max_epochs=5).fit(X.astype(np.float64), y)
    np.testing.assert_allclose(clf.predict_proba(X), other.predict_proba(X), atol=1e-3)


# -- inputs that were at chance --------------------------------------------------------------------


@pytest.fixture(scope="module")
def separable():
    return make_trials(80, n_times=128)


def spoil(X, how):
    X, rng = X.copy(), np.random.default_rng(1)
    deviation = X.std()
    if how == "a loose electrode":
        X[:, 4] *= 3000
    elif how == "a stimulus channel":
        X[:, 5] = 0
        X[:, 5, 10:20] = 1
    elif how == "offsets of 300 deviations":
        X += 300 * deviation * rng.normal(size=(1, X.shape[1], 1))
    elif how == "counts of a converter":
        X = (20000 + 50 * X / deviation).astype(np.int16)
    elif how == "one trial in volts among microvolts":
        X[::20] *= 1e-6
    return X


@pytest.mark.parametrize(
    "how",
    [
        "nothing",
        "a loose electrode",
        "a stimulus channel",
        "offsets of 300 deviations",
        "counts of a converter",
        "one trial in volts among microvolts",
    ],
)
def test_what_is_off_in_amplitude_leaves_the_rest_decodable(separable, how):
    X, y = separable
    assert decoding_score(spoil(X, how), y) > 0.9


def test_global_scaling_is_drowned_by_one_channel_as_before(separable):
    X, y = separable
    clf = quick(init="glorot", max_epochs=30, lr=0.01, scaling="global")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = cross_val_score(clf, spoil(X, "a loose electrode"), y, cv=4, scoring="roc_auc")
    assert score.mean() < 0.9


@pytest.mark.parametrize(("factor", "position"), [(1e3, 4), (1e-3, 2), (50, 0)])
def test_a_channel_off_its_peers_is_named(factor, position):
    epochs, y = make_epochs()
    data = epochs.get_data()
    data[:, position] *= factor
    named = epochs.ch_names[position]
    import mne

    spoilt = mne.EpochsArray(data, epochs.info, epochs.events, verbose="error")
    for said, name in (
        (warnings_of(lambda: quick().fit(data, y)), f": {position}."),
        (warnings_of(lambda: quick().fit(spoilt, y)), f": {named}."),
    ):
        assert any("Channel(s) whose amplitude" in text and name in text for text in said)


def test_trials_in_another_unit_are_named():
    X, y = make_trials()
    X[[3, 7]] *= 1e3
    said = warnings_of(lambda: quick().fit(X, y))
    assert any("Trial(s) whose amplitude" in text and ": 3, 7 (2 of 40)" in text for text in said)


def test_half_the_trials_in_another_unit_are_counted():
    X, y = make_trials()
    X[:20] *= 1e6
    said = warnings_of(lambda: quick().fit(X, y))
    assert any("(20 of 40)" in text for text in said)


def test_offsets_that_change_from_trial_to_trial_are_told():
    X, y = make_trials()
    X += 100 * X.std() * np.random.default_rng(0).normal(size=(40, 1, 1))
    said = warnings_of(lambda: quick().fit(X, y))
    assert any("High-pass" in text for text in said)


@pytest.mark.parametrize("scale", [1, 1e-6, 1e6])
def test_ordinary_trials_get_no_warning(scale):
    X, y = make_trials(scale=scale)
    assert not warnings_of(lambda: quick().fit(X, y).predict(X))


# -- at predict ------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1e3, 1e-3, 1e6, 100])
def test_another_unit_at_predict_is_told_though_the_first_trials_are_flat(factor):
    X, y = make_trials()
    clf, other = quick().fit(X, y), factor * X
    other[:2] = 0
    assert any("another unit" in text for text in warnings_of(lambda: clf.predict(other)))


def test_a_few_trials_in_another_unit_at_predict_are_named():
    X, y = make_trials()
    clf = quick().fit(X, y)
    X[[5, 6]] *= 1e3
    assert any("Trial(s) 5, 6 vary" in text for text in warnings_of(lambda: clf.predict(X)))


def test_a_channel_that_came_loose_at_predict_is_named():
    epochs, y = make_epochs()
    clf = quick(sfreq=None).fit(epochs, y)
    data = epochs.get_data()
    data[:, 2] *= 1e3
    said = warnings_of(lambda: clf.predict(data))
    assert any("Channel(s) Cz vary" in text for text in said)


def test_another_offset_at_predict_is_told():
    X, y = make_trials()
    clf = quick().fit(X, y)
    said = warnings_of(lambda: clf.predict(X + 100 * X.std()))
    assert any("another offset" in text for text in said)


# -- extremes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1e200, 1e30])
def test_a_trial_beyond_all_others_is_refused_by_fit(value):
    X, y = make_trials()
    X[5, 1, 3] = value
    with pytest.raises(ValueError, match=r"Trial\(s\) 5"):
        quick().fit(X, y)


@pytest.mark.parametrize("value", [1e200, 1e36])
def test_values_that_the_network_cannot_hold_are_refused_by_predict(value):
    X, y = make_trials()
    clf = quick().fit(X, y)
    X[5] = value
    with pytest.raises(ValueError, match=r"not finite for 1 trial.*number 5"):
        clf.predict_proba(X)


@pytest.mark.parametrize("factor", [1e300, 1e-200])
def test_data_whose_squares_cannot_be_computed_are_refused(factor):
    X, y = make_trials(scale=1.0)
    with pytest.raises(ValueError, match="squares cannot be computed"):
        quick().fit(factor * X, y)


# -- parts of trials, and data that come after the fit ---------------------------------------------


def test_a_channel_that_is_loose_in_some_trials_is_named():
    X, y = make_trials()
    X[::3, 2] *= 1e3
    assert any("larger in some trials than in others: 2" in t for t in fit_warnings(X, y))


def test_a_channel_that_is_flat_in_some_trials_is_named():
    X, y = make_trials()
    X[::2, 1] = 0
    assert any("flat in some trials but not in others: 1" in t for t in fit_warnings(X, y))


def fit_warnings(X, y):
    return warnings_of(lambda: quick().fit(X, y))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda X: X * 20, "vary 2e\\+01 times"),
        (lambda X: X * 0, "are flat"),
        (lambda X: scaled(X, (3,), 0), "Trial\\(s\\) 3 are flat"),
        (lambda X: scaled(X, (slice(None), 1), 0), "Channel\\(s\\) 1 are flat"),
        (lambda X: scaled(X, (5, 2), 1e4), "Channel\\(s\\) 2 are flat in some trials, or vary"),
    ],
    ids=["all by 20", "all flat", "a trial flat", "a channel flat", "a channel in one trial"],
)
def test_what_is_odd_in_trials_to_predict_is_told(change, text):
    X, y = make_trials()
    clf = quick().fit(X, y)
    with pytest.warns(UserWarning, match=text):
        clf.predict(change(X))
    assert warnings_of(lambda: clf.predict(X)) == []


def scaled(X, where, factor):
    X = X.copy()
    X[where] *= factor
    return X


@pytest.mark.parametrize(
    "train",
    [
        lambda X, y: quick(early_stopping=True).fit(X, y, validation_data=(X * 1e6, y)),
        lambda X, y: quick(warm_start=True).fit(X, y).fit(X * 1e6, y),
        lambda X, y: quick().partial_fit(X, y).partial_fit(X * 1e6, y),
    ],
    ids=["validation data", "warm start", "partial_fit"],
)
def test_another_unit_is_told_wherever_trials_come_after_the_first(train):
    with pytest.warns(UserWarning, match="another unit"):
        train(*make_trials())
