"""Ridge regressions to the classes' indicators: linear discriminants of shrunk covariance.

Their shrinkage is chosen by leave-one-out, which has a closed form.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .log_odds import cross_entropies, find_temperature

# Of the ridge, relative to the mean eigenvalue of the trials' Gram matrix.
SHRINKAGES = np.logspace(-3, 3, 13)
# What is expected of it before any trial, as a logarithm to base 10: mean and standard deviation.
EXPECTED_SHRINKAGE = 0.5, 0.7


class Ridge(NamedTuple):
    """A ridge regression to the indicators of classes, its shrinkage chosen by leave-one-out.

    Attributes
    ----------
    coef : ndarray, shape (n_features, n_classes)
        The scores are ``(features - mean) @ coef``.
    fitted, left_out : ndarray, shape (n_trials, n_classes)
        Scores of the training trials, and what each gets from a fit on the others, relative to the
        mean of their indicators.
    temperature : float
        What makes scores log-odds.
    bias : ndarray, shape (n_classes,)
        Log-odds where all scores are zero.
    loss : float
        Cross-entropy of the left-out scores, in nats.
    shrinkage : float
        The one that was chosen; NaN for a sum of several.
    """

    coef: np.ndarray
    fitted: np.ndarray
    left_out: np.ndarray
    temperature: float
    bias: np.ndarray
    loss: float
    shrinkage: float

    def losses(self, onehot):
        """Cross-entropy of each trial's left-out score, ndarray, shape (n_trials,)."""
        return cross_entropies(self.temperature * self.left_out + self.bias, onehot)


def ridge_by_leave_one_out(features, onehot, weight, trust=None, given_up=0.0):
    """Fit a ridge regression to the indicators of classes; choose its shrinkage by leave-one-out.

    For two classes that is a linear discriminant whose covariance is shrunk to a multiple of the
    identity. Leaving a trial out has a closed form: its residual over one minus its leverage. The
    mean of the other trials' indicators is taken off: it has less of a trial's own class, by which
    scores that tell nothing would be wrong about each trial, and the more so the fewer there are.

    The shrinkage is the most probable one, by the likelihood of the left-out trials and a normal
    distribution of its logarithm, ``EXPECTED_SHRINKAGE``, which decides where trials are too few to
    tell.

    Parameters
    ----------
    features : ndarray, shape (n_trials, n_features)
    onehot : ndarray, shape (n_trials, n_classes)
        Indicators of the classes.
    weight : ndarray, shape (n_trials,)
        Weights of the trials; they count relative to each other.
    trust : ndarray, shape (n_trials,) | None
        What these are multiplied by in the regression, though not in the loss: the inverse of each
        trial's variance of noise.
    given_up : float
        The largest shrinkage is taken that gives up no more than this share of what the most
        probable one gains over chance; for 0 the smallest that is as good as the most probable.

    Returns
    -------
    ridge : Ridge
    """
    in_loss = weight
    weight = weight if trust is None else weight * trust
    weight = weight / weight.mean()
    root = np.sqrt(weight)[:, np.newaxis]
    target = onehot - np.average(onehot, axis=0, weights=weight)
    scaled = root * (features - np.average(features, axis=0, weights=weight))
    if scaled.shape[0] <= scaled.shape[1]:
        powers, vectors = np.linalg.eigh(scaled @ scaled.T)
    else:
        powers, axes = np.linalg.eigh(scaled.T @ scaled)
        vectors = scaled @ (axes / np.sqrt(np.maximum(powers, 1e-12 * powers[-1] + 1e-300)))
    kept = powers > 1e-10 * powers[-1]
    powers, vectors = powers[kept], vectors[:, kept]
    along = vectors.T @ (root * target)
    alone = weight / len(weight)
    from_others = target * (alone / (1 - alone))[:, np.newaxis]
    found = []
    for shrinkage in SHRINKAGES:
        gain = 1 / (powers + shrinkage * powers.sum() / len(features))
        solved = vectors @ (gain[:, np.newaxis] * along)
        fitted = vectors @ ((gain * powers)[:, np.newaxis] * along) / root
        leverage = np.square(vectors) @ (gain * powers) + alone
        left_out = target - (target - fitted) / np.maximum(1 - leverage, 1e-9)[:, np.newaxis]
        left_out += from_others
        temperature, bias, loss = find_temperature(left_out, onehot, in_loss)
        found.append((solved, fitted, left_out, temperature, bias, loss, shrinkage))
    mean, deviation = EXPECTED_SHRINKAGE
    unexpected = np.square((np.log10(SHRINKAGES) - mean) / deviation) / 2
    losses = np.array([each[-2] for each in found]) + unexpected / len(features)
    if given_up:
        share = np.average(onehot, axis=0, weights=in_loss)
        gained = max(0.0, -(share * np.log(share)).sum() - losses.min())
        best = found[np.flatnonzero(losses <= losses.min() + given_up * gained)[-1]]
    else:
        best = found[np.flatnonzero(losses < losses.min() + 1e-3)[0]]
    return Ridge(scaled.T @ best[0], *best[1:])


def sum_of_log_odds(ridges, onehot, weight):
    """Add the log-odds of several classifiers of the same features up to one classifier.

    A classifier counts by what it tells of left-out trials: the temperature is low, and the
    log-odds small, of one that tells nothing.

    Parameters
    ----------
    ridges : list of Ridge
    onehot : ndarray, shape (n_trials, n_classes)
    weight : ndarray, shape (n_trials,)

    Returns
    -------
    ridge : Ridge
    """
    if len(ridges) == 1:
        return ridges[0]
    coef, fitted, left_out = (
        sum(ridge.temperature * getattr(ridge, name) for ridge in ridges)
        for name in ("coef", "fitted", "left_out")
    )
    temperature, bias, loss = find_temperature(left_out, onehot, weight)
    return Ridge(coef, fitted, left_out, temperature, bias, loss, np.nan)
