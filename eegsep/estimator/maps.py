"""Maps of a classifier: its filters and kernels, and their patterns on the training trials.

The classifier's attributes and the inspection read them here; the arithmetic is that of haufe.py.
"""

from __future__ import annotations

import numpy as np

from eegsep._utils.memory import give_back_freed_memory

from . import haufe


def check_maps(clf, name):
    """Refuse a classifier whose components have no maps, of which ``name`` was asked for.

    It is an AttributeError if it is not fitted, or its components have no single spatial filters.
    """
    if not hasattr(clf, "module_"):
        raise AttributeError(f"{name} exists once the classifier is fitted")
    reason = why_no_maps(clf.module_)
    if reason:
        raise AttributeError(f"{name} does not exist for spatial={clf.spatial!r}: {reason}")


def why_no_maps(net):
    """Say why components have no single spatial filters, None if they have."""
    if net.spatial_kind in ("joint", "low_rank"):
        return "its kernels are over electrodes and time at once"
    if net.spatial.weight.shape[1] > 1:
        return (
            'a component has another spatial filter for each temporal one. Use spatial="depthwise"'
        )
    return None


def raw_filters(clf):
    """Spatial filters (n_components, n_chans) as the network has them, for the unit of X."""
    weight = clf.module_.spatial.weight.detach()[:, 0, :, 0].double().cpu().numpy()
    return weight / clf.scale_


def raw_kernels(clf):
    """Temporal filter of each component, (n_components, kernel_length), as the network has it."""
    kernels = clf.module_.temporal.weight.detach()[:, 0, 0].double().cpu().numpy()
    return np.repeat(kernels, clf.module_.D, axis=0)


def take_maps(clf, X, index):
    """Take the patterns of the components, if they have any, while the training trials are at hand.

    They are written on the classifier; ``index`` has the positions of the training trials in X.
    """
    if why_no_maps(clf.module_):
        return
    give_back_freed_memory()
    clf._filters = raw_filters(clf)
    maps = haufe.find_maps(X, index, clf._filters, raw_kernels(clf), clf.center_)
    clf._maps = maps._replace(spectra=maps.spectra.astype(np.float32))
    clf._temporal_filters = scaled_kernels(clf, maps)


def maps_of_fit(clf):
    """Return the :class:`~eegsep.estimator.haufe.Maps` that :func:`take_maps` wrote."""
    return clf._maps


def scaled_kernels(clf, maps):
    """Temporal filter of each component, in the convention of ``temporal_filters_``."""
    kernels = raw_kernels(clf)
    gains = haufe.peak_gains(*haufe.frequency_patterns(kernels, maps.freqs, maps.spectra))
    return haufe.scale_kernels(kernels, gains)
