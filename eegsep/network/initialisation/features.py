"""What features of trials have in common, and a start: the components of their classifier.

Of induced activity in `induced.py`, of evoked activity in `evoked.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .ridge import Ridge


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
    """What both kinds of features have in common: fits of some trials, and starts from them."""

    def losses(self, net, onehot, weight):
        """Return what each trial's loss is when it is left out of a fit on all, in nats."""
        return self._fit(net, onehot, weight, np.arange(len(onehot)))[0].losses(onehot)

    def start(self, net, onehot, weight, index):
        """Fit some trials, and take the components of the classifier.

        Parameters
        ----------
        net : EEGNet
            For its numbers of filters.
        onehot : ndarray, shape (n_index, n_classes)
        weight : ndarray, shape (n_index,)
        index : ndarray of int
            Positions of the trials.

        Returns
        -------
        start : Start
        """
        return self._components(net, index, *self._fit(net, onehot, weight, index))
