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
EXPECTED_SHRINKAGE = 0.0, 1.0
# Scores that are as good as zero, where indicators of classes are 0 and 1.
_ROUNDING = 1e-12


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


class Spectrum:
    """Eigenvalues of trials' products: what ridge regressions on the same features share.

    Parameters
    ----------
    features : ndarray, shape (n_trials, n_features)
    weight : ndarray, shape (n_trials,)
        Weights of the trials; they count relative to each other.
    trust : ndarray, shape (n_trials,) | None
        What these are multiplied by in the regression, though not in the loss: the inverse of each
        trial's variance of noise.
    """

    def __init__(self, features, weight, trust=None):
        self._in_loss = weight
        weight = weight if trust is None else weight * trust
        self._weight = weight = weight / weight.mean()
        self._root = root = np.sqrt(weight)[:, np.newaxis]
        self._features, self._mean = features, np.average(features, axis=0, weights=weight)
        scaled = root * (features - self._mean)
        if scaled.shape[0] <= scaled.shape[1]:
            powers, vectors = np.linalg.eigh(scaled @ scaled.T)
        else:
            powers, axes = np.linalg.eigh(scaled.T @ scaled)
            vectors = scaled @ (axes / np.sqrt(np.maximum(powers, 1e-12 * powers[-1] + 1e-300)))
        kept = powers > 1e-10 * powers[-1]
        powers, self._vectors = powers[kept], vectors[:, kept]
        penalties = SHRINKAGES * powers.sum() / len(features)
        self._gains = 1 / (powers + penalties[:, np.newaxis])
        self._shares = self._gains * powers
        alone = weight / len(weight)
        leverages = self._shares @ np.square(self._vectors).T + alone
        self._remainders = np.maximum(1 - leverages, 1e-9)[:, :, np.newaxis]
        self._from_others = (alone / (1 - alone))[:, np.newaxis]

    def ridge(self, onehot, given_up=0.0):
        """Fit a ridge regression to the indicators of classes, see ridge_by_leave_one_out.

        Parameters
        ----------
        onehot : ndarray, shape (n_trials, n_classes)
        given_up : float

        Returns
        -------
        ridge : Ridge
        """
        target = onehot - np.average(onehot, axis=0, weights=self._weight)
        along = self._vectors.T @ (self._root * target)
        fitted = self._vectors @ (self._shares[:, :, np.newaxis] * along) / self._root
        left_out = target - (target - fitted) / self._remainders + self._from_others * target
        # of features that tell nothing, the rounding of this would still know the labels
        left_out[np.abs(left_out) < _ROUNDING] = 0.0
        temperatures, biases, entropies = find_temperature(left_out, onehot, self._in_loss)
        mean, deviation = EXPECTED_SHRINKAGE
        unexpected = np.square((np.log10(SHRINKAGES) - mean) / deviation) / 2
        losses = entropies + unexpected / len(onehot)
        if given_up:
            share = np.average(onehot, axis=0, weights=self._in_loss)
            gained = max(0.0, -(share * np.log(share)).sum() - losses.min())
            best = np.flatnonzero(losses <= losses.min() + given_up * gained)[-1]
        else:
            best = np.flatnonzero(losses < losses.min() + 1e-3)[0]
        solved = self._root * (self._vectors @ (self._gains[best][:, np.newaxis] * along))
        return Ridge(
            coef=self._features.T @ solved - np.outer(self._mean, solved.sum(axis=0)),
            fitted=fitted[best],
            left_out=left_out[best],
            temperature=float(temperatures[best]),
            bias=biases[best],
            loss=float(entropies[best]),
            shrinkage=float(SHRINKAGES[best]),
        )


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
    weight, trust : ndarray, shape (n_trials,)
        As :class:`Spectrum` takes them.
    given_up : float
        The largest shrinkage is taken that gives up no more than this share of what the most
        probable one gains over chance; for 0 the smallest that is as good as the most probable.

    Returns
    -------
    ridge : Ridge
    """
    return Spectrum(features, weight, trust).ridge(onehot, given_up)


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
