"""The network on a CPU, in compiled passes over trials that are in a core's cache.

What :func:`evaluate` computes is what the network's plain torch does. Part of the network's room:
``EEGNet.forward`` calls it for the order ``spatial_first``.
"""

from __future__ import annotations

from ctypes import string_at
from weakref import WeakKeyDictionary

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
        and len({norm.training for norm in norms}) == 1
        and (norms[0].training or not torch.is_grad_enabled())
        and load(x.dtype) is not None
    )


def evaluate(net, x, statistics=None):
    """Evaluate a network that :func:`can_evaluate` says yes of, as its ``forward`` does."""
    if net.temporal_norm.training:
        if statistics is None:
            statistics = spatial_first.lag_statistics(x, net.kernel_length, blocks.sums_of_channels)
        made, evaluated = _blocks(net, x, statistics), blocks.Block.apply
    else:
        made, evaluated = _prepared(net, x), blocks.infer
    x = net.dropout1.drop(evaluated(x, *made[0]))
    if len(made) == 2:
        x = net.dropout2.drop(evaluated(x, *made[1]))
    else:
        x = net.second_convolution(x.unsqueeze(2))
        x = net.dropout2(F.avg_pool2d(F.elu(net.separable_norm(x)), (1, net.pool2)))
    x = x.flatten(1)
    if net.training:
        return net.classifier(x)
    # sums of a trial's own, which a matrix product would split by where the trial lies in memory
    return (x.unsqueeze(1) * net.classifier.weight).sum(2) + net.classifier.bias


def _blocks(net, x, statistics=None):
    """Give what each block takes, as :class:`blocks.Block` does after the trials.

    The second has none where its convolution has no passes.
    """
    weight, kernels, shift = spatial_first.normalised_filters(net, x, statistics)
    norm = net.spatial_norm
    first = weight, kernels, None, shift, norm.weight, norm.bias, norm, net.pool1
    if net.separable_kind != "separable":
        return (first,)
    kernels, pointwise = net.separable_depthwise.weight[:, 0], net.pointwise.weight[:, :, 0, 0]
    norm = net.separable_norm
    return first, (None, kernels, pointwise, None, norm.weight, norm.bias, norm, net.pool2)


# Of each network what its blocks take in inference, and all values that it was made of.
_last: WeakKeyDictionary = WeakKeyDictionary()


def _prepared(net, x):
    """Prepare blocks for inference, anew where a value has changed, in whatever way."""
    content = [net.pool1, net.pool2, x.dtype]
    for layer in net._modules.values():
        content.append(getattr(layer, "eps", None))
        for tensor in (*layer._parameters.values(), *layer._buffers.values()):
            if tensor is not None:
                tensor = tensor.contiguous()
                content.append(string_at(tensor.data_ptr(), tensor.nbytes))
    last = _last.get(net)
    if last is None or last[0] != content:
        shapes = x.shape[1:], (net.F1 * net.D, net.n_times // net.pool1)
        made = zip(shapes, _blocks(net, x), strict=False)
        made = [(blocks.prepare(x.new_empty(1, *shape), *one),) for shape, one in made]
        last = _last[net] = content, made
    return last[1]
