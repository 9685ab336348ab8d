"""Fits that begin with the network of a fitted classifier."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from eegsep import EEGNetClassifier
from tests.conftest import make_trials

NAMES = ["FC3", "C3", "CP3", "FC4", "C4", "CP4"]
ORDER = [3, 1, 0, 5, 4, 2]


def make(init="glorot", **changes):
    settings = {"init": init, "sfreq": 128, "ch_names": NAMES, "random_state": 0, "max_epochs": 2}
    return EEGNetClassifier(**(settings | changes))


@pytest.fixture(scope="module")
def trials():
    return make_trials()


@pytest.fixture(scope="module")
def source(trials):
    return make().fit(*trials)


def weights(clf):
    return np.concatenate([p.detach().numpy().ravel() for p in clf.module_.parameters()])


@pytest.mark.parametrize("spatial", ["depthwise", "joint", "low_rank:1", "standard"])
def test_channels_in_another_order_give_the_same_predictions(spatial, trials):
    X, y = trials
    fitted = make(spatial=spatial).fit(X, y)
    names = [NAMES[k] for k in ORDER]
    init = FrozenEstimator(fitted)
    moved = make(init, spatial=spatial, ch_names=names, max_epochs=0).fit(X[:, ORDER], y)
    np.testing.assert_allclose(moved.predict_proba(X[:, ORDER]), fitted.predict_proba(X), atol=1e-5)


def test_trials_that_lack_classes_leave_the_others_where_they_were():
    X, y = make_trials()
    y = np.where(np.arange(len(y)) % 3 == 0, "feet", y)
    fitted = make().fit(X, y)
    few = y != "feet"
    begun = make(FrozenEstimator(fitted), max_epochs=0).fit(X[few], y[few])
    assert (
        begun.classes_.tolist() == fitted.classes_.tolist() == ["feet", "left_hand", "right_hand"]
    )
    np.testing.assert_array_equal(
        begun.module_.classifier.weight.detach(), fitted.module_.classifier.weight.detach()
    )


def test_a_clone_keeps_a_frozen_fit_and_fits_as_the_original(source, trials):
    original = make(FrozenEstimator(source))
    fits = [weights(clone(original).fit(*trials)), weights(original.fit(*trials))]
    np.testing.assert_array_equal(*fits)
    assert not np.array_equal(fits[0], weights(source))


def test_to_fit_twice_is_to_fit_once_and_leaves_the_source_alone(source, trials):
    before = weights(source)
    clf = make(source)
    once = weights(clf.fit(*trials))
    np.testing.assert_array_equal(weights(clf.fit(*trials)), once)
    np.testing.assert_array_equal(weights(source), before)


def test_the_unit_of_the_trials_does_not_matter(source, trials):
    X, y = trials
    volts, microvolts = make(source).fit(X, y), make(source).fit(1e6 * X, y)
    np.testing.assert_allclose(microvolts.predict_proba(1e6 * X), volts.predict_proba(X), atol=1e-4)


def test_partial_fit_begins_there_too(source, trials):
    X, y = trials
    begun = make(source).partial_fit(X[:8], y[:8])
    apart = np.abs(weights(begun) - weights(source)).max()
    # a step of Adam's moves no weight by much more than its rate of 0.001
    assert 0 < apart < 0.0021


def test_a_network_that_holds_a_start_goes_on_in_the_small_steps_of_a_warm_start(trials):
    fitted = make("auto", batch_size=40, max_epochs=1).fit(*trials)
    assert fitted.init_ != "glorot"
    further = make(fitted, batch_size=40, max_epochs=1).fit(*trials)
    assert further.init_ == fitted.init_
    assert not np.array_equal(weights(further), weights(fitted))
    fitted.set_params(warm_start=True).fit(*trials)
    np.testing.assert_allclose(weights(further), weights(fitted), atol=1e-6)


def refusals(source, trials):
    X, y = trials
    other = [*NAMES[:-1], "Oz"]
    yield make(clone(source)), X, y, "not fitted.*FrozenEstimator"
    yield make(LogisticRegression()), X, y, "name of a start or a fitted EEGNetClassifier"
    yield make(make_pipeline(source)), X, y, "last step"
    yield make(source, ch_names=other), X, y, "lacks CP4, and init knows nothing of Oz"
    yield make(source, ch_names=NAMES[:-1]), X[:, :-1], y, "lacks CP4"
    yield make(source, kernel_length=32), X[:, :, :-1], y, "63 time samples.*windows of 64"
    yield make(source, sfreq=64, kernel_length=64), X, y, "64 Hz, but init was fitted at 128 Hz"
    yield make(source), X, np.where(y == "left_hand", "feet", y), "labels .'feet'.*not among"
    yield make(source, F1=4), X, y, "F1=4 and not 8"
    yield make(source, early_stopping="cv"), X, y, 'early_stopping="cv"'


def test_what_does_not_fit_is_refused(source, trials):
    for clf, X, y, text in refusals(source, trials):
        with pytest.raises(ValueError, match=text):
            clf.fit(X, y)
        assert not hasattr(clf, "module_")


@pytest.mark.parametrize("of", ["parameters", "buffers"])
def test_weights_that_are_not_finite_are_refused(of, trials):
    broken = make().fit(*trials)
    with torch.no_grad():
        next(getattr(broken.module_, of)()).fill_(float("nan"))
    with pytest.raises(ValueError, match="init has weights that are not finite"):
        make(broken).fit(*trials)
