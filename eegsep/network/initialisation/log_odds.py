"""Scores as log-odds, and the cross-entropy by which classifiers are compared.

Of trials that the scores were not fitted to.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

# Inverse variance that classes' biases are expected to have about the log of the classes' shares.
BIAS_PRECISION = 4.0
# Of one classifier over another, in nats of all trials together: what Kass and Raftery (1995) call
# positive evidence, and few trials do not give by chance.
EVIDENCE = 2.0
# Factors of scores of unit variance, and what keeps them from the upper end.
_FACTORS = np.exp(-6), np.exp(4)
_FACTOR_PENALTY = 1e-3
# A cost that is as good as none; and steps of Newton's method, of which six are usual.
_SMALL, _MOST_STEPS = 1e-12, 100


def cross_entropies(logits, onehot):
    """Cross-entropy in nats of each trial's logits (n_trials, n_classes), shape (n_trials,)."""
    return logsumexp(logits, axis=1) - (onehot * logits).sum(axis=1)


def are_surely_less(losses, than, weight):
    """Say whether losses are less than others by more than a standard error, and ``EVIDENCE``.

    Parameters
    ----------
    losses, than : ndarray, shape (n_trials,)
        Of the same trials.
    weight : ndarray, shape (n_trials,)

    Returns
    -------
    are_less : bool
    """
    share, gains = weight / weight.sum(), than - losses
    gain = share @ gains
    error = np.sqrt(np.square(share) @ np.square(gains - gain))
    return bool(gain > max(error, EVIDENCE / len(gains)))


def find_temperature(scores, onehot, weight, with_bias=True):
    """Find one factor, and a bias for each class, that make scores log-odds.

    Parameters
    ----------
    scores : ndarray, shape (..., n_trials, n_classes)
        Of trials that the scores were not fitted to; several sets of scores at once each get
        their own.
    onehot : ndarray, shape (n_trials, n_classes)
    weight : ndarray, shape (n_trials,)
    with_bias : bool
        Whether the classes get a bias each, drawn to the log of their shares, or zero.

    Returns
    -------
    temperature : float or ndarray, shape (...)
        Positive. A slight penalty keeps it finite where all trials are told apart.
    bias : ndarray, shape (..., n_classes)
    loss : float or ndarray, shape (...)
        Mean cross-entropy, penalty included.
    """
    share = weight[:, np.newaxis] / weight.sum()
    shape, n_classes = scores.shape[:-2], scores.shape[-1]
    scores = scores.reshape(-1, *scores.shape[-2:])
    unit = np.sqrt((share * np.square(scores)).sum(axis=(1, 2)) / n_classes)
    unit = np.where(unit > 0, unit, 1.0)
    scores = scores / unit[:, np.newaxis, np.newaxis]
    # of a class without trials as if it had half of one
    frequency = np.maximum((share * onehot).sum(axis=0), 0.5 / len(onehot))
    expected = np.log(frequency) - np.log(frequency).mean() if with_bias else 0 * frequency
    problem = _Sharpening(scores, onehot, share, expected)
    start = np.tile([np.exp(-1.0), *expected], (len(scores), 1))
    free = np.full((len(scores), 1 + n_classes), with_bias)
    free[:, 0] = True
    found, loss = problem.solve(start, free)
    # the cost is convex: where the best factor is out of bounds, the nearest bound is the best one
    bounded = np.clip(found[:, 0], *_FACTORS)
    outside = bounded != found[:, 0]
    if outside.any():
        found[outside, 0], free[:, 0] = bounded[outside], ~outside
        found, loss = problem.solve(found, free)
    factor, bias = found[:, 0] / unit, found[:, 1:].reshape(*shape, n_classes)
    if not shape:
        return float(factor[0]), bias, float(loss[0])
    return factor.reshape(shape), bias, loss.reshape(shape)


class _Sharpening:
    """Cross-entropies and penalties of several sets of scores by factor and biases, minimised.

    Newton's method, all sets at once, each with a step of its own.
    """

    def __init__(self, scores, onehot, share, expected):
        self._scores, self._onehot, self._share, self._expected = scores, onehot, share, expected
        self._penalties = np.full(1 + len(expected), BIAS_PRECISION / len(onehot))
        self._penalties[0] = _FACTOR_PENALTY
        self._centre = np.concatenate([[0.0], expected])

    def _cost(self, parameters):
        """Return costs, shape (n_sets,), and probabilities, shape (n_sets, n_trials, n_classes)."""
        logits = parameters[:, :1, np.newaxis] * self._scores + parameters[:, np.newaxis, 1:]
        logits = logits - logits.max(axis=2, keepdims=True)
        odds = np.exp(logits)
        sums = odds.sum(axis=2, keepdims=True)
        beyond = np.square(parameters - self._centre) @ self._penalties / 2
        entropy = self._onehot * (np.log(sums) - logits)
        return (self._share * entropy).sum(axis=(1, 2)) + beyond, odds / sums

    def _derivatives(self, parameters, probabilities):
        slope = self._share * (probabilities - self._onehot)
        gradient = self._penalties * (parameters - self._centre)
        gradient[:, 0] += (slope * self._scores).sum(axis=(1, 2))
        gradient[:, 1:] += slope.sum(axis=1)
        # each trial's logits by factor and biases, about their mean over the classes it may be of
        mean = (probabilities * self._scores).sum(axis=2, keepdims=True)
        weighted = self._share * probabilities
        off = self._scores - mean
        curvature = np.empty((*gradient.shape, gradient.shape[1]))
        curvature[:, 0, 0] = (weighted * off * self._scores).sum(axis=(1, 2))
        curvature[:, 0, 1:] = curvature[:, 1:, 0] = (weighted * off).sum(axis=1)
        curvature[:, 1:, 1:] = -np.swapaxes(weighted, 1, 2) @ probabilities
        diagonal = np.arange(1, gradient.shape[1])
        curvature[:, diagonal, diagonal] += weighted.sum(axis=1)
        return gradient, curvature + np.diag(self._penalties)

    def solve(self, parameters, free):
        """Minimise the costs over the parameters that are free, from some on.

        Returns
        -------
        parameters : ndarray, shape (n_sets, 1 + n_classes)
        costs : ndarray, shape (n_sets,)
        """
        costs, probabilities = self._cost(parameters)
        fixed = np.eye(free.shape[1], dtype=bool) & ~free[:, np.newaxis]
        both_free = free[:, np.newaxis] & free[:, :, np.newaxis]
        for _ in range(_MOST_STEPS):
            gradient, curvature = self._derivatives(parameters, probabilities)
            gradient = np.where(free, gradient, 0.0)
            curvature = np.where(both_free, curvature, 0.0) + fixed
            step = np.linalg.solve(curvature, gradient[..., np.newaxis])[..., 0]
            promised = (gradient * step).sum(axis=1)
            if promised.max() < _SMALL:
                break
            size = np.ones(len(parameters))
            while True:
                tried = parameters - size[:, np.newaxis] * step
                new_costs, new_probabilities = self._cost(tried)
                worse = new_costs > costs + _SMALL * (1 + np.abs(costs))
                if not worse.any():
                    break
                size[worse] /= 2
            parameters, costs, probabilities = tried, new_costs, new_probabilities
        return parameters, costs
