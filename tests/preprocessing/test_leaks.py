"""Test trials move nothing that a step of this package fits, and a leak would be seen."""

import mne
import numpy as np
import pytest
from sklearn.base import clone

from eegsep.datasets.electrodes import make_info
from eegsep.preprocessing import (
    CommonMontage,
    ExponentialMovingStandardizer,
    FilterBankCSP,
    GroupAlignment,
)

from .leaks import leaks_of

N, CHANNELS = 24, ("Fz", "C3", "Cz", "C4", "P3", "P4")
SESSION = np.repeat(["a", "b", "c"], N // 3)
TRAIN, TEST = np.arange(0, 16), np.arange(16, N)  # two sessions, and one that is not seen
MIXED = np.arange(0, N, 2), np.arange(1, N, 2)  # all sessions in both


@pytest.fixture(scope="module")
def trials():
    rng = np.random.default_rng(0)
    gains = np.repeat([1.0, 3.0, 7.0], N // 3)[:, None, None]
    X = 10 * gains * (rng.normal(size=(6, 6)) @ rng.normal(size=(N, 6, 64)))
    return X, np.tile([0, 1], N // 2)


def as_epochs(X):
    return mne.EpochsArray(1e-6 * X, make_info(CHANNELS, 64.0), verbose=False)


def plainly(step):
    """Fit on the training trials and transform both, as a pipeline does."""

    def prepare(X, y, train, test):
        fitted = clone(step)
        of_train = fitted.fit_transform(X[train], y[train])
        return fitted, of_train, fitted.transform(X[test])

    return prepare


def by_session(step):
    """The same with sessions routed."""

    def prepare(X, y, train, test):
        fitted = clone(step)
        of_train = fitted.fit_transform(X[train], y[train], groups=SESSION[train])
        return fitted, of_train, fitted.transform(X[test], groups=SESSION[test])

    return prepare


@pytest.mark.parametrize(
    "prepare",
    [
        plainly(GroupAlignment()),
        plainly(GroupAlignment("riemann")),
        by_session(GroupAlignment()),
        by_session(GroupAlignment("riemann")),
        plainly(ExponentialMovingStandardizer()),
    ],
    ids=["euclidean", "riemannian", "euclidean by session", "riemannian by session", "moving"],
)
@pytest.mark.parametrize("split", [(TRAIN, TEST), MIXED], ids=["unseen session", "same sessions"])
def test_test_trials_move_nothing(prepare, split, trials):
    assert leaks_of(prepare, *trials, *split) == set()


def test_test_trials_move_nothing_in_a_filter_bank(trials):
    X, y = trials
    bank = np.stack([X, np.gradient(X, axis=-1)], axis=-1)
    assert leaks_of(plainly(FilterBankCSP(nfilter=2)), bank, y, TRAIN, TEST) == set()


def test_test_trials_move_nothing_in_a_common_montage(trials):
    X, y = trials
    step = CommonMontage(["F3", "CPz"])
    assert leaks_of(plainly(step), as_epochs(X), y, TRAIN, TEST) == set()


@pytest.mark.parametrize(
    "step",
    [GroupAlignment(), GroupAlignment("riemann")],
    ids=["euclidean", "riemannian"],
)
def test_alignment_of_all_trials_before_they_are_split_is_caught(step, trials):
    def prepare(X, y, train, test):
        aligned = (fitted := clone(step)).fit_transform(X)
        return fitted, aligned[train], aligned[test]

    assert leaks_of(prepare, *trials, *MIXED) == {
        "fitted",
        "training trials",
        "other test trials",
    }


def test_standardising_over_the_bounds_of_trials_is_caught(trials):
    def prepare(X, y, train, test):
        # as one recording, whose trials follow each other
        run = np.concatenate(list(X), axis=-1)[None]
        fitted = ExponentialMovingStandardizer(0.1).fit(run)
        cut = np.stack(np.split(fitted.transform(run)[0], len(X), axis=-1))
        return fitted, cut[train], cut[test]

    assert "other test trials" in leaks_of(prepare, *trials, TRAIN, TEST)


def test_recentring_a_session_on_its_own_trials_is_seen_for_what_it_is(trials):
    # it was asked for: what was fitted stays, but test trials depend on each other
    step = by_session(GroupAlignment(recentre_unseen=True))
    assert leaks_of(step, *trials, TRAIN, TEST) == {"other test trials"}
    assert leaks_of(step, *trials, *MIXED) == set()
