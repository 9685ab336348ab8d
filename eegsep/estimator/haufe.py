"""Patterns: how what a spatial and a temporal filter extract shows on electrodes and frequencies.

Plain arrays in and out, nothing of networks; the classifier takes them at the end of a fit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import fftconvolve, welch

from eegsep._utils.chunks import chunks


class Maps(NamedTuple):
    """What :func:`find_maps` finds for pairs of a spatial and a temporal filter.

    Attributes
    ----------
    factors : ndarray, shape (n_components,)
        Spatial filters times these are in the convention of :func:`find_maps`.
    patterns : ndarray, shape (n_components, n_chans)
        In the unit of the data.
    freqs : ndarray, shape (n_freqs,)
        In cycles a sample, from 0 to 1/2.
    spectra : ndarray, shape (n_components, n_freqs)
        Power density of the spatially filtered data, before the temporal filter.
    """

    factors: np.ndarray
    patterns: np.ndarray
    freqs: np.ndarray
    spectra: np.ndarray


def frequency_patterns(kernels, freqs, spectra):
    r"""Frequency patterns: the data's power densities weighted by the filters' responses.

    A temporal filter that separates a source well is that source's density over the data's
    (Wiener); times the data's density it is the source's own [1]_.

    Parameters
    ----------
    kernels : ndarray, shape (n_components, kernel_length)
        Temporal filters.
    freqs : ndarray, shape (n_freqs,)
        In cycles a sample.
    spectra : ndarray, shape (n_components, n_freqs)
        Power densities of the spatially filtered data.

    Returns
    -------
    responses : ndarray, shape (n_components, n_freqs)
        Amplitude responses :math:`|K(f)|`.
    patterns : ndarray, shape (n_components, n_freqs)
        :math:`|K(f)|\,P(f)`.

    References
    ----------
    .. [1] Petrosyan, A., Lebedev, M., & Ossadtchi, A. (2020). Decoding neural signals with a
       compact and interpretable convolutional neural network. bioRxiv 2020.06.02.129114.
    """
    turns = np.exp(-2j * np.pi * np.outer(np.arange(kernels.shape[1]), freqs))
    responses = np.abs(kernels @ turns)
    return responses, responses * spectra


def find_maps(X, index, filters, kernels, center=0.0):
    r"""Find the patterns of spatial filters on temporally filtered trials.

    For the spatial filter :math:`w` of temporal filter :math:`k` the pattern is
    :math:`\mathrm{Cov}(k * x)\, w / \sqrt{w^\top \mathrm{Cov}(k * x)\, w}` [1]_ [2]_: the amplitude
    at each electrode that goes with one standard deviation of the component
    :math:`w^\top (k * x)`.

    The convention: the temporal filter is scaled to gain 1 at the peak of its frequency pattern,
    so that a pattern has the unit of the data; the spatial filter then, to a component of variance
    1; the sign is that with which the pattern's largest absolute value is positive.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
        Trials.
    index : ndarray of int
        Positions of the trials to use.
    filters : ndarray, shape (n_components, n_chans)
        Spatial filters.
    kernels : ndarray, shape (n_components, kernel_length)
        Temporal filters, applied as the network does: correlation with zeros beyond the window.
    center : ndarray, shape (n_chans,) | float
        What is subtracted from each channel first.

    Returns
    -------
    maps : Maps

    Notes
    -----
    The covariance of all electrodes is never formed. With :math:`K` the matrix of the temporal
    filter, :math:`\sum (K x_c) (K z) = \sum x_c (K^\top K z)` for :math:`z = w^\top x`: only the
    components are filtered, forth and back.

    References
    ----------
    .. [1] Haufe, S., et al. (2014). On the interpretation of weight vectors of linear models in
       multivariate neuroimaging. NeuroImage, 87, 96-110. Equation 6.
    .. [2] Petrosyan, A., Lebedev, M., & Ossadtchi, A. (2020). Decoding neural signals with a
       compact and interpretable convolutional neural network. bioRxiv 2020.06.02.129114.
    """
    n_chans, n_times = X.shape[1:]
    length = kernels.shape[1]
    left = (length - 1) // 2
    n_fft = next_fast_len(n_times + length - 1, real=True)
    transfer = rfft(kernels, n_fft, axis=1)
    # two seconds of a kernel of half a second: peaks to half a hertz
    n_segment = min(n_times, max(4 * length, 256))

    products, total = np.zeros((len(filters), n_chans)), np.zeros((n_chans, n_times))
    sums, squares, spectra = np.zeros(len(filters)), np.zeros(len(filters)), 0
    for part in chunks(X, index, 4 * len(filters) * n_fft):
        part = np.subtract(part, np.reshape(center, (-1, 1)), dtype=np.float64)
        z = filters @ part
        freqs, power = welch(z, nperseg=n_segment)
        spectra = spectra + power.sum(axis=0)
        y = np.roll(irfft(rfft(z, n_fft) * transfer.conj(), n_fft), left, axis=2)[..., :n_times]
        back = irfft(rfft(y, n_fft) * transfer, n_fft)[..., left : left + n_times]
        products += (back @ part.transpose(0, 2, 1)).sum(axis=0)
        total += part.sum(axis=0)
        sums += y.sum(axis=(0, 2))
        squares += np.einsum("ikt,ikt->k", y, y)
        del part, z, y, back  # which would lie beside the next ones

    n = len(index) * n_times
    ones = irfft(rfft(np.ones(n_times), n_fft) * transfer, n_fft)[:, left : left + n_times]
    covariances = products / n - (ones @ total.T / n) * (sums / n)[:, np.newaxis]
    deviations = np.sqrt(np.maximum(squares / n - (sums / n) ** 2, 0))
    spectra = spectra / len(index)
    gains = peak_gains(*frequency_patterns(kernels, freqs, spectra))
    deviations = _nonzero(deviations)
    patterns = covariances / (gains * deviations)[:, np.newaxis]
    signs = np.where(_at(patterns, np.abs(patterns).argmax(axis=1)) < 0, -1.0, 1.0)
    return Maps(
        factors=signs * gains / deviations,
        patterns=signs[:, np.newaxis] * patterns,
        freqs=freqs,
        spectra=spectra,
    )


def peak_gains(responses, patterns):
    """Find each temporal filter's gain, (n_components,), at the peak of its frequency pattern.

    Both are as :func:`frequency_patterns` returns them; the gain is 1 for a filter that lets
    nothing through.
    """
    return _nonzero(_at(responses, patterns.argmax(axis=1)))


def scale_kernels(kernels, gains):
    """Bring temporal filters to gain 1, and their largest absolute values to be positive.

    Gains are those of :func:`peak_gains`.
    """
    signs = np.where(_at(kernels, np.abs(kernels).argmax(axis=1)) < 0, -1, 1)
    return kernels / gains[:, np.newaxis] * signs[:, np.newaxis]


def time_courses(X, filters, kernels, center=0.0):
    """Filter trials in space, and then in time: (n_trials, n_components, n_times).

    Trials, filters, kernels and centre are those of :func:`find_maps`.
    """
    n_times, length = X.shape[2], kernels.shape[1]
    first = length - 1 - (length - 1) // 2  # of the whole convolution's samples
    signals, start = np.empty((len(X), len(filters), n_times)), 0
    for part in chunks(X, np.arange(len(X))):
        z = filters @ (np.asarray(part, dtype=np.float64) - np.reshape(center, (-1, 1)))
        whole = fftconvolve(z, kernels[np.newaxis, :, ::-1], axes=2)
        signals[start : start + len(part)] = whole[..., first : first + n_times]
        start += len(part)
    return signals


def _at(rows, positions):
    return np.take_along_axis(rows, positions[:, np.newaxis], axis=1)[:, 0]


def _nonzero(values):
    """Replace zeros, of a component that never varies, by 1."""
    return np.where(values > 0, values, 1.0)
