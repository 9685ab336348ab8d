"""Which features a network starts from: those whose classifier has the least left-out loss.

And whether trials and network can have a start at all.
"""

from __future__ import annotations

import numpy as np

from eegsep._utils.kept import kept

from .evoked import Evoked
from .induced import Induced
from .log_odds import are_surely_less
from .temporal_filters import band_passes, narrow_bands, one_sample

STARTS = ("induced", "evoked", "glorot")
# Of the mu and beta rhythms, in Hz: for trials that were not filtered before.
RHYTHMS = (8, 32)
_LEAST_TRIALS = 3  # of each class
_LEAST_TIMES = 16
# Of a network, what features go by.
_SIZES = ("F1", "D", "n_outputs", "kernel_length", "separable_kernel_length", "pool1", "pool2")


def why_no_start(net, y):
    """Say why no start can be made of some trials for a network; None where one can.

    Parameters
    ----------
    net : EEGNet
    y : ndarray of int, shape (n_trials,)
        Class indices.

    Returns
    -------
    reason : str | None
    """
    if net.spatial_kind != "depthwise" or net.separable_kind != "separable":
        return "only the published convolutions can hold it"
    if net.F2 != net.F1 * net.D:
        return "it takes as many pointwise filters as spatial ones, F2 = F1 * D"
    if net.n_times < _LEAST_TIMES:
        return f"windows have fewer than {_LEAST_TIMES} time samples"
    counts = np.bincount(y, minlength=net.n_outputs)
    if counts.min() < _LEAST_TRIALS:
        return f"a class has fewer than {_LEAST_TRIALS} distinct trials that count"
    return None


def best_features(net, X, y, weight, sfreq, kind="auto", mirror=None):
    """Fit classical classifiers, and take the features of the one with the least left-out loss.

    Parameters
    ----------
    net : EEGNet
        For its sizes.
    X : ndarray, shape (n_trials, n_chans, n_times)
        Scaled trials.
    y : ndarray of int, shape (n_trials,)
    weight : ndarray, shape (n_trials,)
    sfreq : float
        In Hz.
    kind : {"auto", "induced", "evoked"}
        Of activity; ``"auto"`` for either.
    mirror : ndarray of int, shape (n_chans,) | None
        Position of each channel's mirror image; None where that is not known.

    Returns
    -------
    features : Induced or Evoked
        The first of broadband induced activity, that in the rhythms' band, that in narrow bands,
        and evoked activity, but for a later one whose loss is surely less, see
        :func:`.log_odds.are_surely_less`.
    """
    sizes = [getattr(net, name) for name in _SIZES]
    candidates = kept(
        lambda: _candidates(net, X, weight, sfreq, kind, mirror),
        (X, weight, mirror),
        (sizes, sfreq, kind),
        lambda made: sum(3 * each.features.nbytes for each in made),
    )
    onehot = np.eye(net.n_outputs)[y]
    losses = [each.losses(net, onehot) for each in candidates]
    best = 0
    for i, loss in enumerate(losses):
        if are_surely_less(loss, losses[best], weight):
            best = i
    return candidates[best]


def _candidates(net, X, weight, sfreq, kind, mirror):
    """Make the features that there are to choose from; they know no labels."""
    candidates = []
    if kind in ("auto", "induced"):
        length = net.kernel_length
        n_maps = net.F1 * net.D
        if net.n_outputs == 2:
            n_components = max(1, n_maps // 4)
        else:
            n_components, mirror = min(2 * net.n_outputs, n_maps), None
        for kernel in (one_sample(length), band_passes(length, sfreq, [RHYTHMS])):
            if len(kernel):
                candidates.append(Induced(X, weight, kernel, n_components, mirror))
        bank = band_passes(length, sfreq, narrow_bands(length, sfreq))
        if len(bank):
            candidates.append(Induced(X, weight, bank))
    if kind in ("auto", "evoked"):
        candidates.append(Evoked(X, weight, net))
    return candidates


def find_start(net, features, y, weight, index=None):
    """Fit the classifier of some trials on features, and take its components.

    Parameters
    ----------
    net : EEGNet
        For its sizes.
    features : Induced or Evoked
    y : ndarray of int, shape (n_trials,)
    weight : ndarray, shape (n_trials,)
    index : ndarray of int | None
        Positions of the trials to fit on; None for all.

    Returns
    -------
    start : Start
    """
    if index is not None:
        y, weight = y[index], weight[index]
    return features.start(net, np.eye(net.n_outputs)[y], weight, index)
