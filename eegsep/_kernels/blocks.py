"""A block of the network in compiled passes, in training as one function that torch differentiates.

The first block mixes electrodes before its kernels in time, the second its maps after them.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch.nn import functional as F

from eegsep.network import spatial_first
from eegsep.network.convolutions import same_padding

from .library import load, run

# Gradients of a batch are made of as many sums as this at most, whatever number of threads.
MOST_PARTS = 8


class Block(torch.autograd.Function):
    """A block of the network in training: convolutions, normalisation, ELU, pooling."""

    @staticmethod
    def forward(ctx, x, weight, kernels, pointwise, shift, gain, bias, norm, pool):
        """Filter, mix, normalise and pool (B, C, T) to (B, N, T // pool); update running moments.

        ``x`` is filtered as :func:`eegsep.network.spatial_first.filter_bank` does, by (M, G, C)
        and (M, G, K), or with no ``weight`` each channel by a kernel of its own, and gradients
        then follow it. ``pointwise``, (N, M), mixes the maps where it is given. ``shift``,
        ``gain`` and ``bias`` are (N,); the batch's mean takes the shift away.
        """
        if len(x) * x.shape[2] == 1:
            raise ValueError(
                "A single trial of a single sample has no variance to normalise by in training. "
                "Give more trials, or longer ones."
            )
        passes = arguments(x, weight, kernels, pointwise, gain, bias, norm.eps, pool)
        pooled, kept = evaluate(passes, training=True, keep=any(ctx.needs_input_grad))
        mean, variance = (kept[name][: len(gain)] for name in ("mean", "variance"))
        mean = mean if shift is None else mean + shift
        spatial_first.update_running(norm, mean, variance, len(x) * x.shape[2])
        inputs = x, weight, kernels, pointwise, gain, bias
        ctx.save_for_backward(*inputs, shift, *kept.values())
        ctx.kept = passes, list(kept), norm.eps, pool
        return pooled

    @staticmethod
    def backward(ctx, grad):
        """Gradients with respect to all that is filtered, mixed and normalised with."""
        *inputs, shift = ctx.saved_tensors[:7]
        passes, names, eps, pool = ctx.kept
        if torch.is_grad_enabled():
            with torch.enable_grad():
                wanted = [a for a in inputs if a is not None and a.requires_grad]
                computed = _in_torch(*inputs, eps, pool)
                found = iter(torch.autograd.grad(computed, wanted, grad, create_graph=True))
            found = [next(found) if a is not None and a.requires_grad else None for a in inputs]
        else:
            kept = dict(zip(names, ctx.saved_tensors[7:], strict=True))
            found = differentiate(passes | kept, grad.contiguous())
        of_shift = None if shift is None else torch.zeros_like(shift)
        return *found[:4], of_shift, *found[4:], None, None


def _in_torch(x, weight, kernels, pointwise, gain, bias, eps, pool):
    """Compute in plain torch what :class:`Block` does."""
    if weight is None:
        weight = torch.eye(x.shape[1], dtype=x.dtype).unsqueeze(1)
    y = spatial_first.filter_bank(x, weight, kernels)
    if pointwise is not None:
        y = torch.matmul(pointwise, y)
    y = F.batch_norm(y, None, None, gain, bias, training=True, eps=eps)
    return F.avg_pool1d(F.elu(y), pool)


def arguments(x, weight, kernels, pointwise, gain, bias, eps, pool):
    """Check what a block's passes take, as :class:`Block` takes it, and name it as they do."""
    (n_trials, n_chans, n_times), (n_maps, n_seen, length) = x.shape, kernels.shape
    n_expected = n_maps if weight is None else weight.shape[2]
    if n_chans != n_expected:  # what is compiled looks at no bounds
        raise ValueError(f"These filters are for {n_expected} channels, not for {n_chans}.")
    tensors = {"x": x.contiguous(), "gain": gain.contiguous(), "bias": bias.contiguous()}
    tensors |= {"weight": None, "pointwise": None, "kernels": _in_vectors(kernels.transpose(0, 1))}
    if weight is not None:
        tensors["weight"] = _in_vectors(weight.transpose(0, 1))
    if pointwise is not None:
        tensors |= {"pointwise": _in_vectors(pointwise), "transposed": _in_vectors(pointwise.mT)}
    n_fft = spatial_first.fft_length(n_times + length // 2)
    radices, twiddles = _plan(n_fft, x.dtype)
    sizes = {"n_trials": n_trials, "n_chans": n_chans, "n_times": n_times, "n_maps": n_maps}
    sizes |= {"n_out": len(gain), "n_seen": n_seen, "length": length, "pool": pool, "eps": eps}
    sizes |= {"left": same_padding(length)[0], "n_pooled": n_times // pool}
    plan = {"n_fft": n_fft, "n_passes": len(radices), "radices": radices, "twiddles": twiddles}
    return tensors | sizes | plan


def _in_vectors(rows):
    """Lay maps beside each other, (..., M, n) to (..., n_blocks, n, lanes), zeros after them."""
    lanes = load(rows.dtype).lanes()
    rows = F.pad(rows, (0, 0, 0, -rows.shape[-2] % lanes))
    return rows.unflatten(-2, (-1, lanes)).mT.contiguous()


def _in_rows(vectors, n_maps):
    """Undo :func:`_in_vectors`."""
    return vectors.mT.flatten(-3, -2)[..., :n_maps, :]


def prepare(x, weight, kernels, pointwise, shift, gain, bias, norm, pool):
    """Name what a block's passes take in inference, for all trials of the kind of ``x``."""
    passes = arguments(x, weight, kernels, pointwise, gain, bias, norm.eps, pool)
    moments = {"mean": norm.running_mean.double(), "variance": norm.running_var.double()}
    return passes | moments | {"shift": shift}


def infer(x, passes):
    """Take trials through a block that :func:`prepare` names, (B, C, T) to (B, N, T // pool).

    Each is transformed by itself: what is predicted of one does not depend on another.
    """
    return evaluate(passes | {"x": x.contiguous(), "n_trials": len(x)})[0]


def evaluate(passes, *, training=False, keep=False):
    """Take trials through a block, its passes' arguments given.

    In training, the maps are normalised by the batch's moments. Returns what is pooled, (B, N,
    T // pool), and by their names the arrays that :func:`differentiate` needs, the largest only if
    they are to be kept.
    """
    x, n_trials, n_times, n_pooled = (passes[k] for k in ("x", "n_trials", "n_times", "n_pooled"))
    lanes, together = load(x.dtype).lanes(), 2 if training else 1
    n_groups = -(-n_trials // together)
    n_blocks, n_out_blocks = (-(-passes[name] // lanes) for name in ("n_maps", "n_out"))
    kept = dict.fromkeys(("y", "maps"), x.new_empty(n_trials, n_out_blocks, n_times, lanes))
    if passes["pointwise"] is not None:
        kept["maps"] = x.new_empty(n_trials, n_blocks, n_times, lanes)
    if keep:
        n_filters = passes["n_seen"] * n_blocks
        kept["spectra"] = x.new_empty(n_groups, n_filters, passes["n_fft"], 2, lanes)
        kept["slopes"] = x.new_empty(n_trials, n_out_blocks, n_pooled, 2, lanes)
    pooled = x.new_empty(n_trials, passes["n_out"], n_pooled)
    passes = passes | kept | {"pooled": pooled, "together": together}
    if not training:
        run(passes, convolve=n_groups, pool=n_trials)
        return pooled, kept
    means, squares = torch.empty(2, n_trials, n_out_blocks * lanes, dtype=torch.float64)
    run(passes | {"means": means, "squares": squares}, convolve=n_groups)
    kept["mean"] = means.mean(0)
    between = (means - kept["mean"]).square().mean(0)
    kept["variance"] = squares.sum(0) / (n_trials * n_times) + between
    run(passes | kept, pool=n_trials)
    return pooled, kept


def differentiate(passes, grad):
    """Gradients of :func:`evaluate` in training, what it kept being among the arguments.

    Returns them in the order of :class:`Block`'s tensors but for the shift: that of x where there
    is no weight, None for what there is not.
    """
    n_parts = max(1, min(MOST_PARTS, passes["n_trials"] // 8))
    names = "x", "weight", "kernels", "pointwise", "gain", "bias"
    n_maps, n_out = passes["n_maps"], passes["n_out"]
    slopes = passes["slopes"]
    sums = slopes.new_empty(*slopes.shape[:2], *slopes.shape[3:])
    run(passes | {"grad": grad, "sums": sums}, pool_sums=len(sums))
    inverse = (passes["variance"][:n_out] + passes["eps"]).rsqrt().to(grad.dtype)
    of_bias, of_gain = _in_rows(sums.sum(0), n_out).mT
    found = {"gain": of_gain * inverse, "bias": of_bias.contiguous()}
    found["x"] = torch.empty_like(passes["x"])
    filters = {k: passes[k] for k in names[1:4] if passes[k] is not None}
    of_parts = {k: a.new_zeros(n_parts, *a.shape) for k, a in filters.items()}
    passes = passes | {f"grad_{k}": a for k, a in (found | of_parts).items()}
    run(passes | {"grad": grad, "n_parts": n_parts}, convolve_backward=n_parts)
    for k, a in of_parts.items():
        found[k] = _in_rows(a.sum(0), n_out if k == "pointwise" else n_maps)
    found |= {k: found[k].transpose(0, 1) for k in names[1:3] if k in found}
    if passes["weight"] is not None:
        found.pop("x")
    return [found.get(k) for k in names]


def sums_of_channels(x, n_fft):
    """Compute what :func:`eegsep.spatial_first.sums_of_channels` does, of one trial."""
    _, n_chans, n_times = x.shape
    radices, twiddles = _plan(n_fft, x.dtype)
    n_parts = min(MOST_PARTS, n_chans)
    columns, lags = (torch.empty(n_parts, n, dtype=torch.float64) for n in (n_times, n_fft))
    passes = {"x": x.contiguous(), "n_chans": n_chans, "n_times": n_times, "n_fft": n_fft}
    passes |= {"n_passes": len(radices), "radices": radices, "twiddles": twiddles}
    run(passes | {"n_parts": n_parts, "columns": columns, "lags": lags}, correlate=n_parts)
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
