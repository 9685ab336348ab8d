"""A block of the network in compiled passes, in training as one function that torch differentiates.

Both blocks filter maps in time, mix them, normalise and pool; the second has them mixed after.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch.nn import functional as F

from .. import spatial_first
from ..conv import same_padding
from .library import load, run

# Gradients of a batch are made of as many sums as this at most, whatever number of threads.
MOST_PARTS = 8


class Block(torch.autograd.Function):
    """A block of the network in training: convolutions, normalisation, ELU, pooling."""

    @staticmethod
    def forward(ctx, x, weight, kernels, pointwise, shift, gain, bias, norm, pool):
        """Filter, mix, normalise and pool; update the running moments.

        Parameters
        ----------
        x : torch.Tensor, shape (B, C, T)
        weight : torch.Tensor, shape (M, 1, C), or None where C = M: each its own
        kernels : torch.Tensor, shape (M, 1, K)
            As in :func:`eegsep.spatial_first.filter_bank`.
        pointwise : torch.Tensor, shape (N, M), or None where there is a weight
            Mixes its maps; None for N = M.
        shift : torch.Tensor, shape (N,) | None
            What is added to the maps. The batch's mean takes it away.
        gain, bias : torch.Tensor, shape (N,)
            The normalisation's.
        norm : torch.nn.BatchNorm2d
        pool : int

        Returns
        -------
        pooled : torch.Tensor, shape (B, N, T // pool)
        """
        keep = any(ctx.needs_input_grad)
        passes = Passes(x, weight, kernels, pointwise, pool)
        y, means, squares, spectra = passes.filter(together=2, moments=True, keep=keep)
        n_values = len(x) * x.shape[2]
        mean = means.mean(0)
        variance = squares.sum(0) / n_values + (means - mean).square().mean(0)
        moments = mean[: len(gain)] if shift is None else mean[: len(gain)] + shift
        spatial_first.update_running(norm, moments, variance[: len(gain)], n_values)
        inverse = torch.rsqrt(variance + norm.eps)
        scale = inverse * passes.padded(gain.double())
        normal = torch.stack([mean, scale, passes.padded(bias.double()) - mean * scale]).to(x.dtype)
        pooled, slopes = passes.pool(y, normal, keep=keep)
        ctx.save_for_backward(
            x, weight, kernels, pointwise, shift, gain, bias, y, spectra, slopes, normal, inverse
        )
        ctx.kept = passes, norm.eps, pool
        return pooled

    @staticmethod
    def backward(ctx, grad):
        """Gradients with respect to all that is filtered, mixed and normalised with."""
        *inputs, y, spectra, slopes, normal, inverse = ctx.saved_tensors
        passes, eps, pool = ctx.kept
        shift = inputs.pop(4)
        if torch.is_grad_enabled():
            with torch.enable_grad():
                wanted = [a for a in inputs if a is not None and a.requires_grad]
                computed = _in_torch(*inputs, eps, pool)
                found = iter(torch.autograd.grad(computed, wanted, grad, create_graph=True))
            found = [next(found) if a is not None and a.requires_grad else None for a in inputs]
        else:
            grad = grad.contiguous()
            of_bias, of_scale = passes.sums(slopes, grad)
            of_gain, n_values = of_scale * inverse, y.shape[0] * y.shape[2]
            steps = torch.stack([of_bias, of_gain * inverse]) / n_values
            normal = torch.cat([normal, steps.to(normal.dtype)])
            found = passes.backward(y=y, spectra=spectra, norm=normal, grad=grad)
            found += [a[: len(inputs[-1])].to(y.dtype) for a in (of_gain, of_bias)]
        *of_filters, of_gain, of_bias = found
        of_shift = None if shift is None else torch.zeros_like(shift)
        return *of_filters, of_shift, of_gain, of_bias, None, None


def _in_torch(x, weight, kernels, pointwise, gain, bias, eps, pool):
    """Compute in plain torch what :class:`Block` does."""
    if weight is None:
        weight = torch.eye(x.shape[1], dtype=x.dtype).unsqueeze(1)
    n_fft = spatial_first.padded_length(x.shape[2], kernels.shape[2])
    y = spatial_first.filter_bank(x, weight, kernels, n_fft)[..., : x.shape[2]]
    if pointwise is not None:
        y = torch.matmul(pointwise, y)
    y = F.batch_norm(y, None, None, gain, bias, training=True, eps=eps)
    return F.avg_pool1d(F.elu(y), pool)


class Passes:
    """What a block computes of a batch, pass by pass.

    Parameters
    ----------
    x, weight, kernels, pointwise, pool
        As :class:`Block` takes them.
    """

    def __init__(self, x, weight, kernels, pointwise, pool):
        self._lanes = load(x.dtype).lanes()
        n_maps, _, length = kernels.shape
        n_out = n_maps if pointwise is None else len(pointwise)
        n_chans = n_maps if weight is None else weight.shape[2]
        if x.shape[1] != n_chans:  # what is compiled looks at no bounds
            raise ValueError(f"These filters are for {n_chans} channels, not for {x.shape[1]}.")
        self._sizes = len(x), -(-n_out // self._lanes), x.shape[2], self._lanes
        self._first = pointwise is None
        self._with = {
            "n_trials": len(x),
            "n_chans": n_chans,
            "n_times": x.shape[2],
            "n_maps": n_maps,
            "n_blocks": -(-n_maps // self._lanes),
            "n_out": n_out,
            "n_out_blocks": self._sizes[1],
            "length": length,
            "left": same_padding(length)[0],
            "pool": pool,
            "n_pooled": x.shape[2] // pool,
            "x": x.contiguous(),
        }
        of_maps = kernels[:, 0]
        if self._first:
            n_fft = spatial_first.padded_length(x.shape[2], length)
            radices, starts, twiddles = _plan(n_fft, x.dtype)
            # tap j at lag j - left, negative lags at the end of the circle
            circle = F.pad(of_maps / n_fft, (0, n_fft - length)).roll(-self._with["left"], -1)
            real = self.beside(circle)
            transfer = torch.stack([real, torch.zeros_like(real)], dim=2)
            self._with |= {"weight": self.beside(weight[:, 0]), "transfer": transfer}
            self._with |= {"n_fft": n_fft, "n_passes": len(radices), "radices": radices}
            self._with |= {"starts": starts, "twiddles": twiddles}
            run("transform", len(transfer), **self._with)
        else:
            arrays = {"kernels": of_maps, "reversed": of_maps.flip(1), "pointwise": pointwise}
            arrays["transposed"] = pointwise.T
            self._with |= {name: self.beside(a) for name, a in arrays.items()}

    def beside(self, rows):
        """Lay rows (M, n) beside each other, (n_blocks, n, LANES), zeros in lanes without one."""
        rows = F.pad(rows, (0, 0, 0, -len(rows) % self._lanes))
        return rows.unflatten(0, (-1, self._lanes)).mT.contiguous()

    def padded(self, values):
        """Lengthen values of maps (..., M) to those of blocks, (..., n_blocks * LANES)."""
        return F.pad(values, (0, -values.shape[-1] % self._lanes))

    def filter(self, *, together, moments=False, keep=False):
        """Filter trials, ``together`` of them as one complex signal, which share its rounding.

        Returns
        -------
        y : torch.Tensor, shape (B, n_blocks, T, LANES)
        means, squares : torch.Tensor of float64, shape (B, n_blocks * LANES), or None
            Of the rows; the squares centred, and summed.
        spectra : torch.Tensor | None
            What :meth:`backward` needs, if it is to be kept.
        """
        x, (n_trials, n_blocks, _, lanes) = self._with["x"], self._sizes
        y, spectra, n = x.new_empty(self._sizes), None, n_trials
        means = squares = None
        if moments:
            means, squares = torch.empty(2, n_trials, n_blocks * lanes, dtype=torch.float64)
        if self._first:
            n = -(-n_trials // together)
            if keep:
                spectra = x.new_empty(n, *self._with["transfer"].shape)
        arrays = {"y": y, "means": means, "squares": squares, "spectra": spectra}
        name = "filter" if self._first else "separable"
        run(name, n, **self._with, **arrays, together=together)
        return y, means, squares, spectra

    def pool(self, y, normal, *, keep=False):
        """Normalise, and average ELU's values, and for the gradients its derivatives.

        Parameters
        ----------
        y : torch.Tensor, shape (B, n_blocks, T, LANES)
        normal : torch.Tensor, shape (3, n_blocks * LANES)
            Mean, scale and offset of each map.
        keep : bool

        Returns
        -------
        pooled : torch.Tensor, shape (B, N, T // pool)
        slopes : torch.Tensor | None
        """
        n_trials, n_blocks, _, lanes = self._sizes
        n_pooled, slopes = self._with["n_pooled"], None
        pooled = y.new_empty(n_trials, self._with["n_out"], n_pooled)
        if keep:
            slopes = y.new_empty(n_trials, n_blocks, n_pooled, 2, lanes)
        arrays = {"y": y, "norm": normal, "pooled": pooled, "slopes": slopes}
        run("pool", n_trials, **self._with, **arrays)
        return pooled, slopes

    def sums(self, slopes, grad):
        """Sum what passes to a normalisation's bias and, not yet scaled, weight.

        Returns
        -------
        sums : torch.Tensor of float64, shape (2, n_blocks * LANES)
        """
        n_trials, n_blocks, _, lanes = self._sizes
        sums = grad.new_empty(n_trials, n_blocks, 2, lanes)
        run("pool_sums", n_trials, **self._with, slopes=slopes, grad=grad, sums=sums)
        return sums.sum(0, dtype=torch.float64).transpose(0, 1).flatten(1)

    def backward(self, **arrays):
        """Gradients with respect to trials, spatial filters, kernels and pointwise weights.

        Parameters
        ----------
        y, spectra, norm, grad : torch.Tensor
            By name: of :meth:`filter`, what normalises, and the gradient of what was pooled.
        """
        fields, x = self._with | arrays, self._with["x"]
        n_trials, n_maps, length = (fields[name] for name in ("n_trials", "n_maps", "length"))

        def space(of):
            return x.new_empty(n_parts, *of.shape)

        def in_rows(parts, n):
            """Undo :meth:`beside` of a sum over the parts."""
            return parts.sum(0).mT.flatten(0, 1)[:n]

        if not self._first:
            n_parts = min(MOST_PARTS, n_trials)
            grad_x = torch.empty_like(x)
            of_kernels, of_pointwise = space(fields["kernels"]), space(fields["pointwise"])
            fields |= {"grad_x": grad_x, "grad_kernels": of_kernels}
            fields |= {"grad_pointwise": of_pointwise, "n_parts": n_parts}
            run("separable_backward", n_parts, **fields)
            of_kernels = in_rows(of_kernels, n_maps).unsqueeze(1)
            return [grad_x, None, of_kernels, in_rows(of_pointwise, fields["n_out"])]
        n_parts = max(1, min(MOST_PARTS, len(fields["spectra"]) // 4))
        of_weight, cross = space(fields["weight"]), space(fields["transfer"])
        fields |= {"grad_weight": of_weight, "cross": cross, "n_parts": n_parts}
        run("filter_backward", n_parts, **fields)
        cross = cross.sum(0)
        run("transform", len(cross), **fields | {"cross": cross, "transfer": None})
        circle = in_rows(cross[None, :, :, 0], n_maps).roll(fields["left"], 1)
        of_kernels = circle[:, None, :length] / fields["n_fft"]
        return [None, in_rows(of_weight, n_maps).unsqueeze(1), of_kernels, None]


@cache
def _plan(n_fft, dtype):
    """Plan transforms of a length without other prime factors than 2, 3 and 5.

    Returns
    -------
    radices, starts : torch.Tensor of int, shape (n_passes,)
        Of the passes; where the factors of each begin.
    twiddles : torch.Tensor, shape (n_factors, 2)
        Real and imaginary parts.
    """
    radices, starts, angles, rest = [], [], [], n_fft
    for radix in (4, 2, 3, 5):
        while rest % radix == 0:
            radices.append(radix)
            starts.append(sum(map(len, angles)))
            turns = torch.outer(torch.arange(rest // radix), torch.arange(1, radix)).flatten()
            angles.append(turns.double() * (-2 * math.pi / rest))
            rest //= radix
    angles = torch.cat(angles)
    twiddles = torch.stack([angles.cos(), angles.sin()], dim=1).to(dtype)
    return torch.tensor(radices), torch.tensor(starts), twiddles
