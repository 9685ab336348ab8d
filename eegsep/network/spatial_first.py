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

Everything here is plain torch, so that all of torch's tools see through it. Where they need not,
``eegsep/_kernels/`` computes the same on a CPU in compiled passes.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from .convolutions import same_padding

# Statistics are taken of parts of about this many values, to need little memory.
PART_VALUES = 2**17
# Power of the electrodes' means, relative to all power, up to which single precision takes
# statistics.
MOST_MEAN = 0.01


def supports(net):
    """Whether a network filters time and electrodes one after the other, as the order needs."""
    return net.spatial_kind in ("depthwise", "grouped", "standard")


def is_cheaper(net):
    """Whether a training step takes fewer operations spatial-first than in the published order.

    Counted are, for a window, the multiply-adds of the temporal convolution and of its weights'
    gradient against those of the four Fourier transforms in their place. The spatial filters take
    as many in either order.
    """
    if not supports(net):
        return False
    n_fft = fft_length(net.n_times + net.kernel_length // 2)
    n_signals = net.spatial.weight[:, :, 0, 0].numel()
    published = 2 * net.F1 * net.n_chans * net.n_times * net.kernel_length
    spatially_first = 4 * n_signals * 1.25 * n_fft * math.log2(n_fft)
    return spatially_first < published


# -- convolution along time ----------------------------------------------------------------------


def fft_length(n):
    """Find the least even length of ``n`` or more with small factors, fast to transform."""
    return min(m << max(1, math.ceil(math.log2(max(n, 2) / m))) for m in (1, 3, 9, 27, 81, 243))


def filter_bank(x, weight, kernels):
    """Filter over electrodes, then along time: y[m] = sum_g k[m, g] * (sum_c w[m, g, c] x[c]).

    Takes x, (B, C, T), weight, (M, G, C), and kernels, (M, G, K), of whose type y, (B, M, T), is.
    As in torch, a convolution is a correlation, with ``same`` padding:
    y(t) = sum over j of k(j) x(t + j - (K - 1) // 2).
    """
    n_times, length = x.shape[-1], kernels.shape[-1]
    n_fft, (left, _) = fft_length(n_times + length // 2), same_padding(length)
    mixed = torch.matmul(weight.flatten(0, 1), x).to(kernels.dtype)
    spectra = torch.fft.rfft(mixed, n_fft).unflatten(1, weight.shape[:2])
    # tap j at lag j - left, negative lags at the end of the circle
    transfer = torch.fft.rfft(F.pad(kernels, (0, n_fft - length)).roll(-left, -1)).conj()
    return torch.fft.irfft((spectra * transfer).sum(2), n_fft)[..., :n_times]


# -- statistics of the input ---------------------------------------------------------------------


def sums_of_channels(x, n_fft):
    """Sum channels, (B, C, T) to (B, T), and their circular autocorrelations, to (B, n_fft)."""
    wide = _wide(x.device)
    power = sum(_power(part, n_fft) for part in x.split(max(1, PART_VALUES // n_fft), dim=1))
    return x.sum(1).to(wide), torch.fft.irfft(power.to(wide), n_fft)


def _of_trials(x, length, sums_of_channels=sums_of_channels):
    """Take what :class:`LagStatistics` keeps of each trial, in float64, edges as matrices."""
    wide = _wide(x.device)
    if not _may_look(x):
        x = x.to(wide)
    n_times, (left, right) = x.shape[2], same_padding(length)
    n_fft = fft_length(n_times + length - 1)
    columns, autocorrelations = sums_of_channels(x, n_fft)
    # all of them together are the power of the means
    powers = autocorrelations.sum(0)
    if x.dtype != wide and powers.sum() / n_times > MOST_MEAN * powers[0]:
        return _of_trials(x.to(wide), length, sums_of_channels)
    # a shift by k - left loses that many samples at one of the ends
    lost = [_running_sums(part) for part in (columns.flip(1)[:, :left], columns[:, :right])]
    lost = torch.cat([lost[0].flip(1), lost[0].new_zeros(len(x), 1), lost[1]], dim=1)
    sums = columns.sum(1, keepdim=True) - lost
    # and, of each product, its sum over these samples
    products = [torch.bmm(part.mT, part) for part in (x[..., n_times - left :], x[..., :right])]
    products = products[0].flip(1, 2), products[1]
    lost = (_running_sums_of_diagonals(part.to(wide)) for part in products)
    return sums, autocorrelations[:, :length], *lost


def _power(x, n_fft):
    """Sum over electrodes the squares of spectra, (B, C, T) to (B, n_fft // 2 + 1)."""
    spectra = torch.view_as_real(torch.fft.rfft(x, n_fft)).flatten(2)
    return spectra.square().sum(1).unflatten(1, (-1, 2)).sum(2)


def _may_look(x):
    """Whether the type of ``x`` will do, as far as one can tell without looking at values.

    And whether these may be looked at then: a device would wait, and torch not see through it.
    """
    return (
        x.dtype in (torch.float32, torch.float64) and x.device.type == "cpu" and not looks_inside()
    )


def looks_inside():
    """Whether torch does more than compute on a CPU: see through operations, or choose types.

    So it does under autocast, and while it traces, compiles, maps over batches or dispatches.
    """
    return bool(
        torch.is_autocast_enabled("cpu")
        or torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        or torch._C._are_functorch_transforms_active()
        or torch._C._len_torch_dispatch_stack()
    )


def _wide(device):
    """Return the type to take statistics in: MPS lacks float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def _running_sums(x):
    """Cumulative sums along the last axis; torch's own are refused by deterministic CUDA."""
    return x @ torch.ones(x.shape[-1], x.shape[-1], dtype=x.dtype, device=x.device).triu()


def _running_sums_of_diagonals(squares):
    """Cumulative sums along each diagonal of matrices, (B, n, n)."""
    n_trials, n, _ = squares.shape
    # shifted by its number to the right, each row has a diagonal's elements in one column
    shifted = F.pad(F.pad(squares, (n, 0)).flatten(1), (0, n)).view(n_trials, n, 2 * n + 1)
    shifted = _running_sums(shifted.mT).mT
    return shifted.flatten(1)[:, : 2 * n * n].view(n_trials, n, 2 * n)[..., n:]


def _of_batch(sums, autocorrelations, ends, starts):
    """Make m (K,) and G (K, K) of the sums over trials of what :func:`_of_trials` gives."""
    length = len(sums)
    diagonals = torch.cat([autocorrelations.flip(0), autocorrelations[1:]])
    products = diagonals.unfold(0, length, 1).flip(0)
    # what shifts have moved out of the window
    products[: len(ends), : len(ends)] -= ends.flip(0, 1)
    products[length - len(starts) :, length - len(starts) :] -= starts
    return sums, products


def lag_statistics(x, kernel_length, sums_of_channels=sums_of_channels):
    """Sum lagged inputs, and their products, over trials, electrodes and time.

    Parameters
    ----------
    x : torch.Tensor, shape (B, n_chans, n_times)
        Trials.
    kernel_length : int
        Number of taps, K, not above the samples in a window.
    sums_of_channels : callable
        Where most of the time goes: :func:`sums_of_channels` or a faster one.

    Returns
    -------
    m : torch.Tensor, shape (K,)
        Sums of lagged inputs, of float64, but on MPS.
    G : torch.Tensor, shape (K, K)
        Sums of their products.

    Examples
    --------
    >>> import torch
    >>> from eegsep import EEGNet
    >>> from eegsep.network.spatial_first import lag_statistics
    >>> net, X = EEGNet(n_chans=4, n_times=64, n_outputs=2), torch.randn(8, 4, 64)
    >>> net(X, statistics=lag_statistics(X, net.kernel_length)).shape
    torch.Size([8, 2])
    """
    as_one_trial = x.flatten(0, 1).unsqueeze(0)
    return _of_batch(
        *(a.squeeze(0) for a in _of_trials(as_one_trial, kernel_length, sums_of_channels))
    )


class LagStatistics:
    """:func:`lag_statistics` of many trials, for any batch of them.

    Taken once for a set of trials; those of any batch are then sums of a few numbers. The
    products G are Toeplitz, but for what the window's edges leave out: kept are, for a trial, K
    sums m, K autocorrelations, and what is left out at each end by half as many lags, of which a
    half is the mirror image of the other: K (K / 4 + 2) numbers.

    Parameters
    ----------
    kernel_length : int
        Number of taps, K, not above the samples in a window.
    n_trials : int
        How many will be added.

    Examples
    --------
    >>> import torch
    >>> from eegsep import EEGNet
    >>> from eegsep.network.spatial_first import LagStatistics
    >>> X, net = torch.randn(10, 22, 512), EEGNet(n_chans=22, n_times=512, n_outputs=4)
    >>> statistics = LagStatistics(net.kernel_length, len(X)).add(X)
    >>> batch = torch.tensor([4, 0, 7])
    >>> net(X[batch], statistics=statistics.of_batch(batch)).shape
    torch.Size([3, 4])
    """

    def __init__(self, kernel_length, n_trials):
        self.kernel_length = kernel_length
        self._n_trials, self._n_added, self._kept = n_trials, 0, None

    @torch.no_grad()
    def add(self, x):
        """Take the statistics of more trials, in float64; edges are kept in the type of ``x``.

        Parameters
        ----------
        x : torch.Tensor, shape (B, n_chans, n_times)

        Returns
        -------
        self : LagStatistics
        """
        size = max(x[0].numel(), 4 * self.kernel_length**2)  # the edges' products take more
        for part in x.split(max(1, PART_VALUES // size)):
            *taps, ends, starts = _of_trials(part, self.kernel_length)
            edges = (_upper_triangle(edge).to(x.dtype) for edge in (ends, starts))
            self._keep(*taps, *edges)
        return self

    def _keep(self, *found):
        if self._kept is None:
            self._kept = [a.new_empty(self._n_trials, *a.shape[1:]) for a in found]
            self._places = [_places(n, found[0].device) for n in same_padding(self.kernel_length)]
        there = slice(self._n_added, self._n_added + len(found[0]))
        for kept, new in zip(self._kept, found, strict=True):
            kept[there] = new
        self._n_added = there.stop

    @torch.no_grad()
    def of_batch(self, indices=None):
        """Sum the statistics of a batch.

        Parameters
        ----------
        indices : torch.Tensor of int, shape (B,) | None
            The batch's trials, by their positions among all that were added; None for all.

        Returns
        -------
        sums, products : torch.Tensor
            As :func:`lag_statistics` gives them.
        """
        kept = [a[: self._n_added] for a in self._kept]
        if indices is not None:
            kept = [a.index_select(0, indices.to(a.device)) for a in kept]
        sums, autocorrelations, *edges = (a.sum(0).to(kept[0].dtype) for a in kept)
        edges = (edge[place] for edge, place in zip(edges, self._places, strict=True))
        return _of_batch(sums, autocorrelations, *edges)


def _upper_triangle(squares):
    """Pack symmetric matrices, (B, n, n), by row, (B, n (n + 1) / 2)."""
    i, j = torch.triu_indices(*squares.shape[1:], device=squares.device)
    return squares[:, i, j]


def _places(n, device):
    """Where :func:`_upper_triangle` puts each element of a matrix (n, n)."""
    i, j = torch.triu_indices(n, n, device=device)
    places = torch.empty(n, n, dtype=torch.int64, device=device)
    places[i, j] = places[j, i] = torch.arange(len(i), device=device)
    return places


# -- normalisation 1 -----------------------------------------------------------------------------


def normalised_filters(net, x, statistics=None):
    """Fold normalisation 1 into the filters; in training this updates its running statistics.

    The statistics are those that :func:`lag_statistics` gives for ``x``, (B, n_chans, n_times),
    in training; None to take them. Returns, for :func:`filter_bank`, the weight, (M, G, n_chans),
    of each map for each of the G temporal filters that it sees, and these, scaled, (M, G, K); and
    the shift, (M,), to be added.
    """
    kernels, norm = net.temporal.weight[:, 0, 0], net.temporal_norm
    if norm.training or norm.running_mean is None:
        if statistics is None:
            statistics = lag_statistics(x, kernels.shape[1])
        n_values = len(x) * net.n_chans * net.n_times
        mean, variance = moments_of_filtered(kernels, statistics, n_values)
        update_running(norm, mean, variance, n_values)
    else:
        mean, variance = norm.running_mean, norm.running_var
    weight = net.spatial.weight.flatten(2)
    return weight, *folded(kernels, weight, norm.weight, norm.bias, norm.eps, mean, variance)


def moments_of_filtered(kernels, statistics, n_values):
    """Find mean and variance, (F,), of inputs filtered with kernels, (F, K), of lag statistics."""
    sums, products = statistics
    wide = kernels.to(products.dtype)
    mean = wide @ sums / n_values
    return mean, ((wide @ products) * wide).sum(1) / n_values - mean.square()


def folded(kernels, weight, gain, bias, eps, mean, variance):
    """Fold a normalisation of what kernels filter into them, and into a shift of each map.

    Returns kernels, (M, G, K), of each map, and the shift, (M,).
    """
    # computed in a type that fast transforms exist for
    kernels = kernels.to(torch.promote_types(kernels.dtype, torch.float32))
    scale = gain * torch.rsqrt(variance + eps)
    shift = (bias - scale * mean).to(kernels.dtype)
    kernels = kernels * scale.to(kernels.dtype).unsqueeze(1)
    # each map is given what it sees of the temporal filters
    n_maps, n_seen, _ = weight.shape
    repeats = n_maps * n_seen // len(kernels)
    kernels, shift = (
        rows.view(-1, 1, n_seen, rows.shape[1]).expand(-1, repeats, -1, -1).flatten(0, 1)
        for rows in (kernels, shift.unsqueeze(1))
    )
    return kernels, (shift.squeeze(2) * weight.sum(2)).sum(1)


@torch.no_grad()
def update_running(norm, mean, variance, n_values):
    """Move a normalisation's running moments towards those of a batch, as torch does.

    The variance is that divided by ``n_values``, the number that each map has in the batch.
    """
    if norm.running_mean is None:
        return
    norm.num_batches_tracked.add_(1)
    running_mean, running_var = norm.running_mean, norm.running_var
    share = norm.momentum
    if share is None:  # the mean over all batches
        share = norm.num_batches_tracked.reciprocal().to(running_mean.dtype)
    unbiased = variance * (n_values / max(n_values - 1, 1))
    # in place, vmap would call it for one network after the other
    running_mean.copy_(running_mean.lerp(mean.to(running_mean.dtype), share))
    running_var.copy_(running_var.lerp(unbiased.to(running_var.dtype), share))
