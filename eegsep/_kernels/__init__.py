"""The network on a CPU, in compiled passes over trials that are in a core's cache.

What :func:`evaluate` computes is what the network's plain torch does. Part of the network's room:
``EEGNet.forward`` calls it for the order ``spatial_first``.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from eegsep.network import spatial_first

from . import blocks
from .library import load


def can_evaluate(net, x):
    """Whether a network, of layers as they were made, can be evaluated here for (B, C, T) trials.

    Not on other devices and in other types, under autocast, while torch traces, compiles or maps
    over batches, with gradients with respect to ``x``, and where nothing was compiled.
    """
    norms = net.temporal_norm, net.spatial_norm, net.separable_norm
    tensors = [a for layer in net._modules.values() for a in layer._parameters.values()]
    tensors += [a for norm in norms for a in (norm.running_mean, norm.running_var)]
    return (
        type(x) is torch.Tensor
        and x.dtype in (torch.float32, torch.float64)
        and x.is_cpu
        and not (x.requires_grad and torch.is_grad_enabled())
        and not spatial_first.looks_inside()
        and all(map(_has_all_moments, norms))
        and all(
            a is None or (a.is_cpu and a.dtype == x.dtype and a.is_contiguous()) for a in tensors
        )
        and len({norm.training for norm in norms}) == 1
        and (norms[0].training or not torch.is_grad_enabled())
        and load(x.dtype) is not None
    )


def _has_all_moments(norm):
    """Whether a normalisation has all that passes read, which look at no bounds."""
    tensors = norm.weight, norm.bias, norm.running_mean, norm.running_var
    sizes = {a.numel() if a is not None else None for a in tensors}
    return len(sizes) == 1 and None not in sizes and norm.num_batches_tracked is not None


def evaluate(net, x, statistics=None):
    """Evaluate a network that :func:`can_evaluate` says yes of, as its ``forward`` does."""
    folded, norm = net.temporal_norm, net.spatial_norm
    if folded.training:
        if statistics is None:
            statistics = spatial_first.lag_statistics(x, net.kernel_length, blocks.sums_of_channels)
        length = net.temporal.weight.shape[3]
        if [a.shape for a in statistics] != [(length,), (length, length)]:
            raise ValueError(f"These lag statistics are not of kernels of {length} taps.")
        statistics = [a.double().contiguous() for a in statistics]
    weights = blocks.Weights(
        net.spatial.weight,
        net.temporal.weight,
        None,
        norm.weight,
        norm.bias,
        folded.weight,
        folded.bias,
    )
    x = _block(x, weights, blocks.Layers(norm, folded, statistics, net.pool1), net.dropout1)
    norm = net.separable_norm
    if net.separable_kind == "separable":
        filters = None, net.separable_depthwise.weight, net.pointwise.weight
        weights = blocks.Weights(*filters, norm.weight, norm.bias, None, None)
        x = _block(x, weights, blocks.Layers(norm, None, None, net.pool2), net.dropout2)
    else:
        x = net.second_convolution(x.unsqueeze(2))
        x = net.dropout2(F.avg_pool2d(F.elu(norm(x)), (1, net.pool2)))
    x = x.flatten(1)
    if net.training:
        return net.classifier(x)
    # sums of a trial's own, which a matrix product would split by where the trial lies in memory
    return (x.unsqueeze(1) * net.classifier.weight).sum(2) + net.classifier.bias


def _block(x, weights, layers, dropout):
    """Take trials through a block."""
    if dropout.training and dropout.drop_prob > 0:
        drawn = dropout.draw(len(x) * len(weights.gain) * (x.shape[2] // layers.pool), x.device)
        layers = layers._replace(drawn=drawn, threshold=dropout.threshold, scale=dropout.scale)
    if not layers.norm.training:
        return blocks.evaluate(layers, x, weights)[1]
    for norm in (layers.norm, layers.folded_norm):
        if norm is not None:
            norm.num_batches_tracked.add_(1)
    return blocks.Block.apply(layers, x, *weights)
