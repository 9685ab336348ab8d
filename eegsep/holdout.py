"""Which trials early stopping holds out: groups of them, by class, none overlapping those kept.

Plain arrays, nothing of networks: what was trained on must not say when training is to stop.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from .inputs import chunks

# Random splits to choose from where groups differ in size or in classes.
_N_DRAWS = 100
# Trials overlap that have this share of a window in common, and at least so many samples.
_SHARE, _N_SAMPLES = 1 / 8, 8
# Of more places in trials than this, some are compared: those whose samples say so.
_N_PLACES = 2**20
# Odd numbers that spread the bits of others.
_FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


def split(y, groups, fraction, seed):
    """Split trials into those to train on and those to watch: groups whole, each class in both.

    Parameters
    ----------
    y : ndarray of int, shape (n_trials,)
        Class indices.
    groups : ndarray of int, shape (n_trials,)
        From 0. Trials of a group stay together.
    fraction : float
        Share of each class to hold out, as nearly as the groups allow.
    seed : int
        Of the choice.

    Returns
    -------
    kept, held_out : ndarray of int
        Positions, ascending.

    Raises
    ------
    ValueError
        If the groups allow no such split.
    """
    rng = np.random.RandomState(seed)
    classes, y = np.unique(y, return_inverse=True)
    counts = np.zeros((groups.max() + 1, len(classes)), dtype=int)
    np.add.at(counts, (groups, y), 1)
    sizes = counts.sum(axis=0)
    targets = np.clip(np.rint(fraction * sizes), 1, np.maximum(sizes - 1, 1))
    best, least = None, np.inf
    for _ in range(_N_DRAWS):
        held = np.zeros(len(counts), dtype=bool)
        for label, target in enumerate(targets):
            n_held = counts[held, label].sum()
            for group in rng.permutation(np.flatnonzero(counts[:, label])):
                if n_held == target:
                    break
                nearer = abs(n_held + counts[group, label] - target) < abs(n_held - target)
                if not held[group] and (nearer or n_held == 0):
                    held[group] = True
                    n_held += counts[group, label]
        n_held = counts[held].sum(axis=0)
        deviation = np.abs((n_held - targets) / sizes).sum()
        if (n_held < sizes).all() and deviation < least:
            best, least = held, deviation
        if least == 0:
            break
    if best is None:
        raise ValueError("no class but has trials in too few groups")
    return np.flatnonzero(~best[groups]), np.flatnonzero(best[groups])


def merged(groups, n_groups):
    """Number groups from 0, as one those that a trial has in common.

    Parameters
    ----------
    groups : ndarray of int, shape (n_pairs, 2)
        A trial, and a group that it is in.
    n_trials : int

    Returns
    -------
    of_trial : ndarray of int, shape (n_trials,)
    """


def overlapping(X, index, fraction):
    """Group trials that have samples in common, as windows cut from one recording do.

    Where all overlap in one long chain, such as trials that follow each other faster than a window
    lasts, the chain is cut into stretches of trials that follow each other.
    """
