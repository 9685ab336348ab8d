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

**What else is written out.** Convolutions along time run in the frequency domain, forward and
backward (:class:`FilterBank`): torch's own backward of a depthwise convolution takes 18 times
its forward. Normalisation, ELU and pooling are one function (:class:`NormEluPool`) that keeps two
arrays where torch keeps four, and whose ELU is exact to rounding and 17 times as fast.
"""

from __future__ import annotations

import math

import torch
from scipy.fft import next_fast_len
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from .network import same_padding

# A batch is worked through in parts whose arrays stay in a core's own cache.
PART_BYTES = 2**20


def _parts(x, per_trial=None):
    """Yield slices of trials, each of about ``PART_BYTES`` of an array like ``x``."""
    size = x[0].numel() * x.element_size() if per_trial is None else per_trial * x.element_size()
    step = max(1, PART_BYTES // max(size, 1))
    for start in range(0, len(x), step):
        yield slice(start, start + step)


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
    """Spatial filters, then ``same`` convolutions along time, by FFT: both convolutions of a block.

    y[m] = sum over g of k[m, g] * (sum over c of w[m, g, c] x[c]). As in torch, a convolution is a
    correlation: y(t) = sum over j of k(j) z(t + j - (K - 1) // 2).
    """

    @staticmethod
    def forward(ctx, x, weight, kernels):
        """Filter.

        Parameters
        ----------
        x : torch.Tensor, shape (B, C, T)
        weight : torch.Tensor, shape (M, G, C), or None where C = M and G = 1: each its own
        kernels : torch.Tensor, shape (M, G, K)

        Returns
        -------
        y : torch.Tensor, shape (B, M, T)
        """
        n_batch, _, n_times = x.shape
        n_maps, n_groups, length = kernels.shape
        # zeros for the longer side suffice: both sides of the circle share them
        n_fft = next_fast_len(n_times + length // 2, real=True)
        transfer = _transfer_functions(kernels, n_fft)
        y = x.new_empty(n_batch, n_maps, n_times)
        spectra = []
        for part in _parts(x, n_maps * n_groups * n_fft):
            z = x[part]
            if weight is not None:
                z = torch.bmm(weight.flatten(0, 1).expand(len(z), -1, -1), z)
            spectra.append(torch.fft.rfft(z.unflatten(1, (n_maps, n_groups)), n_fft))
            product = spectra[-1] * transfer
            product = product.squeeze(2) if n_groups == 1 else product.sum(2)
            y[part] = torch.fft.irfft(product, n_fft)[..., :n_times]
        ctx.save_for_backward(x, weight, transfer, *spectra)
        ctx.sizes = length, n_fft
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        """Gradients with respect to ``x``, ``weight`` and ``kernels``."""
        x, weight, transfer, *spectra = ctx.saved_tensors
        length, n_fft = ctx.sizes
        needs_x, needs_weight, _ = ctx.needs_input_grad
        cross = torch.zeros_like(transfer)
        grad_weight = torch.zeros_like(weight) if needs_weight else None
        grad_x = torch.empty_like(x) if needs_x else None
        parts = _parts(x, transfer.shape[0] * transfer.shape[1] * n_fft)
        for part, spectrum in zip(parts, spectra, strict=True):
            error = torch.fft.rfft(grad[part], n_fft).conj_physical_().unsqueeze(2)
            cross += (spectrum * error).sum(0)
            if not (needs_x or needs_weight):
                continue
            error = (transfer * error).conj_physical_()
            error = torch.fft.irfft(error, n_fft)[..., : x.shape[2]].flatten(1, 2)
            if needs_weight:
                products = torch.bmm(error, x[part].transpose(1, 2))
                grad_weight += products.sum(0).view_as(weight)
            if needs_x and weight is not None:
                back = weight.flatten(0, 1).T.expand(len(error), -1, -1)
                grad_x[part] = torch.bmm(back, error)
            elif needs_x:
                grad_x[part] = error
        circle = torch.fft.irfft(cross, n_fft)
        left, right = same_padding(length)
        grad_kernels = torch.cat([circle[..., n_fft - left :], circle[..., : right + 1]], dim=-1)
        return grad_x, grad_weight, grad_kernels


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
        mean, variance : torch.Tensor, shape (M,)
            Of the maps, the variance divided by the number of values.
        """
        n_values = y.shape[0] * y.shape[2]
        mean = y.sum(2).sum(0).div_(n_values)
        # the mean is gone before squaring, so that nothing cancels
        centred = y - mean.view(-1, 1)
        variance = torch.linalg.vector_norm(centred, dim=2).square_().sum(0).div_(n_values)
        inverse = torch.rsqrt(variance + eps)
        scale, offset = (weight * inverse).view(-1, 1), bias.view(-1, 1)
        slope = torch.empty_like(y)
        pooled = y.new_empty(*y.shape[:2], y.shape[2] // pool)
        for part in _parts(y):
            pooled[part] = _elu_pool(centred[part] * scale, offset, pool, slope[part])
        ctx.save_for_backward(centred, slope, weight, inverse)
        ctx.pool = pool
        ctx.mark_non_differentiable(mean, variance)
        return pooled, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx, grad, *_):
        """Gradients with respect to ``y``, ``weight`` and ``bias``."""
        centred, slope, weight, inverse = ctx.saved_tensors
        n_batch, _, n_times = centred.shape
        n_values = n_batch * n_times
        du = torch.empty_like(centred)
        grad_bias, projected = torch.zeros_like(weight), torch.zeros_like(weight)
        for part in _parts(du):
            _unpool(grad[part], ctx.pool, out=du[part]).mul_(slope[part])
            grad_bias += du[part].sum(2).sum(0)
            projected += (du[part] * centred[part]).sum(2).sum(0)
        # through the mean and the variance of the batch
        from_mean = (grad_bias / n_values).view(-1, 1)
        from_variance = (projected * inverse.square() / n_values).view(-1, 1)
        scale = (weight * inverse).view(-1, 1)
        for part in _parts(du):
            du[part].sub_(from_mean).sub_(centred[part] * from_variance).mul_(scale)
        return du, projected * inverse, grad_bias, None, None


def _elu_pool(u, offset, pool, slope=None):
    """ELU of ``u + offset``, pooled; overwrites ``u``, and ``slope`` with ELU's derivative."""
    u += offset
    # exp(min(u, 0)) is both the negative branch plus 1, and the derivative
    slope = torch.clamp(u, max=0, out=slope).exp_()
    elu = u.clamp_(min=0).add_(slope)
    n_pooled = elu.shape[-1] // pool
    # strided sums, which torch vectorises
    total = elu[..., 0 : n_pooled * pool : pool].clone()
    for i in range(1, pool):
        total += elu[..., i : n_pooled * pool : pool]
    return total.div_(pool).sub_(1)


def _unpool(grad, pool, out):
    """Spread the gradient of averages over their windows of ``pool`` samples."""
    n_pooled = grad.shape[-1]
    out[..., n_pooled * pool :] = 0
    windows = out[..., : n_pooled * pool].unflatten(-1, (n_pooled, pool))
    windows.copy_((grad / pool).unsqueeze(-1).expand_as(windows))
    return out


class LagStatistics:
    """Sums over electrodes and time of lagged inputs and their products, trial by trial.

    Taken once for a set of trials, in float64; any batch of it can then be had cheaply. Kept are
    2 K numbers a trial: the products G are Toeplitz, but for what the window's edges leave out,
    and that is summed for the batch from the edges themselves.

    Parameters
    ----------
    kernel_length : int
        Number of taps, K, not above the samples in a window.
    """

    def __init__(self, kernel_length):
        self.kernel_length = kernel_length
        self._sums, self._autocorrelations = [], []

    def add(self, x):
        """Take the statistics of more trials.

        Parameters
        ----------
        x : torch.Tensor, shape (B, n_chans, n_times)

        Returns
        -------
        self : LagStatistics
        """
        length, n_times = self.kernel_length, x.shape[2]
        left, right = same_padding(length)
        n_fft = next_fast_len(n_times + length - 1, real=True)
        for part in _parts(x):
            part = x[part].double()
            power = torch.view_as_real(torch.fft.rfft(part, n_fft)).square_().sum(1).sum(-1)
            self._autocorrelations.append(torch.fft.irfft(power, n_fft)[:, :length].clone())
            # a shift by k - left loses that many samples at one of the ends
            total = F.pad(part.sum(1), (1, 0)).cumsum(1)
            lost_left = total[:, : right + 1]
            lost_right = total[:, -1:] - total[:, n_times - left : n_times]
            self._sums.append(total[:, -1:] - torch.cat([lost_right, lost_left], dim=1))
        return self

    def of_batch(self, x, indices=None):
        """Sum the statistics of a batch.

        Parameters
        ----------
        x : torch.Tensor, shape (B, n_chans, n_times)
            The batch's trials.
        indices : torch.Tensor of int, shape (B,) | None
            Their positions among all that were added; None for all, in order.

        Returns
        -------
        sums : torch.Tensor of float64, shape (K,)
            m.
        products : torch.Tensor of float64, shape (K, K)
            G.
        """
        if len(self._sums) > 1:
            self._sums = [torch.cat(self._sums)]
            self._autocorrelations = [torch.cat(self._autocorrelations)]
        sums, rows = self._sums[0], self._autocorrelations[0]
        if indices is not None:
            sums, rows = sums[indices], rows[indices]
        length = self.kernel_length
        left, right = same_padding(length)
        lags = torch.arange(length, device=x.device)
        products = rows.sum(0)[(lags[:, None] - lags).abs()]
        # products of samples that a shift has moved out of the window
        if left:
            ends = x[..., x.shape[2] - left :].double().flatten(0, 1)
            products[:left, :left] -= _sum_diagonals(ends.T @ ends)
        if right:
            starts = x[..., :right].double().flatten(0, 1)
            flipped = (starts.T @ starts).flip(0, 1)
            products[left + 1 :, left + 1 :] -= _sum_diagonals(flipped).flip(0, 1)
        return sums.sum(0), products


def _sum_diagonals(square):
    """Sum each entry of a square matrix with all that follow on its diagonal."""
    n = len(square)
    # entry (i, j) of rows of 2 n lies in rows of 2 n + 1 in column j - i: a diagonal is a column
    skewed = F.pad(F.pad(square, (0, n)).flatten(), (0, n)).view(n, 2 * n + 1)
    summed = skewed.flip(0).cumsum(0).flip(0)
    return summed.flatten()[: 2 * n * n].view(n, 2 * n)[:, :n]


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
    """
    n_fft = net.n_times + net.kernel_length // 2
    n_signals = net.spatial.weight[:, :, 0, 0].numel()
    published = 2 * net.F1 * net.n_chans * net.n_times * net.kernel_length
    transforms = 4 * n_signals * 1.25 * n_fft * math.log2(max(n_fft, 2))
    return transforms < published


def forward(net, x, statistics=None):
    """Evaluate a network spatial-first; in training mode this updates its running statistics.

    Parameters
    ----------
    net : eegsep.EEGNet
        Any of its kinds.
    x : torch.Tensor, shape (B, n_chans, n_times)
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
            statistics = LagStatistics(kernels.shape[1]).add(x).of_batch(x)
        mean, variance = _temporal_moments(kernels, statistics, x.numel())
        _update_running(norm, mean, variance, x.numel())
    else:
        mean, variance = norm.running_mean, norm.running_var
    scale = norm.weight * torch.rsqrt(variance + norm.eps).to(x.dtype)
    shift = norm.bias - scale * mean.to(x.dtype)

    n_maps, n_groups = net.spatial.weight.shape[:2]
    weight = net.spatial.weight.flatten(2)  # (M, G, C): G temporal filters seen by each map
    filters = kernels * scale[:, None]
    if n_groups == 1:
        filters = filters.repeat_interleave(net.D, dim=0).unsqueeze(1)
        shifts = shift.repeat_interleave(net.D).unsqueeze(1)
    else:
        filters = filters.expand(n_maps, -1, -1)
        shifts = shift.expand(n_maps, -1)
    y = FilterBank.apply(x, weight, filters)
    shifts = (shifts * weight.sum(2)).sum(1)
    x = net.dropout1(_norm_elu_pool(net.spatial_norm, y, shifts, net.pool1, net.training))

    if net.separable_kind == "separable":
        x = FilterBank.apply(x, None, net.separable_depthwise.weight[:, 0])
        x = torch.matmul(net.pointwise.weight[:, :, 0, 0], x)
    else:
        x = net.separable_standard(x.unsqueeze(2)).squeeze(2)
    x = net.dropout2(_norm_elu_pool(net.separable_norm, x, None, net.pool2, net.training))
    return net.classifier(x.flatten(1))


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
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        offset = norm.bias - norm.running_mean * scale
        if shift is not None:
            offset = offset + shift * scale
        return _elu_pool(y * scale.view(-1, 1), offset.view(-1, 1), pool)
    pooled, mean, variance = NormEluPool.apply(y, norm.weight, norm.bias, norm.eps, pool)
    if shift is not None:
        # the batch's mean takes the shift away, but its gradient of zero is a gradient
        pooled = pooled + 0 * shift.sum()
        mean = mean + shift.detach()
    _update_running(norm, mean, variance, y.shape[0] * y.shape[2])
    return pooled


@torch.no_grad()
def _update_running(norm, mean, variance, n_values):
    norm.num_batches_tracked += 1
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), norm.momentum)
    unbiased = variance * (n_values / max(n_values - 1, 1))
    norm.running_var.lerp_(unbiased.to(norm.running_var.dtype), norm.momentum)
