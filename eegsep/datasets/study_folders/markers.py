"""When trials of which class begin: from annotations, a channel, or a file of events.

What comes out are annotations with the classes' names, which MOABB takes trials from.
"""

import warnings

import numpy as np

from eegsep._utils.errors import RequestError

from .entries import TABLES, suffix_of
from .tables import is_of_numbers, read_table

# What codes are off by where they were stored as other numbers, and more samples than there are.
_ROUNDING, _MOST_SAMPLES = 0.01, 2**31
# Not markers: MNE's own, and EEGLAB's and BrainVision's where recordings were put together.
_OF_THE_RECORDING = ("bad", "edge", "boundary", "new segment")


def find_markers(raw, description, path, markers=None):
    """Find all markers of a recording, whether they mean a class or not.

    The recording is as read from the file, ``description`` says where markers are, ``path`` is for
    what is refused, and ``markers`` the file of events, if there is one. Returns samples, an array
    of int as MNE counts them (the first of the recording is ``raw.first_samp``), and texts, which
    are codes or descriptions. It is a RequestError if the channel or a column is missing, or the
    file of events cannot be read.
    """
    if markers is not None:
        return _from_file(raw, description, markers)
    name = description.markers.get("channel")
    return (
        _from_annotations(raw, description)
        if name is None
        else _from_channel(raw, description, path, name)
    )


def is_of_recording(text):
    """Tell whether an annotation is about the recording and not a marker (bool)."""
    return text.casefold().startswith(_OF_THE_RECORDING)


def _from_annotations(raw, description):
    import mne

    texts = list(dict.fromkeys(raw.annotations.description))
    codes = {
        text: k
        for k, text in enumerate(texts)
        if text in (description.classes or ()) or not is_of_recording(text)
    }
    if not codes:
        return np.array([], int), []
    events, _ = mne.events_from_annotations(raw, codes, regexp=None, verbose="error")
    return events[:, 0], [str(texts[code]) for code in events[:, 2]]


def _from_channel(raw, description, path, name):
    there = {each.casefold(): each for each in raw.ch_names}
    if name.casefold() not in there:
        raise RequestError(
            f"{path} has no channel {name}: write one of those that it has "
            f"({', '.join(raw.ch_names[-8:])}, ...) as the channel of markers in "
            f"{description.place}."
        )
    name = there[name.casefold()]
    codes = raw.get_data(picks=[name])
    whole = np.round(codes)
    # MNE cuts what is behind the point
    odd = codes[~(abs(codes - whole) <= _ROUNDING)]
    if odd.size:
        raise RequestError(
            f"{path}: the channel of markers {name} has numbers that are not whole, such as "
            f"{odd[0]:g}: write another channel in {description.place}."
        )
    raw.apply_function(lambda x: np.round(x), picks=[name])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Trigger channel contains negative values")
        warnings.filterwarnings("ignore", message="Trigger channel has a non-zero initial value")
        events = events_of(raw, name)
    return events[:, 0], [str(code) for code in events[:, 2]]


def events_of(raw, name):
    """Read a channel's codes as MNE's events, also such as follow each other without a gap."""
    import mne

    return mne.find_events(raw, name, consecutive=True, shortest_event=1, verbose="error")


def _from_file(raw, description, path):
    import mne

    if suffix_of(path) not in TABLES:
        events = mne.read_events(path, verbose="error")
        return events[:, 0], [str(code) for code in events[:, 2]]
    table, asked = read_table(path), description.markers
    when = asked.get("sample") or asked.get("onset", "onset")
    label = asked.get("label", "trial_type")
    for key, name in (("sample" if "sample" in asked else "onset", when), ("label", label)):
        if name not in table:
            raise RequestError(
                f"{path} has no column {name}, only {', '.join(table)}: write {key}: and the name "
                f"of its column below markers in {description.place}."
            )
    kept = table[table[label].notna()]
    if not is_of_numbers(kept[when]) or not np.isfinite(kept[when]).all():
        raise RequestError(f"{path}: the column {when} has more than numbers.")
    samples = kept[when].to_numpy(float)
    if "sample" not in asked:
        samples = np.round(samples * raw.info["sfreq"])
    if (abs(samples) > _MOST_SAMPLES).any():
        raise RequestError(f"{path}: the column {when} has numbers that are no times of markers.")
    return samples.astype(int) + raw.first_samp, [_as_text(value) for value in kept[label]]


def _as_text(value):
    whole = isinstance(value, (float, np.floating)) and float(value).is_integer()
    return str(int(value)) if whole else str(value).strip()


def check_apart(samples, texts, description, path):
    """Refuse two markers of classes at one sample: a trial is of one class, and counts once.

    They are those of :func:`find_markers`.
    """
    first = {}
    for sample, text in zip(samples, texts, strict=True):
        if text not in description.classes:
            continue
        if sample in first:
            raise RequestError(
                f"{path} has two markers of classes at sample {sample}, {first[sample]} and {text}:"
                f" leave one out of the classes in {description.place}, or mend the recording's "
                "markers."
            )
        first[sample] = text


def annotate(raw, samples, texts, classes):
    """Replace a recording's markers, in place, by the classes that they mean; others are left out.

    Annotations about the recording, such as bad segments, stay. Markers are those of
    :func:`find_markers`, classes by their text.
    """
    import mne

    about_it = [
        text not in classes and is_of_recording(text) for text in raw.annotations.description
    ]
    kept = raw.annotations[np.flatnonzero(about_it)]
    trials = [(s, classes[text]) for s, text in zip(samples, texts, strict=True) if text in classes]
    onsets = [(sample - raw.first_samp) / raw.info["sfreq"] for sample, _ in trials]
    raw.set_annotations(mne.Annotations(onsets, 0.0, [name for _, name in trials]))
    if len(kept):
        raw.set_annotations(raw.annotations + kept)
