"""The network on a CPU, its blocks compiled and worked on while a trial is in a core's cache.

What :func:`evaluate` computes is what the network's plain torch does.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from .. import spatial_first
from ..conv import same_padding
from ..threads import in_parts
from . import fused
from .blocks import Block, convolution_of, scale_elu_pool
from .filters import NormalisedFilters, fold


def can_evaluate(net, x):
    """Whether a network can be evaluated here, with nothing that needs to look inside torch.

    Parameters
    ----------
    net : eegsep.EEGNet
        Of layers that are as they were made.
    x : torch.Tensor, shape (B, n_chans, n_times)

    Returns
    -------
    possible : bool
        False for other devices and types, under autocast, while torch traces, compiles or maps
        over batches, and where gradients with respect to ``x`` are asked for.
    """
    weight = net.classifier.weight
    norms = net.temporal_norm, net.spatial_norm, net.separable_norm
    return (
        type(x) is torch.Tensor
        and x.device.type == weight.device.type == "cpu"
        and x.dtype == weight.dtype
        and x.dtype in (torch.float32, torch.float64)
        and len(x) > 0
        and not (x.requires_grad and torch.is_grad_enabled())
        and not spatial_first.looks_inside()
        and all(norm.running_mean is not None for norm in norms)
        and (all(norm.training for norm in norms) or not torch.is_grad_enabled())
    )


def evaluate(net, x, statistics=None):
    """Evaluate a network that :func:`can_evaluate` says yes of.

    Parameters
    ----------
    net : eegsep.EEGNet
    x : torch.Tensor, shape (B, n_chans, n_times)
    statistics : tuple of torch.Tensor | None
        As :meth:`eegsep.EEGNet.forward` takes them.

    Returns
    -------
    logits : torch.Tensor, shape (B, n_outputs)
    """
    norm, weight = net.temporal_norm, net.spatial.weight.flatten(2)
    kernels = net.temporal.weight[:, 0, 0]
    if norm.training:
        if statistics is None:
            statistics = spatial_first.lag_statistics(x, net.kernel_length)
        n_values = len(x) * net.n_chans * net.n_times
        filters = kernels, norm.weight, norm.bias, weight
        kernels, shift = NormalisedFilters.apply(*filters, norm, statistics, n_values)
    else:
        arrays = kernels.detach().numpy(), *_scale_and_offset(norm), weight.detach().numpy()
        kernels, shift = map(torch.from_numpy, fold(*arrays)[:2])
    first = weight, kernels, None, shift, net.spatial_norm, net.pool1, net.dropout1
    if net.separable_kind != "separable":
        x = net.second_convolution(_block(x, *first).unsqueeze(2))
        x = net.dropout2(F.avg_pool2d(F.elu(net.separable_norm(x)), (1, net.pool2)))
    else:
        kernels, pointwise = net.separable_depthwise.weight[:, 0], net.pointwise.weight[:, :, 0, 0]
        second = None, kernels, pointwise, None, net.separable_norm, net.pool2, net.dropout2
        inference = not any(a.training for of_block in (first, second) for a in of_block[4::2])
        x = _both(x, first, second) if inference else _block(_block(x, *first), *second)
    x = x.flatten(1)
    if net.training:
        return net.classifier(x)
    # sums of a trial's own, which a matrix product would split by where the trial lies in memory
    return (x.unsqueeze(1) * net.classifier.weight).sum(2) + net.classifier.bias


def _block(x, weight, kernels, pointwise, shift, norm, pool, dropout):
    """Take maps through a block, the first or the second."""
    if norm.training:
        filters = weight, kernels, pointwise, shift, norm.weight, norm.bias
        return dropout.drop(Block.apply(x, *filters, norm, pool))
    y, offset = _filter(x, weight, kernels, pointwise, shift, norm)
    pooled = scale_elu_pool(y, np.ones_like(offset), offset, pool)
    return dropout.drop(torch.from_numpy(pooled))


def _filter(x, weight, kernels, pointwise, shift, norm):
    """Filter in inference: maps that are normalised but for an offset, and this, arrays."""
    scale, offset = _scale_and_offset(norm)
    if shift is not None:
        offset = offset + scale * shift.numpy()
    if pointwise is None:
        kernels = torch.from_numpy(kernels.numpy() * scale[:, np.newaxis, np.newaxis])
    else:
        pointwise = torch.from_numpy(pointwise.numpy() * scale[:, np.newaxis])
    x = x.contiguous()
    return convolution_of(x, weight, kernels, pointwise).filter(x), offset


def _both(x, first, second):
    """Take trials through both blocks, in inference."""
    *filters, pool1, _ = first
    _, kernels, pointwise, _, norm, pool2, _ = second
    y, offset = _filter(x, *filters)
    left, _ = same_padding(kernels.shape[2])
    kernels, pointwise = (a.numpy() for a in (kernels[:, 0], pointwise))
    arrays = offset, kernels, pointwise, *_scale_and_offset(norm)
    offset, kernels, pointwise, *affine = map(np.ascontiguousarray, arrays)
    pooled = x.new_empty(len(y), len(pointwise), y.shape[2] // pool1 // pool2)
    arrays = y, offset, pool1, kernels, left, pointwise, *affine, pool2, pooled.numpy()
    in_parts(partial(fused.second_block, *arrays), len(y), y.size)
    return pooled


def _scale_and_offset(norm):
    """Return what a normalisation in inference multiplies by and then adds, as arrays."""
    arrays = norm.weight, norm.bias, norm.running_mean, norm.running_var
    weight, bias, mean, variance = (a.detach().numpy() for a in arrays)
    scale = weight / np.sqrt(variance + weight.dtype.type(norm.eps))
    return scale, bias - scale * mean
