"""What a fitted network has learned: patterns of its components on the electrodes.

A spatial filter says what is weighed, a pattern where the weighed activity is on the head.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import oaconvolve
from sklearn.utils.validation import check_is_fitted

from .classifier import EEGNetClassifier
from .inputs import check_trials, chunks


def spatial_patterns(clf, X):
    r"""Patterns of a classifier's components: how each one's activity shows on the electrodes.

    For the spatial filter :math:`w` of temporal filter :math:`k`, the pattern is
    :math:`\mathrm{Cov}(k * x)\, w / \sqrt{w^\top \mathrm{Cov}(k * x)\, w}` (Haufe et al. 2014,
    eq. 6, on the temporally filtered signal as in Petrosyan et al. 2020): the amplitude at each
    electrode that goes with one standard deviation of the component.

    Parameters
    ----------
    clf : EEGNetClassifier
        Fitted, with ``spatial="depthwise"``.
    X : array-like, shape (n_trials, n_chans, n_times), or mne.Epochs
        Trials, usually those of the fit.

    Returns
    -------
    patterns : ndarray, shape (n_components, n_chans)
        In the unit of ``X`` (volts for Epochs), times the gain of the temporal filter. A
        component's sign is arbitrary in the network; here its largest value is positive.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the classifier is not fitted.
    TypeError
        If it is another estimator, such as a pipeline with the classifier in it.
    AttributeError
        If its components have no single spatial filters.

    References
    ----------
    Haufe, S., et al. (2014). On the interpretation of weight vectors of linear models in
    multivariate neuroimaging. NeuroImage, 87, 96-110.

    Petrosyan, A., Lebedev, M., & Ossadtchi, A. (2020). Decoding neural signals with a compact and
    interpretable convolutional neural network. bioRxiv 2020.06.02.129114.
    """
    if not isinstance(clf, EEGNetClassifier):
        raise TypeError(
            f"spatial_patterns takes an EEGNetClassifier, not a {type(clf).__name__}: pass the "
            "fitted classifier in it, such as pipeline[-1] or search.best_estimator_, and the "
            "trials as they reach it."
        )
    check_is_fitted(clf, "module_")
    filters = clf.filters_
    X = check_trials(clf, X, reset=False)
    kernels = clf.module_.temporal.weight.detach()[:, 0, 0].double().cpu().numpy()
    n_chans = X.shape[1]
    second, first = np.zeros((len(kernels), n_chans, n_chans)), np.zeros((len(kernels), n_chans))
    for part in chunks(X, np.arange(len(X))):
        for f, kernel in enumerate(kernels):
            # the network correlates, and sees zeros beyond the window's edges
            x = oaconvolve(part, kernel[np.newaxis, np.newaxis, ::-1], axes=2)
            x = x[..., len(kernel) // 2 :][..., : X.shape[2]]
            second[f] += np.einsum("ict,idt->cd", x, x, optimize=True)
            first[f] += x.sum(axis=(0, 2))
    n_samples = len(X) * X.shape[2]
    mean = first / n_samples
    covariance = second / n_samples - mean[:, :, np.newaxis] * mean[:, np.newaxis, :]
    by_filter = np.repeat(covariance, clf.module_.D, axis=0)
    patterns = np.einsum("kcd,kd->kc", by_filter, filters)
    deviation = np.sqrt(np.einsum("kc,kc->k", patterns, filters))
    patterns /= np.where(deviation > 0, deviation, 1)[:, np.newaxis]
    largest = np.take_along_axis(patterns, np.abs(patterns).argmax(1)[:, np.newaxis], axis=1)
    return patterns * np.where(largest < 0, -1, 1)
