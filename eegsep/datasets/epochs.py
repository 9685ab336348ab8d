"""What mne.Epochs know of their signal: channels, units, reference, filters, window, projectors.

Trials are taken from them by channel name; what differs between fit and predict is told.
"""

from __future__ import annotations

import sys

import numpy as np

from eegsep._utils.warnings import warn

from .channels import find_channels, listed

# How MNE calls what a network can decode, in the words of MNE's users.
_KINDS = ("eeg", "csd", "seeg", "ecog", "dbs", "mag", "grad", "hbo", "hbr", "fnirs_od")


def _mne():
    """Return MNE if it is imported: else nothing can be of its classes."""
    return sys.modules.get("mne")


def is_epochs(X):
    """Whether ``X`` is an ``mne.Epochs`` (MNE need not be imported to know that it is not)."""
    mne = _mne()
    return mne is not None and isinstance(X, mne.BaseEpochs)


def is_list_of_epochs(X):
    """Whether ``X`` is what scikit-learn's splits make of Epochs: a list of them."""
    return isinstance(X, (list, tuple)) and len(X) > 0 and all(map(is_epochs, X))


def refuse_other_objects_of_mne(name, X):
    """Refuse what MNE has that is no Epochs with a TypeError that says what to do instead.

    That is a Raw, an Evoked, a time-frequency representation, or lists that have one of these, or
    Epochs beside what is none.
    """
    mne = _mne()
    if mne is None:
        return
    one = X
    if isinstance(X, (list, tuple)):
        one = next((each for each in X if type(each).__module__.split(".")[0] == "mne"), X)
    listed = "a list of " if one is not X else "a "
    kind = type(one).__name__
    advice = None
    if isinstance(one, mne.io.BaseRaw):
        advice = "Cut the recording first: mne.Epochs(raw, events, ...)"
    elif isinstance(one, mne.Evoked):
        advice = "An average is no trial: pass the Epochs that it was made of"
    elif isinstance(one, (mne.time_frequency.EpochsTFR, mne.time_frequency.EpochsSpectrum)):
        advice = "The network filters in time by itself: pass the Epochs that it was made of"
    elif one is not X and is_epochs(one):
        advice = "Some of the list are no Epochs: pass Epochs alone"
    elif type(one).__module__.split(".")[0] == "mne" and not is_epochs(one):
        advice = "Pass mne.Epochs, or an array (n_trials, n_chans, n_times)"
    if advice is not None:
        raise TypeError(f"{name} decodes trials, but X is {listed}{kind}. {advice}.")


def knowledge_of(epochs):
    """Collect what Epochs tell of how their signal was made.

    A dict of ``reference, projectors, window, baseline, filter``: each a text that can be compared.
    """
    info = epochs.info
    active = sorted(projector["desc"] for projector in info["projs"] if projector["active"])
    tmin, baseline = epochs.tmin, epochs.baseline
    return {
        "reference": "set anew" if info["custom_ref_applied"] else "as recorded",
        "projectors": ", ".join(active) or "none",
        "window": f"from {_seconds(tmin)} s on",
        "baseline": "none"
        if baseline is None
        else " to ".join("the end" if t is None else f"{_seconds(t)} s" for t in baseline),
        "filter": f"{info['highpass']:.4g} to {info['lowpass']:.4g} Hz",
    }


def _seconds(t):
    return f"{round(float(t), 3) + 0.0:g}"


def warn_of_inactive_projectors(name, epochs):
    """Warn of projectors that Epochs carry but that are not applied to their data."""
    inactive = [projector["desc"] for projector in epochs.info["projs"] if not projector["active"]]
    if inactive:
        warn(
            f"The Epochs have projectors that are not applied ({', '.join(inactive)}), and {name} "
            "takes the data without them. Call epochs.apply_proj() or epochs.del_proj() first."
        )


def warn_of_other_making(name, known, epochs):
    """Warn of what Epochs were made with that is not as :func:`knowledge_of` those of the fit."""
    here = knowledge_of(epochs)
    differing = [
        f"{what} {here[what]} (in the fit: {known[what]})"
        for what in known
        if here[what] != known[what]
    ]
    if differing:
        warn(
            f"These Epochs were made otherwise than those that {name} was fitted on: "
            f"{'; '.join(differing)}. Predictions may be wrong."
        )


def warn_of_mixed_making(name, listed):
    """Warn where a list holds Epochs that were made in different ways."""
    made = {}  # one of each kind: the list is of single trials
    for epochs in listed:
        info = epochs.info
        projectors = tuple((each["desc"], each["active"]) for each in info["projs"])
        filters = info["highpass"], info["lowpass"]
        key = info["custom_ref_applied"], filters, epochs.baseline, projectors
        made.setdefault(key, epochs)
    known = [knowledge_of(epochs) for epochs in made.values()]
    differing = [what for what in known[0] if len({one[what] for one in known}) > 1]
    if differing:
        warn(
            f"{name} got a list of Epochs that were made in different ways: "
            + "; ".join(f"{what} {' or '.join({k[what]: 0 for k in known})}" for what in differing)
            + ". Make them alike before they are put together."
        )


def choose_channels(name, epochs):
    """Choose the good channels of one kind: EEG, or the only other kind that there is.

    It is a ValueError, in the estimator's name, if there is no good channel, or there are several
    kinds and none is EEG; a warning if channels are left out.
    """
    types = dict(zip(epochs.ch_names, epochs.get_channel_types(), strict=True))
    kinds = [kind for kind in _KINDS if kind in types.values()]
    if not kinds:
        raise ValueError(
            f"{name} found no EEG channel in the Epochs, which have {_count(types.values())}. "
            "Give channels their type with epochs.set_channel_types(...), or pass the array "
            "epochs.get_data()."
        )
    if kinds[0] != "eeg" and len(kinds) > 1:
        raise ValueError(
            f"{name} found no EEG channel in the Epochs, and {_count(types.values())}. Choose one "
            f"kind with epochs.pick({kinds[0]!r}), or pass the array epochs.get_data()."
        )
    kind = kinds[0]
    bads = epochs.info["bads"]
    picks = [ch for ch in epochs.ch_names if types[ch] == kind and ch not in bads]
    if not picks:
        raise ValueError(
            f"{name} found no good EEG channel in the Epochs: all {kind} channels are marked bad. "
            "Interpolate them (epochs.interpolate_bads()), or clear epochs.info['bads']."
        )
    left_out = [ch for ch in epochs.ch_names if ch not in picks]
    if left_out:
        described = ", ".join(
            f"{ch} (bad)" if ch in bads and types[ch] == kind else f"{ch} ({types[ch]})"
            for ch in left_out
        )
        label = kind.upper() if kind in ("eeg", "csd") else kind
        warn(
            f"{name} decodes good {label} channels only and leaves out: {described}. "
            "Pick channels, or mend bad ones, beforehand to silence this."
        )
    return picks


def _count(types):
    types = list(types)
    return ", ".join(f"{types.count(kind)} of type {kind}" for kind in dict.fromkeys(types))


def check_channels(name, picks, kinds, epochs):
    """Refuse Epochs that lack a channel of the fit, or have it marked bad or of another type.

    ``picks`` are the channels of the fit and ``kinds`` their types; a ValueError names the
    channels.
    """
    types = dict(zip(epochs.ch_names, epochs.get_channel_types(), strict=True))
    missing = [ch for ch in picks if ch not in types]
    if missing:
        alike = find_channels(missing, epochs.ch_names)
        pairs = [f"{theirs!r}: {ours!r}" for ours, theirs in alike.items()]
        dots = ", ..." if len(pairs) > 1 else ""
        hint = (
            f". Spelled otherwise they are there: epochs.rename_channels({{{pairs[0]}{dots}}})"
            if pairs
            else ""
        )
        raise ValueError(
            f"{name} was fitted on channels that these Epochs lack: {listed(missing)}{hint}"
        )
    unfit = [
        ch
        for ch, kind in zip(picks, kinds, strict=True)
        if ch in epochs.info["bads"] or types[ch] != kind
    ]
    if unfit:
        raise ValueError(
            f"{name} was fitted on channels that are bad or no EEG in these Epochs: "
            f"{', '.join(unfit)}. Interpolate them, or fit without them."
        )


def take_data(epochs, picks):
    """Take the data of some channels by name.

    They are of shape (n_trials, n_chans, n_times), in volts (teslas for magnetometers, and so on).
    A list of Epochs is of trials with the same channels, rate and window, whatever order the
    channels lie in.
    """
    if isinstance(epochs, (list, tuple)):
        return np.concatenate([take_data(part, picks) for part in epochs])
    if not len(epochs):
        return np.empty((0, len(picks), len(epochs.times)))
    # without picks where there is nothing to pick: this is done for each trial of a list
    return epochs.get_data(picks=None if epochs.ch_names == picks else picks, copy=False)


def check_alike(name, listed):
    """Refuse a list of Epochs that do not belong together: a ValueError in the estimator's name.

    Those that do have the channels, sampling rate, window, types and bad channels of the first.
    """
    first = listed[0]
    names, bads, sfreq = set(first.ch_names), set(first.info["bads"]), first.info["sfreq"]
    for i, epochs in enumerate(listed):
        info = epochs.info
        if info["ch_names"] != first.info["ch_names"] and set(epochs.ch_names) != names:
            differing = sorted(names.symmetric_difference(epochs.ch_names))
            what = f"other channels ({', '.join(differing[:8])})"
        elif set(info["bads"]) != bads:
            what = f"other bad channels ({', '.join(sorted(bads ^ set(info['bads'])))})"
        elif info["sfreq"] != sfreq:
            what = f"a sampling rate of {info['sfreq']:g} Hz and not of {sfreq:g} Hz"
        elif len(epochs.times) != len(first.times) or abs(epochs.tmin - first.tmin) > 0.5 / sfreq:
            what = "another window"
        else:
            continue
        raise ValueError(
            f"{name} got a list of Epochs that do not belong together: number {i} has {what}."
        )
