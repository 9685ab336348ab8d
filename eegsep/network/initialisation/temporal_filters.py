"""Temporal filters of a start: a single sample, a band-pass, or a bank of narrow ones.

As long as the network's, and applied as it does.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve, firwin


def band_passes(kernel_length, sfreq, bands):
    """Make linear-phase band-passes as the network's temporal filters.

    Parameters
    ----------
    kernel_length : int
        Even lengths get an odd filter and a zero, so that its centre is the network's.
    sfreq : float
        In Hz. Bands above half of it are left out.
    bands : sequence of (float, float)

    Returns
    -------
    kernels : ndarray, shape (n_bands, kernel_length)
    """
    length = kernel_length - (kernel_length % 2 == 0)
    made = np.zeros((0, kernel_length))
    for low, high in bands:
        if high < 0.98 * sfreq / 2 and length >= 9:
            kernel = np.zeros(kernel_length)
            kernel[:length] = firwin(length, (low, high), pass_zero=False, fs=sfreq)
            made = np.vstack([made, kernel])
    return made


def narrow_bands(kernel_length, sfreq):
    """List bands as far apart as kernels can tell frequencies apart, for driven activity.

    Parameters
    ----------
    kernel_length : int
    sfreq : float
        In Hz.

    Returns
    -------
    bands : list of (float, float)
        Half overlapping at their skirts, from 6 to 45 Hz.
    """
    apart = sfreq / kernel_length
    return [(f - apart / 2, f + apart / 2) for f in np.arange(max(6, apart), 45, apart)]


def one_sample(kernel_length):
    """Make the temporal filter that leaves a signal as it is, shape (1, kernel_length)."""
    kernel = np.zeros((1, kernel_length))
    kernel[0, (kernel_length - 1) // 2] = 1
    return kernel


def filter_in_time(X, kernel):
    """Filter as the network does: correlate with zeros beyond the window, as long as it was.

    Parameters
    ----------
    X : ndarray, shape (..., n_times)
    kernel : ndarray, shape (kernel_length,)

    Returns
    -------
    filtered : ndarray, shape (..., n_times)
    """
    if np.count_nonzero(kernel) == 1 and kernel[(len(kernel) - 1) // 2] != 0:
        return X * kernel[(len(kernel) - 1) // 2]
    first = len(kernel) - 1 - (len(kernel) - 1) // 2
    shape = (1,) * (X.ndim - 1) + (-1,)
    full = fftconvolve(X, kernel[::-1].reshape(shape), axes=-1)
    return full[..., first : first + X.shape[-1]]
