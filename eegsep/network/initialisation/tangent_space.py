"""Covariances of trials over time, and their tangent vectors at the mean.

Symmetric matrices, many at a time; functions of them go by their eigenvalues.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import next_fast_len, rfft

from eegsep._utils.chunks import chunks


def covariances(X, kernel=None):
    """Covariances over time of each trial, shrunk by the oracle approximating formula.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
    kernel : ndarray, shape (kernel_length,) | None
        Temporal filter to apply first, with what it makes beyond the window: the sum over
        frequencies of cross-spectra by its squared gain.

    Returns
    -------
    covariances : ndarray, shape (n_trials, n_chans, n_chans)
        As scikit-learn's ``OAS`` gives them, all at once.
    """
    n_chans, n_times = X.shape[1:]
    found = np.empty((len(X), n_chans, n_chans))
    if kernel is not None:
        n_fft = next_fast_len(n_times + len(kernel) - 1, real=True)
        gain = np.abs(rfft(kernel, n_fft))
        kept = gain > 1e-4 * gain.max()
        # of the frequencies that are not their own negative
        twice = np.where(np.arange(len(gain)) % (n_fft / 2) == 0, 1, 2)
        gain = (gain * np.sqrt(twice / n_fft))[kept]
    start = 0
    for part in chunks(X, np.arange(len(X))):
        part = part - part.mean(axis=2, keepdims=True)
        if kernel is not None:
            spectra = gain * rfft(part, n_fft)[..., kept]
            part = np.concatenate([spectra.real, spectra.imag], axis=2)
        found[start : start + len(part)] = part @ part.transpose(0, 2, 1) / n_times
        start += len(part)
    mean = np.trace(found, axis1=1, axis2=2) / n_chans
    alpha = np.square(found).mean(axis=(1, 2))
    divisor = (n_times + 1) * (alpha - mean**2 / n_chans)
    with np.errstate(divide="ignore", invalid="ignore"):
        shrinkage = np.where(divisor > 0, np.minimum((alpha + mean**2) / divisor, 1), 1.0)
    eye = np.eye(n_chans)
    return (1 - shrinkage)[:, None, None] * found + (shrinkage * mean)[:, None, None] * eye


def tangent_vectors(matrices, weight, mirror=None):
    """Map covariances to the tangent space at their arithmetic mean.

    The Riemannian mean would take several eigendecompositions of each matrix; scores from there do
    not differ.

    Parameters
    ----------
    matrices : ndarray, shape (n_trials, n_chans, n_chans)
        Positive definite.
    weight : ndarray, shape (n_trials,)
    mirror : ndarray of int, shape (n_chans,) | None
        Position of each channel's mirror image. The mean is then that of all trials and their
        mirror images, so that an image's tangent vector is the image of the tangent vector.

    Returns
    -------
    tangents : ndarray, shape (n_trials, n_chans, n_chans)
        ``log(P C P)``, symmetric.
    whitener : ndarray, shape (n_chans, n_chans)
        ``P``, the inverse root of the mean.
    """
    mean = np.tensordot(weight / weight.sum(), matrices, 1)
    if mirror is not None:
        mean = (mean + mean[np.ix_(mirror, mirror)]) / 2
    whitener = matrix_power(mean, -0.5)
    return _of_eigenvalues(whitener @ matrices @ whitener, _log), whitener


def matrix_power(matrices, exponent):
    """Raise symmetric matrices, positive but for rounding, to a power.

    Parameters
    ----------
    matrices : ndarray, shape (..., n, n)
    exponent : float

    Returns
    -------
    powers : ndarray, shape (..., n, n)
    """
    return _of_eigenvalues(
        matrices, lambda values: np.maximum(values, 1e-12 * values[..., -1:]) ** exponent
    )


def _of_eigenvalues(matrices, function):
    """Apply a function to symmetric matrices by their eigenvalues."""
    values, vectors = np.linalg.eigh((matrices + np.swapaxes(matrices, -1, -2)) / 2)
    return (vectors * function(values)[..., np.newaxis, :]) @ np.swapaxes(vectors, -1, -2)


def _log(values):
    """Logarithm of eigenvalues that are positive but for rounding."""
    return np.log(np.maximum(values, 1e-12 * values[..., -1:]))
