"""Electrodes of the 10-05 system: their names and places in MNE's template of a head.

For this room: where recordings have no places of their own, and for simulated recordings.
"""

from functools import cache

import mne

# MNE 1.13 renamed its templates and warns of the old names, which are all that MNE 1.11 knows.
_RENAMED = {"standard_1005": "colin27_1005", "standard_1020": "colin27_1020"}


@cache
def montage():
    """Give the electrodes that there are, with their places."""
    return mne.channels.make_standard_montage(known_montage("standard_1005"))


def known_montage(name):
    """Return what the MNE that is installed calls one of its montages (str); others as they are."""
    known = mne.channels.get_builtin_montages()
    new = _RENAMED.get(name, name)
    if new in known:
        return new
    return {new: old for old, new in _RENAMED.items()}.get(name, name)


def make_info(ch_names, sfreq):
    """Make an Info of some of them."""
    info = mne.create_info(list(ch_names), sfreq, "eeg", verbose=False)
    return info.set_montage(montage(), verbose=False)
