"""How a start is written into a network, with the running statistics of its normalisations.

In inference the network then scores as the classical classifier does.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from eegsep._utils.kept import kept

from .temporal_filters import filter_in_time

# Standard deviation that batch normalisation 2 gives a component of induced activity: pooled ELUs
# then follow amplitude.
INDUCED_GAIN = 2.0
# Of the regression of scores on maps, relative to the maps' mean sum of squares.
SMOOTHING = 1.0
# Deviations above zero where batch normalisations keep an ELU on its line.
LINEAR_SHIFT = 3.0
# Of the components of evoked activity before the first ELU: small, so that the shift suffices.
EVOKED_GAIN = 1.0
_ROW_NORM = 0.98  # of the bound on the classifier's rows


@torch.no_grad()
def set_start(net, start, X):
    """Write a start into a network, with the running statistics of its normalisations, in place.

    Parameters
    ----------
    net : EEGNet
    start : Start
    X : ndarray, shape (n_trials, n_chans, n_times)
        The scaled training trials.

    Returns
    -------
    net : EEGNet
        In inference its logits are those of the classical classifier, to the order above.
    """
    linear = start.component[:, 0] < 0

    def write(parameter, values):
        parameter.copy_(torch.from_numpy(np.asarray(values, dtype=np.float32)).view_as(parameter))

    def write_norm(norm, mean, variance, weight, bias):
        for parameter, values in (
            (norm.running_mean, mean),
            (norm.running_var, variance),
            (norm.weight, weight),
            (norm.bias, bias),
        ):
            write(parameter, np.broadcast_to(values, parameter.shape))

    n_maps, D = len(start.filters), net.D
    write(net.temporal.weight, start.kernels)
    write(net.spatial.weight, start.filters)
    distinct, which = np.unique(start.kernels, axis=0, return_inverse=True)
    moments = [kept(lambda k=kernel: _moments(X, k), (X, kernel)) for kernel in distinct]
    moments = np.array(moments)[which.reshape(-1)]
    write_norm(net.temporal_norm, moments[:, 0], moments[:, 1], 1, 0)
    scale = np.repeat(1 / np.sqrt(moments[:, 1] + net.temporal_norm.eps), D)
    maps = np.einsum("mc,nct->nmt", start.filters, X, optimize=True)
    maps = np.stack(
        [filter_in_time(maps[:, m], start.kernels[m // D]) for m in range(n_maps)], axis=1
    )
    maps = maps - (np.repeat(moments[:, 0], D) * start.filters.sum(axis=1))[:, np.newaxis]
    maps = maps * scale[:, np.newaxis]
    mean, variance = maps.mean(axis=(0, 2)), maps.var(axis=(0, 2))
    gain = np.where(linear, EVOKED_GAIN, INDUCED_GAIN)
    shift = np.where(linear, LINEAR_SHIFT * EVOKED_GAIN, 0.0)
    write_norm(net.spatial_norm, mean, variance, gain, shift)
    slope = gain / np.sqrt(variance + net.spatial_norm.eps)
    normalised = slope[:, np.newaxis] * (maps - mean[:, np.newaxis]) + shift[:, np.newaxis]
    pooled = F.avg_pool1d(F.elu(torch.from_numpy(normalised)), net.pool1)

    separable = start.separable
    write(net.separable_depthwise.weight, separable)
    write(net.pointwise.weight, np.eye(n_maps))
    filtered = np.stack(
        [filter_in_time(pooled[:, m].numpy(), separable[m]) for m in range(n_maps)], axis=1
    )
    mean, variance = filtered.mean(axis=(0, 2)), filtered.var(axis=(0, 2))
    deviation = np.sqrt(variance + net.separable_norm.eps)[:, np.newaxis]
    normalised = (filtered - mean[:, np.newaxis]) / deviation + LINEAR_SHIFT
    features = F.avg_pool1d(F.elu(torch.from_numpy(normalised)), net.pool2).numpy()

    # from the component to the map: normalisations 1, 2 and 3
    rows = start.rows / (scale * slope / deviation[:, 0])[:, np.newaxis, np.newaxis]
    powers = start.component >= 0
    if powers.any():
        copies = np.eye(start.component.max() + 1)[start.component[powers]]
        level = features[:, powers] @ (copies / copies.sum(axis=0))
        level = level - level.mean(axis=0)
        products = level.T @ level
        if start.induced.ndim == 3:  # each component by itself
            by_power = np.einsum("ni,nik->ik", level, start.induced)
            by_power /= np.diag(products)[:, np.newaxis]
        else:
            products += SMOOTHING * np.trace(products) / len(products) * np.eye(len(products))
            by_power = np.linalg.solve(products, level.T @ start.induced)
        rows[powers] = copies @ (by_power / copies.sum(axis=0)[:, np.newaxis])
    rows = rows.transpose(2, 0, 1).reshape(net.n_outputs, -1)
    scores = features.reshape(len(X), -1) @ rows.T
    scores = scores - scores.mean(axis=0)
    # the classifier may fit its own trials too well, the few maps less: spread as where left out
    left_out, fitted = start.ridge.left_out, start.ridge.fitted
    spread = np.square(left_out - left_out.mean(axis=0)).sum()
    factor = start.ridge.temperature * np.sqrt(spread / max(np.square(scores).sum(), 1e-300))
    # log-odds of the mean trial: those of the mean by weight are the bias
    of_mean = fitted.mean(axis=0) * start.ridge.temperature
    of_mean *= np.sqrt(spread / max(np.square(fitted - fitted.mean(axis=0)).sum(), 1e-300))
    rows = factor * rows
    bound = np.inf if net.dense_max_norm is None else _ROW_NORM * net.dense_max_norm
    larger = max(1.0, np.linalg.norm(rows, axis=1).max() / bound)
    write_norm(net.separable_norm, mean, variance, larger, larger * LINEAR_SHIFT)
    write(net.classifier.weight, rows / larger)
    offset = features.reshape(len(X), -1).mean(axis=0) @ rows.T
    write(net.classifier.bias, start.ridge.bias + of_mean - offset)
    return net


def _moments(X, kernel):
    """Return mean and variance of filtered trials."""
    filtered = filter_in_time(X, kernel)
    return filtered.mean(), filtered.var()
