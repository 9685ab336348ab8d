"""Electrodes of the 10-05 system: their names and places in MNE's template of a head.

For this room: where recordings have no places of their own, and for simulated recordings.
"""

from functools import cache

import mne


@cache
def montage():
    """Give the electrodes that there are, with their places."""
    # MNE 1.13 renamed the template and warns of the old name, which is all that MNE 1.11 knows.
    old, new = "standard_1005", "colin27_1005"
    known = mne.channels.get_builtin_montages()
    return mne.channels.make_standard_montage(new if new in known else old)


def make_info(ch_names, sfreq):
    """Make an Info of some of them."""
    info = mne.create_info(list(ch_names), sfreq, "eeg", verbose=False)
    return info.set_montage(montage(), verbose=False)
