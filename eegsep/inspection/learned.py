"""What a fitted network has learned: its components, each a spatial filter and a temporal one.

A spatial filter says what is weighed, a pattern where the weighed activity is on the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eegsep.estimator import haufe
from eegsep.estimator.inputs import check_trials
from eegsep.estimator.maps import check_maps, maps_of_fit, raw_filters, raw_kernels
from eegsep.estimator.scaling import Moments, center_and_scale
from eegsep.network.settings import settled

from .pipelines import cut_pipeline, linear_map, trials_through

# Similarity of components that are copies of one.
_SAME = 0.99


@dataclass(frozen=True, eq=False)
class Components:
    """Components of a fitted network, each a spatial filter and a temporal one.

    Attributes
    ----------
    filters, patterns : ndarray, shape (n_components, n_chans)
        In the convention of :func:`eegsep.estimator.haufe.find_maps`: a component of variance 1,
        and the amplitude at each electrode, in the unit of the data, that goes with one standard
        deviation of it; a pattern's largest absolute value is positive.
    kernels : ndarray, shape (n_components, kernel_length)
        Temporal filters, of gain 1 at ``peak_freqs``; the largest absolute tap is positive.
    freqs : ndarray, shape (n_freqs,)
        In Hz, or cycles a sample where no sampling rate is known.
    responses : ndarray, shape (n_components, n_freqs)
        Amplitude responses of ``kernels``.
    spectra : ndarray, shape (n_components, n_freqs)
        Frequency patterns (:func:`eegsep.estimator.haufe.frequency_patterns`), of sum 1.
    peak_freqs : ndarray, shape (n_components,)
        Where the frequency patterns are largest, in the unit of ``freqs``.
    bands : ndarray, shape (n_components, 2)
        Where, around the peaks, they are above half of it (-3 dB).
    classes : ndarray, shape (n_classes,)
        Labels.
    info : mne.Info | None
        Electrodes, where the fit was on Epochs.
    relevance : ndarray, shape (n_components, n_classes) | None
        As :func:`relevance` gives it.
    starts : ndarray of str, shape (n_components,) | None
        Where the initial weights of each came from, as :attr:`EEGNetClassifier.init_`: of two
        networks side by side, one's from a classifier of the trials, the other's at random.
    repetition : int
        Of a cross-validation: :func:`consensus` compares fits of one repetition with each other.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier, components
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> found = components(clf, X)
    >>> found.filters.shape, found.kernels.shape
    ((16, 4), (16, 64))
    >>> len(found.leading(3))
    3
    """

    filters: np.ndarray
    patterns: np.ndarray
    kernels: np.ndarray
    freqs: np.ndarray
    responses: np.ndarray
    spectra: np.ndarray
    peak_freqs: np.ndarray
    bands: np.ndarray
    classes: np.ndarray
    info: object = None
    relevance: np.ndarray | None = None
    starts: np.ndarray | None = None
    repetition: int = 0

    def leading(self, n_components=8):
        """List those that are most relevant, in that order, or the first where that is not known.

        Parameters
        ----------
        n_components : int, default=8
            Most to list.

        Returns
        -------
        picks : ndarray of int
            Of those that have a :func:`similarity` of 0.99 to one before, as the copies that a
            start makes of a component, the first alone.
        """
        order = np.arange(len(self.patterns))
        if self.relevance is not None:
            order = np.argsort(-np.nanmean(self.relevance, axis=1), kind="stable")
        copies = similarity(self, self) > _SAME
        distinct = [k for i, k in enumerate(order) if not copies[k, order[:i]].any()]
        return np.array(distinct[:n_components])


@settled()
def components(estimator, X=None):
    """Describe the components of a fitted network.

    Parameters
    ----------
    estimator : EEGNetClassifier, or Pipeline that ends in one
        Fitted, with ``spatial="depthwise"``.
    X : array-like, shape (n_trials, n_chans, n_times), or mne.Epochs, or None
        Trials to take the patterns from, as they enter ``estimator``. None for those of the fit.
        A pipeline with steps before the classifier needs them: its maps are on the electrodes of
        ``X``.

    Returns
    -------
    components : Components

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is neither an EEGNetClassifier nor a pipeline that ends in one.
    ValueError
        If the steps before the classifier are not one linear map of the electrodes.
    AttributeError
        If its components have no single spatial filters.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier, components
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> found = components(clf)
    >>> found.patterns.shape, found.spectra.shape[0]
    ((16, 4), 16)
    """
    before, clf = cut_pipeline(estimator)
    info = clf.info_
    if X is None:
        if before is not None:
            raise ValueError(
                "maps on the electrodes before a pipeline's first steps need the trials: pass X"
            )
        filters, maps = clf.filters_, maps_of_fit(clf)
    else:
        maps, filters, info = _maps_of(before, clf, X)
    freqs = maps.freqs
    kernels = raw_kernels(clf)
    responses, spectra = haufe.frequency_patterns(kernels, freqs, maps.spectra)
    gains = haufe.peak_gains(responses, spectra)
    peaks = spectra.argmax(axis=1)
    sfreq = clf.sfreq if clf.info_ is None else clf.info_["sfreq"]
    freqs = freqs * (sfreq or 1)
    sums = spectra.sum(axis=1, keepdims=True)
    spectra = spectra / np.where(sums > 0, sums, 1)
    return Components(
        filters=filters,
        patterns=maps.patterns.copy(),
        kernels=haufe.scale_kernels(kernels, gains),
        freqs=freqs,
        responses=responses / gains[:, np.newaxis],
        spectra=spectra,
        peak_freqs=freqs[peaks],
        bands=np.array([band_around(freqs, spectrum) for spectrum in spectra]),
        classes=clf.classes_,
        info=info,
        starts=_starts(clf, len(spectra)),
    )


def _starts(clf, n_components):
    """Say of each component where its initial weights came from; a start's stand first."""
    if not clf.second_network_:
        return np.full(n_components, clf.init_)
    return np.repeat([clf.init_, "glorot"], n_components // 2)


@settled()
def spatial_patterns(estimator, X):
    """Patterns of the components on some trials: how each one's activity shows on the electrodes.

    As :attr:`EEGNetClassifier.patterns_`, which are those on the training trials.

    Parameters
    ----------
    estimator : EEGNetClassifier, or Pipeline that ends in one
        Fitted, with ``spatial="depthwise"``.
    X : array-like, shape (n_trials, n_chans, n_times), or mne.Epochs
        Trials, as they enter ``estimator``.

    Returns
    -------
    patterns : ndarray, shape (n_components, n_chans)
        In the unit of ``X`` (volts for Epochs); see :func:`eegsep.estimator.haufe.find_maps`.

    Raises
    ------
    sklearn.exceptions.NotFittedError, TypeError, ValueError, AttributeError
        As :func:`components` does.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.inspection import spatial_patterns
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> spatial_patterns(clf, X).shape
    (16, 4)
    """
    before, clf = cut_pipeline(estimator)
    return _maps_of(before, clf, X)[0].patterns


def _maps_of(before, clf, X):
    """Find maps on the electrodes of ``X``, the spatial filters there, and their info."""
    check_maps(clf, "filters_")
    filters, center = raw_filters(clf), clf.center_
    if before is None:
        X, info = check_trials(clf, X, reset=False), clf.info_
    else:
        X, after, info = trials_through(before, clf, X)
        matrix = linear_map(X, after)
        filters = filters @ matrix
        # at the electrodes, what the matrix takes to the classifier's own centre
        near, _ = center_and_scale(Moments.of(X))
        center = near + np.linalg.pinv(matrix, rcond=1e-12) @ (center - matrix @ near)
    maps = haufe.find_maps(X, np.arange(len(X)), filters, raw_kernels(clf), center)
    return maps, filters * maps.factors[:, np.newaxis], info


def band_around(freqs, spectrum):
    """Edges, between the frequencies, where a spectrum falls to half of its peak."""
    peak = spectrum.argmax()
    half = spectrum[peak] / 2
    edges = []
    for step, end in ((-1, 0), (1, len(freqs) - 1)):
        k = peak
        while k != end and spectrum[k + step] > half:
            k += step
        if k == end:
            edges.append(freqs[end])
        else:
            share = (spectrum[k] - half) / max(
                spectrum[k] - spectrum[k + step], np.finfo(float).tiny
            )
            edges.append(freqs[k] + share * (freqs[k + step] - freqs[k]))
    return edges


def similarity(first, second):
    r"""Similarity of components, free of sign and scale.

    :math:`|\cos(a, b)| \sum_f \sqrt{p_f q_f}`: the absolute cosine of the patterns times the
    Bhattacharyya coefficient of the frequency patterns.

    Parameters
    ----------
    first, second : Components
        With n and m components on the same electrodes and frequencies.

    Returns
    -------
    similarity : ndarray, shape (n, m)
        Between 0 and 1.

    Raises
    ------
    ValueError
        If they are on different electrodes or frequencies.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier, components
    >>> from eegsep.inspection import similarity
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> found = components(clf)
    >>> similarity(found, found).diagonal().round(6).min().item()
    1.0
    """
    for name, what in (("patterns", "electrodes"), ("spectra", "frequencies")):
        if getattr(first, name).shape[1] != getattr(second, name).shape[1]:
            raise ValueError(f"the components are on different {what}, and cannot be compared")
    cosines = np.abs(unit(first.patterns) @ unit(second.patterns).T)
    return np.minimum(cosines * (np.sqrt(first.spectra) @ np.sqrt(second.spectra).T), 1)


def unit(vectors):
    """Bring vectors, along the last axis, to norm 1; zeros stay."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1)
