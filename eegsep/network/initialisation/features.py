"""What features of trials have in common, and a start: the components of their classifier.

Of induced activity in `induced.py`, of evoked activity in `evoked.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .ridge import Ridge, Spectrum


class Start(NamedTuple):
    """Components of a classical classifier, as a network can hold them.

    Attributes
    ----------
    kind : {"induced", "evoked"}
        Of activity.
    ridge : Ridge
        The classifier.
    component : ndarray of int, shape (F1 * D, n_windows)
        Which power each map's window is of; the maps of a power share a row. -1 for maps that are
        linear in the signals, with rows of their own.
    kernels : ndarray, shape (F1, kernel_length)
        Temporal filters.
    filters : ndarray, shape (F1 * D, n_chans)
        Spatial filters, of norm 1.
    separable : ndarray, shape (F1 * D, separable_kernel_length)
        Kernels of the second block.
    rows : ndarray, shape (F1 * D, n_windows, n_classes)
        What a class's score gains with a window of a map that is linear.
    induced : ndarray, shape (n_trials, n_classes) or (n_trials, n_components, n_classes)
        What powers add to the scores of the training trials: all together, or each.
    """

    kind: str
    ridge: Ridge
    component: np.ndarray
    kernels: np.ndarray
    filters: np.ndarray
    separable: np.ndarray
    rows: np.ndarray
    induced: np.ndarray


class Features:
    """What both kinds of features have in common: fits of some trials, and starts from them.

    What knows no labels is computed once, for all trials of the weights that the features were
    made with: fits of these, whatever their labels, share it.
    """

    def __init__(self, X, weight):
        self._X, self._weight, self._spectra, self._last = X, weight, {}, (None, None)

    def trials(self, index=None):
        """Return the scaled trials, all or some (ndarray, shape (n_trials, n_chans, n_times))."""
        return self._X if index is None else self._X[index]

    def losses(self, net, onehot):
        """Return what each trial's loss is when it is left out of a fit on all, in nats."""
        fitted = self._fit(net, onehot, self._weight, None)
        self._last = onehot, fitted
        return fitted[0].losses(onehot)

    def start(self, net, onehot, weight, index=None):
        """Fit some trials, and take the components of the classifier.

        Parameters
        ----------
        net : EEGNet
            For its numbers of filters.
        onehot : ndarray, shape (n_index, n_classes)
        weight : ndarray, shape (n_index,)
        index : ndarray of int | None
            Positions of the trials; None for all, with the weights that the features were made
            with.

        Returns
        -------
        start : Start
        """
        known, fitted = self._last
        if index is not None or not np.array_equal(known, onehot):
            fitted = self._fit(net, onehot, weight, index)
        return self._components(net, index, *fitted)

    def mirror_of_other_class(self, onehot):
        """Return positions of channels' mirror images, if a trial's is of the other class.

        Parameters
        ----------
        onehot : ndarray, shape (n_trials, n_classes)

        Returns
        -------
        mirror : ndarray of int, shape (n_chans,) | None
            None where trials do not say so.
        """

    def _spectrum(self, name, weight, index, trust=None):
        """Return the :class:`Spectrum` of an attribute with features, of some trials or all."""
        features = getattr(self, name)
        if index is not None:
            return Spectrum(features[index], weight, None if trust is None else trust[index])
        if name not in self._spectra:
            self._spectra[name] = Spectrum(features, weight, trust)
        return self._spectra[name]
