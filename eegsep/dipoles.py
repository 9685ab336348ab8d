"""Where on the head a map comes from: the one current dipole in a sphere that explains it best.

A map of a dipole that lies along the scalp has two poles, and its source under neither.
"""

from __future__ import annotations

import mne
import numpy as np
import pandas as pd

# Of a table of dipoles, with their types.
COLUMNS = dict.fromkeys(("x", "y", "z", "nearest", "tangential", "goodness_of_fit"), float)
COLUMNS["nearest"] = object
# A dipole has six parameters; on fewer electrodes it explains almost anything.
_FEWEST = 12


def can_fit_dipoles(info):
    """Tell whether a recording has the electrodes, and their positions, that a dipole needs.

    Parameters
    ----------
    info : mne.Info | None
        Of the electrodes.

    Returns
    -------
    can : bool
    """
    return info is not None and info.get_montage() is not None and len(info.ch_names) >= _FEWEST


def fit_dipoles(patterns, info):
    """Fit a current dipole to each map.

    By :func:`mne.fit_dipole` in a four-shell sphere fitted to the electrodes, against the average
    of the electrodes that the maps have, so that the maps' own reference does not matter.

    Parameters
    ----------
    patterns : ndarray, shape (n_maps, n_chans)
        Patterns (not filters), in any unit and with either sign.
    info : mne.Info
        Of the electrodes, with positions.

    Returns
    -------
    dipoles : pandas.DataFrame, length n_maps
        ``x, y, z`` in mm in head coordinates (to the right, to the front, up; the origin lies
        between the ears), ``nearest``, the electrode that the dipole lies under, ``tangential``,
        the part of the moment along the scalp, and ``goodness_of_fit``, the share of the map's
        variance that it explains. The last two are between 0 and 1. A map of several sources has a
        dipole too: where it explains much less than 0.9, it says nothing.

    Raises
    ------
    ValueError
        If ``info`` has no positions, if the maps are not finite, of other electrodes or all zero,
        or if there are fewer than 12 electrodes.
    """
    patterns = np.atleast_2d(np.asarray(patterns, float))
    if info is None or info.get_montage() is None:
        raise ValueError("dipoles need electrode positions: fit on Epochs that have a montage")
    names = info.ch_names
    if patterns.shape[1:] != (len(names),):
        raise ValueError(f"patterns of shape {patterns.shape} are not of {len(names)} electrodes")
    if len(names) < _FEWEST:
        raise ValueError(f"dipoles need {_FEWEST} electrodes or more, not {len(names)}")
    largest = np.abs(patterns).max(axis=1)
    if not (np.isfinite(largest) & (largest > 0)).all():
        raise ValueError("patterns must be finite, and none of them zero everywhere")

    with mne.use_log_level("error"):
        sphere = mne.make_sphere_model("auto", "auto", info)
        # a fresh info: MNE fits no dipole to what is known to have another reference
        bare = mne.create_info(names, 1.0, "eeg").set_montage(info.get_montage())
        maps = mne.EvokedArray(1e-6 * (patterns / largest[:, None]).T, bare)
        maps.set_eeg_reference("average", projection=True)
        found, _ = mne.fit_dipole(maps, mne.make_ad_hoc_cov(bare), sphere)

    outwards = _directions(found.pos, sphere["r0"])
    electrodes = _directions([channel["loc"][:3] for channel in info["chs"]], sphere["r0"])
    radial = np.abs(np.sum(found.ori * outwards, axis=1))
    x, y, z = 1e3 * found.pos.T
    nearest = [names[k] for k in (outwards @ electrodes.T).argmax(axis=1)]
    tangential = np.sqrt(np.clip(1 - radial**2, 0, 1))
    values = (x, y, z, nearest, tangential, found.gof / 100)
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True))).astype(COLUMNS)


def _directions(positions, centre):
    """Return unit vectors from the centre, shape (n, 3)."""
    vectors = np.asarray(positions) - centre
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
