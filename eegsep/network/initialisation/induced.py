"""Starts of induced activity: log-powers of components, from the tangent space of covariances.

The eigenvectors of the classifier's matrices are the spatial filters.
"""

from __future__ import annotations

import numpy as np

from .features import Features, Start
from .log_odds import EVIDENCE
from .ridge import sum_of_log_odds
from .tangent_space import covariances, tangent_vectors
from .temporal_filters import filter_in_time

# Of what the best shrinkage gains over chance, for a larger one: the spectra of two classes'
# matrices are cleaner then.
GIVEN_UP = 0.2
# Of what a classifier gains over chance, for one that takes mirror images to be of the other class
# by itself, where they are. Between .77 and 1.02 for imagery of the left and the right hand by
# eleven of twelve people, .41 to .51 for that of the left hand and rest (PhysionetMI).
ALIKE = 2 / 3


class Induced(Features):
    """Tangent vectors of trials, one set for each temporal filter, and starts from them.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
        Scaled trials.
    weight : ndarray, shape (n_trials,)
    kernels : ndarray, shape (n_bands, kernel_length)
        Temporal filters, of which each gets a tangent space; a classifier is fitted on all.
    n_components : int | None
        Distinct components of each classifier for each filter; they repeat where the network holds
        more. None for all of them.
    mirror : ndarray of int, shape (n_chans,) | None
        Position of each channel's mirror image, for half a classifier of which trials' mirror
        images are of the other class.

    Attributes
    ----------
    features : ndarray, shape (n_trials, n_bands * n_chans * (n_chans + 1) / 2)
    odd : ndarray | None
        Their part that changes sign in a mirror; None without ``mirror``.
    """

    kind = "induced"

    def __init__(self, X, weight, kernels, n_components=None, mirror=None):
        super().__init__(X, weight)
        self._n_chans, self._mirror = X.shape[1], mirror
        self._kernels, self._n_components = kernels, n_components
        self._upper = np.triu_indices(self._n_chans)
        # so that products of vectors are those of matrices
        self._isometry = np.where(self._upper[0] == self._upper[1], 1.0, np.sqrt(2.0))
        whiteners, features, odd = [], [], []
        for kernel in kernels:
            matrices = covariances(X, kernel if np.count_nonzero(kernel) > 1 else None)
            tangents, whitener = tangent_vectors(matrices, weight, mirror)
            whiteners.append(whitener)
            features.append(self._vectors(tangents))
            if mirror is not None:
                images = tangents[:, mirror[:, np.newaxis], mirror]
                odd.append(self._vectors(tangents - images) / 2)
        self._whiteners = np.array(whiteners)
        self.features = np.concatenate(features, axis=1)
        self.odd = np.concatenate(odd, axis=1) if odd else None

    def mirror_of_other_class(self, onehot):
        """Do so where the classifier of the part that changes sign tells nearly as much as both.

        That is, where by itself it gains ``ALIKE`` of what the classifier of all features gains
        over chance, in nats of trials that are left out, and that gain is above ``EVIDENCE``.
        """
        if self.odd is None:
            return None
        share = np.average(onehot, axis=0, weights=self._weight)
        chance = -(share * np.log(share)).sum()
        whole, odd = (
            chance - self._spectrum(part, self._weight, None).ridge(onehot, GIVEN_UP).loss
            for part in ("features", "odd")
        )
        is_other = whole > EVIDENCE / len(onehot) and odd >= ALIKE * whole
        return self._mirror if is_other else None

    def _vectors(self, matrices):
        return matrices[:, self._upper[0], self._upper[1]] * self._isometry

    def _fit(self, net, onehot, weight, index):
        given_up = GIVEN_UP if self._is_of_two_classes(net) else 0.0
        ridges = [
            self._spectrum(part, weight, index).ridge(onehot, given_up)
            for part in ("features", "odd")
            if getattr(self, part) is not None
        ]
        total = sum_of_log_odds(ridges, onehot, weight)
        # of each its own components where there are temporal filters enough
        return total, ridges if len(ridges) <= net.F1 else [total]

    def _is_of_two_classes(self, net):
        """Whether each component is of one filter, and its eigenvalue all there is to say of it."""
        return net.n_outputs == 2 and len(self._kernels) == 1

    def _components(self, net, index, ridge, ridges):
        n_bands, n_classes = len(self._kernels), ridge.coef.shape[1]
        rows, columns = self._upper
        bands, component, axes, eigenvalues = [], [], [], []
        for part, filters in zip(ridges, np.array_split(range(net.F1), len(ridges)), strict=True):
            coef = part.temperature * part.coef.reshape(n_bands, -1, n_classes)
            coef = coef.transpose(0, 2, 1) / self._isometry
            classifiers = np.zeros((n_bands, n_classes, self._n_chans, self._n_chans))
            classifiers[:, :, rows, columns] = classifiers[:, :, columns, rows] = coef
            leading = _leading_axes(classifiers, len(filters), net.D, self._n_components)
            bands.append(leading[0])
            component.append(leading[1] + sum(map(len, eigenvalues)))
            axes.append(leading[2])
            eigenvalues.append(leading[3])
        bands, component, axes, eigenvalues = map(
            np.concatenate, (bands, component, axes, eigenvalues)
        )
        filters = np.einsum("mj,mij->mi", axes, self._whiteners[np.repeat(bands, net.D)])
        kernels = self._kernels[bands]
        induced = ridge.fitted
        if self._is_of_two_classes(net):
            powers = self._log_powers(component, kernels, filters, index)
            induced = powers[:, :, np.newaxis] * eigenvalues
        n_maps, length = net.F1 * net.D, net.separable_kernel_length
        n_windows = net.n_times // net.pool1 // net.pool2
        return Start(
            kind=self.kind,
            ridge=ridge,
            component=np.repeat(component[:, np.newaxis], n_windows, axis=1),
            kernels=kernels,
            filters=filters / np.linalg.norm(filters, axis=1, keepdims=True),
            separable=np.full((n_maps, length), 1 / length),
            rows=np.zeros((n_maps, n_windows, n_classes)),
            induced=induced,
        )

    def _log_powers(self, component, kernels, filters, index):
        """Return log-powers of components about their means, shape (n_index, n_components)."""
        X = self.trials(index)
        powers = np.empty((len(X), component.max() + 1))
        for m in np.unique(component, return_index=True)[1]:
            kernel = kernels[m * len(kernels) // len(filters)]
            maps = filter_in_time(filters[m] @ X, kernel)
            powers[:, component[m]] = np.log(np.maximum(np.square(maps).mean(axis=1), 1e-300))
        return powers - powers.mean(axis=0)


def _leading_axes(classifiers, F1, D, n_components):
    """Choose a band for each temporal filter, and D axes of that band for each.

    The axes are the eigenvectors of the sum of the classes' squared matrices: for two classes,
    whose matrices are each other's negative, those of either; for more, axes that they share. The
    strength of the first one that is left out is taken off those that are held.

    Returned are the bands (F1), which component each map is of (F1 * D), its axis (copies of a
    component have alternating signs, with which the part of an ELU that is odd cancels), and the
    components' eigenvalues (n_components, n_classes).
    """
    n_bands = len(classifiers)
    # where axes are alike, as of trials that differ in nothing but loudness, rounding, which
    # differs between processors, is not to choose them
    largest = max(np.abs(classifiers).max(), 1e-300)
    classifiers = np.round(classifiers / largest, 12) * largest
    if classifiers.shape[1] == 2:
        values, vectors = np.linalg.eigh(classifiers[:, 1])
    else:
        values, vectors = np.linalg.eigh(np.einsum("bkij,bkjl->bil", classifiers, classifiers))
    # of a mirrored classifier they come in pairs, which rounding is not to order
    size = np.round(np.abs(values) / max(np.abs(values).max(), 1e-300), 9)
    order = np.lexsort((-values, -size), axis=1)
    vectors = np.take_along_axis(vectors.transpose(0, 2, 1), order[..., np.newaxis], axis=1)
    largest = np.abs(vectors).argmax(axis=2)[..., np.newaxis]
    vectors = vectors * np.sign(np.take_along_axis(vectors, largest, axis=2))
    eigenvalues = np.einsum("bri,bkij,brj->brk", vectors, classifiers, vectors, optimize=True)
    norms = np.linalg.norm(eigenvalues, axis=2)
    strength = norms[:, :n_components].copy()
    n_distinct = strength.shape[1]
    left = [list(range(n_distinct)) for _ in range(n_bands)]
    bands, ranks = [], []
    for _ in range(F1):
        for band in range(n_bands):
            while len(left[band]) < D:  # begin anew: what is there already counts for less
                left[band] += range(n_distinct)
                strength[band] = strength[band] / 2
        gains = [strength[band, left[band][:D]].sum() for band in range(n_bands)]
        band = int(np.argmax(gains))
        bands.append(band)
        ranks += left[band][:D]
        left[band] = left[band][D:]
    of_maps = np.repeat(bands, D)
    held, component = np.unique(of_maps * n_distinct + ranks, return_inverse=True)
    held = held // n_distinct, held % n_distinct
    left_out = norms.copy()
    left_out[held] = 0
    kept = np.maximum(1 - left_out.max() / np.maximum(norms[held], 1e-300), 0)
    copies = [np.count_nonzero(component[:m] == component[m]) for m in range(F1 * D)]
    signs = (-1.0) ** np.array(copies)
    axes = signs[:, np.newaxis] * vectors[of_maps, ranks]
    return np.array(bands), component, axes, kept[:, np.newaxis] * eigenvalues[held]
