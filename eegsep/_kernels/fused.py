"""Numba kernels: passes over feature maps that stay in a core's cache, where torch takes many.

Plain arithmetic on arrays of rows, compiled once per machine; nothing here knows of networks.
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from .._compiling import compiled
from .vectors import BLOCK, LANES, dot_products, padded, weighted_sum


@intrinsic
def _as_float(typing_context, bits):
    """Reinterpret the 32 bits of an integer as a float."""

    def codegen(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), codegen


def _exp(x):
    """``exp(x)`` for ``x <= 0``, written so that the compiler can vectorise it."""
    raise NotImplementedError  # compiled code only


@overload(_exp, inline="always")
def _exp_compiled(x):
    if x != types.float32:
        return lambda x: math.exp(x)

    def exp_float32(x):
        # exp(x) = 2^n exp(r), |r| <= ln(2) / 2, ln(2) in two parts; polynomial of Cephes's expf.
        # Written so that NaN goes through the polynomial. Not further down than where a product
        # with what comes out stays a normal number: others cost a hundred times as much.
        x = np.float32(-50.0) if x < np.float32(-50.0) else x
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
        return p * _as_float(np.int32((n + np.int32(127)) << np.int32(23)))

    return exp_float32


@compiled
def row_moments(y, means, squares, first, last):
    """Mean and centred sum of squares of the rows of some trials.

    Parameters
    ----------
    y : ndarray, shape (B, M, T)
    means, squares : ndarray of float64, shape (B, M)
        Where to write.
    first, last : int
        Trials from ``first`` up to ``last``.
    """
    zero = y.dtype.type(0)
    n_times = y.shape[2]
    for b in range(first, last):
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
def map_moments(means, squares, n_times, eps, weight, bias):
    """Moments of maps from those of their rows, and what a normalisation makes of them.

    Parameters
    ----------
    means, squares : ndarray of float64, shape (B, M)
        From :func:`row_moments`.
    n_times : int
    eps : float
        Added to the variance.
    weight, bias : ndarray, shape (M,)
        Of the normalisation.

    Returns
    -------
    mean, variance, inverse : ndarray of float64, shape (M,)
        Over trials and samples, the variance divided by the number of values; the inverse of the
        root of variance plus eps.
    scale, offset : ndarray, shape (M,)
        What to multiply by and then add.
    """
    n_batch, n_maps = means.shape
    mean, variance = np.empty(n_maps), np.empty(n_maps)
    scale, offset = np.empty_like(weight), np.empty_like(weight)
    inverse = np.empty(n_maps)
    for m in range(n_maps):
        total = within = between = 0.0
        for b in range(n_batch):
            total += means[b, m]
            within += squares[b, m]
        mean[m] = total / n_batch
        for b in range(n_batch):
            between += (means[b, m] - mean[m]) ** 2
        variance[m] = within / (n_batch * n_times) + between / n_batch
        inverse[m] = 1 / math.sqrt(variance[m] + eps)
        scale[m] = weight[m] * inverse[m]
        offset[m] = bias[m] - mean[m] * weight[m] * inverse[m]
    return mean, variance, inverse, scale, offset


@compiled
def _elu_pool(row, scale, offset, pool, elu, out):
    """Write to ``out`` the ELU of ``scale * row + offset``, averaged over windows of ``pool``."""
    zero, one = row.dtype.type(0), row.dtype.type(1)
    for t in range(len(row)):
        u = scale * row[t] + offset
        below = u if u < zero else zero
        elu[t] = (u - below) + (_exp(below) - one)
    share = row.dtype.type(1.0 / pool)
    if pool == 4:
        for p in range(len(out)):
            t = 4 * p
            out[p] = ((elu[t] + elu[t + 1]) + (elu[t + 2] + elu[t + 3])) * share
    else:
        for p in range(len(out)):
            total = zero
            for t in range(p * pool, (p + 1) * pool):
                total += elu[t]
            out[p] = total * share


@compiled
def scale_elu_pool(y, scale, offset, pool, pooled, first, last):
    """ELU of ``scale * y + offset``, averaged over windows of ``pool`` samples, into ``pooled``.

    Parameters
    ----------
    y : ndarray, shape (B, M, T)
    scale, offset : ndarray, shape (M,)
    pool : int
    pooled : ndarray, shape (B, M, T // pool)
    first, last : int
        Trials from ``first`` up to ``last``.
    """
    elu = np.empty(y.shape[2], y.dtype)
    for b in range(first, last):
        for m in range(y.shape[1]):
            _elu_pool(y[b, m], scale[m], offset[m], pool, elu, pooled[b, m])


@compiled
def _correlate_rows(wide, kernels, step, out):
    """Correlate rows with kernels, each with its own; reversed where ``step`` is -1.

    Parameters
    ----------
    wide : ndarray, shape (M, >= n + K - 1)
    kernels : ndarray, shape (M, K)
    step : int
        1 or -1.
    out : ndarray, shape (M, n)
        Where to write, n being a multiple of ``BLOCK``.
    """
    n_maps, length = kernels.shape
    width, n = wide.shape[1], out.shape[1]
    for m in range(n_maps):
        first = m * length + (0 if step == 1 else length - 1)
        for t in range(0, n, BLOCK):
            weighted_sum(kernels, first, step, length, wide, m * width + t, 1, out, m * n + t)


@compiled
def _mix_rows(weights, first, step, rows, out, target):
    """Write to row ``target`` of ``out`` a weighted sum of rows, of a multiple of ``BLOCK``.

    The weights are ``first``, ``first`` + ``step`` and so on, counted through the array.
    """
    n_rows, n = rows.shape
    for t in range(0, n, BLOCK):
        weighted_sum(weights, first, step, n_rows, rows, t, n, out, target * n + t)


@compiled
def second_block(
    y, offset, pool1, kernels, left, pointwise, scale, shift, pool2, pooled, first, last
):
    """Take the maps of the first convolutions through all up to the dense layer, in inference.

    Parameters
    ----------
    y : ndarray, shape (B, M, T)
        Normalised but for ``offset``.
    offset : ndarray, shape (M,)
    pool1, pool2 : int
    kernels : ndarray, shape (M, K)
        Of the depthwise step, ``left`` samples of zeros before the first.
    left : int
    pointwise : ndarray, shape (N, M)
    scale, shift : ndarray, shape (N,)
        Of the normalisation after it.
    pooled : ndarray, shape (B, N, T // pool1 // pool2)
        Where to write.
    first, last : int
        Trials from ``first`` up to ``last``.
    """
    n_maps, n_times = y.shape[1:]
    n_pooled, length = n_times // pool1, kernels.shape[1]
    n = padded(n_pooled, BLOCK)
    elu = np.empty(n_times, y.dtype)
    wide = np.zeros((n_maps, n + length - 1), y.dtype)
    filtered = np.empty((n_maps, n), y.dtype)
    mixed = np.empty((1, n), y.dtype)
    one = y.dtype.type(1)
    for b in range(first, last):
        for m in range(n_maps):
            _elu_pool(y[b, m], one, offset[m], pool1, elu, wide[m, left : left + n_pooled])
        _correlate_rows(wide, kernels, 1, filtered)
        for i in range(len(pointwise)):
            _mix_rows(pointwise, i * n_maps, 1, filtered, mixed, 0)
            _elu_pool(mixed[0, :n_pooled], scale[i], shift[i], pool2, elu, pooled[b, i])


@compiled
def _unpool_elu_row(row, grad, pool, scale, offset, out):
    """Write to ``out`` the gradient with respect to ``scale * row + offset``, before ELU."""
    zero, share = row.dtype.type(0), row.dtype.type(1.0 / pool)
    if pool == 4:
        for p in range(len(grad)):
            t, value = 4 * p, grad[p] * share
            out[t] = value
            out[t + 1] = value
            out[t + 2] = value
            out[t + 3] = value
    else:
        for p in range(len(grad)):
            value = grad[p] * share
            for t in range(p * pool, (p + 1) * pool):
                out[t] = value
    out[pool * len(grad) :] = zero
    for t in range(len(row)):
        u = scale * row[t] + offset
        out[t] *= _exp(u if u < zero else zero)


@compiled
def unpool_elu_sums(y, scale, offset, mean, pool, grad, sums, products, first, last):
    """Sum over rows the gradient with respect to what went into ELU and pooling.

    Parameters
    ----------
    y : ndarray, shape (B, M, T)
        As before normalisation.
    scale, offset : ndarray, shape (M,)
    mean : ndarray of float64, shape (M,)
        Of the maps.
    pool : int
    grad : ndarray, shape (B, M, T // pool)
        With respect to what was pooled.
    sums, products : ndarray of float64, shape (B, M)
        Where to write the sums of the gradient and of its product with the centred maps.
    first, last : int
        Trials from ``first`` up to ``last``.
    """
    du = np.empty(y.shape[2], y.dtype)
    for b in range(first, last):
        for m in range(y.shape[1]):
            row, centre = y[b, m], y.dtype.type(mean[m])
            _unpool_elu_row(row, grad[b, m], pool, scale[m], offset[m], du)
            total = product = y.dtype.type(0)
            for t in range(len(row)):
                total += du[t]
                product += du[t] * (row[t] - centre)
            sums[b, m] = total
            products[b, m] = product


@compiled
def sum_trials(sums, products, inverse):
    """Gradients of a normalisation's weight and bias, from :func:`unpool_elu_sums`."""
    n_batch, n_maps = sums.shape
    grad_weight, grad_bias = np.zeros(n_maps), np.zeros(n_maps)
    for b in range(n_batch):
        for m in range(n_maps):
            grad_weight[m] += products[b, m]
            grad_bias[m] += sums[b, m]
    return grad_weight * inverse, grad_bias


@compiled
def norm_elu_pool_backward_row(b, m, y, scale, offset, mean, pool, grad, steps, out):
    """Gradient with respect to a row before normalisation by the batch's moments, ELU and pooling.

    Parameters
    ----------
    b, m : int
        Trial and map of the row.
    y, scale, offset, mean, pool, grad
        As in :func:`unpool_elu_sums`.
    steps : ndarray, shape (2, M)
        From :func:`through_moments`.
    out : ndarray, shape (T,)
        Where to write.
    """
    row, centre, a = y[b, m], y.dtype.type(mean[m]), scale[m]
    _unpool_elu_row(row, grad[b, m], pool, a, offset[m], out)
    from_mean, from_variance = steps[0, m], steps[1, m]
    for t in range(len(row)):
        out[t] = a * (out[t] - from_mean - from_variance * (row[t] - centre))


@compiled
def through_moments(inverse, grad_weight, grad_bias, n_values, scale):
    """Find what passes to every value through the mean and the variance of a batch.

    Parameters
    ----------
    inverse, grad_weight, grad_bias : ndarray of float64, shape (M,)
        As in :func:`sum_trials`.
    n_values : int
        That a map has in the batch.
    scale : ndarray, shape (M,)

    Returns
    -------
    steps : ndarray, shape (2, M)
        Of the type of ``scale``.
    """
    steps = np.empty((2, len(scale)), scale.dtype)
    for m in range(len(scale)):
        steps[0, m] = grad_bias[m] / n_values
        steps[1, m] = grad_weight[m] * inverse[m] / n_values
    return steps


@compiled
def norm_elu_pool_backward(y, scale, offset, mean, pool, grad, steps, dy, first, last):
    """Take :func:`norm_elu_pool_backward_row` of all rows of some trials into ``dy``."""
    for b in range(first, last):
        for m in range(y.shape[1]):
            norm_elu_pool_backward_row(b, m, y, scale, offset, mean, pool, grad, steps, dy[b, m])


@compiled
def separable(x, kernels, left, pointwise, filtered, mixed, means, squares, first, last):
    """Correlate each map with a short kernel of its own, then mix the maps.

    Parameters
    ----------
    x : ndarray, shape (B, M, T)
    kernels : ndarray, shape (M, K)
    left : int
        Zeros before the first sample: out(t) = sum over j of kernels(j) x(t + j - left).
    pointwise : ndarray, shape (N, M)
    filtered : ndarray, shape (B, M', n)
        Where to write the maps between the two steps, M' being M rounded up to a multiple of
        ``LANES``, and n being T rounded up to one of ``BLOCK``.
    mixed : ndarray, shape (B, N, T)
        Where to write those after the second.
    means, squares : ndarray of float64, shape (B, N)
        Where to write what :func:`row_moments` finds for these.
    first, last : int
        Trials from ``first`` up to ``last``.
    """
    n_maps, n_times = x.shape[1:]
    n = filtered.shape[2]
    wide = np.zeros((n_maps, n + kernels.shape[1] - 1), x.dtype)
    rows = np.empty((len(pointwise), n), x.dtype)
    for b in range(first, last):
        for m in range(n_maps):
            for t in range(n_times):
                wide[m, left + t] = x[b, m, t]
        _correlate_rows(wide, kernels, 1, filtered[b, :n_maps])
        for i in range(len(pointwise)):
            _mix_rows(pointwise, i * n_maps, 1, filtered[b, :n_maps], rows, i)
            for t in range(n_times):
                mixed[b, i, t] = rows[i, t]
    row_moments(mixed, means, squares, first, last)


@compiled
def separable_backward(
    mixed,
    scale,
    offset,
    mean,
    pool,
    grad,
    steps,
    x,
    kernels,
    left,
    pointwise,
    filtered,
    grad_x,
    grad_kernels,
    grad_pointwise,
    first,
    last,
):
    """Gradients of :func:`separable`, whose maps were then normalised and pooled.

    Parameters
    ----------
    mixed, scale, offset, mean, pool, grad, steps
        As in :func:`norm_elu_pool_backward_row`.
    x, kernels, left, pointwise, filtered
        As in :func:`separable`.
    grad_x : ndarray, shape (B, M, T)
        Where to write the gradient with respect to ``x``.
    grad_kernels, grad_pointwise : ndarray, shape (B, M, K') and (B, N, M')
        Where to write what each trial adds to those of the weights, K' being K rounded up to a
        multiple of ``LANES``; what lies beyond K and M is of no meaning.
    first, last : int
        Trials from ``first`` up to ``last``.
    """
    n_maps, n_times = x.shape[1:]
    length, n_mixed, n = kernels.shape[1], len(pointwise), filtered.shape[2]
    right = length - 1 - left
    width = n + length - 1
    # a row more: the products with shifts beyond the last tap lie there
    wide = np.zeros((n_maps + 1, width), x.dtype)
    error = np.zeros((n_maps, width), x.dtype)
    errors = np.zeros((n_mixed, n), x.dtype)
    own, rows = np.empty((n_maps, n), x.dtype), np.empty((n_maps, n), x.dtype)
    for b in range(first, last):
        for i in range(n_mixed):
            out = errors[i, :n_times]
            norm_elu_pool_backward_row(b, i, mixed, scale, offset, mean, pool, grad, steps, out)
            _dot_rows(errors, i * n, n, filtered[b], 0, n, grad_pointwise[b, i])
        for m in range(n_maps):
            _mix_rows(pointwise, m, n_maps, errors, own, m)
            for t in range(n_times):
                wide[m, left + t] = x[b, m, t]
                error[m, right + t] = own[m, t]
        for m in range(n_maps):
            _dot_rows(own, m * n, n, wide, m * width, 1, grad_kernels[b, m])
        _correlate_rows(error, kernels, -1, rows)
        for m in range(n_maps):
            for t in range(n_times):
                grad_x[b, m, t] = rows[m, t]


@compiled
def _dot_rows(row, begin, n, array, start, stride, out):
    """Write to ``out`` the products of ``n`` values with rows of an array, ``LANES`` at a time."""
    for i in range(0, len(out), LANES):
        dot_products(row, begin, n, array, start + i * stride, stride, out, i)


@compiled
def take(X, positions, center, scale, out):
    """Copy trials, centred and scaled, into ``out``.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
    positions : ndarray of int, shape (B,)
    center, scale : ndarray, shape (n_chans,)
        Of the type of ``X``.
    out : ndarray, shape (B, n_chans, n_times)
    """
    n_chans, n_times = X.shape[1:]
    for b in range(len(out)):
        for c in range(n_chans):
            source, row = X[positions[b], c], out[b, c]
            for t in range(n_times):
                row[t] = (source[t] - center[c]) / scale[c]
