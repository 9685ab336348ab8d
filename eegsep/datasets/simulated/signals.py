"""Signals over time: noise of a spectrum, blinks, and how a response to a cue develops.

What the dipoles of one run do.
"""

import numpy as np
from scipy.fft import irfft, next_fast_len
from scipy.signal.windows import hann

# In s. After the cue the desynchronisation is complete over INTERVAL, with ramps before and after.
INTERVAL, RAMP = (0.5, 3.5), 0.5

_BLINK_DURATION, _BLINKS_PER_S = 0.3, 0.2  # in s; on average
_BLINK_MOMENT = 600e-9  # of a dipole, in A m, at the peak


def gaussian_noise(rng, spectra, n_times, sfreq):
    """Gaussian signals (n_signals, n_times) with the one-sided densities ``spectra(freqs)``."""
    # A second more, so that the end of the series is not the neighbour of its beginning.
    n = next_fast_len(n_times + int(sfreq), real=True)
    spectra = spectra(np.fft.rfftfreq(n, 1 / sfreq))
    white = rng.standard_normal((*spectra.shape, 2)).view(complex)[..., 0]
    return irfft(white * np.sqrt(spectra * (sfreq * n / 4)), n)[:, :n_times]


def pink_density(freqs):
    """One-sided density of the background activity per unit of variance, in 1/Hz."""
    slope = 1.3
    return slope / np.pi * np.sin(np.pi / slope) / (1 + freqs**slope)


def peak_densities(freqs, centres, width):
    """Gaussian densities of integral 1, (n_centres, n_freqs) in 1/Hz."""
    z = (freqs - np.reshape(centres, (-1, 1))) / width
    return np.exp(-(z**2) / 2) / (width * np.sqrt(2 * np.pi))


def blink_moments(rng, n_times, sfreq):
    """Dipole moments of eye blinks at random times, (n_times,) in A m."""
    impulses = np.zeros(n_times)
    n_blinks = rng.poisson(_BLINKS_PER_S * n_times / sfreq)
    impulses[rng.integers(n_times, size=n_blinks)] = rng.lognormal(0, 0.3, n_blinks)
    return _BLINK_MOMENT * np.convolve(impulses, hann(int(_BLINK_DURATION * sfreq)), "same")


def response_course(sfreq):
    """How far the response to a cue is developed, from 0 to 1, in samples from the cue on."""
    start, stop = INTERVAL
    times = np.arange(int((stop + RAMP) * sfreq)) / sfreq
    return np.interp(times, [start - RAMP, start, stop, stop + RAMP], [0, 1, 1, 0])
