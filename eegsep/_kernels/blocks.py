"""A block of the network in training, as one function that torch differentiates.

Its convolutions are compiled where each map sees one temporal filter, or kernels are short.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from .. import spatial_first
from ..conv import same_padding
from ..threads import in_parts, side_by_side
from . import fused, transforms
from .vectors import BLOCK, padded

# Trials are transformed in parts of about this many values, to stay in a core's cache.
PART_VALUES = 2**17
# Kernels up to this length are convolved tap by tap, which then costs less than transforms.
SHORT_KERNEL = 32


class Block(torch.autograd.Function):
    """A block of the network in training: convolutions, normalisation, ELU, pooling."""

    @staticmethod
    def forward(ctx, x, weight, kernels, pointwise, shift, gain, bias, norm, pool):
        """Filter, mix, normalise and pool; update the running moments.

        Parameters
        ----------
        x : torch.Tensor, shape (B, C, T)
        weight : torch.Tensor, shape (M, G, C), or None where C = M and G = 1: each its own
        kernels : torch.Tensor, shape (M, G, K)
            As in :func:`eegsep.spatial_first.filter_bank`.
        pointwise : torch.Tensor, shape (N, M) | None
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
        contiguous = x.contiguous()
        convolution = convolution_of(x, weight, kernels, pointwise)
        keep = any(ctx.needs_input_grad)
        y, means, squares, *kept = convolution.forward(contiguous, keep=keep)
        normal = _Normalisation.of_batch(means, squares, x.shape[2], gain, bias, norm.eps)
        mean, variance = torch.from_numpy(normal.mean), torch.from_numpy(normal.variance)
        mean = mean if shift is None else mean + shift
        spatial_first.update_running(norm, mean, variance, len(x) * x.shape[2])
        arrays = map(torch.from_numpy, (y, *kept))
        ctx.save_for_backward(x, weight, kernels, pointwise, shift, gain, bias, *arrays)
        ctx.kept = convolution, normal, norm.eps, pool
        return torch.from_numpy(scale_elu_pool(y, normal.scale, normal.offset, pool))

    @staticmethod
    def backward(ctx, grad):
        """Gradients with respect to all that is filtered, mixed and normalised with."""
        x, weight, kernels, pointwise, shift, gain, bias, *kept = ctx.saved_tensors
        convolution, normal, eps, pool = ctx.kept
        grad_shift = None if shift is None else torch.zeros_like(shift)
        if torch.is_grad_enabled():
            plain = partial(_in_torch, eps=eps, pool=pool)
            inputs = x, weight, kernels, pointwise, gain, bias
            *found, of_gain, of_bias = _through_torch(plain, inputs, grad)
        else:
            y, *kept = (a.numpy() for a in kept)
            arrays, (of_gain, of_bias) = normal.backward(y, pool, grad)
            found = convolution.backward(x.contiguous(), kept, arrays, ctx.needs_input_grad)
        return *found, grad_shift, of_gain, of_bias, None, None


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


def _through_torch(plain, inputs, grad):
    """Gradients of a function by torch's own, that can be differentiated once more."""
    with torch.enable_grad():
        wanted = [a for a in inputs if a is not None and a.requires_grad]
        found = iter(torch.autograd.grad(plain(*inputs), wanted, grad, create_graph=True))
    return [next(found) if a is not None and a.requires_grad else None for a in inputs]


def scale_elu_pool(y, scale, offset, pool):
    """ELU of ``scale * y + offset``, averaged over windows of ``pool`` samples.

    Parameters
    ----------
    y : ndarray, shape (B, M, T)
    scale, offset : ndarray, shape (M,)
    pool : int

    Returns
    -------
    pooled : ndarray, shape (B, M, T // pool)
    """
    pooled = np.empty((*y.shape[:2], y.shape[2] // pool), y.dtype)
    in_parts(partial(fused.scale_elu_pool, y, scale, offset, pool, pooled), len(y), y.size)
    return pooled


class _Normalisation(NamedTuple):
    """Moments of a batch's maps, and what a normalisation makes of them, as arrays (M,).

    See :func:`eegsep._kernels.fused.map_moments`.
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

    def backward(self, y, pool, grad):
        """Take gradients back to the normalisation's parameters.

        Returns
        -------
        arrays : tuple
            For :func:`eegsep._kernels.fused.norm_elu_pool_backward_row`, to take them further.
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


# -- convolutions --------------------------------------------------------------------------------


def convolution_of(x, weight, kernels, pointwise):
    """Choose how to compute a block's convolutions.

    Parameters
    ----------
    x, weight, kernels, pointwise
        As :class:`Block` takes them.

    Returns
    -------
    convolution : object
        ``filter`` takes trials to maps, an array; ``forward`` returns their rows' means and
        squares, see :func:`eegsep._kernels.fused.row_moments`, and what ``backward`` needs too.
    """
    alike = all(a is None or a.dtype == x.dtype for a in (weight, kernels, pointwise))
    one_each = pointwise is None and weight is not None and weight.shape[1] == 1
    if alike and one_each and not x.requires_grad:
        return _OneFilterEach(weight, kernels, x.shape[2])
    if alike and pointwise is not None and weight is None and kernels.shape[2] <= SHORT_KERNEL:
        return _ShortSeparable(kernels, pointwise)
    return _Bank(weight, kernels, pointwise, x.shape[2])


class _OneFilterEach:
    """Spatial filters, and after each one kernel; gradients do not pass to the trials."""

    def __init__(self, weight, kernels, n_times):
        length = kernels.shape[2]
        n_fft = spatial_first.fft_length(transforms.least_length(n_times, length))
        arrays = (a[:, 0].contiguous().numpy() for a in (weight, kernels))
        self._filters = transforms.Filters(*arrays, same_padding(length)[0], n_fft)

    def filter(self, x):
        return self._filters(x.numpy())

    def forward(self, x, *, keep):
        return self._filters.forward(x.numpy(), keep=keep)

    def backward(self, x, kept, arrays, needed):
        found = self._filters.backward(x.numpy(), *kept, *arrays)
        grad_weight, grad_kernels = (torch.from_numpy(a).unsqueeze(1) for a in found)
        return None, grad_weight, grad_kernels, None


class _ShortSeparable:
    """A short kernel for each map, tap by tap, and weighted sums of the maps."""

    def __init__(self, kernels, pointwise):
        self._left, _ = same_padding(kernels.shape[2])
        self._kernels, self._pointwise = kernels[:, 0].contiguous().numpy(), pointwise.contiguous()
        self._pointwise = self._pointwise.numpy()

    def filter(self, x):
        return self.forward(x, keep=False)[0]

    def forward(self, x, *, keep):
        x = x.numpy()
        (n_trials, n_maps, n_times), n_mixed = x.shape, len(self._pointwise)
        filtered = np.empty((n_trials, padded(n_maps), padded(n_times, BLOCK)), x.dtype)
        mixed = np.empty((n_trials, n_mixed, n_times), x.dtype)
        means, squares = np.empty((2, n_trials, n_mixed))
        arrays = x, self._kernels, self._left, self._pointwise, filtered, mixed, means, squares
        in_parts(partial(fused.separable, *arrays), n_trials, x.size)
        return mixed, means, squares, filtered

    def backward(self, x, kept, arrays, needed):
        x, weights = x.numpy(), (self._kernels, self._pointwise)
        grad_x = np.empty_like(x)
        of_trials = [np.empty((len(x), len(a), padded(a.shape[1])), x.dtype) for a in weights]
        arrays = *arrays, x, self._kernels, self._left, self._pointwise, *kept, grad_x, *of_trials
        in_parts(partial(fused.separable_backward, *arrays), len(x), x.size)
        grad_kernels, grad_pointwise = (
            torch.from_numpy(found.sum(0)[:, : a.shape[1]])
            for found, a in zip(of_trials, weights, strict=True)
        )
        return torch.from_numpy(grad_x), None, grad_kernels.unsqueeze(1), grad_pointwise


class _Bank:
    """Any filters of :func:`eegsep.spatial_first.filter_bank`, in torch, part by part."""

    def __init__(self, weight, kernels, pointwise, n_times):
        self._weight, self._pointwise, self._length = weight, pointwise, kernels.shape[2]
        self._n_fft = spatial_first.padded_length(n_times, self._length)
        self._transfer = spatial_first.transfer_functions(kernels, self._n_fft).resolve_conj()

    def _parts(self, n_trials):
        """Cut trials into parts, as equal as can be, of about ``PART_VALUES`` values each."""
        n = round(n_trials * 2 * self._transfer.numel() / PART_VALUES)
        n = max(1, min(n_trials, n))
        return [slice(i * n_trials // n, (i + 1) * n_trials // n) for i in range(n)]

    def filter(self, x):
        return self._apply(x, None, None)

    def forward(self, x, *, keep):
        spectra = self._transfer.new_empty(len(x), *self._transfer.shape) if keep else None
        filtered = None
        if keep and self._pointwise is not None:
            filtered = x.new_empty(len(x), len(self._transfer), x.shape[2])
        y = self._apply(x, spectra, filtered)
        means, squares = np.empty((2, *y.shape[:2]))
        in_parts(partial(fused.row_moments, y, means, squares), len(y), y.size)
        kept = (a.numpy() for a in (spectra, filtered) if a is not None)
        return y, means, squares, *kept

    def _apply(self, x, spectra, filtered):
        """Filter trials; keep spectra and maps before they are mixed, where there is a place."""
        n_maps, n_seen, _ = self._transfer.shape
        n_out = n_maps if self._pointwise is None else len(self._pointwise)
        y = x.new_empty(len(x), n_out, x.shape[2])
        parts = self._parts(len(x))

        def through(i):
            part = parts[i]
            mixed = x[part] if self._weight is None else _mix(self._weight, x[part])
            mixed = torch.fft.rfft(mixed, self._n_fft).unflatten(1, (n_maps, n_seen))
            if spectra is not None:
                spectra[part] = mixed
            product = mixed * self._transfer
            product = product.squeeze(2) if n_seen == 1 else product.sum(2)
            maps = torch.fft.irfft(product, self._n_fft)[..., : x.shape[2]]
            if filtered is not None:
                filtered[part] = maps
            y[part] = maps if self._pointwise is None else _mix(self._pointwise, maps)

        side_by_side(through, len(parts))
        return y.numpy()

    def backward(self, x, kept, arrays, needed):
        spectra, *filtered = map(torch.from_numpy, kept)
        weight, pointwise, transfer = self._weight, self._pointwise, self._transfer
        needs_x, needs_weight, *_ = needed
        parts = self._parts(len(x))
        dy = torch.empty_like(torch.from_numpy(arrays[0]))
        grad_x = torch.empty_like(x) if needs_x else None
        grad_weight, grad_pointwise, cross = ([None] * len(parts) for _ in range(3))

        def through(i):
            part, error = parts[i], dy[parts[i]]
            fused.norm_elu_pool_backward(*arrays, dy.numpy(), part.start, part.stop)
            if pointwise is not None:
                grad_pointwise[i] = torch.bmm(error, filtered[0][part].mT).sum(0)
                error = _mix(pointwise.T, error)
            error = torch.fft.rfft(error, self._n_fft).conj_physical_().unsqueeze(2)
            cross[i] = (spectra[part] * error).sum(0)
            if not (needs_x or needs_weight):
                return
            error = (error * transfer).conj_physical_()
            error = torch.fft.irfft(error, self._n_fft)[..., : x.shape[2]].flatten(1, 2)
            if needs_weight:
                grad_weight[i] = torch.bmm(error, x[part].mT).sum(0).view_as(weight)
            if needs_x:
                grad_x[part] = error if weight is None else _mix(weight.flatten(0, 1).T, error)

        side_by_side(through, len(parts))
        circle = torch.fft.irfft(sum(cross), self._n_fft)
        left, right = same_padding(self._length)
        return (
            grad_x,
            sum(grad_weight) if needs_weight else None,
            torch.cat([circle[..., self._n_fft - left :], circle[..., : right + 1]], dim=-1),
            None if pointwise is None else sum(grad_pointwise),
        )


def _mix(weight, x):
    """Weighted sums of the channels of ``x``, (B, C, S), with ``weight``, (..., C)."""
    weight = weight.reshape(-1, weight.shape[-1])
    # trial by trial: what comes of one does not depend on another
    return torch.bmm(weight.expand(len(x), -1, -1), x)
