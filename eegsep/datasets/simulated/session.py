"""What a simulated session keeps: gain, strengths of the sources, and its electrodes' noise.

Drawn once for a session.
"""

from dataclasses import dataclass

import numpy as np

from .brain import N_DIPOLES
from .head import REFERENCE
from .signals import gaussian_noise

# Of an electrode, in V: white noise per root Hz, root mean square of the drift, peak of the line.
_WHITE, _DRIFT, _LINE = 0.1e-6, 10e-6, 1e-6
_DRIFT_CORNER, LINE_FREQ = 0.05, 50.0  # Hz


@dataclass(frozen=True, eq=False)
class Session:
    """What a session keeps: gain, strengths (n_dipoles,), noise of channels and reference."""

    gain: float
    strengths: np.ndarray
    white: np.ndarray
    drift: np.ndarray
    line: np.ndarray

    @classmethod
    def draw(cls, rng, n_chans):
        """Draw a session of some number of channels."""
        n_electrodes = n_chans + len(REFERENCE)
        # The brain comes first, here and in a run, so that it does not depend on the electrodes.
        return cls(
            gain=rng.lognormal(0, 0.1),
            strengths=rng.lognormal(0, 0.2, N_DIPOLES),
            white=_WHITE * rng.lognormal(0, 0.4, n_electrodes),
            drift=_DRIFT * rng.lognormal(0, 0.4, n_electrodes),
            line=_LINE
            * np.exp(
                rng.normal(0, 0.5, n_electrodes) + 2j * np.pi * rng.uniform(size=n_electrodes)
            ),
        )

    def electrode_noise(self, rng, n_times, sfreq):
        """White noise, drift and line at the electrodes, (n_chans + 2, n_times) in V."""

        def spectra(freqs):
            # Of integral 1, and falling with the square of the frequency.
            drift = 2 / (np.pi * _DRIFT_CORNER) / (1 + (freqs / _DRIFT_CORNER) ** 2)
            return self.white[:, None] ** 2 + self.drift[:, None] ** 2 * drift

        noise = gaussian_noise(rng, spectra, n_times, sfreq)
        if sfreq > 2 * LINE_FREQ:  # else the amplifier's own low-pass has removed it
            turns = np.exp(2j * np.pi * (LINE_FREQ * np.arange(n_times) / sfreq + rng.uniform()))
            noise += np.real(self.line[:, None] * turns)
        return noise
