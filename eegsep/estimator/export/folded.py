"""A fitted classifier as a chain of plain layers, from trials in their unit to probabilities.

The centre is a layer; the scale and the normalisations, linear in inference, are in convolutions.
"""

from __future__ import annotations

from collections import OrderedDict
from copy import deepcopy

import torch
from torch import nn

from eegsep.network.convolutions import channel_shuffle
from eegsep.network.layers import SameConv2d
from eegsep.network.spatial_first import normalised_filters

from ..state import as_made

# What probabilities may differ by from the network's where both are computed in double precision.
_TOLERANCE = 1e-6
# Scales of trials that float32 has room for, and for what is computed of them.
_LEAST_SCALE, _LARGEST_SCALE = 1e-30, 1e30
# Input channels that onnxruntime takes at once, if they are a multiple of it.
_IN_VECTORS = 8
_N_TRIED = 8


class Centre(nn.Module):
    """Subtract a number, of ``center`` (n_chans,), from each channel."""

    def __init__(self, center):
        super().__init__()
        self.register_buffer("center", center.unsqueeze(1))

    def forward(self, x):
        """Centre ``x``, shape (B, n_chans, n_times)."""
        return x - self.center


def fold(clf):
    """Make the chain that maps trials to what ``predict_proba`` gives for them.

    Filters over electrodes come before those in time, as in
    :mod:`eegsep.network.spatial_first`, or are one with them where channels are few.

    Parameters
    ----------
    clf : EEGNetClassifier
        Fitted.

    Returns
    -------
    chain : torch.nn.Sequential
        Of float32, on the CPU, from (B, n_chans, n_times) to (B, n_classes). The layer ``logits``
        is the one before the last, ``probabilities``.

    Raises
    ------
    ValueError
        If ``module_`` computes anything else than the network that was fitted would, by hooks or
        other layers, or has weights that are not finite, or if trials are of a unit in which
        float32 cannot compute.
    """
    clf._check_module()
    if not all(torch.isfinite(values).all() for values in clf.module_.state_dict().values()):
        raise ValueError("Weights of module_ are not finite: set them anew, or fit again.")
    least, largest = clf.scale_.min(), clf.scale_.max()
    if least < _LEAST_SCALE or largest > _LARGEST_SCALE:
        raise ValueError(
            f"The trials of the fit vary by {least:.1g} to {largest:.1g}, which is beyond single "
            "precision, in which exported networks compute. Fit trials in another unit, such as "
            "microvolts."
        )
    net = as_made(clf)
    chain = None
    if _structure(net) == _structure(clf.module_):
        net.load_state_dict(clf.module_.state_dict())
        chain = _chain(net.double().eval().requires_grad_(False), clf.center_, clf.scale_).eval()
    if chain is None or not _agree(chain, clf):
        raise ValueError(
            "module_ computes something else than EEGNet with its weights: layers were exchanged, "
            "or have hooks, which a file cannot hold. Undo that, or export module_ itself by "
            "torch's own means."
        )
    return chain.float()


def _structure(net):
    """Kinds of layers, and shapes of all that they hold."""
    shapes = {name: tensor.shape for name, tensor in net.state_dict().items()}
    return [type(layer) for layer in net.modules()], shapes


@torch.no_grad()
def _agree(chain, clf):
    """Whether the chain gives the network's probabilities, for noise of the fit's amplitudes."""
    net = deepcopy(clf.module_).cpu().double().eval()
    noise = torch.randn(
        _N_TRIED, net.n_chans, net.n_times, dtype=torch.float64, generator=torch.Generator()
    )
    center, scale = (torch.from_numpy(a).unsqueeze(1) for a in (clf.center_, clf.scale_))
    apart = (chain(center + scale * noise) - net(noise).softmax(1)).abs().max()
    return bool(apart < _TOLERANCE)


def _chain(net, center, scale):
    """Make the chain of a network in double precision."""
    center, scale = torch.from_numpy(center), torch.from_numpy(scale)
    head = nn.Linear(*net.classifier.weight.shape[::-1], device="meta")
    head.weight, head.bias = net.classifier.weight, net.classifier.bias
    (plane, *first), second = _first_convolutions(net, scale), _second_convolutions(net)
    return nn.Sequential(
        OrderedDict(
            centred=Centre(center),
            plane=plane,
            **{f"first_convolution{i}": layer for i, layer in enumerate(first, 1)},
            first_elu=nn.ELU(),
            first_pool=nn.AvgPool2d((1, net.pool1)),
            **{f"second_convolution{i}": layer for i, layer in enumerate(second, 1)},
            second_elu=nn.ELU(),
            second_pool=nn.AvgPool2d((1, net.pool2)),
            features=nn.Flatten(),
            logits=head,
            probabilities=nn.Softmax(1),
        )
    )


def _first_convolutions(net, scale):
    """Make an image of trials, (C, T), and convolve it to (M, 1, T): the block up to its ELU."""
    n_maps = net.F1 * net.D
    if net.spatial_kind == "joint":
        weight, shift = None, torch.zeros(n_maps, dtype=scale.dtype)
        joint = net.joint.weight[:, 0]  # (M, C, K)
    elif net.spatial_kind == "low_rank":
        kernels = net.low_rank.row.weight[:, :, 0]  # (M, r, K)
        weight = net.low_rank.column.weight[:, 0, :, 0].unflatten(0, kernels.shape[:2])
        shift = torch.zeros(n_maps, dtype=scale.dtype)
    else:
        weight, kernels, shift = normalised_filters(net, None)
    factor, offset = _affine(net.spatial_norm)
    bias = factor * shift + offset
    # where channels are few, one dense convolution takes less time than depthwise ones of many maps
    if weight is None or net.n_chans < 2 * weight.shape[1]:
        if weight is not None:
            joint = torch.einsum("mgc,mgk->mck", weight, kernels)
        joint = joint * factor.view(-1, 1, 1) / scale.unsqueeze(1)
        if net.n_chans % _IN_VECTORS == 0:
            return [nn.Unflatten(1, (net.n_chans, 1)), _convolution(joint, bias=bias)]
        return [nn.Unflatten(1, (1, net.n_chans)), _convolution(joint.unsqueeze(1), bias=bias)]
    n_seen = weight.shape[1]
    kernels = (kernels * factor.view(-1, 1, 1)).flatten(0, 1).unsqueeze(1)
    plane = nn.Unflatten(1, (net.n_chans, 1))
    mixing = _convolution((weight / scale).flatten(0, 1).unsqueeze(2))
    if n_seen == 1:
        return [plane, mixing, _convolution(kernels, groups=n_maps, bias=bias)]
    # grouped convolutions that are not depthwise take several times as long in onnxruntime
    summing = torch.eye(n_maps, dtype=scale.dtype).repeat_interleave(n_seen, 1).unsqueeze(2)
    filtering = _convolution(kernels, groups=n_maps * n_seen)
    return [plane, mixing, filtering, _convolution(summing, bias=bias)]


def _second_convolutions(net):
    """Convolve (M, 1, S) to (F2, 1, S): the second block up to its ELU."""
    if net.separable_kind == "separable":
        layers = [net.separable_depthwise, net.pointwise]
    elif net.separable_kind == "standard":
        layers = [net.separable_standard]
    else:
        layers = [layer for layer in net.separable_conv.modules() if isinstance(layer, nn.Conv2d)]
    weights, groups = (
        [layer.weight[:, :, 0] for layer in layers],
        [layer.groups for layer in layers],
    )
    if net.separable_kind == "shuffle":
        # a dense pointwise convolution of few maps, whose outputs come shuffled
        dense = torch.block_diag(*weights[0][..., 0].chunk(groups[0]))
        weights[0] = channel_shuffle(dense.view(1, *dense.shape, 1), groups[0])[0]
        groups[0] = 1
    factor, bias = _affine(net.separable_norm)
    weights[-1] = weights[-1] * factor.view(-1, 1, 1)
    biases = [None] * (len(weights) - 1) + [bias]
    return [_convolution(*each) for each in zip(weights, groups, biases, strict=True)]


def _affine(norm):
    """Factor and offset by map that a batch normalisation is in inference."""
    factor = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return factor, norm.bias - factor * norm.running_mean


def _convolution(weight, groups=1, bias=None):
    """Convolve with zeros beyond the window, by a weight (O, I / groups, K) or (…, H, K)."""
    if weight.ndim == 3:
        weight = weight.unsqueeze(2)
    n_out, n_in, *size = weight.shape
    layer = SameConv2d(
        n_in * groups,
        n_out,
        size,
        groups=groups,
        bias=bias is not None,
        device="meta",  # without initial values, which would spend global random numbers
    )
    layer.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias, requires_grad=False)
    return layer
