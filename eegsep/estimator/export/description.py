"""What an exported file says of itself: labels, channels, window, and what wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

import eegsep

from ..lengths import sampling_rate


def describe(clf, metadata=None):
    """Describe what a fitted classifier takes and gives, as text by key.

    Parameters
    ----------
    clf : EEGNetClassifier
        Fitted.
    metadata : dict | None
        What else is to be said, by name: values that JSON can hold, and arrays of numbers.

    Returns
    -------
    description : dict of str to str
        Each value is JSON: ``classes``, the labels in the order of the probabilities; ``ch_names``
        and ``sfreq`` (Hz), null where they are not known; ``n_chans`` and ``n_times`` of a trial;
        ``unit``, ``"V"`` after a fit on Epochs, else null: that of the training trials; ``center``
        and ``scale``, each channel's usual offset and amplitude in that unit, by which to tell
        trials of another one; ``eegsep_version``; and what ``metadata`` has.

    Raises
    ------
    ValueError
        If ``metadata`` has a name that is taken, or what JSON cannot hold.
    TypeError
        If it is no dict.
    """
    ch_names = clf._ch_names()
    content = {
        "eegsep_version": eegsep.__version__,
        "classes": clf.classes_.tolist(),
        "ch_names": None if ch_names is None else list(ch_names),
        "sfreq": sampling_rate(clf.sfreq, clf.info_),
        "n_chans": clf.n_features_in_,
        "n_times": clf.n_times_in_,
        "unit": None if clf.info_ is None else "V",
        "center": clf.center_.tolist(),
        "scale": clf.scale_.tolist(),
    }
    description = {key: json.dumps(value, default=str) for key, value in content.items()}
    if metadata is not None and not isinstance(metadata, Mapping):
        raise TypeError(f"metadata must be a dict, or None, not {type(metadata).__name__}.")
    for key, value in (metadata or {}).items():
        if key in description or not isinstance(key, str):
            raise ValueError(f"metadata cannot have the name {key!r}: give it another, a text.")
        try:
            description[key] = json.dumps(value, allow_nan=False, default=_as_list)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"metadata {key!r} is nothing that JSON can hold: {error}.") from error
    return description


def _as_list(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"it has a {type(value).__name__}")
