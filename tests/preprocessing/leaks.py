"""Whether a way from trials to what a classifier sees lets test trials move what was fitted."""

import numpy as np
from sklearn.base import BaseEstimator


def fitted_state(value):
    """All that an estimator has learned, as nested dictionaries of plain values and arrays."""
    if isinstance(value, BaseEstimator):
        return {name: fitted_state(each) for name, each in vars(value).items()}
    if isinstance(value, dict):
        return {name: fitted_state(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return dict(enumerate(map(fitted_state, value)))
    return value


def differs(one, other):
    """Whether two states, or arrays, are not the same to the last bit."""
    if isinstance(one, dict):
        return one.keys() != other.keys() or any(differs(one[key], other[key]) for key in one)
    if hasattr(one, "get_data"):
        one, other = one.get_data(), other.get_data()
    if isinstance(one, np.ndarray):
        return not np.array_equal(one, other)
    return one != other


def leaks_of(prepare, X, y, train, test):
    """What test trials move that they must not.

    Parameters
    ----------
    prepare : callable
        ``prepare(X, y, train, test)`` gives the fitted step, what it makes of the training trials,
        and what it makes of the test trials.
    X : ndarray, shape (n_trials, ...), or mne.Epochs
    y : ndarray, shape (n_trials,)
    train, test : ndarray of int

    Returns
    -------
    leaks : set of str
        ``"fitted"`` attributes, the ``"training trials"``, or the ``"other test trials"``, when
        the first half of the test trials is another one.
    """
    other, changed = X.copy(), test[: len(test) // 2]
    values = other._data if hasattr(other, "get_data") else other
    values[changed] = 5 * values[changed][:, ::-1] + values[changed].std()
    step, of_train, of_test = prepare(X, y, train, test)
    step_2, of_train_2, of_test_2 = prepare(other, y, train, test)
    found = {
        "fitted": differs(fitted_state(step), fitted_state(step_2)),
        "training trials": differs(of_train, of_train_2),
        "other test trials": differs(of_test[len(changed) :], of_test_2[len(changed) :]),
    }
    return {name for name, moved in found.items() if moved}
