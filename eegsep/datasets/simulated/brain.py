"""What a simulated subject keeps: dipoles, their gains at the electrodes, and their rhythms.

Drawn once for a subject.
"""

from dataclasses import dataclass

import numpy as np

from .head import CENTRE, RADIUS, REFERENCE, directions_of, forward_gains, rereference, unit_vectors
from .signals import peak_densities, pink_density

# Area, imagery that desynchronises it, electrode above it, distance from the centre in radii: a
# dipole that stands for a patch of cortex lies deeper than the patch.
AREAS = (
    ("left hand area", "right_hand", "C3", 0.72),
    ("right hand area", "left_hand", "C4", 0.72),
    ("foot area", "feet", "Cz", 0.66),
    ("left tongue area", "tongue", "C5", 0.72),
    ("right tongue area", "tongue", "C6", 0.72),
)
_ABOVE = tuple(electrode for _, _, electrode, _ in AREAS)

# The dipoles of a head, in this order.
_OCCIPITAL, _EYES, _N_BACKGROUND = ("O1", "O2"), ("Fp1", "Fp2"), 60
MOTOR = slice(0, 5)
_ALPHA = slice(5, 7)
BLINK = slice(7, 9)
BACKGROUND = slice(9, 9 + _N_BACKGROUND)
N_DIPOLES = BACKGROUND.stop

# Dipole moments in A m, root mean square.
_BACKGROUND_MOMENT, _ALPHA_MOMENT = 35e-9, 60e-9
BETA_TO_MU = 0.5

# Standard deviations of the spectral peaks in Hz.
_MU_WIDTH, _BETA_WIDTH, _ALPHA_WIDTH = 0.7, 2.0, 0.7


@dataclass(frozen=True, eq=False)
class Brain:
    """What a subject keeps: dipoles, their gains (n_chans, n_dipoles) in V per A m, rhythms."""

    positions: np.ndarray
    orientations: np.ndarray
    gains: np.ndarray
    mu_freqs: np.ndarray
    beta_freqs: np.ndarray
    mu_moments: np.ndarray
    alpha_freq: float
    background_moments: np.ndarray
    erd: float

    @classmethod
    def draw(cls, rng, channels, snr):
        """Draw a subject whose mu rhythms have this power, relative to the background's."""
        named = directions_of(_ABOVE + _OCCIPITAL + _EYES)
        named = unit_vectors(named + rng.normal(0, 0.07, named.shape))
        # Background evenly over the sphere, down to the height of the ears.
        height = rng.uniform(-0.3, 1, _N_BACKGROUND)
        azimuth = rng.uniform(0, 2 * np.pi, _N_BACKGROUND)
        around = np.sqrt(1 - height**2)
        anywhere = np.column_stack([around * np.cos(azimuth), around * np.sin(azimuth), height])
        radial = np.concatenate([named, anywhere])
        depths = [depth for *_, depth in AREAS] + [0.75] * len(_OCCIPITAL) + [0.85] * len(_EYES)
        depths = depths * rng.uniform(0.96, 1.04, len(depths))
        depths = np.concatenate([depths, rng.uniform(0.4, 0.8, _N_BACKGROUND)])
        positions = CENTRE + RADIUS * depths[:, None] * radial

        # Roughly radial, as where a rhythm is seen best; background in any direction.
        sideways = unit_vectors(np.cross(radial, rng.normal(size=radial.shape)))
        tilt = np.radians(rng.uniform(0, 50, (N_DIPOLES, 1)))
        tilt[BACKGROUND] = np.arccos(rng.uniform(-1, 1, (_N_BACKGROUND, 1)))
        orientations = np.cos(tilt) * radial + np.sin(tilt) * sideways

        gains = forward_gains((*channels, *_ABOVE, *REFERENCE), positions, orientations)
        gains, gains_above = np.split(rereference(gains), [len(channels)])
        background_moments = _BACKGROUND_MOMENT * rng.lognormal(0, 0.5, _N_BACKGROUND)

        power = background_power(gains_above[:, BACKGROUND], background_moments)
        decibels = rng.normal(0, 2) + rng.normal(0, 1, len(AREAS))
        mu_moments = np.sqrt(snr * 10 ** (decibels / 10) * power)
        mu_moments /= np.abs(np.diagonal(gains_above))

        alpha_freq = rng.uniform(9.3, 11.3)
        return cls(
            positions=positions,
            orientations=orientations,
            gains=gains,
            mu_freqs=alpha_freq + rng.uniform(-0.8, 1.2, len(AREAS)),
            beta_freqs=rng.uniform(17, 24) + rng.uniform(-1, 1, len(AREAS)),
            mu_moments=mu_moments,
            alpha_freq=alpha_freq,
            background_moments=background_moments,
            erd=rng.uniform(0.25, 0.7),
        )

    def spectra(self, freqs):
        """Power spectral densities of the dipoles at rest, (n_dipoles, n_freqs) in (A m)^2/Hz."""
        spectra = np.zeros((N_DIPOLES, len(freqs)))
        mu = peak_densities(freqs, self.mu_freqs, _MU_WIDTH)
        beta = peak_densities(freqs, self.beta_freqs, _BETA_WIDTH)
        spectra[MOTOR] = self.mu_moments[:, None] ** 2 * (mu + BETA_TO_MU**2 * beta)
        spectra[_ALPHA] = _ALPHA_MOMENT**2 * peak_densities(freqs, [self.alpha_freq], _ALPHA_WIDTH)
        spectra[BACKGROUND] = self.background_moments[:, None] ** 2 * pink_density(freqs)
        return spectra


def background_power(gains, moments):
    """Power of the 1/f activity from 8 to 30 Hz at electrodes, in V^2."""
    freqs = np.linspace(8, 30, 221)
    return np.square(gains * moments).sum(1) * np.trapezoid(pink_density(freqs), freqs)
