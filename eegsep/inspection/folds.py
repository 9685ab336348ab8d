"""Folds of a cross-validation with whole groups in each, and labels shuffled as folds allow.

Plain labels and groups in and out, nothing of networks; ``studies/folds.py`` makes those that a
study is asked for.
"""

from __future__ import annotations

import numbers

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, check_cv
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import get_routing_for_object

from eegsep._utils.values import groups_of, labels_of


def shuffle_labels(y, groups=None, random_state=None, parts=None):
    """Shuffle labels between trials that may be exchanged where the classes do not differ.

    Parameters
    ----------
    y : array-like, shape (n_trials,)
        Labels.
    groups : array-like, shape (n_trials,) | None
        What belongs together, such as windows of one trial, or trials of one run. Groups of one
        class exchange their labels with each other, each as a whole; in a group of several
        classes, its trials do. None to exchange all trials.
    random_state : int | RandomState | None
        Seed.
    parts : list of ndarray of int | None
        Trials to shuffle among each other, such as :func:`parts_to_shuffle`; None for all.

    Returns
    -------
    shuffled : ndarray, shape (n_trials,)

    Raises
    ------
    ValueError, TypeError
        If labels or groups are missing, or not as many as each other.

    Examples
    --------
    >>> from eegsep.inspection import shuffle_labels
    >>> shuffled = shuffle_labels([0, 0, 1, 1, 1, 0], random_state=0)
    >>> sorted(shuffled.tolist())
    [0, 0, 0, 1, 1, 1]
    """
    rng, y = check_random_state(random_state), labels_of("shuffle_labels", y)
    groups = check_groups(groups, len(y))
    shuffled = y.copy()
    for part in [np.arange(len(y))] if parts is None else parts:
        shuffled[part] = _shuffle(y[part], None if groups is None else groups[part], rng)
    return shuffled


def _shuffle(y, groups, rng):
    if groups is None:
        return rng.permutation(y)
    _, group_of = np.unique(groups, return_inverse=True)
    shuffled, pure = y.copy(), []
    for group in range(group_of.max() + 1):
        members = np.flatnonzero(group_of == group)
        if len(np.unique(y[members])) == 1:
            pure.append(members)
        else:
            shuffled[members] = rng.permutation(y[members])
    for k, members in zip(rng.permutation(len(pure)), pure, strict=True):
        shuffled[members] = y[pure[k][0]]
    return shuffled


def parts_to_shuffle(tests, y):
    """List the trials to shuffle labels among, for a cross-validation with shuffled labels.

    Parameters
    ----------
    tests : list of ndarray of int
        The trials that each fold tests.
    y : ndarray, shape (n_trials,)
        Labels.

    Returns
    -------
    parts : list of ndarray of int
        The trials that each fold tests, so that folds keep their numbers of each class; all tested
        ones together where a trial is tested twice, or a fold tests one class alone. Then those
        that no fold tests.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep.inspection import parts_to_shuffle
    >>> y = np.array([0, 1, 0, 1, 0, 1])
    >>> [part.tolist() for part in parts_to_shuffle([np.array([0, 1]), np.array([2, 3])], y)]
    [[0, 1], [2, 3], [4, 5]]
    """
    tested = np.concatenate(tests)
    once = len(np.unique(tested)) == len(tested)
    apart = once and all(len(np.unique(y[test])) > 1 for test in tests)
    rest = np.setdiff1d(np.arange(len(y)), tested)
    return [*(tests if apart else [np.unique(tested)]), *([rest] if len(rest) else [])]


def make_folds(cv, y, groups=None):
    """List the folds of a cross-validation, with whole groups in each where there are groups.

    Parameters
    ----------
    cv : int, cross-validation splitter, or iterable of (train, test)
        An integer makes stratified folds of consecutive trials, or, with ``groups``, folds of whole
        groups with classes as balanced as can be.
    y : array-like, shape (n_trials,)
        Labels.
    groups : array-like, shape (n_trials,) | None
        What belongs together, handed to the splitter.

    Returns
    -------
    folds : list of (ndarray of int, ndarray of int)
        Training and test trials.

    Raises
    ------
    ValueError
        If a label is missing, ``groups`` are not one for each trial, too few for the folds, or None
        where the splitter needs them, or ``cv`` makes no folds, an empty one, or one of trials that
        there are not.

    Examples
    --------
    >>> from eegsep.inspection import make_folds
    >>> [test.tolist() for train, test in make_folds(2, [0, 1, 0, 1])]
    [[0, 1], [2, 3]]
    """
    y = labels_of("make_folds", y)
    groups = check_groups(groups, len(y))
    if isinstance(cv, (bool, str)):
        raise ValueError(f"cv must be a number of folds, a splitter or a list of folds, got {cv!r}")
    if isinstance(cv, numbers.Integral) and groups is not None:
        n_groups = len(np.unique(groups))
        if not 2 <= cv <= n_groups:
            raise ValueError(f"cannot make {cv} folds of {n_groups} whole groups")
        cv = StratifiedGroupKFold(cv)
    splitter = check_cv(cv, y, classifier=True)
    if groups is None and _asks_for_groups(splitter):
        raise ValueError(
            f"{type(splitter).__name__} needs groups: pass groups=, the group of each trial"
        )
    folds = [
        tuple(_check_positions(each, len(y)) for each in fold)
        for fold in splitter.split(np.zeros(len(y)), y, groups)
    ]
    if not folds:
        raise ValueError("cv makes no folds")
    return folds


def _check_positions(positions, n_trials):
    """Return positions of trials as an array; one that is empty or out of range is refused."""
    positions = np.asarray(positions)
    if positions.dtype == bool and positions.shape == (n_trials,):
        positions = np.flatnonzero(positions)
    if not positions.size or positions.ndim != 1 or positions.dtype.kind not in "iu":
        raise ValueError(
            "each fold needs trials to train on and trials to test, by their positions"
        )
    if positions.min() < -n_trials or positions.max() >= n_trials:
        raise ValueError(f"cv names trials that are not among the {n_trials} there are")
    return positions


def check_groups(groups, n_trials):
    """Return groups as an array of shape (n_trials,), None for None; others are a ValueError."""
    return groups_of("the cross-validation", groups, n_trials)


def _asks_for_groups(splitter):
    # a splitter of another package may know nothing of routing
    request = getattr(get_routing_for_object(splitter), "split", None)
    return request is not None and request.requests.get("groups") is True
