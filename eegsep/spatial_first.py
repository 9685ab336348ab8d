r"""EEGNet evaluated with the spatial filters first: the same parameters, the same mathematics.

The temporal convolution then runs on the F1·D spatially filtered signals, not on all electrodes.

**Why it is exact.** Up to the first ELU the network is linear but for batch normalisation 1, which
is one scale :math:`a_f` and one shift :math:`c_f` for each temporal filter :math:`k_f`. A spatial
filter :math:`w` therefore commutes with it:

.. math::  \sum_c w_c \, (a_f\, k_f * x_c + c_f) = (a_f k_f) * \Big(\sum_c w_c x_c\Big)
           + c_f \sum_c w_c .

In inference :math:`a_f` and :math:`c_f` are known. In training they come from the mean and
variance of :math:`k_f * x` over batch, electrodes and time, which are quadratic in the kernel:
with :math:`x_k(t) = x(t + k - L)` the input shifted by a tap (zero outside the window),

.. math::  \mu_f = k_f \cdot m / N, \quad \sigma_f^2 = k_f^\top G k_f / N - \mu_f^2, \quad
           m_k = \sum x_k(t), \quad G_{kl} = \sum x_k(t)\, x_l(t),

sums over trials, electrodes and samples, :math:`N` of them. :math:`m` and :math:`G` are of the
data alone (:class:`LagStatistics`), and gradients pass through the two formulas. The shift is
taken away again by batch normalisation 2 in training: its gradient is exactly zero there.

**What else is written out.** Long convolutions along time run in the frequency domain, forward
and backward (:class:`FilterBank`): torch's own backward of a depthwise convolution takes 18 times
its forward. Normalisation, ELU and pooling are one function (:class:`NormEluPool`) that keeps one
array where torch keeps four. On a CPU, where each map sees one temporal filter, all from the
trials to the first pooling is one compiled function (:class:`FirstBlock`), and all from there to
the second is another (:class:`SecondBlock`).
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from . import fused, transforms
from .inputs import Batch
from .network import same_padding
from .threads import in_parts, side_by_side
from .vectors import BLOCK, padded

# Large arrays are worked through in parts of about this many values, to need little memory.
PART_VALUES = 2**17
# Kernels up to this length are convolved tap by tap, which then costs less than transforms.
SHORT_KERNEL = 32


def supports(net):
    """Whether a network can be evaluated spatial-first.

    Parameters
    ----------
    net : eegsep.EEGNet

    Returns
    -------
    supported : bool
        False where time and electrodes are not filtered one after the other.
    """
    return net.spatial_kind in ("depthwise", "grouped", "standard")


def fft_length(n):
    """Find the least even length of ``n`` or more with small factors, fast to transform.

    Parameters
    ----------
    n : int

    Returns
    -------
    length : int
    """
    return min(m << max(1, math.ceil(math.log2(max(n, 2) / m))) for m in (1, 3, 5, 9, 15, 25, 75))


def _transfer_functions(kernels, n_fft):
    """Multipliers of a signal's spectrum that correlate it with kernels, (..., n_fft // 2 + 1)."""
    length = kernels.shape[-1]
    left, right = same_padding(length)
    # tap j at lag j - left, negative lags at the end of the circle
    circle = kernels.new_zeros(*kernels.shape[:-1], n_fft)
    circle[..., : right + 1] = kernels[..., left:]
    circle[..., n_fft - left :] = kernels[..., :left]
    return torch.fft.rfft(circle).conj_physical_()


class FilterBank(torch.autograd.Function):
    """Spatial filters, then convolutions along time, by torch's FFT: both convolutions of a block.

    y[m] = sum over g of k[m, g] * (sum over c of w[m, g, c] x[c]). As in torch, a convolution is a
    correlation, with ``same`` padding: y(t) = sum over j of k(j) x(t + j - (K - 1) // 2).
    """

    @staticmethod
    def forward(ctx, x, weight, kernels):
        """Filter.

        Parameters
        ----------
        x : torch.Tensor or eegsep.inputs.Batch, shape (B, C, T)
        weight : torch.Tensor, shape (M, G, C), or None where C = M and G = 1: each its own
        kernels : torch.Tensor, shape (M, G, K)

        Returns
        -------
        y : torch.Tensor, shape (B, M, T)
        """
        n_fft = fft_length(x.shape[2] + kernels.shape[2] // 2)
        transfer = _transfer_functions(kernels, n_fft)
        spectra = transfer.new_empty(len(x), *transfer.shape)
        y = _filter(x, weight, transfer, spectra)
        is_tensor = isinstance(x, torch.Tensor)
        ctx.batch = None if is_tensor else x
        ctx.save_for_backward(x if is_tensor else None, weight, transfer, spectra)
        ctx.length = kernels.shape[2]
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        """Gradients with respect to ``x``, ``weight`` and ``kernels``."""
        x, weight, transfer, spectra = ctx.saved_tensors
        x = ctx.batch if x is None else x
        length, size = ctx.length, _n_samples(transfer)
        needs_x, needs_weight, _ = ctx.needs_input_grad
        parts = _parts(x, transfer.numel() * 2)
        cross = transfer.new_empty(len(parts), *transfer.shape)
        grad_x = torch.empty_like(x) if needs_x else None
        grad_weight = weight.new_empty(len(parts), *weight.shape) if needs_weight else None
        back = None if weight is None else weight.flatten(0, 1).T

        def through(i):
            part = parts[i]
            error = torch.fft.rfft(grad[part], size).conj_physical_().unsqueeze(2)
            torch.sum(spectra[part] * error, 0, out=cross[i])
            if not (needs_x or needs_weight):
                return
            error = (error * transfer).conj_physical_()
            error = torch.fft.irfft(error, size)[..., : grad.shape[2]].flatten(1, 2)
            if needs_weight:
                products = torch.bmm(error, x[part].mT).sum(0)
                grad_weight[i] = products.view_as(weight)
            if needs_x:
                grad_x[part] = _mix(back, error)

        side_by_side(through, len(parts))
        circle = torch.fft.irfft(cross.sum(0), size)
        left, right = same_padding(length)
        grad_kernels = torch.cat([circle[..., size - left :], circle[..., : right + 1]], dim=-1)
        return grad_x, grad_weight.sum(0) if needs_weight else None, grad_kernels


class FirstBlock(torch.autograd.Function):
    """:class:`FilterBank`, then :class:`NormEluPool`, where each map sees one filter, on a CPU.

    Compiled, see :mod:`eegsep.transforms`. Gradients do not pass to the trials.
    """

    @staticmethod
    def forward(ctx, x, weight, kernels, scale, bias, eps, pool):
        """Filter, normalise, apply ELU, and pool.

        Parameters
        ----------
        x : torch.Tensor or eegsep.inputs.Batch, shape (B, C, T)
        weight : torch.Tensor, shape (M, C)
        kernels : torch.Tensor, shape (M, K)
        scale, bias, eps, pool
            As in :class:`NormEluPool`.

        Returns
        -------
        pooled, mean, variance
            As there.
        """
        filters, trials = _compiled_filters(weight, kernels, x.shape[2]), _as_batch(x)
        found = filters.forward(trials, keep=any(ctx.needs_input_grad))
        y, means, squares, spectra = found
        normal = _Normalisation.of_batch(means, squares, y.shape[2], scale, bias, eps)
        ctx.save_for_backward(*map(torch.from_numpy, (y, spectra)))
        ctx.kept = filters, trials, normal, pool
        return normal.elu_pool(y, pool), *normal.moments(ctx)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad, *_):
        """Gradients with respect to ``weight``, ``kernels``, ``scale`` and ``bias``."""
        y, spectra = (a.numpy() for a in ctx.saved_tensors)
        filters, trials, normal, pool = ctx.kept
        arrays, gradients = normal.backward(y, pool, grad)
        found = filters.backward(trials, spectra, *arrays)
        return None, *map(torch.from_numpy, found), *gradients, None, None


def _compiled_filters(weight, kernels, n_times):
    """Make :class:`eegsep.transforms.Filters` of tensors (M, C) and (M, K)."""
    length = kernels.shape[1]
    n_fft = fft_length(transforms.least_length(n_times, length))
    left, _ = same_padding(length)
    weight, kernels = (a.contiguous().numpy() for a in (weight, kernels))
    return transforms.Filters(weight, kernels, left, n_fft)


def _as_batch(x):
    if isinstance(x, Batch):
        return x.converted()
    x = x.contiguous().numpy()
    return Batch(x, np.arange(len(x)))


def _n_samples(spectra):
    """Count the samples that spectra are of: even, as :func:`fft_length` makes it."""
    return 2 * (spectra.shape[-1] - 1)


def _filter(x, weight, transfer, spectra=None):
    """Return a :class:`FilterBank`'s outputs (B, M, T); keep the spectra (B, M, G, N) if told."""
    n_maps, n_seen, _ = transfer.shape
    n_times, size = x.shape[2], _n_samples(transfer)
    y = torch.empty(len(x), n_maps, n_times, dtype=transfer.real.dtype, device=transfer.device)
    parts = _parts(x, transfer.numel() * 2)

    def through(i):
        part = parts[i]
        mixed = torch.fft.rfft(_mix(weight, x[part]), size).unflatten(1, (n_maps, n_seen))
        if spectra is not None:
            spectra[part] = mixed
        product = mixed * transfer
        product = product.squeeze(2) if n_seen == 1 else product.sum(2)
        y[part] = torch.fft.irfft(product, size)[..., :n_times]

    side_by_side(through, len(parts))
    return y


def _parts(x, per_trial):
    """Cut trials into parts, as equal as can be, of about ``PART_VALUES`` values each."""
    n_trials = len(x)
    if x.device.type != "cpu":
        return [slice(0, n_trials)]
    n_parts = max(1, min(n_trials, round(n_trials * per_trial / PART_VALUES)))
    return [slice(i * n_trials // n_parts, (i + 1) * n_trials // n_parts) for i in range(n_parts)]


def _mix(weight, x):
    """Weighted sums of the channels of ``x``, (B, C, S), with ``weight``, (..., C) or None."""
    if weight is None:
        return x
    weight = weight.reshape(-1, weight.shape[-1])
    # trial by trial, each in a core's own cache
    return torch.bmm(weight.expand(len(x), -1, -1), x)


class NormEluPool(torch.autograd.Function):
    """Batch normalisation with the batch's own statistics, ELU, and average pooling along time."""

    @staticmethod
    def forward(ctx, y, weight, bias, eps, pool):
        """Normalise each map, apply ELU, and pool.

        Parameters
        ----------
        y : torch.Tensor, shape (B, M, T)
        weight, bias : torch.Tensor, shape (M,)
            Scale and shift of the normalisation.
        eps : float
            Added to the variance.
        pool : int
            Length of the pooling windows; a shorter rest at the end is left out.

        Returns
        -------
        pooled : torch.Tensor, shape (B, M, T // pool)
        mean, variance : torch.Tensor of float64, shape (M,)
            Of the maps, the variance divided by the number of values.
        """
        variance, mean = torch.var_mean(y.double(), (0, 2), correction=0)
        inverse = torch.rsqrt(variance + eps)
        scale = (weight * inverse).to(y.dtype)
        offset = (bias - mean * weight * inverse).to(y.dtype)
        pooled = scale_elu_pool(y, scale, offset, pool)
        ctx.save_for_backward(y, scale, offset, mean, inverse)
        ctx.pool = pool
        ctx.mark_non_differentiable(mean, variance)
        return pooled, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx, grad, *_):
        """Gradients with respect to ``y``, ``weight`` and ``bias``."""
        y, scale, offset, mean, inverse = ctx.saved_tensors
        n_times, pool = y.shape[2], ctx.pool
        scale = scale.view(-1, 1)
        slope = torch.clamp(y * scale + offset.view(-1, 1), max=0).exp_()
        windows = (grad / pool).repeat_interleave(pool, dim=-1)
        du = F.pad(windows, (0, n_times - windows.shape[-1])) * slope
        centred = y - mean.to(y.dtype).view(-1, 1)
        grad_bias, grad_weight = du.sum((0, 2)), (du * centred).sum((0, 2)) * inverse
        n_values = len(y) * n_times
        from_variance = (grad_weight * inverse / n_values).to(y.dtype).view(-1, 1)
        dy = (du - grad_bias.view(-1, 1) / n_values - centred * from_variance) * scale
        return dy, grad_weight.to(y.dtype), grad_bias.to(y.dtype), None, None


class CompiledNormEluPool(torch.autograd.Function):
    """What :class:`NormEluPool` does, on a CPU."""

    @staticmethod
    def forward(ctx, y, weight, bias, eps, pool):
        """Normalise each map, apply ELU, and pool, as :class:`NormEluPool` does."""
        ctx.save_for_backward(y)
        y = y.contiguous().numpy()
        means, squares = np.empty((2, *y.shape[:2]))
        in_parts(partial(fused.row_moments, y, means, squares), len(y), y.size)
        normal = _Normalisation.of_batch(means, squares, y.shape[2], weight, bias, eps)
        ctx.kept = normal, pool
        return normal.elu_pool(y, pool), *normal.moments(ctx)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad, *_):
        """Gradients with respect to ``y``, ``weight`` and ``bias``."""
        y = ctx.saved_tensors[0].contiguous().numpy()
        normal, pool = ctx.kept
        arrays, gradients = normal.backward(y, pool, grad)
        dy = _empty(y.shape, y)
        in_parts(partial(fused.norm_elu_pool_backward, *arrays, dy), len(y), y.size)
        return torch.from_numpy(dy), *gradients, None, None


class SecondBlock(torch.autograd.Function):
    """Depthwise separable convolution with short kernels, then :class:`NormEluPool`, on a CPU."""

    @staticmethod
    def forward(ctx, x, kernels, pointwise, scale, bias, eps, pool):
        """Convolve, mix, normalise, apply ELU, and pool.

        Parameters
        ----------
        x : torch.Tensor, shape (B, M, T)
        kernels : torch.Tensor, shape (M, K)
        pointwise : torch.Tensor, shape (N, M)
        scale, bias, eps, pool
            As in :class:`NormEluPool`.

        Returns
        -------
        pooled, mean, variance
            As there.
        """
        arrays = [a.contiguous() for a in (x, kernels, pointwise)]
        (n_trials, n_maps, n_times), left = x.shape, same_padding(kernels.shape[1])[0]
        arrays.append(x.new_empty(n_trials, padded(n_maps), padded(n_times, BLOCK)))
        mixed = x.new_empty(n_trials, len(pointwise), n_times)
        ctx.save_for_backward(*arrays, mixed)
        x, kernels, pointwise, filtered, mixed = (a.numpy() for a in (*arrays, mixed))
        means, squares = np.empty((2, *mixed.shape[:2]))
        arrays = x, kernels, left, pointwise, filtered, mixed, means, squares
        in_parts(partial(fused.separable, *arrays), n_trials, x.size)
        normal = _Normalisation.of_batch(means, squares, n_times, scale, bias, eps)
        ctx.kept = left, normal, pool
        return normal.elu_pool(mixed, pool), *normal.moments(ctx)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad, *_):
        """Gradients with respect to ``x``, ``kernels``, ``pointwise``, ``scale`` and ``bias``."""
        x, kernels, pointwise, filtered, mixed = (a.numpy() for a in ctx.saved_tensors)
        left, normal, pool = ctx.kept
        arrays, gradients = normal.backward(mixed, pool, grad)
        grad_x = _empty(x.shape, x)
        of_trials = [
            np.empty((len(x), len(a), padded(a.shape[1])), x.dtype) for a in (kernels, pointwise)
        ]
        arrays = *arrays, x, kernels, left, pointwise, filtered, grad_x, *of_trials
        in_parts(partial(fused.separable_backward, *arrays), len(x), x.size)
        grad_kernels, grad_pointwise = (
            torch.from_numpy(found.sum(0)[:, : a.shape[1]])
            for found, a in zip(of_trials, (kernels, pointwise), strict=True)
        )
        return torch.from_numpy(grad_x), grad_kernels, grad_pointwise, *gradients, None, None


class _Normalisation(NamedTuple):
    """Moments of a batch's maps, and what a normalisation makes of them, as arrays (M,).

    See :func:`eegsep.fused.map_moments`.
    """

    mean: np.ndarray
    variance: np.ndarray
    inverse: np.ndarray
    scale: np.ndarray
    offset: np.ndarray

    @classmethod
    def of_batch(cls, means, squares, n_times, weight, bias, eps):
        """Make it of the moments of rows and the normalisation's parameters, tensors (M,)."""
        parameters = weight.numpy(), bias.numpy()
        return cls(*fused.map_moments(means, squares, n_times, eps, *parameters))

    def moments(self, ctx):
        """Return mean and variance as outputs of a function, of no gradient."""
        moments = torch.from_numpy(self.mean), torch.from_numpy(self.variance)
        ctx.mark_non_differentiable(*moments)
        return moments

    def elu_pool(self, y, pool):
        """Normalise maps, an array (B, M, T), apply ELU and pool: a tensor."""
        return torch.from_numpy(_scale_elu_pool(y, self.scale, self.offset, pool))

    def backward(self, y, pool, grad):
        """Take gradients back to the normalisation's parameters.

        Returns
        -------
        arrays : tuple
            For :func:`eegsep.fused.norm_elu_pool_backward_row`, to take them further.
        gradients : tuple of torch.Tensor
            Of weight and bias.
        """
        sums, products = np.empty((2, *y.shape[:2]))
        arrays = y, self.scale, self.offset, self.mean, pool, grad.contiguous().numpy()
        in_parts(partial(fused.unpool_elu_sums, *arrays, sums, products), len(y), y.size)
        gradients = fused.sum_trials(sums, products, self.inverse)
        n_values = len(y) * y.shape[2]
        steps = fused.through_moments(self.inverse, *gradients, n_values, self.scale)
        return (*arrays, steps), tuple(torch.from_numpy(a.astype(y.dtype)) for a in gradients)


def scale_elu_pool(y, scale, offset, pool):
    """ELU of ``scale * y + offset``, averaged over windows of ``pool`` samples.

    Parameters
    ----------
    y : torch.Tensor, shape (B, M, T)
    scale, offset : torch.Tensor, shape (M,)
    pool : int

    Returns
    -------
    pooled : torch.Tensor, shape (B, M, T // pool)
    """
    scale, offset = scale.to(y.dtype), offset.to(y.dtype)
    followed = torch.is_grad_enabled() and any(a.requires_grad for a in (y, scale, offset))
    if y.device.type == "cpu" and not followed:
        arrays = (a.numpy() for a in (y.contiguous(), scale, offset))
        return torch.from_numpy(_scale_elu_pool(*arrays, pool))
    u = torch.addcmul(offset.view(-1, 1), y, scale.view(-1, 1))
    return F.avg_pool1d(F.elu(u), pool)


def _empty(shape, like):
    """Make an array where torch would lay it: its products' last bits depend on the alignment."""
    return torch.from_numpy(like[:0]).new_empty(shape).numpy()


def _scale_elu_pool(y, scale, offset, pool):
    """Do what :func:`scale_elu_pool` does, with arrays."""
    pooled = _empty((*y.shape[:2], y.shape[2] // pool), y)
    in_parts(partial(fused.scale_elu_pool, y, scale, offset, pool, pooled), len(y), y.size)
    return pooled


class LagStatistics:
    """Sums over electrodes and time of lagged inputs and their products, trial by trial.

    Taken once for a set of trials; those of any batch are then sums of a few numbers. The
    products G are Toeplitz, but for what the window's edges leave out: kept are, for a trial, K
    sums m, K autocorrelations, and the products of the first and the last half kernel of samples,
    of which a half is the mirror image of the other: K (K / 4 + 2) numbers.

    Parameters
    ----------
    kernel_length : int
        Number of taps, K, not above the samples in a window.
    n_trials : int
        How many will be added.
    """

    def __init__(self, kernel_length, n_trials):
        self.kernel_length = kernel_length
        self._n_trials, self._n_added, self._kept = n_trials, 0, None

    @torch.no_grad()
    def add(self, x):
        """Take the statistics of more trials, in float64; edges are kept in the type of ``x``.

        Parameters
        ----------
        x : torch.Tensor or eegsep.inputs.Batch, shape (B, n_chans, n_times)

        Returns
        -------
        self : LagStatistics
        """
        length, n_times = self.kernel_length, x.shape[2]
        left, right = same_padding(length)
        n_fft = fft_length(n_times + length - 1)
        step = max(1, PART_VALUES // (x.shape[1] * n_times))
        for start in range(0, len(x), step):
            part = x[start : start + step]
            dtype, part = part.dtype, part.double()
            power = torch.view_as_real(torch.fft.rfft(part, n_fft)).square_().sum(1).sum(-1)
            autocorrelations = torch.fft.irfft(power, n_fft)[:, :length]
            # a shift by k - left loses that many samples at one of the ends
            total = F.pad(part.sum(1), (1, 0)).cumsum(1)
            lost_left = total[:, : right + 1]
            lost_right = total[:, -1:] - total[:, n_times - left : n_times]
            sums = total[:, -1:] - torch.cat([lost_right, lost_left], dim=1)
            ends, starts = part[..., n_times - left :], part[..., :right].flip(-1)
            edges = [torch.bmm(e.mT.contiguous(), e).to(dtype) for e in (ends, starts)]
            self._keep(sums, autocorrelations, *map(_upper_triangle, edges))
        return self

    def _keep(self, *found):
        if self._kept is None:
            self._kept = [a.new_empty(self._n_trials, *a.shape[1:]) for a in found]
        there = slice(self._n_added, self._n_added + len(found[0]))
        for kept, new in zip(self._kept, found, strict=True):
            kept[there] = new
        self._n_added = there.stop

    def of_batch(self, indices=None):
        """Sum the statistics of a batch.

        Parameters
        ----------
        indices : torch.Tensor of int, shape (B,) | None
            The batch's trials, by their positions among all that were added; None for all.

        Returns
        -------
        sums : torch.Tensor of float64, shape (K,)
            m.
        products : torch.Tensor of float64, shape (K, K)
            G.
        """
        kept = self._kept
        device = kept[0].device
        if indices is None:
            indices = torch.arange(self._n_added)
        indices = indices.cpu().numpy()
        sums, row, ends, starts = (fused.sum_rows(a.cpu().numpy(), indices) for a in kept)
        products = fused.lag_products(row, ends, starts)
        return torch.from_numpy(sums).to(device), torch.from_numpy(products).to(device)


def _upper_triangle(squares):
    """Pack symmetric matrices, (B, n, n), by row, (B, n (n + 1) / 2)."""
    i, j = torch.triu_indices(*squares.shape[1:])
    return squares[:, i, j]


def is_cheaper(net):
    """Whether a training step takes fewer operations spatial-first than in the published order.

    Counted are, for a window, the multiply-adds of the temporal convolution and of its weights'
    gradient against those of the four Fourier transforms in their place. The spatial filters take
    as many in either order.

    Parameters
    ----------
    net : eegsep.EEGNet

    Returns
    -------
    cheaper : bool
        False where the network cannot be evaluated spatial-first.
    """
    if not supports(net):
        return False
    n_fft = padded_length(net)
    n_signals = net.spatial.weight[:, :, 0, 0].numel()
    published = 2 * net.F1 * net.n_chans * net.n_times * net.kernel_length
    spatially_first = 4 * n_signals * 1.25 * n_fft * math.log2(n_fft)
    return spatially_first < published


def padded_length(net):
    """Count the samples of a window's Fourier transform, zeros behind the window included.

    Parameters
    ----------
    net : eegsep.EEGNet

    Returns
    -------
    n_samples : int
    """
    return fft_length(net.n_times + net.kernel_length // 2)


def forward(net, x, statistics=None):
    """Evaluate a network spatial-first; in training mode this updates its running statistics.

    Parameters
    ----------
    net : eegsep.EEGNet
        One that :func:`supports` this.
    x : torch.Tensor or eegsep.inputs.Batch, shape (B, n_chans, n_times)
        Windows. Gradients pass to the parameters and, in inference mode, to ``x``; in training
        mode the statistics' dependence on ``x`` is not followed.
    statistics : tuple of torch.Tensor | None
        What :meth:`LagStatistics.of_batch` gives for ``x``, in training mode; None to take them.

    Returns
    -------
    logits : torch.Tensor, shape (B, n_outputs)
    """
    kernels = net.temporal.weight[:, 0, 0]
    norm = net.temporal_norm
    if net.training:
        if statistics is None:
            statistics = LagStatistics(kernels.shape[1], len(x)).add(x).of_batch()
        n_values = len(x) * net.n_chans * net.n_times
        filters, shift, mean, variance = _normalise_kernels(net, statistics, n_values)
        _update_running(norm, mean, variance, n_values)
    else:
        filters, shift = _scaled_kernels(net, norm.running_mean, norm.running_var)
    filters, shifts = _for_each_map(net, filters, shift)
    weight = net.spatial.weight.flatten(2)  # (M, G, C): G temporal filters seen by each map
    shifts = (shifts * weight.sum(2)).sum(1)
    norm, pool = net.spatial_norm, net.pool1
    followed = isinstance(x, torch.Tensor) and x.requires_grad
    if net.training and _is_compiled(net) and not followed:
        inputs = x, weight[:, 0], filters[:, 0]
        x = _apply_and_update(FirstBlock, inputs, norm, pool, shifts, len(x) * net.n_times)
    else:
        y = FilterBank.apply(x, weight, filters)
        x = _norm_elu_pool(norm, y, shifts, pool, net.training)
    x, norm, pool = net.dropout1(x), net.separable_norm, net.pool2
    if net.training and x.device.type == "cpu" and _has_short_kernels(net):
        inputs = x, *_separable_weights(net)
        x = _apply_and_update(SecondBlock, inputs, norm, pool, None, len(x) * x.shape[2])
    else:
        x = _norm_elu_pool(norm, _second_convolution(net, x), None, pool, net.training)
    return net.classifier(net.dropout2(x).flatten(1))


def _is_compiled(net):
    """Whether the first two convolutions are compiled: each map sees one filter, on a CPU."""
    weight = net.spatial.weight
    return weight.device.type == "cpu" and weight.shape[1] == 1


def _scale_and_shift(norm, mean, variance):
    """Return what a normalisation multiplies by and then adds, given its moments."""
    scale = norm.weight * torch.rsqrt(variance + norm.eps).to(norm.weight.dtype)
    return scale, norm.bias - scale * mean.to(scale.dtype)


def _running(norm):
    return _scale_and_shift(norm, norm.running_mean, norm.running_var)


def _scaled_kernels(net, mean, variance):
    """Fold normalisation 1 with given moments into the kernels: these (F1, K), and the shifts."""
    scale, shift = _scale_and_shift(net.temporal_norm, mean, variance)
    return net.temporal.weight[:, 0, 0] * scale[:, None], shift


def _for_each_map(net, filters, shift):
    """Temporal filters seen by each map, (M, G, K), and their shifts, (M, G)."""
    n_maps, n_seen = net.spatial.weight.shape[:2]
    n_groups = net.F1 // n_seen
    if n_maps > n_groups:
        filters = filters.unflatten(0, (n_groups, n_seen))
        filters = filters.repeat_interleave(n_maps // n_groups, dim=0)
        shift = shift.view(n_groups, n_seen).repeat_interleave(n_maps // n_groups, dim=0)
    return filters.view(n_maps, n_seen, -1), shift.view(n_maps, n_seen)


class NormaliseKernels(torch.autograd.Function):
    """Normalisation 1 with the batch's own statistics, folded into the kernels, on a CPU."""

    @staticmethod
    def forward(ctx, kernels, weight, bias, sums, products, n_values, eps):
        """Fold, as :func:`eegsep.fused.normalise_kernels` does."""
        arrays = [a.contiguous().numpy() for a in (kernels, weight, bias, sums, products)]
        found = fused.normalise_kernels(*arrays, n_values, eps)
        filters, shift, mean, variance = map(torch.from_numpy, found)
        ctx.save_for_backward(kernels, weight, sums, products, mean, variance)
        ctx.constants = n_values, eps
        ctx.mark_non_differentiable(mean, variance)
        return filters, shift.to(bias.dtype), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx, grad, grad_shift, *_):
        """Gradients with respect to ``kernels``, ``weight`` and ``bias``."""
        kernels, weight, sums, products, mean, variance = (
            a.contiguous().numpy() for a in ctx.saved_tensors
        )
        gradients = grad.contiguous().numpy(), grad_shift.contiguous().numpy()
        found = fused.normalise_kernels_backward(
            kernels, weight, sums, products, *ctx.constants, mean, variance, *gradients
        )
        grad_kernels, grad_weight = map(torch.from_numpy, found)
        return grad_kernels, grad_weight.to(grad.dtype), grad_shift, None, None, None, None


def _normalise_kernels(net, statistics, n_values):
    """Scaled temporal kernels, their shifts, and the moments of what the kernels filter."""
    kernels, norm = net.temporal.weight[:, 0, 0], net.temporal_norm
    if kernels.device.type == "cpu":
        return NormaliseKernels.apply(
            kernels, norm.weight, norm.bias, *statistics, n_values, norm.eps
        )
    mean, variance = _temporal_moments(kernels, statistics, n_values)
    return *_scaled_kernels(net, mean, variance), mean, variance


def _has_short_kernels(net):
    """Whether the second convolution is separable, its kernels so short that FFT does not pay."""
    return (
        net.separable_kind == "separable"
        and net.separable_depthwise.weight.shape[3] <= SHORT_KERNEL
    )


def _separable_weights(net):
    """Kernels (M, K) and mixing weights (F2, M) of a separable convolution."""
    return net.separable_depthwise.weight[:, 0, 0], net.pointwise.weight[:, :, 0, 0]


def _second_convolution(net, x):
    """Take maps (B, M, T) through the second block's convolution, to (B, F2, T)."""
    if net.separable_kind == "separable":
        kernels, pointwise = _separable_weights(net)
        return torch.matmul(pointwise, FilterBank.apply(x, None, kernels.unsqueeze(1)))
    return net.second_convolution(x.unsqueeze(2)).squeeze(2)


class Folded:
    """A network in inference, its first two normalisations folded into the kernels' spectra.

    A copy of the weights as they are: make a new one when they change.

    Parameters
    ----------
    net : eegsep.EEGNet
        One that :func:`supports` this.
    """

    @torch.no_grad()
    def __init__(self, net):
        self._net = net
        norm = net.temporal_norm
        filters, shift = _scaled_kernels(net, norm.running_mean, norm.running_var)
        filters, shifts = _for_each_map(net, filters, shift)
        scale, offset = _running(net.spatial_norm)
        weight = net.spatial.weight.flatten(2)
        self._offset = offset + scale * (shifts * weight.sum(2)).sum(1)
        filters = filters * scale.view(-1, 1, 1)
        self._filters = None
        if _is_compiled(net):
            self._filters = _compiled_filters(weight[:, 0], filters[:, 0], net.n_times)
        else:
            self._weight = weight
            self._transfer = _transfer_functions(filters, padded_length(net))
        self._unit = torch.ones_like(scale)
        self._separable = _running(net.separable_norm)
        self._second = None
        if weight.device.type == "cpu" and net.separable_kind == "separable":
            arrays = self._offset, *_separable_weights(net), *self._separable
            arrays = [a.contiguous().numpy() for a in arrays]
            offset, kernels, pointwise, scale, shift = arrays
            left, _ = same_padding(kernels.shape[1])
            depthwise = offset, net.pool1, kernels, left
            self._second = *depthwise, pointwise, scale, shift, net.pool2

    @torch.no_grad()
    def __call__(self, x):
        """Logits (B, n_outputs) of a tensor or Batch of windows, (B, n_chans, n_times)."""
        net = self._net
        if self._filters is None:
            y = _filter(x, self._weight, self._transfer)
        else:
            y = torch.from_numpy(self._filters(_as_batch(x)))
        if self._second is None:
            x = _second_convolution(net, scale_elu_pool(y, self._unit, self._offset, net.pool1))
            x = scale_elu_pool(x, *self._separable, net.pool2)
        else:
            x = y.new_empty(len(y), net.F2, y.shape[2] // net.pool1 // net.pool2)
            function = partial(fused.second_block, y.numpy(), *self._second, x.numpy())
            in_parts(function, len(y), y.numel())
        return F.linear(x.flatten(1), net.classifier.weight, net.classifier.bias)


def _temporal_moments(kernels, statistics, n_values):
    """Mean and variance of the temporally filtered batch, in float64."""
    sums, products = statistics
    kernels = kernels.double()
    mean = kernels @ sums / n_values
    variance = ((kernels @ products) * kernels).sum(1) / n_values - mean.square()
    return mean, variance


def _norm_elu_pool(norm, y, shift, pool, training):
    """Apply normalisation, ELU and pooling to ``y + shift``, shapes (B, M, T) and (M,)."""
    if not training:
        scale, offset = _running(norm)
        offset = offset if shift is None else offset + scale * shift
        return scale_elu_pool(y, scale, offset, pool)
    function = CompiledNormEluPool if y.device.type == "cpu" else NormEluPool
    return _apply_and_update(function, (y,), norm, pool, shift, y.shape[0] * y.shape[2])


def _apply_and_update(function, inputs, norm, pool, shift, n_values):
    """Apply a function that ends in normalisation, ELU and pooling; update the running moments."""
    arguments = *inputs, norm.weight, norm.bias, norm.eps, pool
    pooled, mean, variance = function.apply(*arguments)
    if shift is not None:
        # the batch's mean takes the shift away, and no gradient but zero comes of it
        mean = mean + shift.detach()
    _update_running(norm, mean, variance, n_values)
    return pooled


@torch.no_grad()
def _update_running(norm, mean, variance, n_values):
    norm.num_batches_tracked += 1
    running_mean, running_var = norm.running_mean, norm.running_var
    if mean.device.type == "cpu":
        arrays = (a.numpy() for a in (running_mean, running_var, mean, variance))
        fused.update_running(*arrays, n_values, norm.momentum)
        return
    running_mean.lerp_(mean.to(running_mean.dtype), norm.momentum)
    unbiased = variance * (n_values / max(n_values - 1, 1))
    running_var.lerp_(unbiased.to(running_var.dtype), norm.momentum)
