"""A recording decoded as a whole: a window at each marker, or windows that slide over all of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from eegsep._utils.errors import RequestError, in_a_line

from .preparation import Preparation

# Values in the windows that are cut and decoded at a time.
_AT_ONCE = 2**23
# Seconds; nobody means less than a sample or more than a day.
_LONGEST_STEP = 86_400.0


def predict_recording(
    estimator, raw, preparation=None, *, onsets=None, step=None, name="the recording", progress=None
):
    """Decode a recording: a window after each marker, or windows that slide over all of it.

    Parameters
    ----------
    estimator : EEGNetClassifier, or scikit-learn classifier
        Fitted, with ``predict_proba``.
    raw : mne.io.BaseRaw
        In volts, as it was recorded. It is not changed.
    preparation : Preparation | None
        What was done to the recordings of the fit. None for one that is filtered and referenced
        already, and an estimator that was fitted to Epochs which begin at their markers.
    onsets : array-like, shape (n_windows,) | None
        Times of markers in seconds after the recording's first sample.
    step : float | None
        Seconds from the start of each window to that of the next; give this or ``onsets``.
    name : str
        What refusals call the recording.
    progress : callable | None
        Called as ``progress("predict", done, total, label)``.

    Returns
    -------
    predictions : pandas.DataFrame
        A row for each window that lies within the recording and in no segment marked bad, by its
        position in ``onsets`` or among all windows: ``time`` (of the marker, or the start of the
        window), ``start`` and ``stop`` of the window, all in seconds after the first sample; the
        probability of each class in a column ``p_`` and its name; and the ``decision``.

    Raises
    ------
    RequestError
        If the recording lacks a channel or is in another unit, see :meth:`Preparation.prepare`, is
        shorter than a window, no window lies within it, or the estimator refuses its windows.
    ValueError
        If neither or both of ``onsets`` and ``step`` are given, or cannot be.

    Examples
    --------
    >>> import mne
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.deployment import predict_recording
    >>> info = mne.create_info(["C3", "C4"], 128.0, "eeg")
    >>> rng = np.random.default_rng(0)
    >>> epochs = mne.EpochsArray(rng.normal(0, 1e-5, (20, 2, 128)), info, verbose=False)
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0).fit(epochs, np.arange(20) % 2)
    >>> raw = mne.io.RawArray(rng.normal(0, 1e-5, (2, 1280)), info, verbose=False)
    >>> predictions = predict_recording(clf, raw, step=0.5)
    >>> predictions[["time", "start", "stop"]].head(2)
       time  start  stop
    0   0.0    0.0   1.0
    1   0.5    0.5   1.5
    """
    preparation = preparation or Preparation.of_classifier(estimator)
    if (onsets is None) == (step is None):
        raise ValueError("give either onsets, the times of markers, or step, for sliding windows")
    shortest = 1 / preparation.recorded_sfreq
    # a little less, as steps are written with few figures
    if step is not None and not shortest - 1e-3 * shortest <= step <= _LONGEST_STEP:
        raise RequestError(
            f"windows cannot slide by {step:g} s: a step must be from a sample ({shortest:.2g} s) "
            "to a day (--sliding)."
        )
    if onsets is not None:
        onsets = np.asarray(onsets, float)
        if onsets.ndim != 1 or not np.isfinite(onsets).all():
            raise ValueError("onsets must be a list of times in seconds, without missing ones")
    duration = raw.n_times / raw.info["sfreq"]
    if duration < preparation.length:
        raise RequestError(
            f"{name} lasts {duration:g} s, which is less than a window of the model "
            f"({preparation.length:g} s)."
        )
    progress = progress or (lambda *_: None)
    progress("prepare", 0, 1, "")
    prepared = preparation.prepare(raw, name)
    rate = prepared.info["sfreq"]
    if onsets is None:
        samples = _slide(prepared.n_times, preparation, step)
        times = samples / rate + preparation.tmin
    else:
        samples, times = np.round(onsets * rate).astype(int), onsets
    try:
        kept, probabilities = _decode(estimator, prepared, preparation, samples, progress)
    except (ValueError, FloatingPointError) as error:  # such as values far beyond those of the fit
        why = in_a_line(error).rstrip(".")
        raise RequestError(f"{name} cannot be decoded: {why}.") from error
    if not len(kept):
        raise RequestError(
            f"no window of {name} lies within it and in no segment marked bad: windows are from "
            f"{preparation.tmin:g} to {preparation.tmax:g} s after a marker, and it lasts "
            f"{duration:g} s."
        )
    # times to the microsecond, without what sums leave behind
    starts = np.round(samples[kept] / rate + preparation.tmin, 6)
    stops = np.round(starts + preparation.length, 6)
    classes = np.asarray(estimator.classes_)
    columns = {f"p_{label}": column for label, column in zip(classes, probabilities.T, strict=True)}
    return pd.DataFrame(
        {
            "time": np.round(times[kept], 6),
            "start": starts,
            "stop": stops,
        }
        | columns
        | {"decision": classes[probabilities.argmax(axis=1)]},
        index=kept,
    )


def _slide(n_times, preparation, step):
    """Return samples of pretended markers, whose windows begin a step apart, from 0 on."""
    rate = preparation.recorded_sfreq
    first = round(preparation.tmin * rate)
    length = round(preparation.tmax * rate) - first + 1
    n_windows = int((n_times - length) / (step * rate) + 1e-9) + 1
    starts = np.round(np.arange(n_windows) * step * rate).astype(int)
    return np.unique(starts) - first


def _decode(estimator, raw, preparation, samples, progress):
    """Return which windows there are, ascending in time, and the probabilities of classes."""
    order = np.argsort(samples, kind="stable")
    width = len(preparation.ch_names) * max(
        preparation.n_times, int(preparation.length * preparation.recorded_sfreq)
    )
    at_once = max(1, _AT_ONCE // width)
    kept, probabilities = [], []
    progress("predict", 0, len(order), "")
    for first in range(0, len(order), at_once):
        part = order[first : first + at_once]
        # MNE takes no two windows of one sample
        unique, positions = np.unique(samples[part], return_inverse=True)
        epochs = preparation.cut(raw, unique + raw.first_samp)
        if len(epochs):
            found = np.full(len(unique), -1)
            found[epochs.selection] = np.arange(len(epochs))
            own = found[positions]
            kept.append(part[own >= 0])
            said = np.asarray(estimator.predict_proba(preparation.as_input(epochs)))
            probabilities.append(said[own[own >= 0]])
        done = first + len(part)
        progress("predict", done, len(order), f"{done} windows")
    if not kept:
        return np.array([], int), np.empty((0, len(estimator.classes_)))
    return np.concatenate(kept), np.concatenate(probabilities)
