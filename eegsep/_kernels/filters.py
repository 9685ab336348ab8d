"""Normalisation 1 folded into the temporal filters, as one function that torch differentiates.

Arrays of a few values, for which numpy takes a fraction of torch's time.
"""

from __future__ import annotations

import numpy as np
import torch

from .. import spatial_first


class NormalisedFilters(torch.autograd.Function):
    """What :func:`eegsep.spatial_first.normalised_filters` computes."""

    @staticmethod
    def forward(ctx, kernels, gain, bias, spatial, norm, statistics, n_values):
        """Scale kernels by what normalises the batch; update running statistics.

        Parameters
        ----------
        kernels : torch.Tensor, shape (F1, K)
        gain, bias : torch.Tensor, shape (F1,)
            The normalisation's.
        spatial : torch.Tensor, shape (M, G, n_chans)
            Spatial filters of each map, for each of the G temporal filters that it sees.
        norm : torch.nn.BatchNorm2d
        statistics : tuple of torch.Tensor
            Of the batch, see :func:`eegsep.spatial_first.lag_statistics`.
        n_values : int
            That a temporally filtered map has in the batch.

        Returns
        -------
        scaled : torch.Tensor, shape (M, G, K)
        shift : torch.Tensor, shape (M,)
            What is to be added to the maps. Normalisation 2 takes it away in training: no
            gradient passes.
        """
        k = kernels.detach().numpy().astype(np.float64)
        sums, products = (a.numpy() for a in statistics)
        mean, filtered = k @ sums / n_values, k @ products / n_values
        variance = (filtered * k).sum(1) - np.square(mean)
        moments = (torch.from_numpy(a) for a in (mean, variance))
        spatial_first.update_running(norm, *moments, n_values)
        ctx.kept = mean, filtered, sums / n_values
        inverse = 1 / np.sqrt(variance + norm.eps)
        scale, offset = gain.numpy() * inverse, bias.numpy() - gain.numpy() * inverse * mean
        scaled, shift, groups = fold(k, scale, offset, spatial.numpy())
        ctx.of_all = k, inverse, scale, groups
        ctx.norm, ctx.statistics, ctx.n_values = norm, statistics, n_values
        ctx.save_for_backward(kernels, gain, bias, spatial)
        scaled, shift = (torch.from_numpy(a).to(kernels.dtype) for a in (scaled, shift))
        ctx.mark_non_differentiable(shift)
        return scaled, shift

    @staticmethod
    def backward(ctx, grad, _):
        """Gradients with respect to kernels and the normalisation's parameters."""
        kernels, gain, bias, spatial = ctx.saved_tensors
        k, inverse, scale, groups = ctx.of_all
        nothing = torch.zeros_like(bias), torch.zeros_like(spatial), None, None, None
        if torch.is_grad_enabled():
            moments = spatial_first.moments(kernels, ctx.statistics, ctx.n_values)
            factors = gain * torch.rsqrt(moments[1] + ctx.norm.eps)
            scaled = kernels * factors.to(kernels.dtype).unsqueeze(1)
            scaled = spatial_first.spread(scaled, spatial)
            found = torch.autograd.grad(scaled, (kernels, gain), grad, create_graph=True)
            return *found, *nothing
        mean, filtered, means = ctx.kept
        grad = grad.double().numpy().reshape(*groups, -1).sum(1).reshape(k.shape)
        of_scale = (grad * k).sum(1)
        of_variance = -0.5 * of_scale * scale * np.square(inverse)
        through = filtered - np.outer(mean, means)
        of_kernels = grad * scale[:, None] + 2 * of_variance[:, None] * through
        found = (torch.from_numpy(a).to(gain.dtype) for a in (of_kernels, of_scale * inverse))
        return *found, *nothing


def fold(kernels, scale, offset, spatial):
    """Fold what a normalisation multiplies by and then adds into the kernels before it.

    Parameters
    ----------
    kernels : ndarray, shape (F1, K)
    scale, offset : ndarray, shape (F1,)
    spatial : ndarray, shape (M, G, n_chans)

    Returns
    -------
    scaled : ndarray, shape (M, G, K)
        Kernels that each map sees.
    shift : ndarray, shape (M,)
        What is to be added to the maps.
    groups : tuple of int
        Groups of maps, maps of a group, and G.
    """
    n_maps, n_seen, _ = spatial.shape
    groups = len(kernels) // n_seen, n_maps * n_seen // len(kernels), n_seen
    shift = (_spread(offset[:, np.newaxis], groups)[..., 0] * spatial.sum(2)).sum(1)
    return _spread(kernels * scale[:, np.newaxis], groups), shift, groups


def _spread(rows, groups):
    """Give each map the rows that it sees, (F1, n) to (M, G, n)."""
    n_groups, repeats, n_seen = groups
    rows = rows.reshape(n_groups, 1, n_seen, -1).repeat(repeats, axis=1)
    return rows.reshape(-1, n_seen, rows.shape[3])
