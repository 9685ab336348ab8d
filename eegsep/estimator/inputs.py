"""From whatever holds trials to checked arrays of them.

Everything that can be wrong with the input is found here, before any training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Number

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from eegsep._utils.values import from_torch, is_of_objects, refuse_masked
from eegsep._utils.warnings import warn
from eegsep.datasets.epochs import (
    check_alike,
    check_channels,
    choose_channels,
    is_epochs,
    is_list_of_epochs,
    knowledge_of,
    refuse_other_objects_of_mne,
    take_data,
    warn_of_inactive_projectors,
    warn_of_mixed_making,
    warn_of_other_making,
)

# More channels than any cap has: two-dimensional input with more was flattened before.
MOST_FLAT_CHANNELS = 256


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
    info = made = None
    refuse_masked(name, "X", X)
    if is_of_objects(X) and X.ndim == 1:
        X = list(X)
    if is_epochs(X) or is_list_of_epochs(X):
        X, info, made = _epochs_to_trials(estimator, X, reset=reset)
    else:
        refuse_other_objects_of_mne(name, X)
        X = _as_array(name, X)
        _check_shape(estimator, X, reset=reset)
    with np.errstate(all="ignore"):  # what overflows here is refused as infinite
        if isinstance(X, np.ndarray) and X.dtype.kind == "f" and X.dtype.itemsize > 8:
            X = X.astype(np.float64)
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
        estimator._epochs_made = made
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


def _as_array(name, X):
    """Bring what holds trials, but is no array yet, to an array; leave the rest to scikit-learn.

    Torch tensors, and data sets whose items are trials or begin with one (torch's, braindecode's,
    skorch's ``SliceDataset``), are taken.
    """
    # what numpy would take for a single value
    is_no_array = isinstance(X, (str, bytes, Mapping, type)) or (
        not hasattr(X, "__getitem__") and X is not None and not isinstance(X, Number)
    )
    has_values = hasattr(X, "__array__") and not isinstance(X, type)
    if is_no_array and not issparse(X) and not has_values:
        raise TypeError(
            f"{name} expects X to be mne.Epochs or an array (n_trials, n_chans, n_times), not a "
            f"{type(X).__name__}."
        )
    if isinstance(X, torch.Tensor):
        return from_torch(name, "X", X)
    if isinstance(X, (list, tuple)):
        for x in X:
            refuse_masked(name, "X", x)
        X = [from_torch(name, "X", x) if isinstance(x, torch.Tensor) else x for x in X]
        try:
            return np.asarray(X)
        except ValueError:  # of trials that differ in shape
            _refuse_uneven(name)
    if is_of_objects(X) and _holds_arrays(X):
        _refuse_uneven(name)
    is_dataset = isinstance(X, (torch.utils.data.Dataset, Sequence))
    if not is_dataset or isinstance(X, (np.ndarray, range)):
        return X
    try:
        items = [X[i] for i in range(len(X))]
        items = [item[0] if isinstance(item, (list, tuple)) else item for item in items]
        return np.stack([np.asarray(item) for item in items])
    except (TypeError, IndexError, NotImplementedError, ValueError) as error:
        raise TypeError(
            f"{name} cannot take trials from a {type(X).__name__} ({error}). Pass an array "
            "(n_trials, n_chans, n_times): np.stack([item[0] for item in dataset])."
        ) from error


def _refuse_uneven(name):
    raise ValueError(
        f"{name} got an object array whose entries are arrays, which happens when trials "
        "differ in length or channels. Cut them to one length and stack them: "
        "X of shape (n_trials, n_chans, n_times)."
    )


def _holds_arrays(X):
    first = next(iter(X.flat), None)
    return isinstance(first, (np.ndarray, list, tuple))


def _check_shape(estimator, X, *, reset):
    """Refuse an array that is not (trials, channels, times), with the line of code that helps."""
    name, shape = type(estimator).__name__, getattr(X, "shape", None)
    if shape is None or 0 in shape or issparse(X):
        return
    if len(shape) > 3:
        ones = [axis for axis, n in enumerate(shape) if n == 1 and axis > 0]
        advice = "A filter bank's extra axis belongs to one classifier a band."
        if len(shape) == 4 and ones:
            axis = ones[0] if ones[0] == 1 else ones[-1]
            advice = f"Drop the axis of length 1: X.squeeze({axis})."
        raise ValueError(
            f"{name} expects X of shape (n_trials, n_chans, n_times) or (n_trials, n_chans), got "
            f"{len(shape)} dimensions: {tuple(shape)}. {advice}"
        )
    if not reset and estimator.n_times_in_ > 1:
        fitted = (estimator.n_features_in_, estimator.n_times_in_)
        if shape == fitted:
            raise ValueError(
                f"X of shape {shape} is a single window, and {name} expects several: X[np.newaxis]"
            )
        if len(shape) == 2:
            raise ValueError(
                f"X has 2 dimensions, {shape}, but {name} was fitted on trials of shape {fitted} "
                "(n_chans, n_times). Was it flattened?"
            )
        if shape[1:] == fitted[::-1] and fitted[0] != fitted[1]:
            raise ValueError(
                f"X of shape {shape} has its channels last, but {name} was fitted on trials of "
                f"shape {fitted} (n_chans, n_times): X.transpose(0, 2, 1)"
            )
    if not reset:
        return
    if len(shape) == 2 and shape[1] > MOST_FLAT_CHANNELS:
        raise ValueError(
            f"X of shape {shape} would be {shape[1]} channels of one time sample each. Pass trials "
            "of shape (n_trials, n_chans, n_times), without a Vectorizer() before; or, if that is "
            "what they are, X[:, :, np.newaxis]."
        )
    if len(shape) == 2 and estimator.sfreq is not None:
        warn(
            f"X of shape {shape} is read as {shape[1]} channels of a single time sample, though "
            f"sfreq={estimator.sfreq:g}. Pass trials of shape (n_trials, n_chans, n_times), "
            "without a step before that flattens them."
        )
    if len(shape) == 3 and shape[1] == shape[2] > 1 and _are_symmetric(X):
        raise ValueError(
            f"X of shape {shape} holds symmetric matrices, such as covariances. {name} decodes the "
            "trials themselves, (n_trials, n_chans, n_times): leave out the step before it."
        )
    if len(shape) == 3 and 1 < shape[2] < shape[1] / 2 and shape[2] <= MOST_FLAT_CHANNELS:
        warn(
            f"X of shape {shape} is read as {shape[1]} channels of {shape[2]} time samples. If "
            "channels are last, pass X.transpose(0, 2, 1)."
        )


def _are_symmetric(X):
    some = np.asarray(X[:: max(1, len(X) // 4)])
    return some.dtype.kind in "fiu" and np.allclose(some, some.transpose(0, 2, 1), 1e-4, 0)


def _epochs_to_trials(estimator, epochs, *, reset):
    """Take data (n_trials, n_chans, n_times) by name, their info, and how they were made."""
    import mne

    name = type(estimator).__name__
    fitted = None if reset else estimator.info_
    first = epochs
    if not is_epochs(epochs):  # scikit-learn's splits make lists of single trials
        check_alike(name, epochs)
        warn_of_mixed_making(name, epochs)
        first = epochs[0]
    if fitted is None:
        picks = choose_channels(name, first)
        warn_of_inactive_projectors(name, first)
        sfreq = estimator.sfreq
    else:
        picks, sfreq = list(fitted["ch_names"]), fitted["sfreq"]
        check_channels(name, picks, fitted.get_channel_types(), first)
    if not reset and sfreq is not None and not np.isclose(first.info["sfreq"], sfreq):
        raise ValueError(
            f"These Epochs have a sampling rate of {first.info['sfreq']:g} Hz, but {name} was "
            f"fitted at {sfreq:g} Hz. Resample them: epochs.resample(...)"
        )
    if fitted is not None:
        warn_of_other_making(name, estimator._epochs_made, first)
    # by name: whatever order the channels lie in, the network gets them as in fit
    info = mne.pick_info(first.info, [first.ch_names.index(ch) for ch in picks])
    return take_data(epochs, picks), info, knowledge_of(first)


def canonical_trials(X, y, sample_weight):
    """Order trials by their values, merge equal ones, and drop those of no weight.

    A fit on the result depends neither on the order in which trials were given, nor on whether a
    trial comes twice or weighs twice; and equal trials cannot lie on both sides of a split.

    For X (n_trials, n_chans, n_times), class indices y and weights (n_trials,), returns the
    positions of the distinct trials, and which of these each trial is, -1 for one of no weight.
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
    if same.any() and len(columns) < flat.shape[1]:
        index, group = _split_ties(flat, index, group)
    is_first = np.concatenate([[True], group[1:] != group[:-1]])
    of_trial = np.full(len(X), -1)
    of_trial[index] = np.cumsum(is_first) - 1
    return index[is_first], of_trial


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
