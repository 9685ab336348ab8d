"""One recording cut into trials, in each pass band of a paradigm.

Refused where it lacks channels, has no signal or values that are not finite.
"""

import copy
import warnings
from collections import Counter

import numpy as np

from eegsep.datasets.channels import find_channels

# Ranges of channels without a signal: in volts, and as a share of the largest.
_NO_SIGNAL, _FLAT = 1e-15, 1e-9


def cut_trials(dataset, paradigm, raw, missing_channels):
    """Cut one recording into trials in each band; None if none of its trials is wanted."""
    import mne
    from moabb.datasets.base import apply_step

    paradigm = copy.copy(paradigm)
    reference = getattr(paradigm, "eeg_reference", "average")
    named = [] if reference == "average" else reference
    spelled = find_channels([*named, *(paradigm.channels or ())], raw.ch_names)
    raw.rename_channels({theirs: ours for ours, theirs in spelled.items()})
    lacking = [name for name in named if name not in spelled]
    if lacking:
        raise ValueError(
            f"has no channel {', '.join(map(repr, lacking))}: choose electrodes that it has, or "
            "the reference 'average'"
        )
    if paradigm.channels is not None:
        there = [name for name in paradigm.channels if name in spelled]
        chosen = [name for name in there if name not in raw.info["bads"]]
        if missing_channels == "interpolate" and len(chosen) < len(paradigm.channels):
            # from all neighbours; the channels are chosen afterwards
            eeg = [raw.ch_names[k] for k in mne.pick_types(raw.info, eeg=True)]
            chosen = list(dict.fromkeys([*there, *eeg]))
        if not chosen:
            raise ValueError(
                f"has no good channel {', '.join(paradigm.channels)}: choose electrodes that it has"
            )
        paradigm.channels = chosen
    elif not len(mne.pick_types(raw.info, eeg=True)):
        raise ValueError("has no EEG channel that is not marked bad")
    pipelines = paradigm.make_process_pipelines(dataset, return_epochs=True)
    bands = []
    for pipeline in pipelines:
        trials = raw.copy() if len(pipelines) > 1 else raw
        for _, step in pipeline.steps:
            try:
                trials = apply_step(step, trials)
            except ValueError as error:
                # of annotations that are none of the dataset's events
                if "Could not find any of the events" not in str(error):
                    raise
                return None
            if trials is None or (isinstance(trials, mne.BaseEpochs) and not len(trials)):
                return None
        bands.append(trials)
    for epochs in bands:
        finite = np.isfinite(epochs.get_data(copy=False)).all(axis=(0, 2))
        if not finite.all():
            names = [epochs.ch_names[k] for k in np.flatnonzero(~finite)]
            raise ValueError(f"has values that are not finite in {', '.join(names[:8])}")
    _check_signal(bands[0])
    dropped = Counter(reason for log in bands[0].drop_log for reason in log if reason != "IGNORED")
    for reason, n in dropped.items():
        warnings.warn(f"trials dropped by MNE ({reason}): {n}", stacklevel=2)
    return tuple(bands)


def _check_signal(epochs):
    """Refuse a recording without any signal, and warn of channels that have none."""
    X = epochs.get_data(copy=False)
    ranges = X.max(axis=(0, 2)) - X.min(axis=(0, 2))
    # what filters leave of a constant is not quite zero
    flat = ranges <= max(_NO_SIGNAL, _FLAT * ranges.max())
    if flat.all():
        raise ValueError("has no signal: every channel is flat")
    if flat.any():
        names = [epochs.ch_names[k] for k in np.flatnonzero(flat)]
        warnings.warn(f"flat, without any signal: {', '.join(names[:8])}", stacklevel=2)
