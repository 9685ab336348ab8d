"""A recording of a study as MOABB takes it: types, unit, places of electrodes, and classes.

What the file and ``study.yml`` do not agree on is refused, with what to write.
"""

import warnings
from collections import Counter
from contextlib import contextmanager

import numpy as np

from eegsep._utils.errors import RequestError
from eegsep.datasets.channels import channel_key
from eegsep.datasets.electrodes import known_montage
from eegsep.datasets.recordings.failures import say_unreadable

from .entries import TABLES, suffix_of
from .markers import annotate, check_apart, find_markers
from .tables import table_to_raw

# Robust standard deviations of a second of EEG, in volts, between which a unit can be right.
PLAUSIBLE = (1e-7, 1e-3)
_VOLTAGES = ("eeg", "eog", "ecg", "emg")
_MOST_NAMED = 8


@contextmanager
def unreadable_in_a_line():
    """Refuse what cannot be read in a line, whatever a reader makes of a damaged file."""
    try:
        yield
    except (RequestError, MemoryError):
        raise
    except Exception as error:
        raise RequestError(f"{say_unreadable(error)}.") from error


@unreadable_in_a_line()
def read_entry(description, entry):
    """Read a recording, with an annotation for each trial.

    It is in volts, with positions where they are known. It is a RequestError if it cannot be read,
    or does not go with the description.
    """
    path = description.folder / entry.path
    raw = open_recording(description, path)
    markers = None if entry.markers is None else description.folder / entry.markers
    samples, texts = find_markers(raw, description, path, markers)
    check_apart(samples, texts, description, path)
    annotate(raw, samples, texts, description.classes)
    finish(raw, description, path)
    return raw


@unreadable_in_a_line()
def open_recording(description, path):
    """Read a file as it is, loaded, but for names and types of its channels.

    It is a RequestError if it cannot be read, or would have several channels of one name.
    """
    raw = _read(path, description)
    rename = _by_own_name(raw, description.rename)
    names = Counter(rename.get(name, name) for name in raw.ch_names)
    twice = [name for name, n in names.items() if n > 1]
    if twice:
        raise RequestError(
            f"{path} would have several channels {', '.join(twice)}: write other names below "
            f"rename in {description.place}."
        )
    raw.rename_channels(rename)
    types = _by_own_name(raw, description.types)
    marker = description.markers.get("channel")
    if marker is not None:
        types |= dict.fromkeys(_by_own_name(raw, {marker: ""}), "stim")
    _warn_of_names(description, path, rename, types)
    if types:
        raw.set_channel_types(types, on_unit_change="ignore", verbose="error")
    return raw


def _read(path, description):
    if suffix_of(path) in TABLES:
        return table_to_raw(path, description)
    if description.files is None:
        import mne_bids

        raw = mne_bids.read_raw_bids(mne_bids.get_bids_path_from_fname(path), verbose="error")
        return raw.load_data(verbose="error")
    import mne

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This filename .* does not conform to MNE")
        return mne.io.read_raw(path, preload=True, verbose="warning")


def _by_own_name(raw, wanted):
    """Find channels, whatever the case, and give each what is wanted for it."""
    wanted = {channel_key(name): value for name, value in wanted.items()}
    keys = {name: channel_key(name) for name in raw.ch_names}
    return {name: wanted[key] for name, key in keys.items() if key in wanted}


def _warn_of_names(description, path, rename, types):
    """Tell of channels that ``study.yml`` names and this recording has not."""
    is_table = suffix_of(path) in TABLES
    wanted = dict.fromkeys(description.rename, rename)
    # other columns of tables are left out already
    wanted |= {k: types for k, kind in description.types.items() if kind != "misc" or not is_table}
    lacking = [
        name
        for name, there in wanted.items()
        if channel_key(name) not in set(map(channel_key, there))
    ]
    if lacking:
        warnings.warn(
            f"{path.name} has no channel {', '.join(lacking)}, which {description.place} names",
            stacklevel=3,
        )


def finish(raw, description, path):
    """Bring a recording to volts, without channels of markers, its electrodes placed (in place)."""
    import mne

    # MOABB would take trials from them instead of from the annotations
    stim = [raw.ch_names[k] for k in mne.pick_types(raw.info, meg=False, stim=True)]
    raw.drop_channels(stim)
    if "eeg" not in raw:
        raise RequestError(f"{path} has no EEG channel: write other types in {description.place}.")
    if description.unit != 1:
        factor = description.unit
        present = [kind for kind in _VOLTAGES if kind in raw]
        raw.apply_function(lambda x: factor * x, picks=present, channel_wise=False)
    low, high = PLAUSIBLE
    typical = typical_amplitude(raw)
    if typical and not low <= typical <= high:
        warnings.warn(
            f"{path.name} varies by {1e6 * typical:,.3g} µV within a second, which is no EEG: is "
            f"the unit in {description.file or 'its header'} right?",
            stacklevel=2,
        )
    if description.montage not in (None, "none"):
        _place(raw, description, path)


def typical_amplitude(raw):
    """Measure by how much EEG varies within a second: medians of standard deviations.

    Parameters
    ----------
    raw : mne.io.BaseRaw

    Returns
    -------
    amplitude : float
        In the unit of the channels; 0 where nothing varies.
    """
    import mne

    length = max(2, round(raw.info["sfreq"]))
    n_seconds = max(1, raw.n_times // length)
    # one channel at a time: copies of long recordings fill the memory
    deviations = [
        raw.get_data(picks=[k])[0, : n_seconds * length].reshape(n_seconds, -1).std(axis=1)
        for k in mne.pick_types(raw.info, eeg=True, exclude=())
    ]
    finite = np.concatenate(deviations)
    finite = finite[np.isfinite(finite)]
    return float(np.median(finite)) if finite.size else 0.0


def find_montage(text, folder):
    """Find a montage by MNE's name for it, or in a file below a folder; none is a ValueError."""
    import mne

    known, chosen = mne.channels.get_builtin_montages(), known_montage(text)
    if chosen in known:
        return mne.channels.make_standard_montage(chosen)
    if not (folder / text).is_file():
        raise ValueError(
            f"montage: MNE has no {text!r}, and there is no such file: write one of "
            f"{', '.join(known)}, a file with positions, or none"
        )
    return mne.channels.read_custom_montage(folder / text)


def _place(raw, description, path):
    """Give electrodes their places, and the montage's spelling of their names."""
    try:
        montage = find_montage(description.montage, description.place.parent)
    except ValueError as error:
        raise RequestError(f"{description.place}: {error}.") from error
    spelled = {channel_key(name): name for name in montage.ch_names}
    eeg = [
        name
        for name, kind in zip(raw.ch_names, raw.get_channel_types(), strict=True)
        if kind == "eeg"
    ]
    unknown = [name for name in eeg if channel_key(name) not in spelled]
    if unknown:
        more = ", ..." if len(unknown) > _MOST_NAMED else ""
        raise RequestError(
            f"{path}: the montage {description.montage} has no {', '.join(unknown[:_MOST_NAMED])}"
            f"{more}: write other names below rename, types of what is no EEG (such as eog or "
            f"misc) below types, or montage: none, in {description.place}."
        )
    raw.rename_channels({name: spelled[channel_key(name)] for name in eeg})
    raw.set_montage(montage)
