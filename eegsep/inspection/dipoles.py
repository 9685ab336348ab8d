"""Where on the head a map comes from: the one current dipole in a sphere that explains it best.

A map of a dipole that lies along the scalp has two poles, and its source under neither.
"""

from __future__ import annotations

import mne
import numpy as np
import pandas as pd

from .poles import poles

# Of a table of dipoles, with their types.
COLUMNS = {"x": float, "y": float, "z": float, "nearest": object}
COLUMNS |= {"no_place": object}
COLUMNS |= dict.fromkeys(("eccentricity", "tangential", "goodness_of_fit"), float)
# A dipole has six parameters; on fewer electrodes it explains almost anything.
_FEWEST = 12
# Radii of heads, in m: others are of positions in another unit.
_RADII = (0.05, 0.13)
# An electrode is over a dipole if it is no farther from its direction, as seen from the middle,
# than electrodes of the 10-10 system are apart; it is a neighbour of another if no farther from it
# than these are apart across a square of them.
_OVER, _NEIGHBOURS = np.cos(np.deg2rad([20, 30]))
# The outer half of the brain, by distance from its middle: deeper dipoles have no place under an
# electrode. What a dipole must explain is what Artoni et al. (2014, NeuroImage 103, 391-400) ask of
# one that stands for a source.
_DEEPEST = 0.5
_LEAST_EXPLAINED = 0.85


def can_fit_dipoles(info):
    """Tell whether a recording has the electrodes, and their positions, that a dipole needs.

    Parameters
    ----------
    info : mne.Info | None
        Of the electrodes.

    Returns
    -------
    can : bool

    Examples
    --------
    >>> import mne
    >>> from eegsep.inspection import can_fit_dipoles
    >>> can_fit_dipoles(mne.create_info(["C3", "Cz", "C4"], sfreq=128, ch_types="eeg"))
    False
    """
    return _what_is_lacking(info) is None


def no_dipoles():
    """Return a table of dipoles without a row (pandas.DataFrame)."""
    return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)


def is_flat(patterns):
    """Tell which maps are the same at all electrodes, but for rounding.

    They, of shape (..., n_chans), have no dipole. What is returned is bool, of shape (...).
    """
    return np.ptp(patterns, axis=-1) <= 1e-9 * np.abs(patterns).max(axis=-1)


def fit_dipoles(patterns, info):
    """Fit a current dipole to each map, and name its place where map and dipole agree.

    By :func:`mne.fit_dipole` in a four-shell sphere fitted to the electrodes, against the average
    of the electrodes that the maps have, so that the maps' own reference does not matter.

    A dipole describes a map, and does not prove a source: maps are smooth, so that nearly any is
    explained to 90 %, and two sources of opposite sign, one in each hemisphere, look much like one
    along the scalp between them. Depth is the least certain: an extended source looks deeper than
    it is.

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
        between the ears); ``nearest``, the electrode that the source lies under, and ``no_place``,
        why there is none (one of the two is empty); and three between 0 and 1: ``eccentricity``,
        its distance from the middle of the sphere in radii of the brain, ``tangential``, the part
        of the moment along the scalp, and ``goodness_of_fit``, the share of the map's variance
        that it explains.

        An electrode is named only if it is the nearest one over the dipole, as seen from the
        middle, and within 20 degrees of it; if the map's larger pole
        (:func:`eegsep.inspection.poles.poles`) is there, or at a neighbour within 30 degrees and
        not on the other side of the head; and if the dipole lies in the outer half of the brain and
        explains 85 % of the map.

    Raises
    ------
    ValueError
        If there are fewer than 12 electrodes, or one without a position, or positions of no head;
        if maps are not finite, of other electrodes, or flat (see :func:`is_flat`).

    Examples
    --------
    >>> from eegsep.datasets import SimulatedMotorImagery
    >>> from eegsep.inspection import fit_dipoles
    >>> import mne
    >>> source = SimulatedMotorImagery().sources(1)[0]
    >>> info = mne.create_info(list(source.ch_names), sfreq=128, ch_types="eeg")
    >>> dipoles = fit_dipoles(source.topography[None], info.set_montage("standard_1005"))
    >>> bool(dipoles["goodness_of_fit"].item() > 0.95)
    True
    """
    patterns = np.atleast_2d(np.asarray(patterns, float))
    lacking = _what_is_lacking(info)
    if lacking is not None:
        raise ValueError(f"dipoles need {lacking}")
    names = info.ch_names
    if patterns.shape[1:] != (len(names),):
        raise ValueError(f"patterns of shape {patterns.shape} are not of {len(names)} electrodes")
    if not np.isfinite(patterns).all() or is_flat(patterns).any():
        raise ValueError("patterns must be finite, and none of them the same at all electrodes")
    if not len(patterns):
        return no_dipoles()

    centred = patterns - patterns.mean(axis=1, keepdims=True)
    with mne.use_log_level("error"):
        sphere = _sphere(info)
        # a fresh info: MNE fits no dipole to what is known to have another reference
        bare = mne.create_info(names, 1.0, "eeg").set_montage(info.get_montage())
        microvolts = 1e-6 * centred / np.abs(centred).max(axis=1, keepdims=True)
        maps = mne.EvokedArray(microvolts.T, bare).set_eeg_reference("average", projection=True)
        found, _ = mne.fit_dipole(maps, mne.make_ad_hoc_cov(bare), sphere)

    outwards = _directions(found.pos, sphere["r0"])
    electrodes = _directions(_positions(info), sphere["r0"])
    radial = np.abs(np.sum(found.ori * outwards, axis=1))
    x, y, z = 1e3 * found.pos.T
    eccentricity = np.linalg.norm(found.pos - sphere["r0"], axis=1) / sphere["layers"][0]["rad"]
    places = [
        _name_place(*each, electrodes, names)
        for each in zip(patterns, outwards, eccentricity, found.gof / 100, strict=True)
    ]
    nearest, no_place = zip(*places, strict=True)
    tangential = np.sqrt(np.clip(1 - radial**2, 0, 1))
    values = (x, y, z, nearest, no_place, eccentricity, tangential, found.gof / 100)
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True))).astype(COLUMNS)


def _name_place(pattern, outwards, eccentricity, explained, electrodes, names):
    """Return the electrode that a dipole lies under, or an empty text and why there is none."""
    cosines = electrodes @ outwards
    over = int(cosines.argmax())
    if explained < _LEAST_EXPLAINED:
        return "", f"one dipole explains {100 * explained:.0f} % only"
    if eccentricity < _DEEPEST:
        return "", "the dipole is deep"
    if cosines[over] < _OVER:
        return "", "the dipole is under no electrode"
    largest = poles(pattern)[0]
    near = electrodes[largest] @ electrodes[over] >= _NEIGHBOURS
    # within 3 degrees of the midline an electrode is on neither side
    sides = np.sign(np.where(np.abs(electrodes[:, 0]) < np.sin(np.deg2rad(3)), 0, electrodes[:, 0]))
    near &= sides[largest] * sides[over] >= 0
    if not near.any():
        return "", "the dipole is not where the map is largest"
    return names[over], ""


def _what_is_lacking(info):
    """Say what a recording lacks for dipoles, None for nothing."""
    if info is None or info.get_montage() is None:
        return "electrode positions: fit on Epochs that have a montage"
    if len(info.ch_names) < _FEWEST:
        return f"{_FEWEST} electrodes or more, not {len(info.ch_names)}"
    if set(info.get_channel_types()) != {"eeg"}:
        return "EEG channels only"
    places = _positions(info)
    unknown = ~np.isfinite(places).all(axis=1) | ~places.any(axis=1)
    if unknown.any():
        names = ", ".join(np.array(info.ch_names)[unknown])
        return f"a position for each electrode, and there is none for {names}"
    try:
        radius = _sphere(info).radius
    except (RuntimeError, ValueError) as error:
        return f"a sphere through the electrodes, and MNE says: {error}"
    if not _RADII[0] <= radius <= _RADII[1]:
        return f"positions in m, and these are of a head of radius {radius:.3g}"
    return None


def _sphere(info):
    with mne.use_log_level("error"):
        return mne.make_sphere_model("auto", "auto", info)


def _positions(info):
    return np.array([channel["loc"][:3] for channel in info["chs"]])


def _directions(positions, centre):
    """Return unit vectors from the centre, shape (n, 3)."""
    vectors = np.asarray(positions) - centre
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
