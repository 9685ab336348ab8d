"""Fits that show what is no more than chance: networks that never learned, and shuffled labels.

A map is to be believed where it stands out from theirs.
"""

from __future__ import annotations

from sklearn.utils import check_random_state

from .folds import shuffle_labels
from .pipelines import fit_with_groups, fresh_clone

# An epoch at a rate so small that no weight of float32 moves, after which normalisations are
# those of all trials.
_STILL = {
    "lr": 1e-30,
    "weight_decay": 0.0,
    "max_epochs": 1,
    "batch_norm_momentum": None,
    "early_stopping": False,
}
CONTROLS = ("untrained", "shuffled")


def untrained(estimator, X, y, *, groups=None, random_state=0):
    """Fit without learning: initial weights, and normalisations that have seen the data.

    Weights that start from a classifier of the trials start from one of shuffled labels.

    Parameters
    ----------
    estimator : EEGNetClassifier, or Pipeline that ends in one
        Cloned; an epoch at a learning rate that moves nothing.
    X, y, groups, random_state
        As in :func:`label_shuffled`.

    Returns
    -------
    estimator : EEGNetClassifier or Pipeline

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.inspection import untrained
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0)
    >>> untrained(clf, X, y).predict_proba(X).shape
    (24, 2)
    """
    return _fit_control(estimator, X, y, groups, "untrained", random_state)


def label_shuffled(estimator, X, y, *, groups=None, random_state=0):
    """Fit to shuffled labels: all that a training does, but nothing to find (Adebayo et al. 2018).

    Parameters
    ----------
    estimator : EEGNetClassifier, or Pipeline that ends in one
        Cloned.
    X : array-like, shape (n_trials, n_chans, n_times), or mne.Epochs
        Trials.
    y : array-like, shape (n_trials,)
        Labels, to be shuffled.
    groups : array-like, shape (n_trials,) | None
        What belongs together is shuffled as :func:`shuffle_labels` does; also for the fit, as in
        :func:`cross_fits`.
    random_state : int | RandomState | None, default=0
        Seed of the weights and of the shuffling.

    Returns
    -------
    estimator : EEGNetClassifier or Pipeline

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.inspection import label_shuffled
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0)
    >>> label_shuffled(clf, X, y).predict_proba(X).shape
    (24, 2)
    """
    return _fit_control(estimator, X, y, groups, "shuffled", random_state)


def _fit_control(estimator, X, y, groups, control, random_state):
    rng = check_random_state(random_state)
    fresh = fresh_for(estimator, control, int(rng.randint(2**31 - 1)))
    return fit_with_groups(fresh, X, shuffle_labels(y, groups, rng), groups)


def fresh_for(estimator, control, seed):
    """Return a fresh estimator, one that learns nothing where that is the control."""
    return fresh_clone(estimator, random_state=seed, **(_STILL if control == "untrained" else {}))
