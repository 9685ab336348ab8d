"""From arrays and Epochs to checked trials: shapes, channels, scale, and batches for the network.

Everything that can be wrong with the input is found here, before any training.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
import torch
from sklearn.utils.validation import validate_data

from . import fused

# Trials are read in pieces of about this size wherever one pass over the data suffices.
CHUNK_BYTES = 2**19
# Above this size trials are not kept in float32 but converted a batch at a time.
CACHE_BYTES = 2 * 2**30


def is_epochs(X):
    """Whether ``X`` is an ``mne.Epochs`` (MNE need not be imported to know that it is not)."""
    mne = sys.modules.get("mne")
    return mne is not None and isinstance(X, mne.BaseEpochs)


def _is_continuous(X):
    """Whether ``X`` is a recording or an average of MNE's that has not been cut into trials."""
    mne = sys.modules.get("mne")
    return mne is not None and isinstance(X, (mne.io.BaseRaw, mne.Evoked))


def check_trials(estimator, X, *, reset):
    """Check the trials given to an estimator and bring them to one shape.

    Parameters
    ----------
    estimator : sklearn.base.BaseEstimator
        The estimator whose fitted attributes (``n_features_in_``, ``n_times_in_``, ``info_``) are
        set or, where ``reset`` is false, compared with.
    X : array-like, shape (n_trials, n_chans, n_times) or (n_trials, n_chans), or mne.Epochs
        Trials. A 2-D array is read as trials of a single time sample.
    reset : bool
        True in ``fit``.

    Returns
    -------
    trials : ndarray, shape (n_trials, n_chans, n_times)
        Real numbers in the type they came in; no copy is made of a float array.

    Raises
    ------
    ValueError
        For NaN or infinite values, no trials or samples, another number of dimensions, or another
        montage, window or sampling rate than in ``fit``.
    TypeError
        For an array of objects that are not numbers, or a sparse one.
    """
    if not reset and _is_as_fitted(estimator, X):
        return X
    name = type(estimator).__name__
    info = None
    if isinstance(X, (list, tuple)) and X and all(map(is_epochs, X)):
        # what scikit-learn's cross-validation makes of Epochs: a list of single trials
        import mne

        X = mne.concatenate_epochs(list(X), verbose="error")
    if _is_continuous(X):
        raise TypeError(
            f"{name} decodes trials, but X is a {type(X).__name__}. Cut the recording first: "
            "mne.Epochs(raw, events, ...)"
        )
    if is_epochs(X):
        X, info = _epochs_to_trials(estimator, X, reset=reset)
    elif hasattr(X, "dtype") and X.dtype == object and _holds_arrays(X):
        raise ValueError(
            f"{name} got an object array whose entries are arrays, which happens when trials "
            "differ in length or channels. Cut them to one length and stack them: "
            "X of shape (n_trials, n_chans, n_times)."
        )
    n_dims = getattr(X, "ndim", None)
    if n_dims is not None and n_dims > 3:
        raise ValueError(
            f"{name} expects X of shape (n_trials, n_chans, n_times) or (n_trials, n_chans), got "
            f"{n_dims} dimensions: {X.shape}. A filter bank's extra axis belongs to one classifier "
            "a band."
        )
    X = validate_data(estimator, X, reset=reset, allow_nd=True, dtype="numeric")
    if X.dtype.kind not in "fiub":
        raise ValueError(f"{name} expects real numbers, got an array of dtype {X.dtype}")
    if X.ndim == 2:
        X = X[:, :, np.newaxis]
    if 0 in X.shape[1:]:
        what = "feature(s), that is channels," if X.shape[1] == 0 else "sample(s) in time"
        raise ValueError(f"Found array with 0 {what} (shape={X.shape}); {name} needs at least 1")
    if reset:
        estimator.n_times_in_ = X.shape[2]
        estimator.info_ = info
    elif X.shape[2] != estimator.n_times_in_:
        raise ValueError(
            f"X has {X.shape[2]} time samples, but {name} was fitted on windows of "
            f"{estimator.n_times_in_}. Crop or resample to the same window."
        )
    return X


def _is_as_fitted(estimator, X):
    """Whether X needs no more checks: scikit-learn's take as long as decoding a single window."""
    if not (
        type(X) is np.ndarray
        and X.dtype in (np.float32, np.float64)
        and X.ndim == 3
        and len(X) > 0
        and X.shape[1:] == (estimator.n_features_in_, estimator.n_times_in_)
        and not hasattr(estimator, "feature_names_in_")
    ):
        return False
    with np.errstate(all="ignore"):
        # not finite if a value is not
        return bool(np.isfinite(X.sum(dtype=np.float64)))


def _holds_arrays(X):
    first = next(iter(X.flat), None) if isinstance(X, np.ndarray) else None
    return isinstance(first, (np.ndarray, list, tuple))


def _epochs_to_trials(estimator, epochs, *, reset):
    """Pick the good EEG channels: data (n_trials, n_chans, n_times) in volts, and their info."""
    import mne

    name = type(estimator).__name__
    fitted = None if reset else estimator.info_
    if fitted is None:
        eeg = mne.pick_types(epochs.info, meg=False, eeg=True, exclude="bads")
        picks = [epochs.ch_names[i] for i in eeg]
        if not picks:
            raise ValueError(f"{name} found no good EEG channel in the Epochs: {epochs.ch_names}")
        left_out = [ch for ch in epochs.ch_names if ch not in picks]
        if left_out:
            types = dict(zip(epochs.ch_names, epochs.get_channel_types(), strict=True))
            described = ", ".join(
                f"{ch} (bad)" if ch in epochs.info["bads"] else f"{ch} ({types[ch]})"
                for ch in left_out
            )
            warnings.warn(
                f"{name} decodes good EEG channels only and leaves out: {described}. "
                "Pick channels, or mend bad ones, beforehand to silence this.",
                UserWarning,
                stacklevel=4,
            )
    else:
        picks = fitted["ch_names"]
        missing = [ch for ch in picks if ch not in epochs.ch_names]
        if missing:
            raise ValueError(
                f"{name} was fitted on channels that these Epochs lack: {', '.join(missing)}"
            )
        unfit = [
            ch
            for ch, kind in zip(epochs.ch_names, epochs.get_channel_types(), strict=True)
            if ch in picks and (ch in epochs.info["bads"] or kind != "eeg")
        ]
        if unfit:
            raise ValueError(
                f"{name} was fitted on channels that are bad or no EEG in these Epochs: "
                f"{', '.join(unfit)}. Interpolate them, or fit without them."
            )
    sfreq = estimator.sfreq if fitted is None else fitted["sfreq"]
    if not reset and sfreq is not None and not np.isclose(epochs.info["sfreq"], sfreq):
        raise ValueError(
            f"These Epochs have a sampling rate of {epochs.info['sfreq']:g} Hz, but {name} was "
            f"fitted at {sfreq:g} Hz. Resample them: epochs.resample(...)"
        )
    # by name: whatever order the channels lie in, the network gets them as in fit
    data = epochs.get_data(picks=picks, copy=False) if len(epochs) else np.empty((0, len(picks), 1))
    return data, mne.pick_info(epochs.info, [epochs.ch_names.index(ch) for ch in picks])


def chunks(X, index, n_bytes=0):
    """Yield ``X[index]`` in pieces of about ``CHUNK_BYTES`` (``n_bytes`` a trial, if more)."""
    step = max(1, CHUNK_BYTES // max(1, n_bytes, X[:1].nbytes))
    for start in range(0, len(index), step):
        yield X[index[start : start + step]]


def input_scale(X, index, ch_names=None):
    """Scale of the training data: root mean square of its channels' standard deviations.

    One number for all channels, so that what the network learns remains a linear function of the
    electrodes. Flat channels do not count.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
        Trials.
    index : ndarray of int
        Positions of the trials to measure.
    ch_names : list of str | None
        Channel names for the warning.

    Returns
    -------
    scale : float
        In the unit of ``X``; 1.0 where nothing varies.

    Warns
    -----
    UserWarning
        If a channel is flat.
    """
    # about the first trial's mean: a large offset would cancel in E[x²] - E[x]²
    origin = np.asarray(X[index[0]], dtype=np.float64).mean(axis=1, keepdims=True)
    total, squares = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    low, high = np.full(X.shape[1], np.inf), np.full(X.shape[1], -np.inf)
    for part in chunks(X, index):
        np.minimum(low, part.min(axis=(0, 2)), out=low)
        np.maximum(high, part.max(axis=(0, 2)), out=high)
        centred = part - origin
        total += centred.sum(axis=(0, 2))
        squares += np.einsum("ict,ict->c", centred, centred)
    flat = low == high
    if flat.any() and X.shape[2] > 1:
        named = [ch_names[i] if ch_names else str(i) for i in np.flatnonzero(flat)]
        warnings.warn(
            f"Flat channel(s), the same value in every trial and sample: {', '.join(named)}. "
            "They carry no information; drop or interpolate them.",
            UserWarning,
            stacklevel=4,
        )
    n = len(index) * X.shape[2]
    variance = (squares / n - (total / n) ** 2)[~flat]
    variance = variance[variance > 0]
    return float(np.sqrt(variance.mean())) if len(variance) else 1.0


def warn_of_another_unit(X, scale):
    """Warn where trials seem to be in another unit than those that ``scale`` was taken from.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
        Trials to predict.
    scale : float
        From :func:`input_scale`.

    Warns
    -----
    UserWarning
        If the first trial varies a thousand times more or less than ``scale``.
    """
    if X.shape[2] == 1:
        return
    means, squares = np.empty((2, 1, X.shape[1]))
    fused.row_moments(np.asarray(X[:1], dtype=np.float64), means, squares, 0, 1)
    ratio = float(np.sqrt(squares / X.shape[2]).mean()) / scale
    if not 1e-3 < ratio < 1e3 and ratio > 0:
        warnings.warn(
            f"The trials vary {ratio:.1g} times as much as those of the fit: are they in another "
            "unit (volts, microvolts)?",
            UserWarning,
            stacklevel=4,
        )


def canonical_trials(X, y, sample_weight):
    """Order trials by their values, merge equal ones, and drop those of no weight.

    A fit on the result depends neither on the order in which trials were given, nor on whether a
    trial comes twice or weighs twice; and equal trials cannot lie on both sides of a split.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
        Trials.
    y : ndarray of int, shape (n_trials,)
        Class indices.
    sample_weight : ndarray of float64, shape (n_trials,)
        Weights, not negative.

    Returns
    -------
    index : ndarray of int, shape (n_distinct,)
        Positions of the distinct trials.
    weight : ndarray, shape (n_distinct,)
        Their summed weights.
    """
    kept = np.flatnonzero(sample_weight > 0)
    flat = X.reshape(len(X), -1)
    # a few values spread over a trial nearly always tell trials apart
    columns = np.unique(np.linspace(0, flat.shape[1] - 1, 16).astype(int))
    keys = np.column_stack([y[kept], flat[np.ix_(kept, columns)]])
    order = np.lexsort(keys.T[::-1])
    index, keys = kept[order], keys[order]
    same = np.all(keys[1:] == keys[:-1], axis=1)
    group = np.concatenate([[0], np.cumsum(~same)])
    if not same.any():
        return index, sample_weight[index]
    if len(columns) < flat.shape[1]:
        index, group = _split_ties(flat, index, group)
    first = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
    return index[first], np.add.reduceat(sample_weight[index], first)


def _split_ties(flat, index, group):
    """Refine groups of trials that agree in a few values by all of their values."""
    index, group = index.copy(), group * len(group)
    for value in np.unique(group):
        members = np.flatnonzero(group == value)
        if len(members) > 1:
            _, rank = np.unique(flat[index[members]], axis=0, return_inverse=True)
            order = np.argsort(rank, kind="stable")
            index[members] = index[members][order]
            group[members] = value + rank[order]
    return index, group


class Trials:
    """Trials in the network's scale and type, a batch at a time.

    Trials of float32 that lie in order are scaled as a batch is taken, and so are those that would
    fill the memory (of a memory map, say); others are converted once.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
        Trials in their own unit.
    index : ndarray of int, shape (n_used,)
        Positions of the trials to use.
    scale : float
        What to divide by.
    device : torch.device
        Where batches go.
    """

    def __init__(self, X, index, scale, device):
        self._X = X
        self._index = index
        self._scale = scale
        self._device = device
        self._converted = None
        in_place = X.dtype == np.float32 and X.flags.c_contiguous
        if not in_place and len(index) * X[0].size * 4 <= CACHE_BYTES:
            self._converted = torch.empty((len(index), *X.shape[1:]), device=device)
            start = 0
            for part in chunks(X, index):
                self._converted[start : start + len(part)] = self._convert(part)
                start += len(part)

    def _convert(self, part):
        if part.dtype == np.float32:
            return torch.from_numpy(part).to(self._device).div_(self._scale)
        # divided in float64, so that volts and microvolts end on the same numbers
        scaled = np.asarray(part, dtype=np.float64) / self._scale
        return torch.from_numpy(scaled.astype(np.float32)).to(self._device)

    def __len__(self):
        return len(self._index)

    def select(self, indices):
        """Take some trials without copying them yet, where that can be.

        Parameters
        ----------
        indices : torch.Tensor of int, shape (B,)
            Their positions among the trials used.

        Returns
        -------
        x : Batch or torch.Tensor, shape (B, n_chans, n_times)
        """
        if self._device.type == "cpu" and self._X.dtype in (np.float32, np.float64):
            indices = indices.numpy()
            if self._converted is None:
                X = np.asarray(self._X)
                return Batch(X, self._index[indices], X.dtype.type(self._scale))
            return Batch(self._converted.numpy(), indices, np.float32(1))
        if self._converted is not None:
            return self._converted[indices.to(self._device)]
        return self._convert(self._X[self._index[indices.cpu().numpy()]])

    def batch(self, indices):
        """Take some trials.

        Parameters
        ----------
        indices : torch.Tensor of int, shape (B,)
            Their positions among the trials used.

        Returns
        -------
        x : torch.Tensor, shape (B, n_chans, n_times)
        """
        return self.select(indices)[:]


class Batch:
    """Trials that are copied from where they lie, a few at a time, when they are needed.

    Parameters
    ----------
    array : ndarray, shape (n_trials, n_chans, n_times)
    positions : ndarray of int, shape (B,)
        Which trials.
    divisor : float
        What to divide by, of the type of ``array``.
    """

    device = torch.device("cpu")

    def __init__(self, array, positions, divisor):
        # as read-only, like a memory map: one kind of array to compile for
        self.array = array.view()
        self.array.flags.writeable = False
        self.positions = positions
        self.divisor = divisor
        self.shape = (len(positions), *array.shape[1:])

    def __len__(self):
        return len(self.positions)

    def __getitem__(self, part):
        """Values, shape (b, n_chans, n_times), of the trials in a slice of the batch."""
        positions = self.positions[part]
        out = torch.empty(len(positions), *self.shape[1:])
        fused.take(self.array, positions, self.divisor, out.numpy(), 0, len(out))
        return out
