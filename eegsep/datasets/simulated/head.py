"""The head of simulated recordings: a sphere, its electrodes, and what a dipole gives there.

MNE's four shells; the reference is linked mastoids.
"""

import mne
import numpy as np

from eegsep.datasets.electrodes import make_info

# Linked mastoids leave the data of full rank, as an average reference would not, and make the
# topography at one electrode independent of which others are recorded.
REFERENCE = ("M1", "M2")

# Sphere fitted to all 10-05 electrodes, in m, head coordinates.
CENTRE = np.array([-0.001, 0.015, 0.041])
RADIUS = 0.098


def forward_gains(ch_names, positions, orientations):
    """Potentials of dipoles in the four-shell sphere, (n_electrodes, n_dipoles) in V per A m."""
    n = len(positions)
    dipoles = mne.Dipole(np.arange(n), positions, np.ones(n), orientations, np.ones(n))
    # A name may come twice: in the recording and above an area.
    unique = list(dict.fromkeys(ch_names))
    with mne.use_log_level("ERROR"):
        sphere = mne.make_sphere_model(CENTRE, RADIUS)
        forward, _ = mne.make_forward_dipole(dipoles, sphere, make_info(unique, 1.0))
    return forward["sol"]["data"][[unique.index(name) for name in ch_names]]


def rereference(potentials):
    """Against the mean of the reference electrodes, which are the last rows."""
    return potentials[: -len(REFERENCE)] - potentials[-len(REFERENCE) :].mean(0)


def directions_of(ch_names):
    """Return the unit vectors (n_electrodes, 3) from the centre of the head to electrodes."""
    chs = make_info(ch_names, 1.0)["chs"]
    return unit_vectors(np.array([ch["loc"][:3] for ch in chs]) - CENTRE)


def unit_vectors(vectors):
    """Scale vectors, along the last axis, to length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
