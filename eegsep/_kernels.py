"""The network's passes on a CPU, compiled: as few as can be, each over trials in a core's cache.

Nothing else imports numba. What :func:`evaluate` computes is what the network's plain torch does.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numba
import numpy as np
import torch
from torch.nn import functional as F

from . import spatial_first
from ._compiling import compiled
from .conv import same_padding
from .threads import side_by_side

# Trials are transformed in parts of about this many values, to stay in a core's cache.
PART_VALUES = 2**17

# -- compiled passes -----------------------------------------------------------------------------


class Maps(NamedTuple):
    """Maps before normalisation, what it makes of them, and how they are then pooled.

    Attributes
    ----------
    y : ndarray, shape (B, M, n)
        Of which the first ``n_times`` samples count.
    scale, offset : ndarray, shape (M,)
        Of the normalisation.
    n_times, pool : int
        Samples in a window, and in a window of the pooling.
    bits : ndarray of int16, shape (B, M, n_times // pool) or (0, 0, 0)
        Random numbers for dropout, or none.
    threshold : int
        Numbers below it keep an element.
    factor : float
        What is averaged over is multiplied by it: that of dropout, over ``pool``.
    """

    y: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    n_times: int
    pool: int
    bits: np.ndarray
    threshold: int
    factor: float


def _exp(x):
    """``exp(x)`` for ``x <= 0``, written so that the compiler can vectorise it."""
    raise NotImplementedError  # compiled code only


@numba.extending.overload(_exp, inline="always")
def _exp_compiled(x):
    if x != numba.types.float32:
        return lambda x: math.exp(x)

    def exp_float32(x):
        # exp(x) = 2^n exp(r), |r| <= ln(2) / 2, ln(2) in two parts; polynomial of Cephes's expf.
        # Written so that NaN goes through the polynomial.
        x = np.float32(-87.0) if x < np.float32(-87.0) else x
        n = np.int32(x * np.float32(1.4426950408889634) - np.float32(0.5))
        whole = np.float32(n)
        r = x - whole * np.float32(0.693359375) - whole * np.float32(-2.12194440e-4)
        p = np.float32(1.9875691500e-4)
        p = p * r + np.float32(1.3981999507e-3)
        p = p * r + np.float32(8.3334519073e-3)
        p = p * r + np.float32(4.1665795894e-2)
        p = p * r + np.float32(1.6666665459e-1)
        p = p * r + np.float32(5.0000001201e-1)
        p = p * (r * r) + r + np.float32(1.0)
        return p * np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)

    return exp_float32


@compiled
def row_moments(y, n_times, means, squares):
    """Mean and centred sum of squares of rows.

    Parameters
    ----------
    y : ndarray, shape (B, M, n)
    n_times : int
        How many samples of a row count.
    means, squares : ndarray of float64, shape (B, M)
        Where to write.
    """
    zero = y.dtype.type(0)
    for b in range(len(y)):
        for m in range(y.shape[1]):
            row = y[b, m]
            total = zero
            for t in range(n_times):
                total += row[t]
            centre = y.dtype.type(total / n_times)
            # centred before squaring, so that nothing cancels; what rounding of the centre
            # leaves is put right by its own sum
            rest, square = zero, zero
            for t in range(n_times):
                deviation = row[t] - centre
                rest += deviation
                square += deviation * deviation
            correction = np.float64(rest) / n_times
            means[b, m] = np.float64(centre) + correction
            squares[b, m] = np.float64(square) - n_times * correction * correction


@compiled
def elu_pool(maps, pooled):
    """Normalise maps, apply ELU, average over windows and drop some of the averages.

    Parameters
    ----------
    maps : Maps
    pooled : ndarray, shape (B, M, n_times // pool)
        Where to write.
    """
    y, pool = maps.y, maps.pool
    zero, one, factor = y.dtype.type(0), y.dtype.type(1), y.dtype.type(maps.factor)
    elu = np.empty(maps.n_times, y.dtype)
    for b in range(len(y)):
        for m in range(y.shape[1]):
            row, out, scale, offset = y[b, m], pooled[b, m], maps.scale[m], maps.offset[m]
            for t in range(len(elu)):
                u = scale * row[t] + offset
                below = u if u < zero else zero
                elu[t] = (u - below) + (_exp(below) - one)
            if pool == 4:
                for p in range(len(out)):
                    t = 4 * p
                    out[p] = ((elu[t] + elu[t + 1]) + (elu[t + 2] + elu[t + 3])) * factor
            else:
                for p in range(len(out)):
                    total = zero
                    for t in range(p * pool, (p + 1) * pool):
                        total += elu[t]
                    out[p] = total * factor
            if len(maps.bits) > 0:
                bits = maps.bits[b, m]
                for p in range(len(out)):
                    out[p] = out[p] if bits[p] < maps.threshold else zero


@compiled
def elu_pool_backward(maps, mean, grad, du, sums, products):
    """Take gradients back through :func:`elu_pool`, to the normalised maps.

    Parameters
    ----------
    maps : Maps
    mean : ndarray, shape (M,)
        Of the maps.
    grad : ndarray, shape (B, M, n_times // pool)
        With respect to what was pooled.
    du : ndarray, shape (B, M, n)
        Where to write the gradient, zero beyond ``n_times``.
    sums, products : ndarray of float64, shape (B, M)
        Where to write the sums of the gradient and of its product with the centred maps.
    """
    y, pool = maps.y, maps.pool
    zero, factor = y.dtype.type(0), y.dtype.type(maps.factor)
    windows = np.empty(grad.shape[2], y.dtype)
    for b in range(len(y)):
        for m in range(y.shape[1]):
            row, out, scale, offset = y[b, m], du[b, m], maps.scale[m], maps.offset[m]
            for p in range(len(windows)):
                windows[p] = grad[b, m, p] * factor
            if len(maps.bits) > 0:
                bits = maps.bits[b, m]
                for p in range(len(windows)):
                    windows[p] = windows[p] if bits[p] < maps.threshold else zero
            if pool == 4:
                for p in range(len(windows)):
                    t, value = 4 * p, windows[p]
                    out[t] = value
                    out[t + 1] = value
                    out[t + 2] = value
                    out[t + 3] = value
            else:
                for p in range(len(windows)):
                    for t in range(p * pool, (p + 1) * pool):
                        out[t] = windows[p]
            out[pool * len(windows) :] = zero
            total = product = zero
            for t in range(maps.n_times):
                u = scale * row[t] + offset
                value = out[t] * _exp(u if u < zero else zero)
                out[t] = value
                total += value
                product += value * (row[t] - mean[m])
            sums[b, m] = total
            products[b, m] = product


@compiled
def norm_backward(maps, mean, from_mean, from_variance, du):
    """Take gradients with respect to normalised maps, in place, to those before.

    Parameters
    ----------
    maps : Maps
    mean, from_mean, from_variance : ndarray, shape (M,)
        Means of the maps; what passes through the batch's mean, and for each unit from the mean
        through its variance.
    du : ndarray, shape (B, M, n)
        Gradients.
    """
    for b in range(len(du)):
        for m in range(du.shape[1]):
            row, out = maps.y[b, m], du[b, m]
            scale, step, slope, centre = maps.scale[m], from_mean[m], from_variance[m], mean[m]
            for t in range(maps.n_times):
                out[t] = scale * (out[t] - step - slope * (row[t] - centre))


@compiled
def spectra_backward(error, spectra, transfer, cross):
    """Take gradients back through the product of spectra, complex numbers as pairs of reals.

    Parameters
    ----------
    error : ndarray, shape (B, S, N, 2)
        With respect to the products; replaced by the gradient with respect to ``spectra``.
    spectra : ndarray, shape (B, S, N, 2)
    transfer : ndarray, shape (S, N, 2)
        What they were multiplied by.
    cross : ndarray, shape (S, N, 2)
        Where to add the gradient with respect to ``transfer``, conjugated.
    """
    for b in range(len(error)):
        for s in range(len(transfer)):
            e, z, h, out = error[b, s], spectra[b, s], transfer[s], cross[s]
            for k in range(len(h)):
                a, c = e[k, 0], e[k, 1]
                out[k, 0] += z[k, 0] * a + z[k, 1] * c
                out[k, 1] += z[k, 1] * a - z[k, 0] * c
                e[k, 0] = a * h[k, 0] + c * h[k, 1]
                e[k, 1] = c * h[k, 0] - a * h[k, 1]


# -- as a function that torch differentiates -----------------------------------------------------


class Dropped(NamedTuple):
    """Random numbers for dropout, see :class:`eegsep.network.Dropout`."""

    bits: torch.Tensor
    threshold: int
    scale: float


class Block(torch.autograd.Function):
    """A block of the network in training: convolutions, normalisation, ELU, pooling, dropout."""

    @staticmethod
    def forward(ctx, x, weight, kernels, pointwise, shift, gain, bias, norm, pool, dropped):
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
        dropped : Dropped | None

        Returns
        -------
        pooled : torch.Tensor, shape (B, N, T // pool)
        """
        bank = _Bank(weight, kernels, x.shape[2])
        parts = bank.parts(len(x))
        spectra, filtered, y = ([None] * len(parts) for _ in range(3))
        means, squares = np.empty((2, len(x), len(gain)))

        def through(i):
            part = parts[i]
            y[i], spectra[i] = bank.filter(x[part])
            if pointwise is not None:
                filtered[i], y[i] = y[i], _mix(pointwise, y[i])
            row_moments(y[i].numpy(), x.shape[2], means[part], squares[part])

        side_by_side(through, len(parts))
        mean = means.mean(0)
        variance = squares.mean(0) / x.shape[2] + np.square(means - mean).mean(0)
        of_batch = torch.from_numpy(mean), torch.from_numpy(variance)
        moved = of_batch[0] if shift is None else of_batch[0] + shift
        spatial_first.update_running(norm, moved, of_batch[1], len(x) * x.shape[2])
        inverse = 1 / np.sqrt(variance + norm.eps)
        scale = gain.numpy() * inverse
        affine = _Affine(scale, bias.numpy() - mean * scale, x.shape[2], pool, dropped)
        pooled = x.new_empty(len(x), len(gain), x.shape[2] // pool)

        def pool_part(i):
            elu_pool(affine.of(y[i], parts[i]), pooled[parts[i]].numpy())

        side_by_side(pool_part, len(parts))
        ctx.save_for_backward(x, weight, kernels, pointwise, gain, bias)
        ctx.kept = bank, affine, mean, inverse, norm.eps, shift
        ctx.of_parts = spectra, filtered, y
        return pooled

    @staticmethod
    def backward(ctx, grad):
        """Gradients with respect to all that is filtered, mixed and normalised with."""
        x, weight, kernels, pointwise, gain, bias = ctx.saved_tensors
        bank, affine, mean, inverse, eps, shift = ctx.kept
        spectra, filtered, y = ctx.of_parts
        grad_shift = None if shift is None else torch.zeros_like(shift)
        if torch.is_grad_enabled():
            inputs = x, weight, kernels, pointwise, gain, bias
            plain = partial(_block, eps=eps, pool=affine.pool, dropped=affine.dropped)
            *found, of_gain, of_bias = _through_torch(plain, inputs, grad)
            return *found, grad_shift, of_gain, of_bias, None, None, None
        needs_x, needs_weight, *_ = ctx.needs_input_grad
        parts = bank.parts(len(x))
        sums, products = np.empty((2, len(x), len(gain)))
        grad = grad.contiguous().numpy()
        centre = mean.astype(grad.dtype)

        errors = [None] * len(parts)

        def to_normalised(i):
            part, errors[i] = parts[i], torch.empty_like(y[i])
            arrays = grad[part], errors[i].numpy(), sums[part], products[part]
            elu_pool_backward(affine.of(y[i], part), centre, *arrays)

        side_by_side(to_normalised, len(parts))
        grad_bias, grad_gain = sums.sum(0), products.sum(0) * inverse
        n_values = len(x) * x.shape[2]
        steps = grad_bias / n_values, grad_gain * inverse / n_values
        steps = [step.astype(grad.dtype) for step in steps]
        grad_x = torch.empty_like(x) if needs_x else None
        grad_weight, grad_pointwise, cross = ([None] * len(parts) for _ in range(3))

        def through(i):
            part, error = parts[i], errors[i]
            norm_backward(affine.of(y[i], part), centre, *steps, error.numpy())
            if pointwise is not None:
                grad_pointwise[i] = torch.bmm(error, filtered[i].mT).sum(0)
                error = _mix(pointwise.T, error)
            cross[i], error = bank.back(error, spectra[i], needs_x or needs_weight)
            if needs_weight:
                grad_weight[i] = torch.bmm(error, x[part].mT).sum(0).view_as(weight)
            if needs_x:
                grad_x[part] = error if weight is None else _mix(weight.flatten(0, 1).T, error)

        side_by_side(through, len(parts))
        return (
            grad_x,
            sum(grad_weight) if needs_weight else None,
            bank.taps(sum(cross)),
            None if pointwise is None else sum(grad_pointwise),
            grad_shift,
            *(torch.from_numpy(a).to(x.dtype) for a in (grad_gain, grad_bias)),
            None,
            None,
            None,
        )


def _block(x, weight, kernels, pointwise, gain, bias, eps, pool, dropped):
    """Compute in plain torch what :class:`Block` does."""
    if weight is None:
        weight = torch.eye(x.shape[1], dtype=x.dtype).unsqueeze(1)
    n_fft = spatial_first.padded_length(x.shape[2], kernels.shape[2])
    y = spatial_first.filter_bank(x, weight, kernels, n_fft)[..., : x.shape[2]]
    if pointwise is not None:
        y = torch.matmul(pointwise, y)
    y = F.batch_norm(y, None, None, gain, bias, training=True, eps=eps)
    y = F.avg_pool1d(F.elu(y), pool)
    if dropped is None:
        return y
    return y * (dropped.bits < dropped.threshold).view_as(y).to(y.dtype) * dropped.scale


def _through_torch(plain, inputs, grad):
    """Gradients of a function by torch's own, that can be differentiated once more."""
    with torch.enable_grad():
        wanted = [a for a in inputs if a is not None and a.requires_grad]
        found = iter(torch.autograd.grad(plain(*inputs), wanted, grad, create_graph=True))
    return [next(found) if a is not None and a.requires_grad else None for a in inputs]


class _Bank:
    """Filters of :func:`eegsep.spatial_first.filter_bank`, to be applied to parts of a batch.

    Parameters
    ----------
    weight, kernels
        As in :class:`Block`.
    n_times : int
        Samples in a window.
    """

    def __init__(self, weight, kernels, n_times):
        self.weight, self.n_times, self.length = weight, n_times, kernels.shape[2]
        self.n_fft = spatial_first.padded_length(n_times, self.length)
        self.transfer = spatial_first.transfer_functions(kernels, self.n_fft).resolve_conj()

    def parts(self, n_trials):
        """Cut trials into parts, as equal as can be, of about ``PART_VALUES`` values each."""
        n = round(n_trials * 2 * self.transfer.numel() / PART_VALUES)
        n = max(1, min(n_trials, n))
        return [slice(i * n_trials // n, (i + 1) * n_trials // n) for i in range(n)]

    def filter(self, x):
        """Filter trials (B, C, T), to (B, M, n_fft), and return the spectra (B, M, G, N) too."""
        n_maps, n_seen, _ = self.transfer.shape
        mixed = x.new_empty(len(x), n_maps * n_seen, self.n_fft)
        window = mixed[..., : self.n_times]
        if self.weight is None:
            window.copy_(x)
        else:
            _mix(self.weight, x, out=window)
        mixed[..., self.n_times :] = 0
        spectra = torch.fft.rfft(mixed).unflatten(1, (n_maps, n_seen))
        product = spectra * self.transfer
        product = product.squeeze(2) if n_seen == 1 else product.sum(2)
        return torch.fft.irfft(product, self.n_fft), spectra

    def back(self, error, spectra, whole):
        """Take gradients (B, M, n_fft) to those of the taps' spectra and what was filtered."""
        n_seen = self.transfer.shape[1]
        error = torch.fft.rfft(error)
        if n_seen > 1:
            error = error.repeat_interleave(n_seen, dim=1)
        transfer = self.transfer.flatten(0, 1)
        cross = torch.zeros_like(transfer)
        spectra_backward(*map(_pairs, (error, spectra.flatten(1, 2), transfer, cross)))
        if whole:
            error = torch.fft.irfft(error, self.n_fft)[..., : self.n_times]
        return cross, error

    def taps(self, cross):
        """Gradients of the kernels, of the spectra summed over all parts."""
        circle = torch.fft.irfft(cross, self.n_fft).unflatten(0, self.transfer.shape[:2])
        left, right = same_padding(self.length)
        return torch.cat([circle[..., self.n_fft - left :], circle[..., : right + 1]], dim=-1)


def _pairs(numbers):
    return torch.view_as_real(numbers).numpy()


def _mix(weight, x, out=None):
    """Weighted sums of the channels of ``x``, (B, C, S), with ``weight``, (..., C)."""
    weight = weight.reshape(-1, weight.shape[-1])
    # trial by trial: what comes of one does not depend on another
    return torch.bmm(weight.expand(len(x), -1, -1), x, out=out)


_NO_BITS = np.empty((0, 0, 0), np.int16)


class _Affine(NamedTuple):
    """What is common to the :class:`Maps` of all parts of a batch."""

    scale: np.ndarray
    offset: np.ndarray
    n_times: int
    pool: int
    dropped: Dropped | None

    def of(self, y, part):
        """Make those of a part, a tensor (b, M, n)."""
        y = y.numpy()
        scale, offset = self.scale.astype(y.dtype), self.offset.astype(y.dtype)
        bits, threshold, factor = _NO_BITS, 0, 1.0
        if self.dropped is not None:
            bits, threshold, factor = self.dropped
            bits = bits[part].numpy()
        arguments = scale, offset, self.n_times, self.pool, bits, threshold, factor / self.pool
        return Maps(y, *arguments)


# -- the network ---------------------------------------------------------------------------------


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
    norms = net.spatial_norm, net.separable_norm
    return (
        type(x) is torch.Tensor
        and x.device.type == weight.device.type == "cpu"
        and x.dtype == weight.dtype
        and x.dtype in (torch.float32, torch.float64)
        and len(x) > 0
        and not (x.requires_grad and torch.is_grad_enabled())
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and not torch.is_autocast_enabled("cpu")
        and not torch._C._are_functorch_transforms_active()
        and not torch._C._len_torch_dispatch_stack()
        and all(norm.running_mean is not None for norm in norms)
        and (all(norm.training for norm in norms) or not torch.is_grad_enabled())
    )


def evaluate(net, x, weight, kernels, shift):
    """Evaluate a network that :func:`can_evaluate` says yes of.

    Parameters
    ----------
    net : eegsep.EEGNet
    x : torch.Tensor, shape (B, n_chans, n_times)
    weight, kernels, shift
        From :func:`eegsep.spatial_first.normalised_filters`.

    Returns
    -------
    logits : torch.Tensor, shape (B, n_outputs)
    """
    x = _block_of(net, x.contiguous(), weight, kernels, None, shift, 1)
    if net.separable_kind == "separable":
        kernels, pointwise = net.separable_depthwise.weight[:, 0], net.pointwise.weight[:, :, 0, 0]
        x = _block_of(net, x, None, kernels, pointwise, None, 2)
    else:
        x = net.second_convolution(x.unsqueeze(2))
        x = F.avg_pool2d(F.elu(net.separable_norm(x)), (1, net.pool2))
        x = net.dropout2(x)
    x = x.flatten(1)
    if net.training:
        return net.classifier(x)
    # sums of a trial's own, which a matrix product would split by where the trial lies in memory
    return (x.unsqueeze(1) * net.classifier.weight).sum(2) + net.classifier.bias


def _block_of(net, x, weight, kernels, pointwise, shift, number):
    """Take maps through a block, the first or the second."""
    norm, pool, dropout = {
        1: (net.spatial_norm, net.pool1, net.dropout1),
        2: (net.separable_norm, net.pool2, net.dropout2),
    }[number]
    if norm.training:
        dropped = None
        if dropout.training and dropout.generator is not None and dropout.drop_prob > 0:
            shape = len(x), len(norm.weight), x.shape[2] // pool
            bits = dropout.draw(math.prod(shape), x.device).view(shape)
            dropped = Dropped(bits, dropout.threshold, dropout.scale)
        filters = weight, kernels, pointwise, shift, norm.weight, norm.bias
        x = Block.apply(x, *filters, norm, pool, dropped)
        return dropout(x) if dropped is None else x
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    mean = norm.running_mean if shift is None else norm.running_mean - shift
    offset = norm.bias - scale * mean
    affine = _Affine(scale.numpy(), offset.numpy(), x.shape[2], pool, None)
    bank = _Bank(weight, kernels, x.shape[2])
    parts = bank.parts(len(x))
    pooled = x.new_empty(len(x), len(scale), x.shape[2] // pool)

    def through(i):
        y, _ = bank.filter(x[parts[i]])
        y = y if pointwise is None else _mix(pointwise, y)
        elu_pool(affine.of(y, parts[i]), pooled[parts[i]].numpy())

    side_by_side(through, len(parts))
    return dropout(pooled)
