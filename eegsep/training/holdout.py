"""Which trials early stopping holds out: groups of them, by class, none overlapping those kept.

Plain arrays, nothing of networks: what was trained on must not say when training is to stop.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from eegsep._utils.chunks import chunks

# Random splits to choose from where groups differ in size or in classes.
_N_DRAWS = 100
# Groups of each class to hold out, at least, where it has three times as many.
_LEAST_GROUPS = 3
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
        Share of each class to hold out, as nearly as the groups allow; but three groups of each
        class where trials are in groups and it has nine.
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
    n_groups = (counts > 0).sum(axis=0)
    # of trials in groups, so many groups: what two recordings say of a network is luck
    is_grouped = (n_groups < sizes) & (n_groups >= 3 * _LEAST_GROUPS)
    least = np.where(is_grouped, _LEAST_GROUPS * sizes / n_groups, 1)
    targets = np.rint(np.maximum(fraction * sizes, least))
    targets = np.clip(targets, 1, np.maximum(sizes - 1, 1))
    best, smallest = None, np.inf
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
        if (n_held < sizes).all() and deviation < smallest:
            best, smallest = held, deviation
        if smallest == 0:
            break
    if best is None:
        raise ValueError("no class but has trials in too few groups")
    return np.flatnonzero(~best[groups]), np.flatnonzero(best[groups])


def join(of_trial, groups):
    """Join groups that have a trial in common, and number them from 0.

    Parameters
    ----------
    of_trial : ndarray of int, shape (n_pairs,)
        Trials, from 0; each of them at least once.
    groups : ndarray of int, shape (n_pairs,)
        A group that each of these is in, from 0.

    Returns
    -------
    joined : ndarray of int, shape (n_trials,)
    """
    n_trials, n_groups = of_trial.max() + 1, groups.max() + 1
    n_nodes = n_trials + n_groups
    pairs = np.ones(len(groups), dtype=bool), (of_trial, n_trials + groups)
    _, parts = connected_components(coo_array(pairs, shape=(n_nodes, n_nodes)), directed=False)
    return np.unique(parts[:n_trials], return_inverse=True)[1]


def overlapping(X, index):
    """Group trials that have samples in common, as windows cut from one recording do.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
        Trials.
    index : ndarray of int, shape (n_used,)
        Positions of the trials to group.

    Returns
    -------
    groups : ndarray of int, shape (n_used,)
        From 0; where nothing overlaps, each trial's own place.
    starts : ndarray of int, shape (n_used,)
        When a trial begins, in samples after the first of its group.
    """
    n_trials, n_times = len(index), X.shape[2]
    length = max(_N_SAMPLES, int(_SHARE * n_times))
    alone = np.arange(n_trials), np.zeros(n_trials, dtype=int)
    if n_times < 2 * _N_SAMPLES:
        return alone
    stretches = _stretches(X, index, length)
    wanted = stretches != 0
    if wanted.sum() > _N_PLACES:
        # chosen by their samples, the same stretches are chosen of two trials
        wanted &= (stretches >> np.uint64(1)) % np.uint64(-(-wanted.sum() // _N_PLACES)) == 0
    trials, places = np.nonzero(wanted)
    order = np.argsort(stretches[wanted], kind="stable")
    values, trials, places = stretches[wanted][order], trials[order], places[order]
    same = (values[1:] == values[:-1]) & (trials[1:] != trials[:-1])
    if not same.any():
        return alone
    first, second = trials[:-1][same], trials[1:][same]
    pairs, which = np.unique(first * n_trials + second, return_index=True)
    first, second = pairs // n_trials, pairs % n_trials
    lags = (places[:-1] - places[1:])[same][which]
    return _place(n_trials, first, second, lags)


def _stretches(X, index, length):
    """Compute a number of each stretch of a trial, (n_trials, n_times - length + 1).

    Equal stretches have equal numbers, different ones almost surely different ones. Where nothing
    varies the number is 0: zeros before and after a signal are nothing in common.
    """
    n_chans, n_times = X.shape[1:]
    weights = _FIRST * (2 * np.arange(1, n_chans + 1, dtype=np.uint64) + np.uint64(1))
    powers = np.cumprod(np.full(n_times, _SECOND))
    found = np.empty((len(index), n_times - length + 1), dtype=np.uint64)
    start = 0
    for part in chunks(X, index):
        # 0 and -0 are the same number in other bits
        bits = (np.asarray(part, dtype=np.float64, order="C") + 0.0).view(np.uint64)
        bits = (bits ^ bits >> np.uint64(29)) * _SECOND
        samples = ((bits ^ bits >> np.uint64(32)) * weights[:, np.newaxis]).sum(axis=1)
        samples = (samples ^ samples >> np.uint64(31)) * _FIRST
        # differences of running sums of samples times powers, brought to one power
        sums = np.cumsum(samples * powers, axis=1)
        sums = np.concatenate([np.zeros_like(sums[:, :1]), sums], axis=1)
        numbers = (sums[:, length:] - sums[:, :-length]) * powers[::-1][: found.shape[1]]
        changes = np.cumsum(samples[:, 1:] != samples[:, :-1], axis=1)
        changes = np.concatenate([np.zeros_like(changes[:, :1]), changes], axis=1)
        varies = changes[:, length - 1 :] > changes[:, : n_times - length + 1]
        found[start : start + len(part)] = np.where(varies, numbers | np.uint64(1), 0)
        start += len(part)
    return found


def _place(n_trials, first, second, lags):
    """Find groups of trials that are linked, and when each trial begins in its group."""
    shape = n_trials, n_trials
    links = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=shape).tocsr()
    _, groups = connected_components(links, directed=False)
    lag = dict(zip(zip(first.tolist(), second.tolist(), strict=True), lags.tolist(), strict=True))
    starts = np.zeros(n_trials, dtype=int)
    _, roots, sizes = np.unique(groups, return_index=True, return_counts=True)
    for root in roots[sizes > 1]:
        order, before = breadth_first_order(links, root, directed=False)
        for trial in order[1:].tolist():
            other = int(before[trial])
            forwards = lag.get((other, trial))
            starts[trial] = starts[other] + (-lag[trial, other] if forwards is None else forwards)
        starts[order] -= starts[order].min()
    return groups, starts


def cut(groups, starts, fraction):
    """Cut groups in which trials follow each other into stretches, two of which make ``fraction``.

    Parameters
    ----------
    groups, starts : ndarray of int, shape (n_trials,)
        From :func:`overlapping`.
    fraction : float
        Share of the trials to hold out.

    Returns
    -------
    groups : ndarray of int, shape (n_trials,)
    """
    size = max(1, int(fraction * len(groups) / 2))
    pieces = np.empty(len(groups), dtype=int)
    n_pieces = 0
    for group in range(groups.max() + 1):
        members = np.flatnonzero(groups == group)
        order = members[np.argsort(starts[members], kind="stable")]
        of_member = np.arange(len(order)) * -(-len(order) // size) // len(order)
        pieces[order] = n_pieces + of_member
        n_pieces += of_member[-1] + 1
    return pieces
