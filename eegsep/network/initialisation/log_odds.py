"""Scores as log-odds, and the cross-entropy by which classifiers are compared.

Of trials that the scores were not fitted to.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

# Inverse variance that classes' biases are expected to have about the log of the classes' shares.
BIAS_PRECISION = 4.0
# Of one classifier over another, in nats of all trials together: what Kass and Raftery (1995) call
# positive evidence, and few trials do not give by chance.
EVIDENCE = 2.0


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
    scores : ndarray, shape (n_trials, n_classes)
        Of trials that the scores were not fitted to.
    onehot : ndarray, shape (n_trials, n_classes)
    weight : ndarray, shape (n_trials,)
    with_bias : bool
        Whether the classes get a bias each, drawn to the log of their shares, or zero.

    Returns
    -------
    temperature : float
        Positive. A slight penalty keeps it finite where all trials are told apart.
    bias : ndarray, shape (n_classes,)
    loss : float
        Mean cross-entropy, penalty included.
    """
    share = weight[:, np.newaxis] / weight.sum()
    unit = np.sqrt((share * np.square(scores)).sum() / scores.shape[1]) or 1.0
    scores = scores / unit
    # of a class without trials as if it had half of one
    frequency = np.maximum((share * onehot).sum(axis=0), 0.5 / len(scores))
    expected = np.log(frequency) - np.log(frequency).mean() if with_bias else 0 * frequency
    narrowness = BIAS_PRECISION / len(scores)

    def cost(parameters):
        factor, bias = np.exp(parameters[0]), parameters[1:]
        logits = factor * scores + bias
        logits = logits - logits.max(axis=1, keepdims=True)
        logsums = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        slope = share * (np.exp(logits - logsums) - onehot)
        beyond = bias - expected
        penalty = 1e-3 * factor**2 / 2 + narrowness * (beyond**2).sum() / 2
        loss = -(share * onehot * (logits - logsums)).sum() + penalty
        by_factor = factor * (slope * scores).sum() + 1e-3 * factor**2
        return loss, np.concatenate([[by_factor], slope.sum(axis=0) + narrowness * beyond])

    found = minimize(
        cost,
        np.concatenate([[-1.0], expected]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-6, 4), *((b - 5, b + 5) if with_bias else (0, 0) for b in expected)],
    )
    return float(np.exp(found.x[0]) / unit), found.x[1:], float(found.fun)
