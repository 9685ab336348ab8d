"""Starts of evoked activity: a linear classifier of whitened signals, with powers in windows.

Its singular vectors are spatial filters, separable kernels and rows over windows.
"""

from __future__ import annotations

import numpy as np

from eegsep._utils.chunks import chunks

from .features import Features, Start
from .ridge import ridge_by_leave_one_out
from .tangent_space import covariances, matrix_power
from .temporal_filters import one_sample

_LEAST_POWER = 1e-6  # of a window, where that of all is 1


class Evoked(Features):
    """Whitened trials as a network's first pooling leaves them, powers in windows, and starts.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
        Scaled trials.
    weight : ndarray, shape (n_trials,)
    net : EEGNet
        Whose poolings and kernels are to hold a start.

    Attributes
    ----------
    features : ndarray, shape (n_trials, n_chans * n_samples)
        The signals, in units of their deviation.
    """

    kind = "evoked"

    def __init__(self, X, weight, net):
        super().__init__(X, weight)
        noise = np.average(covariances(X), axis=0, weights=weight)
        self._whitener = matrix_power(noise, -0.5)
        n_pooled, length = net.n_times // net.pool1, net.pool2
        self._n_windows = n_pooled // length
        self._basis = _kernels_of_samples(net.separable_kernel_length, length)
        pooled, power = [], []
        for part in chunks(X, np.arange(len(X))):
            white = self._whitener @ part
            power.append(np.square(white).sum(axis=(1, 2)))
            white = white[..., : n_pooled * net.pool1]
            pooled.append(white.reshape(*white.shape[:2], n_pooled, net.pool1).mean(axis=3))
        pooled, power = np.concatenate(pooled), np.concatenate(power)
        windows = pooled[..., : self._n_windows * length]
        windows = windows.reshape(*X.shape[:2], self._n_windows, length)
        if len(self._basis) == 1:
            windows = windows.mean(axis=3, keepdims=True)
        else:  # what is left over takes the place of the zeros beyond the window
            rest = pooled[..., self._n_windows * length :]
            windows[..., : rest.shape[-1]] -= rest[..., np.newaxis, :]
        self._edges = net.pool1 * length * np.arange(self._n_windows)
        self._n_used = net.pool1 * length * self._n_windows
        self._shape = windows.shape[1:]
        self.features = windows.reshape(len(X), -1)
        times = self.features.reshape(-1, self._n_times)
        self._root = matrix_power(times.T @ times / len(times), 0.5)
        # the noise of a trial is as strong as the trial
        self._trust = 1 / np.maximum(power, np.median(power) / 4)

    def _fit(self, net, onehot, weight, index):
        """Fit on signals; then on these and on powers of the components that lead there."""
        ridge = self._spectrum("features", weight, index, self._trust).ridge(onehot)
        axes = self._leading_axes(ridge.coef)[:, : net.F1 * net.D // 4]
        powers = self._log_powers(axes, index)
        features, trust = self.features, self._trust
        if index is not None:
            features, trust = features[index], trust[index]
        both = np.concatenate([features, powers], axis=1)
        return ridge_by_leave_one_out(both, onehot, weight, trust), axes, powers

    def _leading_axes(self, coef):
        """Return spatial axes by how much of the scores' variance they carry."""
        by_channel = coef.reshape(self._shape[0], self._n_times, -1)
        by_channel = np.einsum("ctk,ts->csk", by_channel, self._root)
        by_channel = by_channel.reshape(self._shape[0], -1)
        left, values, _ = np.linalg.svd(by_channel, full_matrices=False)
        return left[:, : np.count_nonzero(values > 1e-10 * values[0])]

    @property
    def _n_times(self):
        return self._shape[1] * self._shape[2]

    def _log_powers(self, axes, index):
        """Return log-powers of components in each window, shape (n_trials, n_axes * n_windows)."""
        filters = axes.T @ self._whitener
        index = np.arange(len(self._X)) if index is None else index
        powers = np.concatenate(
            [
                np.add.reduceat(np.square(filters @ part), self._edges, axis=2)
                for part in chunks(self._X[..., : self._n_used], index)
            ]
        )
        powers = powers / (self._n_used // self._n_windows)
        return np.log(np.maximum(powers, _LEAST_POWER)).reshape(len(index), powers[0].size)

    def _components(self, net, index, ridge, axes, powers):
        n_signals, n_maps = self.features.shape[1], net.F1 * net.D
        power = axes.shape[1] if n_maps >= 4 else 0
        signal_axes, kernels, rows = self._maps(ridge.coef[:n_signals], index, n_maps - 2 * power)
        # each power by two maps of opposite sign, so that what is odd in an ELU cancels
        all_axes = np.concatenate([signal_axes, axes.T, -axes.T][: 3 if power else 1])
        filters = all_axes @ self._whitener
        norms = np.linalg.norm(filters, axis=1, keepdims=True)
        centre = np.zeros((2 * power, net.separable_kernel_length))
        centre[:, (net.separable_kernel_length - 1) // 2] = 1
        n_windows = self._n_windows
        component = np.full((n_maps, n_windows), -1)
        component[n_maps - 2 * power :] = np.tile(
            np.arange(power * n_windows).reshape(power, n_windows), (2, 1)
        )
        return Start(
            kind=self.kind,
            ridge=ridge,
            component=component,
            kernels=np.repeat(one_sample(net.kernel_length), net.F1, axis=0),
            filters=filters / norms,
            separable=np.concatenate([kernels, centre]),
            rows=np.concatenate(
                [rows * norms[: len(rows), :, np.newaxis], np.zeros((2 * power, *rows.shape[1:]))]
            ),
            induced=(powers - powers.mean(axis=0)) @ ridge.coef[n_signals:],
        )

    def _maps(self, coef, index, n_maps):
        """Split a classifier of signals into products of an axis, a kernel and rows over windows.

        Returned are those that carry most of the scores, again from the first where there are
        fewer than maps: axes (n_maps, n_chans), kernels (n_maps, kernel_length), and rows (n_maps,
        n_windows, n_classes).
        """
        _, n_windows, length = self._shape
        axes = self._leading_axes(coef)[:, :n_maps]
        by_axis = np.einsum("cr,cwsk->rswk", axes, coef.reshape(*self._shape, -1))
        left, values, right = np.linalg.svd(
            by_axis.reshape(axes.shape[1], length, -1), full_matrices=False
        )
        rows = (values[..., np.newaxis] * right).reshape(*values.shape, n_windows, -1)
        features = self.features if index is None else self.features[index]
        signals = np.einsum(
            "ncws,cr->nrws", features.reshape(-1, *self._shape), axes, optimize=True
        )
        scores = np.einsum("nrws,rsj,rjwk->nrjk", signals, left, rows, optimize=True)
        carried = scores.var(axis=0).sum(axis=-1)
        kept = np.count_nonzero(carried > 1e-12 * carried.max())
        order = np.argsort(-carried, axis=None, kind="stable")[: min(kept, n_maps)]
        chosen = order[np.arange(n_maps) % len(order)]
        copies = np.bincount(chosen)[chosen]
        of_axis, rank = np.unravel_index(chosen, carried.shape)
        rows = rows[of_axis, rank] / copies[:, np.newaxis, np.newaxis]
        if length > 1:
            rows = rows.cumsum(axis=1)
        return axes.T[of_axis], left[of_axis, :, rank] @ self._basis, rows


def _kernels_of_samples(kernel_length, length):
    """Make separable kernels whose window means give each sample of a window.

    The sum over a window of each sample's difference from the next is the difference of two
    samples that are a window apart; summed over this and all later windows it is the first sample
    alone. Shape (length, kernel_length); a single one in the middle, and so means of windows, where
    kernels are too short for that.
    """
    centre = (kernel_length - 1) // 2
    if length == 1 or centre + length >= kernel_length:
        kernels = np.zeros((1, kernel_length))
        kernels[0, centre] = 1
        return kernels
    kernels = np.zeros((length, kernel_length))
    sample = np.arange(length)
    kernels[sample, centre + sample] = length
    kernels[sample, centre + sample + 1] = -length
    return kernels
