"""Labels, weights and groups as arrays, whoever holds them, with nothing lost on the way.

What numpy would silently make another value of is refused: masks, missing words, mixed types.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Set

import numpy as np
import pandas as pd
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets


def refuse_masked(name, what, values):
    """Refuse a masked array in which values are masked, whose mask would be lost: a ValueError."""
    if np.ma.isMaskedArray(values) and np.ma.is_masked(values):
        raise ValueError(
            f"{name} got {what} as a masked array with {np.ma.count_masked(values)} masked values, "
            "which it cannot leave out. Drop these trials, or fill them: X.filled(...)."
        )


def is_tensor(values):
    """Whether they are a tensor of torch's, which is not imported for that."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(values, torch.Tensor)


def from_torch(name, what, tensor):
    """Take the values of a tensor, wherever they are; a sparse or empty one is a ValueError."""
    try:
        tensor = tensor.detach().cpu()
        return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()
    except (TypeError, RuntimeError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"{name} cannot take the values of {what}, a tensor of {tensor.dtype} ({reason}). Pass "
            "a dense array."
        ) from error


def is_of_objects(values):
    """Whether they are an array, or a column of pandas's, of Python objects."""
    return isinstance(values, (np.ndarray, pd.Series)) and values.dtype == object


def as_values(name, what, values):
    """Bring labels, weights or groups to what scikit-learn checks, with nothing lost on the way.

    ``name`` is what an error calls the function or the classifier, ``what`` what it calls the
    values. It is a ValueError if values are masked, or words are mixed with other values, of which
    numpy would make words; a TypeError if they are in no order.
    """
    refuse_masked(name, what, values)
    if is_tensor(values):
        return from_torch(name, what, values)
    if isinstance(values, (Mapping, Set, Iterator, str, bytes)):
        raise TypeError(f"{name} expects {what} to be an array, not a {type(values).__name__}.")
    if isinstance(values, (list, tuple)) or is_of_objects(values):
        lacking = [_is_missing(value) for value in values]
        kinds = {type(value) for value, lacks in zip(values, lacking, strict=True) if not lacks}
        of_text = [{kind for kind in kinds if issubclass(kind, each)} for each in (str, bytes)]
        if any(some and some != kinds for some in of_text):
            raise ValueError(
                f"{name} got {what} of several types, "
                f"{', '.join(sorted(kind.__name__ for kind in kinds))}. Make them one: "
                "[str(value) for value in ...]"
            )
        if any(of_text) and any(lacking):
            values = np.array(values, dtype=object)  # else what is missing becomes a word
    own = getattr(getattr(values, "dtype", None), "numpy_dtype", None)  # pandas's, which can be NA
    if own is not None and not pd.isna(values).any():
        return values.to_numpy(dtype=own)
    return values


def _is_missing(value):
    is_nan = isinstance(value, float) and value != value
    return is_nan or value is None or value is pd.NA or value is pd.NaT


def labels_of(name, y, n_trials=None):
    """Check the labels of trials, as an array (n_trials,).

    ``name`` is what an error calls the function or the classifier; ``n_trials`` None is for any
    number. It is a ValueError or TypeError if there are none, or not as many as trials, one is
    missing, or they are no labels.
    """
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None")
    y = column_or_1d(as_values(name, "y", y), warn=True)
    if pd.isna(y).any():
        raise ValueError("Input y contains NaN or None: every trial needs a label")
    check_classification_targets(y)
    if n_trials is not None and len(y) != n_trials:
        raise ValueError(f"X has {n_trials} trials but y has {len(y)} labels")
    return y


def positions_of(y, classes):
    """Return where among the classes, which are sorted, each label is; others are a ValueError."""
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(
            f"y has labels {unknown.tolist()}, which are not among the classes {classes.tolist()}"
        )
    return np.searchsorted(classes, y)


def groups_of(name, groups, n_trials):
    """Check what each trial is cut from: a group each, as an array (n_trials,); None for None.

    ``name`` is what a refusal calls whoever asks.
    """
    if groups is None:
        return None
    groups = as_values(name, "groups", groups)
    shape = np.shape(groups)
    if shape not in ((n_trials,), (n_trials, 1)):
        hint = ". Join several columns into one, such as f'{subject} {session}'"
        raise ValueError(
            f"groups must be one for each of the {n_trials} trials, not of shape {shape}"
            f"{hint if len(shape) > 1 else ''}"
        )
    groups = column_or_1d(groups)
    if pd.isna(groups).any():
        raise ValueError("groups contains NaN or None: every trial needs a group")
    return groups
