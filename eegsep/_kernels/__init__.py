"""The network on a CPU, in compiled passes over trials that are in a core's cache.

What :func:`evaluate` computes is what the network's plain torch does.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from eegsep.network import spatial_first

from . import blocks
from .library import load


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
        over batches, where gradients with respect to ``x`` are asked for, and where nothing was
        compiled.
    """
    parameters = (a for layer in net._modules.values() for a in layer._parameters.values())
    norms = net.temporal_norm, net.spatial_norm, net.separable_norm
    return (
        type(x) is torch.Tensor
        and x.dtype in (torch.float32, torch.float64)
        and x.is_cpu
        and all(a is None or (a.is_cpu and a.dtype == x.dtype) for a in parameters)
        and not (x.requires_grad and torch.is_grad_enabled())
        and not spatial_first.looks_inside()
        and all(norm.running_mean is not None for norm in norms)
        and (all(norm.training for norm in norms) or not torch.is_grad_enabled())
        and load(x.dtype) is not None
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
    if statistics is None and net.temporal_norm.training:
        statistics = spatial_first.lag_statistics(x, net.kernel_length, blocks.sums_of_channels)
    weight, kernels, shift = spatial_first.normalised_filters(net, x, statistics)
    x = _block(x, weight, kernels, None, shift, net.spatial_norm, net.pool1, net.dropout1)
    if net.separable_kind == "separable":
        kernels, pointwise = net.separable_depthwise.weight[:, 0], net.pointwise.weight[:, :, 0, 0]
        second = kernels, pointwise, None, net.separable_norm, net.pool2, net.dropout2
        x = _block(x, None, *second)
    else:
        x = net.second_convolution(x.unsqueeze(2))
        x = net.dropout2(F.avg_pool2d(F.elu(net.separable_norm(x)), (1, net.pool2)))
    x = x.flatten(1)
    if net.training:
        return net.classifier(x)
    # sums of a trial's own, which a matrix product would split by where the trial lies in memory
    return (x.unsqueeze(1) * net.classifier.weight).sum(2) + net.classifier.bias


def _block(x, weight, kernels, pointwise, shift, norm, pool, dropout):
    """Take maps through a block, the first or the second."""
    if norm.training:
        filters = weight, kernels, pointwise, shift, norm.weight, norm.bias
        return dropout.drop(blocks.Block.apply(x, *filters, norm, pool))
    arguments = x, weight, kernels, pointwise, norm.weight, norm.bias, norm.eps, pool
    moments = norm.running_mean.double(), norm.running_var.double()
    pooled, _ = blocks.evaluate(blocks.arguments(*arguments), *moments, shift)
    return dropout.drop(pooled)
