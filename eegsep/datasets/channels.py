"""Recordings made alike before they are stacked: channels matched by name, windows by length.

What cannot be stacked with the others is left out, and the reason is told.
"""

import warnings
from collections import Counter
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np

from eegsep._utils.errors import in_a_line
from eegsep._utils.logs import about

MISSING_CHANNELS = ("error", "common", "interpolate")
_MOST_NAMED = 8


@dataclass(frozen=True, eq=False)
class Recording:
    """Trials of one run, or of runs that have been stacked, where ``session`` and ``run`` are None.

    ``bands`` has the same trials as Epochs in each pass band of the paradigm, ``labels`` their
    classes, shape (n_trials,), and ``bads`` the channels that are marked bad, whether or not they
    are still in the trials.
    """

    subject: int
    session: str | None
    run: str | None
    bands: tuple
    labels: np.ndarray
    bads: tuple = ()

    @property
    def ch_names(self):
        """Names of the channels that are not marked bad (list of str)."""
        return [name for name in self.bands[0].ch_names if name not in self.bads]

    @property
    def n_times(self):
        """Samples in each window (int)."""
        return len(self.bands[0].times)

    @property
    def rate(self):
        """Sampling rate in Hz, without what files lose in rounding it (float)."""
        return round(self.bands[0].info["sfreq"], 2)


def channel_key(name):
    """Return what a channel is known by: ``"FP1"``, ``"Fp1"`` and ``"Fp1."`` are the same.

    Case does not count, nor do spaces around the name and the dots that EEGMMIDB's files put after
    it. Anything else does: a reference in the name, as in ``"Fp1-A2"``, makes it another channel.
    """
    return name.strip().rstrip(".").casefold()


def find_channels(wanted, names):
    """Find wanted channels among a recording's: its names of those that are there (dict of str)."""
    by_key = {channel_key(name): name for name in reversed(names)}
    found = {name: by_key.get(channel_key(name)) for name in wanted}
    found |= {name: name for name in wanted if name in names}  # as it is spelled, if it is there
    return {name: theirs for name, theirs in found.items() if theirs is not None}


def listed(names):
    """Name the first eight channels in a line, and say how many more there are (str)."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def usual_channels(recordings):
    """Return the channels that most recordings have, of equally many those that come first.

    They are in the order of the first recording that has them; none where there is no recording.
    """
    recordings = list(recordings)
    sets = [frozenset(map(channel_key, names)) for names in recordings]
    counts = Counter(sets)
    return list(recordings[sets.index(max(counts, key=counts.get))]) if sets else []


def compare_channels(names, usual):
    """List which of the usual channels a recording lacks, and which it has besides."""
    found, known = find_channels(usual, names), find_channels(names, usual)
    return [n for n in usual if n not in found], [n for n in names if n not in known]


def match(recordings, *, missing_channels="error", channels=None, unit=attrgetter("subject")):
    """Make recordings alike: the same channels in the same order, and windows of equal length.

    The channels, the sampling rate and the length of the window that most recordings have are taken
    for what they should be; of equally many the first. The order and the spelling of channels are
    those of the first recording that has them. Windows that are one sample longer than others,
    which sampling rates bring about, lose their last sample, with a warning.

    Where recordings do not have the same channels, those that differ from the others are left out
    (``missing_channels="error"``), the channels that all have are taken (``"common"``), or all that
    any has are made by MNE's interpolation (``"interpolate"``). ``channels`` are those that there
    should be, in this order; None for those that there are. ``unit`` returns of a recording what is
    left out as a whole where one of its recordings is.

    Returns the recordings that can be stacked, in the order given, and why the others cannot, by
    unit.
    """
    faults = {}

    def leave_out(recording, reason):
        faults.setdefault(unit(recording), []).append((recording, reason))

    def left():
        return [recording for recording in recordings if unit(recording) not in faults]

    for recording in recordings:
        spellings = Counter(map(channel_key, recording.ch_names))
        twice = [n for n in recording.ch_names if spellings[channel_key(n)] > 1]
        if twice:
            leave_out(recording, f"has channels of the same name: {', '.join(twice)}")
    usual = _most_common(left(), attrgetter("rate"))
    for recording in left():
        if recording.rate != usual:
            leave_out(
                recording,
                f"is sampled at {recording.rate:g} Hz, others at {usual:g} Hz: a sampling rate for "
                "all (--resample) brings them together",
            )
    usual = _most_common(left(), attrgetter("n_times"))
    for recording in left():
        if abs(recording.n_times - usual) > 1:
            leave_out(recording, f"has windows of {recording.n_times} samples, others of {usual}")

    target = None
    if missing_channels == "error":
        target = _refuse_other_channels(left(), channels, leave_out)
    elif left():
        target = _channels_of_all(left(), channels, missing_channels)
        if not target:
            for recording in left():
                leave_out(recording, "has no channel in common with the others")
    n_times = min((recording.n_times for recording in left()), default=None)
    known = [recording.bands[0].info for recording in recordings]
    matched = []
    for recording in left():
        if recording.n_times > n_times:
            with about(None, recording.subject, recording.session):
                warnings.warn(
                    "windows are one sample longer than those of other recordings: the last sample "
                    "is left out",
                    stacklevel=2,
                )
        try:
            bands = tuple(
                _alike(epochs, recording.bads, target, n_times, known) for epochs in recording.bands
            )
        except (RuntimeError, ValueError) as error:
            leave_out(recording, in_a_line(error))
        else:
            matched.append(replace(recording, bands=bands))
    # a recording may have been left out after another of its unit was matched
    matched = [recording for recording in matched if unit(recording) not in faults]
    sizes = Counter(map(unit, recordings))
    return matched, {key: _say_faults(each, sizes[key]) for key, each in faults.items()}


def _say_faults(faults, n_recordings):
    """Say what is wrong with recordings of a unit: with all of them, or with the first."""
    recording, reason = faults[0]
    if len(faults) == n_recordings and len({reason for _, reason in faults}) == 1:
        return reason
    return f"session {recording.session}, run {recording.run} {reason}"


def _most_common(recordings, key):
    counts = Counter(map(key, recordings))
    return max(counts, key=counts.get, default=None)  # of equally many the first


def _refuse_other_channels(recordings, channels, leave_out):
    """Leave out recordings whose channels are not the usual ones; return these, in order."""
    target = list(channels or usual_channels([each.ch_names for each in recordings]))
    hint = "--missing-channels common, or interpolate, takes it in"
    for recording in recordings:
        lacking, more = compare_channels(recording.ch_names, target)
        if lacking:
            bad = find_channels(lacking, recording.bads)
            said = [f"{name} (marked bad)" if name in bad else name for name in lacking]
            whose = "" if channels else ", which others have"
            leave_out(recording, f"lacks {listed(said)}{whose}: {hint}")
        elif more:
            leave_out(recording, f"has {listed(more)}, which others lack: {hint}")
    return target


def _channels_of_all(recordings, channels, missing_channels):
    """List the channels that all recordings have, or that any has."""
    names = {}  # the first spelling of each, in the order in which they come up
    for recording in recordings:
        for name in recording.ch_names:
            names.setdefault(channel_key(name), name)
    target = list(names.values()) if channels is None else list(channels)
    if missing_channels == "common":
        for recording in recordings:
            target = list(find_channels(target, recording.ch_names))
    return target


def _alike(epochs, bads, target, n_times, known):
    """Give Epochs these channels in this order, and this many samples."""
    bads = [name for name in bads if name in epochs.ch_names]
    if epochs.ch_names == target and not bads and len(epochs.times) == n_times:
        return epochs
    epochs = epochs.copy().drop_channels(bads)
    lacking, _ = compare_channels(epochs.ch_names, target)
    if lacking:
        epochs = _interpolated(epochs, lacking, known)
    found = find_channels(target, epochs.ch_names)
    epochs.pick(list(found.values()), verbose="warning")
    epochs.rename_channels({theirs: ours for ours, theirs in found.items() if theirs != ours})
    if len(epochs.times) > n_times:
        epochs.crop(tmax=epochs.times[n_times - 1])
    return epochs


def _interpolated(epochs, lacking, known):
    """Add channels by MNE's interpolation, at the places where they are in other recordings."""
    import mne

    placed = _places(epochs.info, epochs.ch_names)
    unplaced = [name for name in epochs.ch_names if name not in placed]
    if unplaced:
        raise ValueError(
            f"lacks {listed(lacking)}, which cannot be interpolated: the recording does not say "
            f"where {listed(unplaced)} are on the head (MNE's set_montage does)"
        )
    places = _standard_places(lacking)
    for info in known:
        places |= _places(info, lacking)
    nowhere = [name for name in lacking if name not in places]
    if nowhere:
        raise ValueError(
            f"lacks {listed(nowhere)}, which cannot be interpolated: no recording says where that "
            "is on the head"
        )
    info = mne.create_info(lacking, epochs.info["sfreq"], "eeg")
    for channel in info["chs"]:
        channel["loc"][:3] = places[channel["ch_name"]]
    empty = np.zeros((len(epochs), len(lacking), len(epochs.times)))
    added = mne.EpochsArray(
        empty, info, epochs.events, epochs.tmin, epochs.event_id, proj=False, verbose="error"
    )
    epochs.load_data().add_channels([added], force_update_info=True)
    epochs.info["bads"] = list(lacking)
    try:
        return epochs.interpolate_bads(verbose="error")
    except (RuntimeError, ValueError):  # no points of the head to fit a sphere to
        return epochs.interpolate_bads(origin=(0.0, 0.0, 0.04), verbose="error")


def _places(info, names):
    """Return the positions of EEG channels, by name, where they are known."""
    found = find_channels(names, info["ch_names"])
    places = {}
    for name, theirs in found.items():
        position = info["chs"][info["ch_names"].index(theirs)]["loc"][:3]
        if np.isfinite(position).all() and position.any():
            places[name] = position
    return places


def _standard_places(names):
    """Return the positions of electrodes of the 10-05 system, by name."""
    from .electrodes import make_info, montage

    found = find_channels(names, montage().ch_names)
    return _places(make_info(found.values(), 1.0), names) if found else {}
