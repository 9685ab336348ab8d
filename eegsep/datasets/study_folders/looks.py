"""What recordings look like, for a draft: channels, markers, amplitude, and which columns are what.

A few recordings are read; what they do not say is left open.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from eegsep.datasets.channels import channel_key
from eegsep.datasets.electrodes import montage

from .entries import TABLES, suffix_of
from .markers import events_of, is_of_recording
from .reading import typical_amplitude, unreadable_in_a_line
from .tables import read_table

_KINDS = (
    (r"eog", "eog"),
    (r"ecg|ekg", "ecg"),
    (r"emg", "emg"),
    (r"sti|status|trig|marker|event", "stim"),
)
_TIME = re.compile(r"time|stamp", re.IGNORECASE)
_MARKER = re.compile(r"mark|trig|event|sti|label|class|target", re.IGNORECASE)
_MOST_CODES = 64


@dataclass
class Look:
    """What a few recordings have in common.

    ``is_table`` is whether they are tables; ``ch_names`` are EEG, as it seems, ``types`` and
    ``rename`` of the others, and better names. ``sfreq`` is in Hz, ``amplitude`` see
    :func:`.reading.typical_amplitude`; ``has_places`` is whether files say where electrodes are. By
    text ``annotations`` and ``codes``, those of ``marker_channel``, have lists of the number of the
    file, onset and duration in seconds.
    """

    is_table: bool = False
    ch_names: list = field(default_factory=list)
    types: dict = field(default_factory=dict)
    rename: dict = field(default_factory=dict)
    sfreq: float | None = None
    amplitude: float = 0.0
    has_places: bool = False
    marker_channel: str | None = None
    annotations: dict = field(default_factory=dict)
    codes: dict = field(default_factory=dict)

    @property
    def knows_electrodes(self):
        """Whether all channels are electrodes of the 10-05 system (bool)."""
        known = _electrodes()
        return all(channel_key(self.rename.get(name, name)) in known for name in self.ch_names)


def _electrodes():
    return {channel_key(name) for name in montage().ch_names}


def look_at(paths, progress=None):
    """Read some recordings, and see what they have (Look).

    ``progress("read", done, total, label)`` is called meanwhile.
    """
    look, amplitudes, progress = Look(), [], progress or (lambda *_: None)
    progress("read", 0, len(paths), "")
    for k, path in enumerate(paths):
        raw = _open_table(look, path) if suffix_of(path) in TABLES else _open(look, path)
        _sort_channels(look, raw)
        _note_markers(look, raw, k)
        if "eeg" in raw:
            amplitudes.append(typical_amplitude(raw.copy().pick(look.ch_names)))
        progress("read", k + 1, len(paths), path.name)
    look.amplitude = float(np.median(amplitudes)) if amplitudes else 0.0
    return look


@unreadable_in_a_line()
def _open(look, path):
    import mne

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they come again when the recording is used
        raw = mne.io.read_raw(path, preload=True, verbose="error")
    look.sfreq, look.has_places = raw.info["sfreq"], raw.get_montage() is not None
    return raw


def _open_table(look, path):
    """Make a recording of a table, of which it is not known what its columns are."""
    import mne

    table, known = read_table(path), _electrodes()
    look.is_table = True
    kinds = {}
    for name, column in table.items():
        if not np.issubdtype(column.dtype, np.number):
            kinds[name] = "misc"
        elif channel_key(name) in known:
            kinds[name] = "eeg"
        elif _TIME.search(name) or _is_even(column.to_numpy()):
            look.sfreq = look.sfreq or _rate(column.to_numpy(float))
            kinds[name] = "misc"
        elif _is_of_codes(column.to_numpy()):
            kinds[name] = "stim"
    some = "eeg" in kinds.values()
    for name in table:
        kinds.setdefault(name, "misc" if some else "eeg")
    stim = [name for name, kind in kinds.items() if kind == "stim"]
    stim.sort(key=lambda name: _MARKER.search(name) is None)
    look.marker_channel = stim[0] if stim else None
    look.types |= {name: "misc" for name, kind in kinds.items() if kind == "misc"}
    look.types |= dict.fromkeys(stim[1:], "misc")
    kept = [name for name, kind in kinds.items() if kind == "eeg" or name in stim[:1]]
    info = mne.create_info(kept, look.sfreq or 1.0, [kinds[name] for name in kept])
    return mne.io.RawArray(table[kept].to_numpy(float).T, info, verbose="error")


def _is_even(values):
    steps = np.diff(values)
    return len(steps) > 1 and steps.min() > 0 and steps.max() < 10 * np.median(steps)


def _is_of_codes(values):
    whole = np.isfinite(values).all() and (values == np.round(values)).all()
    return bool(whole) and 1 < len(np.unique(values)) <= _MOST_CODES


def _rate(times):
    span = times[-1] - times[0]
    if len(times) < 2 or not np.isfinite(span) or span <= 0:
        return None
    rate = (len(times) - 1) / span
    if rate < 2:  # milliseconds
        rate *= 1000
    whole = round(rate)
    return float(whole if whole and abs(rate - whole) < 0.01 * rate else round(rate, 3))


def _sort_channels(look, raw):
    """See which channels are EEG, and propose names and types for those that are called oddly."""
    known = _electrodes()
    names = [raw.ch_names[k] for k, kind in enumerate(raw.get_channel_types()) if kind == "eeg"]
    keys = {name: channel_key(name) for name in names}
    rename, others = {}, {}
    for name, key in keys.items():
        bare = re.sub(r"^eeg[ _:-]*|[ _-]+(ref|le|avg|a1|a2|m1|m2|gnd)$", "", key)
        kind = next((kind for word, kind in _KINDS if re.search(word, key)), None)
        if key in known:
            continue
        if bare in known:
            rename[name] = next(n for n in montage().ch_names if channel_key(n) == bare)
        else:
            others[name] = kind
    if sum(key in known for key in keys.values()) + len(rename) < len(names) / 2:
        # other names altogether: only what is called otherwise is no EEG
        others = {name: kind for name, kind in others.items() if kind}
    look.rename |= rename
    look.types |= {name: kind or "misc" for name, kind in others.items()}
    seen = dict.fromkeys([*look.ch_names, *(name for name in names if name not in look.types)])
    look.ch_names = [name for name in seen if name in raw.ch_names]


def _note_markers(look, raw, k):
    import mne

    for each in raw.annotations:
        text = str(each["description"])
        if not is_of_recording(text):
            onset = each["onset"] - (raw.first_time if raw.annotations.orig_time else 0)
            look.annotations.setdefault(text, []).append((k, onset, each["duration"]))
    stim = [raw.ch_names[i] for i in mne.pick_types(raw.info, meg=False, stim=True)]
    if look.marker_channel is None and stim:
        look.marker_channel = stim[0]
    if look.marker_channel in stim:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            events = events_of(raw, look.marker_channel)
        for sample, _, code in events:
            onset = (sample - raw.first_samp) / raw.info["sfreq"]
            look.codes.setdefault(str(code), []).append((k, onset, 0.0))


def count(markers):
    """Count markers by text, in the order of their names (dict of int)."""
    return dict(sorted(Counter({text: len(each) for text, each in markers.items()}).items()))
