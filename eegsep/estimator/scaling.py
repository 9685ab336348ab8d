"""Centre and scale of each channel, learned robustly, and warnings of what is off its peers.

Medians over trials: a few trials in another unit, or with artefacts, move neither. What is
predicted is only checked here: ``training/trials.py`` centres and scales.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eegsep._utils.chunks import chunks
from eegsep._utils.warnings import warn

# Between sorted amplitudes of peers, a step of more than this parts them.
PEER_STEP = 10.0
# Trials whose amplitude is more than this, up or down, from that of the fit are of another unit.
UNIT_FACTOR = 10.0
# Of a channel in a single trial, which artefacts move more.
CELL_FACTOR = 100.0
# An offset that changes from trial to trial by more than this, in standard deviations of a trial.
OFFSET_FACTOR = 30.0
# Scaled amplitudes above this would lose everything else in float32, and their squares its range.
LARGEST = 1e12
# Trials of this many values are looked at in single precision first: it takes a fourth as long.
_FEW = 2**17
# The squares of numbers below this are zero.
_LEAST_MEAN = 1e-150
# Of a mean of equal numbers, relative to it.
_ROUNDING = 16 * np.finfo(float).eps
_MOST_NAMES = 8


class Moments(NamedTuple):
    """Moments of each channel in each trial.

    Attributes
    ----------
    means : ndarray, shape (n_trials, n_chans)
        Over time.
    variances : ndarray, shape (n_trials, n_chans)
        Over time, about these means.
    """

    means: np.ndarray
    variances: np.ndarray

    @classmethod
    def of(cls, X, index=None):
        """Take them of ``X[index]``, shape (n_trials, n_chans, n_times), of all trials for None."""
        index = np.arange(len(X)) if index is None else index
        means, variances = np.empty((2, len(index), X.shape[1]))
        start = 0
        with np.errstate(all="ignore"):  # values may be so large that their squares are infinite
            for part in chunks(X, index):
                part = np.asarray(part, dtype=np.float64)
                there = slice(start, start + len(part))
                means[there] = part.mean(axis=2)
                part -= means[there, :, np.newaxis]  # the piece is a copy
                variances[there] = np.einsum("ict,ict->ic", part, part) / X.shape[2]
                start = there.stop
            rounding = np.square(_ROUNDING * means)
        return cls(means, np.where(variances > rounding, variances, 0))

    def squares_about(self, center):
        """Mean squares about a centre of each channel, shape (n_trials, n_chans)."""
        with np.errstate(all="ignore"):
            moved = self.means - center
            moved = np.where(np.abs(moved) > _ROUNDING * np.abs(center), moved, 0)
            return self.variances + np.square(moved)


def center_and_scale(moments, scaling="channel"):
    """Learn what to subtract from each channel, and what to divide it by.

    Parameters
    ----------
    moments : Moments
        Of the training trials.
    scaling : {"channel", "global"}
        ``"channel"``: each channel by itself, its centre the median over trials of its mean, its
        scale the root of the median over trials of its mean square about the centre.
        ``"global"``: nothing is subtracted, and all channels are divided by one number, the root
        mean square of their standard deviations.

    Returns
    -------
    center, scale : ndarray, shape (n_chans,)
        In the unit of the trials; a scale of 1 where nothing varies.
    """
    if scaling == "global":
        variance = moments.variances.mean(axis=0) + moments.means.var(axis=0)
        variance = variance[variance > 0]
        one = np.sqrt(variance.mean()) if len(variance) else 1.0
        return np.zeros(moments.means.shape[1]), np.full(moments.means.shape[1], one)
    center = np.median(moments.means, axis=0)
    squares = moments.squares_about(center)
    scale = np.sqrt(np.median(squares, axis=0))
    # a channel that is still in most trials: its standard deviation
    scale = np.where(scale > 0, scale, np.sqrt(squares.mean(axis=0)))
    return center, np.where(scale > 0, scale, 1.0)


def off_their_peers(amplitudes):
    """Tell which amplitudes are orders of magnitude away from most of the others.

    Sorted, they fall into groups where one is more than ``PEER_STEP`` times the one before; all
    but the largest group (of equal ones, that of the smaller amplitudes) are off. Zeros do not
    count.

    Parameters
    ----------
    amplitudes : ndarray, shape (n,)
        Not negative; infinite ones are off.

    Returns
    -------
    off : ndarray of bool, shape (n,)
    """
    off = np.zeros(len(amplitudes), dtype=bool)
    counted = np.flatnonzero((amplitudes > 0) & np.isfinite(amplitudes))
    order = counted[np.argsort(amplitudes[counted], kind="stable")]
    if len(order):
        steps = np.diff(np.log(amplitudes[order])) > np.log(PEER_STEP)
        group = np.concatenate([[0], np.cumsum(steps)])
        off[order] = group != np.bincount(group).argmax()
    off[~np.isfinite(amplitudes)] = True
    return off


def check_training_amplitudes(moments, center, scale, ch_names=None, index=None, n_times=1):
    """Warn of training data of which something is off; refuse what cannot be computed with.

    Parameters
    ----------
    moments : Moments
        Of the training trials.
    center, scale : ndarray, shape (n_chans,)
        As :func:`center_and_scale` gives them.
    ch_names : sequence of str | None
        Channels' names; None for their positions.
    index : ndarray of int, shape (n_trials,) | None
        The trials' positions in what the user gave.
    n_times : int
        Samples in a trial.

    Raises
    ------
    ValueError
        If values are so large or so small that their squares cannot be computed, or a trial is so
        far off that nothing else would be left.

    Warns
    -----
    UserWarning
        If a channel is flat, or all trials are, a channel or trial is orders of magnitude off its
        peers, or offsets change from trial to trial by far more than a trial varies.
    """
    name = _namer(ch_names)
    means, variances = moments
    squares = moments.squares_about(center)
    flat = ~(moments.squares_about(means[:1]) > 0).any(axis=0)
    n_trials = len(means)
    tiny = (means != 0) & (np.abs(means) < _LEAST_MEAN)
    if not np.isfinite(scale).all() or (flat.all() and tiny.any()):
        raise ValueError(
            "X has values so large, or so small, that their squares cannot be computed. Give the "
            "trials in another unit, such as microvolts."
        )
    if flat.any():
        warn(
            f"Flat channel(s), the same value in every trial and sample: "
            f"{_list(np.flatnonzero(flat), name)}. They carry no information; drop or interpolate "
            "them."
        )
    levels = np.sqrt(np.where(np.isfinite(squares), squares, np.inf))
    typical = np.where(flat, 0, np.sqrt(np.median(squares, axis=0)))
    off = off_their_peers(typical)
    if off.any():
        warn(
            f"Channel(s) whose amplitude is orders of magnitude off the others': "
            f"{_list(np.flatnonzero(off), name)}. Is an electrode loose, or is this a stimulus "
            "channel? Drop or interpolate them."
        )
    if flat.all():
        return
    if n_times > 1 and not (variances > 0).any():
        warn(
            "All trials are flat: in each of them every channel has the same value in all samples. "
            "Was it their mean that was kept? Give the samples."
        )
    # amplitude of a trial, in those of its channels
    by_trial = np.median(levels[:, ~flat] / scale[~flat], axis=1)
    position = np.arange(n_trials) if index is None else index
    largest = (levels / scale).max(axis=1)
    if not largest.max() < LARGEST:
        wrong = position[~(largest < LARGEST)]
        raise ValueError(
            f"Trial(s) {_list(np.sort(wrong))} have values over {LARGEST:.0e} times as large as "
            "those of the others. Are they in another unit, or damaged? Leave them out."
        )
    off = off_their_peers(by_trial)
    if off.any() and (variances > 0).any():
        warn(
            f"Trial(s) whose amplitude is orders of magnitude off the others': "
            f"{_list(np.sort(position[off]))} ({off.sum()} of {n_trials}). Are they in another "
            "unit (volts, microvolts), or do they hold artefacts? Convert them or leave them out."
        )
    _warn_of_cells(moments, levels[~off], variances[~off], flat, name)
    _warn_of_offsets(moments, center, name)


def _warn_of_cells(moments, levels, variances, flat, name):
    """Warn of channels that are flat, or orders of magnitude off themselves, in some trials."""
    if not (moments.variances > 0).any():  # trials of one sample
        return
    still = ~flat & (variances == 0).any(axis=0)
    if still.any():
        warn(
            "Channel(s) flat in some trials but not in others: "
            f"{_list(np.flatnonzero(still), name)}. Was the electrode off? Drop or "
            "interpolate them, or leave these trials out."
        )
    changing = np.array([_is_torn(column) for column in levels.T])
    if changing.any():
        warn(
            "Channel(s) whose amplitude is orders of magnitude larger in some trials than in "
            f"others: {_list(np.flatnonzero(changing), name)}. Is an electrode loose at times? "
            "Drop or interpolate them, or leave these trials out."
        )


def _is_torn(amplitudes):
    """Whether amplitudes of one channel are in two units, or one of them is far from all."""
    off = off_their_peers(amplitudes)
    kept = amplitudes[~off & (amplitudes > 0)]
    if not off.any() or not len(kept):
        return False
    typical = np.median(kept)
    ratios = amplitudes[off] / typical
    return bool((ratios > CELL_FACTOR).any() or (ratios < 1 / CELL_FACTOR).any())


def _warn_of_offsets(moments, center, name):
    within = np.sqrt(np.median(moments.variances, axis=0))
    between = np.median(np.abs(moments.means - center), axis=0)
    changing = between > OFFSET_FACTOR * within
    if changing.any() and (within > 0).any():
        warn(
            f"In channel(s) {_list(np.flatnonzero(changing), name)} trials are off the centre by "
            f"more than {OFFSET_FACTOR:g} times what they vary. High-pass filter the recording, or "
            "subtract a baseline."
        )


def _are_ordinary(ratios, offsets):
    """Whether amplitudes relative to the fit's, and offsets in its unit, give no warning."""
    lowest, highest = ratios.min(), ratios.max()
    return (
        lowest > 1 / UNIT_FACTOR
        and highest < min(UNIT_FACTOR, CELL_FACTOR)
        and (len(ratios) == 1 or highest < PEER_STEP * lowest)
        and offsets.max() < OFFSET_FACTOR
    )


def _are_surely_ordinary(X, center, scale):
    """Whether trials give no warning, as far as moments in their own precision can tell.

    They are off by less than a thousandth where means are small beside what varies.
    """
    with np.errstate(all="ignore"):
        means = X.mean(axis=2)
        squares = np.einsum("ict,ict->ic", X, X) / X.shape[2]
        ratios, offsets = np.sqrt(squares - means * means) / scale, np.abs(means - center) / scale
        return (
            X.dtype.kind == "f"
            and bool((squares > 10 * means * means).all())
            and _are_ordinary(1.01 * ratios, 1.01 * offsets)
            and _are_ordinary(0.99 * ratios, offsets)
        )


def check_amplitudes(X, center, scale, ch_names=None):
    """Warn where trials to predict do not have the amplitudes of the training trials.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
        Trials to predict.
    center, scale : ndarray, shape (n_chans,)
        Of the fit, as :func:`center_and_scale` gives them.
    ch_names : sequence of str | None
        Channels' names; None for their positions.

    Warns
    -----
    UserWarning
        If all trials, some trials, or a channel vary orders of magnitude more or less than in the
        fit, or lie at another offset.
    """
    if X.shape[2] == 1 or (X.size <= _FEW and _are_surely_ordinary(X, center, scale)):
        return
    moments = Moments.of(X)
    name = _namer(ch_names)
    with np.errstate(all="ignore"):
        ratios = np.sqrt(moments.variances) / scale
        offsets = np.abs(moments.means - center) / scale
    if _are_ordinary(ratios, offsets):
        return  # what follows takes as long as decoding a single window
    varying = ratios > 0
    if varying.any():
        overall = float(np.median(ratios[varying]))
        if not 1 / UNIT_FACTOR < overall < UNIT_FACTOR:
            warn(
                f"The trials vary {overall:.1g} times as much as those of the fit: are they in "
                "another unit (volts, microvolts)?"
            )
            return
    by_trial = np.median(ratios, axis=1)
    off = off_their_peers(by_trial) | (by_trial > UNIT_FACTOR)
    if off.any():
        warn(
            f"Trial(s) {_list(np.flatnonzero(off))} vary orders of magnitude more or less than the "
            "others or those of the fit: are they in another unit, or do they hold artefacts?"
        )
    # not where squares overflow, nor in a channel that never varied in the fit: its scale is 1
    still = (ratios == 0) & (np.abs(moments.means) < 1 / _LEAST_MEAN) & (scale != 1)
    flat = still.all(axis=1)
    if flat.any():
        warn(
            f"Trial(s) {_list(np.flatnonzero(flat))} are flat: the same value in all samples. They "
            "hold no signal to decode; leave them out."
        )
    by_channel = np.median(ratios[~off], axis=0) if not off.all() else np.zeros(X.shape[1])
    changed = (by_channel > UNIT_FACTOR) | ((by_channel > 0) & (by_channel < 1 / UNIT_FACTOR))
    if changed.any():
        warn(
            f"Channel(s) {_list(np.flatnonzero(changed), name)} vary orders of magnitude more or "
            "less than in the fit: is an electrode loose?"
        )
    odd = ((ratios > CELL_FACTOR) | still)[~off & ~flat].any(axis=0) & ~changed
    if odd.any():
        warn(
            f"Channel(s) {_list(np.flatnonzero(odd), name)} are flat in some trials, or vary "
            "orders of magnitude more than in the fit: is an electrode loose at times?"
        )
    moved = np.median(offsets, axis=0) > OFFSET_FACTOR
    if moved.any():
        warn(
            f"Channel(s) {_list(np.flatnonzero(moved), name)} lie at another offset than in the "
            f"fit, by more than {OFFSET_FACTOR:g} times their variation. High-pass filter the "
            "recording, or subtract a baseline, in the fit and here."
        )


def _namer(ch_names):
    return str if ch_names is None else lambda i: ch_names[i]


def _list(positions, name=str):
    """Name some, and count the others."""
    named = ", ".join(name(i) for i in positions[:_MOST_NAMES])
    more = len(positions) - _MOST_NAMES
    return named if more <= 0 else f"{named} and {more} more"
