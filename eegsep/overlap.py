"""Which windows overlap: trials that hold the same stretch of a recording, found by their samples.

A network that has trained on one of them has seen part of the other.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# Shortest stretch, in samples, that windows must share: the largest of these that is no longer than
# a quarter of a window, or the first. Powers of two, since stretches are hashed by doubling.
_STRETCHES = (8, 16, 32)
# The odd constants of splitmix64, by which each bit of a hash comes to depend on all bits before.
_MIX = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def overlapping_groups(X):
    """Find trials that share samples, such as windows that were cut with an overlap.

    Two trials belong together if the same stretch of at least 8 to 32 samples, by the length of
    the trials, is in both, in all channels and to the last bit, wherever it lies in each; so do
    trials that are linked through others. A stretch in which fewer than half of the samples are
    new, such as a flat line, zeros around a signal or a short cycle, links nothing.

    Windows are recognised as they were cut: what filters, resamples, scales or removes the
    baseline of each window by itself makes other numbers of them, in which nothing is found.

    Parameters
    ----------
    X : array-like, shape (n_trials, n_chans, n_times)
        Trials, in any unit, of real numbers or integers.

    Returns
    -------
    groups : ndarray of int, shape (n_trials,)
        Number of the group of each trial, in the order of their first trials. Trials that overlap
        with no other are alone in theirs. Windows that slide over all of a recording are one group.

    Raises
    ------
    ValueError
        If ``X`` has another number of dimensions.

    Notes
    -----
    Time and memory grow with the number of values in ``X``, but for the sorting of one 64-bit
    number for each sample of each trial.
    """
    X = np.asarray(X)
    if X.ndim != 3:
        raise ValueError(f"X must be (n_trials, n_chans, n_times), not of shape {X.shape}")
    n_trials, n_chans, n_times = X.shape
    fitting = [length for length in _STRETCHES if length <= n_times / 4] or _STRETCHES[:1]
    length = fitting[-1]
    if n_trials < 2 or n_chans == 0 or n_times < length:
        return np.arange(n_trials)
    columns = np.stack([_hash_columns(trial) for trial in X])
    stretches = columns
    for half in 2 ** np.arange(length.bit_length() - 1):
        stretches = _mix(stretches[:, :-half] * np.uint64(_MIX[1]) + stretches[:, half:])
    telling = _count_new(columns, length) >= length / 2
    owners, starts = np.nonzero(telling)
    keys = stretches[owners, starts]
    order = np.argsort(keys, kind="stable")
    keys, owners = keys[order], owners[order]
    same = keys[1:] == keys[:-1]
    first, second = owners[:-1][same], owners[1:][same]
    links = coo_array((np.ones(len(first), bool), (first, second)), shape=(n_trials, n_trials))
    return connected_components(links, directed=False)[1].astype(int)


def _hash_columns(trial):
    """Hash what all channels hold at each time, to shape (n_times,)."""
    if trial.dtype.kind == "f":
        # 0 and -0 are the same number in other bits
        bits = np.ascontiguousarray(trial + trial.dtype.type(0)).astype(np.float64).view(np.uint64)
    else:
        bits = trial.astype(np.int64).view(np.uint64)
    odd = np.arange(1, 2 * len(trial), 2, dtype=np.uint64) * np.uint64(_MIX[0])
    # the bits that tell integers apart are the highest of a float: mixed before they are summed
    return _mix(_mix(bits * odd[:, np.newaxis]).sum(axis=0, dtype=np.uint64))


def _mix(values):
    for constant, shift in zip(_MIX[1:], (30, 27), strict=True):
        values = (values ^ (values >> np.uint64(shift))) * np.uint64(constant)
    return values ^ (values >> np.uint64(31))


def _count_new(columns, length):
    """Count, in each stretch, the samples unlike all of the ``length`` before, in one trial."""
    new = np.ones(columns.shape, bool)
    for lag in range(1, length):
        new[:, lag:] &= columns[:, lag:] != columns[:, :-lag]
    n_before = np.pad(np.cumsum(new, axis=1), ((0, 0), (1, 0)))
    return n_before[:, length:] - n_before[:, :-length]
