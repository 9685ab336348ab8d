"""A block of the network in compiled passes, in training as one function that torch differentiates.

The first block mixes electrodes before its kernels in time, which the normalisation of what these
filter is folded into; the second mixes its maps after them.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import torch
from torch.nn import functional as F

from eegsep.network import spatial_first
from eegsep.network.convolutions import same_padding

from .library import Passes

# Gradients of a batch are made of as many sums as this at most, whatever number of threads.
MOST_PARTS = 8


class Weights(NamedTuple):
    """What a block filters, mixes and normalises with, as the network's layers have it.

    ``kernels`` (F, 1, 1, K) filter what ``weight`` (M, G, C, 1) makes of channels: each of M maps
    sees G of them, and what it gives them. With no weight each channel is filtered by a kernel of
    its own. ``pointwise``, (N, M, 1, 1), mixes the maps where it is given. ``folded_gain`` and
    ``folded_bias``, (F,), are of the normalisation that is folded into kernels, where there is one.
    """

    weight: torch.Tensor | None
    kernels: torch.Tensor
    pointwise: torch.Tensor | None
    gain: torch.Tensor
    bias: torch.Tensor
    folded_gain: torch.Tensor | None
    folded_bias: torch.Tensor | None


class Layers(NamedTuple):
    """The rest of a block: its normalisations, lag statistics in training, pooling, and dropout.

    ``drawn`` has a number for each value that is pooled, which is kept if that is below
    ``threshold``, and multiplied by ``scale``; None drops nothing.
    """

    norm: torch.nn.BatchNorm2d
    folded_norm: torch.nn.BatchNorm2d | None
    statistics: tuple | None
    pool: int
    drawn: torch.Tensor | None = None
    threshold: int = 0
    scale: float = 1.0


class Block(torch.autograd.Function):
    """A block of the network in training: convolutions, normalisations, ELU, pooling, dropout."""

    @staticmethod
    def forward(ctx, layers, x, *weights):
        """Take (B, C, T) through a block to (B, N, T // pool); update running moments."""
        if len(x) * x.shape[2] == 1:
            raise ValueError(
                "A single trial of a single sample has no variance to normalise by in training. "
                "Give more trials, or longer ones."
            )
        keep = any(ctx.needs_input_grad)
        passes, pooled = evaluate(layers, x, Weights(*weights), training=True, keep=keep)
        ctx.save_for_backward(x, *weights)
        ctx.layers, ctx.passes = layers, passes
        return pooled

    @staticmethod
    def backward(ctx, grad):
        """Gradients with respect to what is filtered, and all that this is done with."""
        x, *weights = ctx.saved_tensors
        if not torch.is_grad_enabled():
            return None, *differentiate(ctx.passes, x, Weights(*weights), grad.contiguous())
        with torch.enable_grad():
            inputs = x, *weights
            wanted = [a for a in inputs if a is not None and a.requires_grad]
            computed = _in_torch(ctx.layers, x, Weights(*weights))
            grads = torch.autograd.grad(
                computed, wanted, grad, create_graph=True, materialize_grads=True
            )
        grads = iter(grads)
        return None, *(next(grads) if a is not None and a.requires_grad else None for a in inputs)


def _in_torch(layers, x, weights):
    """Compute in plain torch what :class:`Block` does."""
    kernels, weight = weights.kernels[:, 0, 0], torch.eye(x.shape[1], dtype=x.dtype).unsqueeze(1)
    if weights.weight is not None:
        weight = weights.weight.flatten(2)
    if layers.folded_norm is None:
        kernels = kernels.unflatten(0, weight.shape[:2])
    else:
        moments = spatial_first.moments_of_filtered(kernels, layers.statistics, x.numel())
        norm = weights.folded_gain, weights.folded_bias, layers.folded_norm.eps
        kernels, _ = spatial_first.folded(kernels, weight, *norm, *moments)
    y = spatial_first.filter_bank(x, weight, kernels)
    if weights.pointwise is not None:
        y = torch.matmul(weights.pointwise[:, :, 0, 0], y)
    norm = weights.gain, weights.bias
    y = F.batch_norm(y, None, None, *norm, training=True, eps=layers.norm.eps)
    y = F.avg_pool1d(F.elu(y), layers.pool)
    if layers.drawn is None:
        return y
    return y * (layers.drawn.view(y.shape) < layers.threshold).to(y.dtype) * layers.scale


def evaluate(layers, x, weights, *, training=False, keep=False):
    """Take trials through a block, (B, C, T) to (B, N, T // pool).

    In training, what kernels filter and what is pooled are normalised by the batch's moments;
    else each trial is transformed by itself: what is predicted of one does not depend on another.

    Returns the passes, which know what :func:`differentiate` needs, the largest only if it is to be
    kept, and what is pooled.
    """
    weight, kernels, pointwise, gain, bias, *of_folded = weights
    n_trials, n_chans, n_times = x.shape
    n_kernels, length, n_out = len(kernels), kernels.shape[3], len(gain)
    n_maps, n_seen = (n_kernels, 1) if weight is None else weight.shape[:2]
    expected = n_kernels if weight is None else weight.shape[2]
    mixed = (n_maps, n_maps) if pointwise is None else pointwise.shape[1::-1]
    # what is compiled looks at no bounds
    n_folded = n_kernels if of_folded[0] is None else len(of_folded[0])
    is_whole = n_maps * n_seen % n_kernels == 0 and n_folded == n_kernels
    if n_chans != expected or (n_maps, n_out) != tuple(mixed) or not is_whole:
        raise ValueError(
            f"These {n_kernels} kernels are for {expected} channels and {mixed[1]} maps, not for "
            f"{n_chans} and {n_out}, with {n_folded} normalisations."
        )
    n_fft, n_pooled = spatial_first.fft_length(n_times + length // 2), n_times // layers.pool
    radices, twiddles = _plan(n_fft, x.dtype)
    sizes = {"n_trials": n_trials, "n_chans": n_chans, "n_times": n_times, "n_maps": n_maps}
    sizes |= {"n_out": n_out, "n_kernels": n_kernels, "n_seen": n_seen, "length": length}
    sizes |= {"left": same_padding(length)[0], "n_fft": n_fft, "n_passes": len(radices)}
    sizes |= {"pool": layers.pool, "n_pooled": n_pooled, "together": 1 + training}
    sizes |= {"threshold": layers.threshold, "kept_scale": layers.scale}
    arrays = {"radices": radices, "twiddles": twiddles, "x": x.contiguous(), "weight": weight}
    arrays |= {"kernels": kernels, "folded": kernels, "pointwise": pointwise, "drawn": layers.drawn}
    passes = Passes(x.dtype, **sizes, **arrays)
    passes.take_norm("norm", layers.norm, gain, bias)
    if layers.folded_norm is not None:
        passes.take_norm("folded_norm", layers.folded_norm, *of_folded)
        if training:
            passes.take(lag_sums=layers.statistics[0], lag_products=layers.statistics[1])
        folding = torch.empty(n_kernels, 3 + length, dtype=torch.float64)
        shift = torch.empty(n_maps, dtype=torch.float64)
        passes.take(folded=torch.empty_like(kernels), folding=folding, shift=shift)
        passes.run("fold", n_kernels)
    lanes, n_blocks, n_out_blocks = passes.lanes, passes.blocks(n_maps), passes.blocks(n_out)
    y = maps = x.new_empty(n_trials, n_out_blocks, n_times, lanes)
    if pointwise is not None:
        maps = x.new_empty(n_trials, n_blocks, n_times, lanes)
    pooled = x.new_empty(n_trials, n_out, n_pooled)
    # by its address: what is returned knows the function that knows the passes
    passes.take(y=y, maps=maps, pooled=pooled.data_ptr())
    if training:
        means, squares = torch.empty(2, n_trials, n_out_blocks * lanes, dtype=torch.float64)
        passes.take(means=means, squares=squares)
    n_groups = -(-n_trials // passes.sizes.together)
    if keep:
        slopes = x.new_empty(n_trials, n_out_blocks, n_pooled, 2, lanes)
        spectra = x.new_empty(n_groups, n_seen * n_blocks, n_fft, 2, lanes)
        passes.take(slopes=slopes, spectra=spectra)
    passes.run("convolve", n_groups, n_trials * n_maps * n_times)
    passes.run("pool", n_trials, n_trials * n_out * n_times)
    return passes, pooled


def differentiate(passes, x, weights, grad):
    """Gradients of :func:`evaluate` in training, with respect to x and to weights.

    None for what there is not, and for x where channels are mixed.
    """
    size, n_trials = passes.sizes, len(x)
    n_parts = max(1, min(MOST_PARTS, n_trials // 4))
    n_blocks, n_out_blocks = passes.blocks(size.n_maps), passes.blocks(size.n_out)
    n_filters, lanes = size.n_seen * n_blocks, passes.lanes
    grads = Weights(*(None if a is None else torch.empty_like(a) for a in weights))
    of_x = x.new_empty(x.shape) if weights.weight is None else None
    passes.take_norm_gradients("norm", grads.gain, grads.bias)
    if grads.folded_gain is not None:
        # the batch's mean takes away what it shifts by
        passes.take_norm_gradients("folded_norm", grads.folded_gain, grads.folded_bias.zero_())
    if grads.weight is not None:
        part_weight = x.new_zeros(n_parts, n_filters, size.n_chans, lanes)
        passes.take(grad_weight=grads.weight, part_weight=part_weight)
    if grads.pointwise is not None:
        part_pointwise = x.new_zeros(n_parts, n_out_blocks, size.n_maps, lanes)
        passes.take(grad_pointwise=grads.pointwise, part_pointwise=part_pointwise)
    passes.take(
        grad=grad,
        kept_grad=grad if size.drawn is None else torch.empty_like(grad),
        sums=x.new_empty(n_trials, n_out_blocks, 2, lanes),
        grad_x=of_x,
        n_parts=n_parts,
        part_kernels=x.new_zeros(n_parts, n_filters, size.length, lanes),
        grad_kernels=grads.kernels,
    )
    n_values = n_trials * size.n_times
    passes.run("pool_sums", n_trials)
    passes.run("convolve_backward", n_parts, n_values * size.n_maps)
    passes.run("gather", size.n_kernels)
    return of_x, *grads


def sums_of_channels(x, n_fft):
    """Compute what :func:`eegsep.spatial_first.sums_of_channels` does, of one trial."""
    _, n_chans, n_times = x.shape
    radices, twiddles = _plan(n_fft, x.dtype)
    n_parts = min(MOST_PARTS, n_chans)
    columns, lags = (torch.empty(n_parts, n, dtype=torch.float64) for n in (n_times, n_fft))
    sizes = {"n_chans": n_chans, "n_times": n_times, "n_fft": n_fft, "n_passes": len(radices)}
    arrays = {"radices": radices, "twiddles": twiddles, "x": x.contiguous()}
    passes = Passes(x.dtype, **sizes, **arrays, n_parts=n_parts, columns=columns, lags=lags)
    passes.run("correlate", n_parts, x.numel())
    return columns.sum(0, keepdim=True), lags.sum(0, keepdim=True)


@cache
def _plan(n_fft, dtype):
    """Radices of a transform's passes, and their twiddle factors, (n_factors, 2)."""
    radices, angles, rest = [], [], n_fft
    for radix in (4, 2, 3):
        while rest % radix == 0:
            radices.append(radix)
            turns = torch.outer(torch.arange(rest // radix), torch.arange(1, radix)).flatten()
            angles.append(turns.double() * (-2 * math.pi / rest))
            rest //= radix
    angles = torch.cat(angles)
    return torch.tensor(radices), torch.stack([angles.cos(), angles.sin()], dim=1).to(dtype)
