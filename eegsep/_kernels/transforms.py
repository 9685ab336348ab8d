"""Filtering along time by Fourier transforms of eight signals at once, compiled.

Signals lie beside each other, a vector of them for each sample, so that a transform is plain
arithmetic on the processor's vectors; nothing here knows of networks.
"""

from __future__ import annotations

from functools import cache, partial
from typing import NamedTuple

import numpy as np
from numba import types
from numba.extending import intrinsic

from .._compiling import compiled, part_of_compiled
from ..threads import in_parts
from .fused import norm_elu_pool_backward_row, row_moments
from .vectors import LANES, Vectors, padded


class Plan(NamedTuple):
    """How to transform: radices of the passes, and their twiddle factors.

    Attributes
    ----------
    radices : ndarray of int, shape (n_passes,)
        Of the forward transform's passes; their product is its length.
    starts : ndarray of int, shape (n_passes,)
        Where the factors of a pass begin.
    twiddles : ndarray, shape (n_factors, 2)
        Real and imaginary parts; for a pass of radix r over blocks of n samples, r - 1 factors
        for each of n / r positions.
    """

    radices: np.ndarray
    starts: np.ndarray
    twiddles: np.ndarray


@cache
def plan(n_fft, dtype):
    """Plan transforms of a length.

    Parameters
    ----------
    n_fft : int
        Without other prime factors than 2, 3 and 5.
    dtype : numpy.dtype

    Returns
    -------
    plan : Plan
    """
    radices, starts, factors, rest = [], [], [], n_fft
    for radix in (4, 2, 3, 5):
        while rest % radix == 0:
            angles = np.outer(np.arange(rest // radix), np.arange(1, radix)).ravel() / rest
            radices.append(radix)
            starts.append(sum(map(len, factors)))
            factors.append(np.exp(-2j * np.pi * angles))
            rest //= radix
    factors = np.concatenate(factors)
    twiddles = np.stack([factors.real, factors.imag], axis=1).astype(dtype)
    return Plan(np.array(radices), np.array(starts), twiddles)


def _make_butterfly(radix, sign):
    """Make the step of a transform that combines ``radix`` numbers, in place.

    Forward (sign -1) twiddle factors are multiplied after it, backward their conjugates before.
    """

    def rows(vectors, row, step):
        out = [row]
        for _ in range(radix - 1):
            out.append(vectors.plus(out[-1], step))
        return out

    @intrinsic
    def butterfly(typing_context, array, row, step, twiddles, first):
        def codegen(context, builder, signature, arguments):
            v = Vectors(context, builder, array.dtype)
            data, factors = (v.pointer(t, arguments[i]) for t, i in ((array, 0), (twiddles, 3)))
            places = rows(v, arguments[1], arguments[2])
            x = [v.load_complex(data, place) for place in places]
            w, offset = [], v.times(arguments[4], v.index(2))
            for q in range(2 * (radix - 1)):
                w.append(v.broadcast(factors, v.plus(offset, v.index(q))))
            w = list(zip(w[::2], w[1::2], strict=True))
            if sign > 0:
                x[1:] = [v.multiply(a, b, conjugate=True) for a, b in zip(x[1:], w, strict=True)]
            x = v.transform(x, sign)
            if sign < 0:
                x[1:] = [v.multiply(a, b) for a, b in zip(x[1:], w, strict=True)]
            for number, place in zip(x, places, strict=True):
                v.store_complex(number, data, place)
            return context.get_dummy_value()

        return types.void(array, row, step, twiddles, first), codegen

    @intrinsic
    def plain(typing_context, array, row, step):
        def codegen(context, builder, signature, arguments):
            v = Vectors(context, builder, array.dtype)
            data = v.pointer(array, arguments[0])
            places = rows(v, arguments[1], arguments[2])
            x = v.transform([v.load_complex(data, place) for place in places], sign)
            for number, place in zip(x, places, strict=True):
                v.store_complex(number, data, place)
            return context.get_dummy_value()

        return types.void(array, row, step), codegen

    @part_of_compiled
    def go(array, size, twiddles, start):
        step = size // radix
        for block in range(0, len(array), size):
            if step == 1:
                plain(array, block, step)
            else:
                for j in range(step):
                    butterfly(array, block + j, step, twiddles, start + j * (radix - 1))

    return go


def _make_pass(sign):
    """Make a pass of a transform over all blocks, of any radix."""
    two, three, four, five = (_make_butterfly(radix, sign) for radix in (2, 3, 4, 5))

    @part_of_compiled
    def go(radix, z, size, twiddles, start):
        if radix == 4:
            four(z, size, twiddles, start)
        elif radix == 2:
            two(z, size, twiddles, start)
        elif radix == 3:
            three(z, size, twiddles, start)
        else:
            five(z, size, twiddles, start)

    return go


_pass_forward, _pass_back = _make_pass(-1), _make_pass(1)


@compiled
def transform(z, radices, starts, twiddles):
    """Fourier transform of complex signals, in place; frequencies end in an order of their own.

    Parameters
    ----------
    z : ndarray, shape (n_fft, 2, LANES)
        Real and imaginary parts.
    radices, starts, twiddles
        A :class:`Plan`.
    """
    size = len(z)
    for i in range(len(radices)):
        _pass_forward(radices[i], z, size, twiddles, starts[i])
        size //= radices[i]


@compiled
def transform_back(z, radices, starts, twiddles):
    """Undo :func:`transform`, but for a factor of ``n_fft``."""
    size = 1
    for i in range(len(radices) - 1, -1, -1):
        size *= radices[i]
        _pass_back(radices[i], z, size, twiddles, starts[i])


@intrinsic
def _to_lanes(typing_context, source, offset, stride, array, row):
    """Copy ``LANES`` samples of as many signals, ``stride`` values apart, to rows two apart."""

    def codegen(context, builder, signature, arguments):
        v = Vectors(context, builder, array.dtype)
        data, out = (v.pointer(t, arguments[i]) for t, i in ((source, 0), (array, 3)))
        place, to = arguments[1], v.times(arguments[4], v.index(LANES))
        vectors = []
        for _ in range(LANES):
            vectors.append(v.load(data, place))
            place = v.plus(place, arguments[2])
        for vector in v.transpose(vectors):
            v.store(vector, out, to)
            to = v.plus(to, v.index(2 * LANES))
        return context.get_dummy_value()

    return types.void(source, offset, stride, array, row), codegen


@intrinsic
def _from_lanes(typing_context, array, row, out, offset, stride):
    """Undo :func:`_to_lanes`."""

    def codegen(context, builder, signature, arguments):
        v = Vectors(context, builder, array.dtype)
        data, to = (v.pointer(t, arguments[i]) for t, i in ((array, 0), (out, 2)))
        place, target = v.times(arguments[1], v.index(LANES)), arguments[3]
        vectors = []
        for _ in range(LANES):
            vectors.append(v.load(data, place))
            place = v.plus(place, v.index(2 * LANES))
        for vector in v.transpose(vectors):
            v.store(vector, to, target)
            target = v.plus(target, arguments[4])
        return context.get_dummy_value()

    return types.void(array, row, out, offset, stride), codegen


def _make_product(conjugate, accumulate):
    """Make the products of rows of two spectra, stored in or added to those of a third."""

    @intrinsic
    def product(typing_context, x, y, out, row):
        def codegen(context, builder, signature, arguments):
            v = Vectors(context, builder, out.dtype)
            a, b, to = (v.pointer(t, arguments[i]) for i, t in enumerate((x, y, out)))
            row = arguments[3]
            number = v.multiply(v.load_complex(a, row), v.load_complex(b, row), conjugate=conjugate)
            if accumulate:
                number = v.add(v.load_complex(to, row), number)
            v.store_complex(number, to, row)
            return context.get_dummy_value()

        return types.void(x, y, out, row), codegen

    return product


_multiply = _make_product(False, False)
_multiply_conjugate = _make_product(True, False)
_add_conjugate_product = _make_product(True, True)


@compiled
def kernel_spectra(kernels, left, factor, spectra, radices, starts, twiddles):
    """Spectra of kernels laid on a circle, tap j at sample j - ``left``.

    Parameters
    ----------
    kernels : ndarray, shape (M, K)
    left : int
    factor : float
        What to multiply by.
    spectra : ndarray, shape (n_blocks, n_fft, 2, LANES)
        Where to write those of kernels ``LANES`` b to ``LANES`` b + 7 in block b, those of no
        kernel being zero.
    radices, starts, twiddles
        A :class:`Plan`.
    """
    n_kernels, length = kernels.shape
    size = spectra.shape[1]
    spectra[:] = 0
    for m in range(n_kernels):
        block, lane = m // LANES, m % LANES
        for j in range(length):
            spectra[block, (j - left) % size, 0, lane] += kernels[m, j] * factor
    for block in range(len(spectra)):
        transform(spectra[block], radices, starts, twiddles)


@intrinsic
def _copy(typing_context, source, offset, out, row):
    """Copy ``LANES`` values from a place in one array to a row of another."""

    def codegen(context, builder, signature, arguments):
        v = Vectors(context, builder, out.dtype)
        data, to = (v.pointer(t, arguments[i]) for t, i in ((source, 0), (out, 2)))
        v.store(v.load(data, arguments[1]), to, v.times(arguments[3], v.index(LANES)))
        return context.get_dummy_value()

    return types.void(source, offset, out, row), codegen


def _make_products(n_blocks):
    """Make the two inner loops over a packed trial, for one block of lanes or two side by side.

    ``LANES`` sums fit the registers: for two blocks, those of half as many values, but a value
    that is loaded then serves both.
    """
    n_values = LANES // n_blocks

    @intrinsic
    def mix(typing_context, packed, first, n_chans, weights, weight_row, z, row, step):
        def codegen(context, builder, signature, arguments):
            v = Vectors(context, builder, z.dtype)
            kinds = (packed, 0), (weights, 3), (z, 5)
            data, factors, out = (v.pointer(t, arguments[i]) for t, i in kinds)
            _, first, n, _, weight_row, _, row, step = arguments
            for start in range(0, LANES, n_values):
                sums = [v.zeros(n_values) for _ in range(n_blocks)]
                with v.loop(n) as channel:
                    value_row, factor_row = v.plus(first, channel), v.plus(weight_row, channel)
                    loaded = []
                    for _ in range(n_blocks):
                        loaded.append(v.load_row(factors, factor_row))
                        factor_row = v.plus(factor_row, n)
                    place = v.times(value_row, v.index(LANES))
                    for i in range(n_values):
                        value = v.broadcast(data, v.plus(place, v.index(start + i)))
                        for of_block, factor in zip(sums, loaded, strict=True):
                            v.accumulate(of_block[i], value, factor)
                to = v.plus(row, v.index(2 * start))
                for of_block in sums:
                    for i, total in enumerate(of_block):
                        v.store_row(builder.load(total), out, v.plus(to, v.index(2 * i)))
                    to = v.plus(to, step)
            return context.get_dummy_value()

        return types.void(packed, first, n_chans, weights, weight_row, z, row, step), codegen

    @intrinsic
    def add_products(
        typing_context, packed, channel, n_chans, n_samples, z, row, step, out, out_row
    ):
        def codegen(context, builder, signature, arguments):
            v = Vectors(context, builder, z.dtype)
            kinds = (packed, 0), (z, 4), (out, 7)
            data, errors, to = (v.pointer(t, arguments[i]) for t, i in kinds)
            _, channel, n_chans, n_samples, _, row, step, _, out_row = arguments
            for start in range(0, LANES, n_values):
                sums = [v.zeros(n_values) for _ in range(n_blocks)]
                with v.loop(n_samples) as block:
                    place = v.plus(v.plus(channel, v.times(block, n_chans)), v.index(start))
                    place = v.times(place, v.index(LANES))
                    error_row = v.plus(row, v.times(block, v.index(2 * LANES)))
                    for t in range(LANES):
                        loaded, source = [], v.plus(error_row, v.index(2 * t))
                        for _ in range(n_blocks):
                            loaded.append(v.load_row(errors, source))
                            source = v.plus(source, step)
                        for i in range(n_values):
                            value = v.broadcast(data, v.plus(place, v.index(LANES * i + t)))
                            for of_block, error in zip(sums, loaded, strict=True):
                                v.accumulate(of_block[i], value, error)
                target = v.plus(out_row, v.index(start))
                for of_block in sums:
                    for i, total in enumerate(of_block):
                        place = v.plus(target, v.index(i))
                        total = v.sum(v.load_row(to, place), builder.load(total))
                        v.store_row(total, to, place)
                    target = v.plus(target, n_chans)
            return context.get_dummy_value()

        return types.void(packed, channel, n_chans, n_samples, z, row, step, out, out_row), codegen

    return mix, add_products


_mix_one, _add_products_one = _make_products(1)
_mix_two, _add_products_two = _make_products(2)


@compiled
def _mix(packed, n_chans, weights, z, part):
    """Weighted sums of a packed trial's channels, for all weights, into a part of z."""
    n_blocks, size = z.shape[:2]
    for b in range(len(packed)):
        first, row = b * packed.shape[1], 2 * LANES * b + part
        for block in range(0, n_blocks - 1, 2):
            place = 2 * size * block + row
            _mix_two(packed, first, n_chans, weights, block * n_chans, z, place, 2 * size)
        if n_blocks % 2:
            block = n_blocks - 1
            place = 2 * size * block + row
            _mix_one(packed, first, n_chans, weights, block * n_chans, z, place, 2 * size)


@compiled
def _add_weight_gradients(packed, z, part, grad_weights):
    """Add the products of a packed trial's channels with a part of z, over samples."""
    n_blocks, size = z.shape[:2]
    n_samples, n_chans = packed.shape[:2]
    for c in range(0, n_chans, LANES):
        for block in range(0, n_blocks - 1, 2):
            row, out = 2 * size * block + part, block * n_chans + c
            _add_products_two(packed, c, n_chans, n_samples, z, row, 2 * size, grad_weights, out)
        if n_blocks % 2:
            block = n_blocks - 1
            row, out = 2 * size * block + part, block * n_chans + c
            _add_products_one(packed, c, n_chans, n_samples, z, row, 2 * size, grad_weights, out)


@compiled
def _pack_trial(trial, row, packed):
    """Copy a trial (C, T) to blocks of samples, (n_blocks, >= C, LANES).

    ``row`` is space for ``LANES`` n_blocks values; zeros beyond the window stay as they are.
    """
    n_chans, n_times = trial.shape
    for c in range(n_chans):
        source = trial[c]
        for t in range(n_times):
            row[t] = source[t]
        for block in range(len(packed)):
            _copy(row, LANES * block, packed, block * packed.shape[1] + c)


@compiled
def lay_out_weights(weight, weights):
    """Copy spatial filters (M, C) to (n_blocks, C, LANES), zeros where there is none."""
    weights[:] = 0
    for m in range(len(weight)):
        for c in range(weight.shape[1]):
            weights[m // LANES, c, m % LANES] = weight[m, c]


@compiled
def _pack_maps(maps, trial, first, part, z):
    """Put maps (B, M, T) of a trial, from ``first``, into a part, real or imaginary, of z."""
    n_maps, n_times = maps.shape[1:]
    n, begin = min(LANES, n_maps - first), 0
    if n == LANES:
        offset = (trial * n_maps + first) * n_times
        for t in range(0, n_times - LANES + 1, LANES):
            _to_lanes(maps, offset + t, n_times, z, 2 * t + part)
        begin = n_times // LANES * LANES
    for t in range(begin, n_times):
        for lane in range(n):
            z[t, part, lane] = maps[trial, first + lane, t]
        for lane in range(n, LANES):
            z[t, part, lane] = 0


@compiled
def _unpack_maps(z, trial, first, part, maps):
    """Undo :func:`_pack_maps`."""
    n_maps, n_times = maps.shape[1:]
    if trial >= len(maps):
        return
    n, begin = min(LANES, n_maps - first), 0
    if n == LANES:
        offset = (trial * n_maps + first) * n_times
        for t in range(0, n_times - LANES + 1, LANES):
            _from_lanes(z, 2 * t + part, maps, offset + t, n_times)
        begin = n_times // LANES * LANES
    for t in range(begin, n_times):
        for lane in range(n):
            maps[trial, first + lane, t] = z[t, part, lane]


@compiled
def _empty_like_trials(shape, dtype):
    """Space for :func:`_pack_trial`, zeros beyond the window and the channels."""
    n_chans, n_times = padded(shape[0]), padded(shape[1])
    return np.zeros(n_times, dtype), np.zeros((n_times // LANES, n_chans, LANES), dtype)


@compiled
def filter_trials(
    X,
    weights,
    transfer,
    spectra,
    maps,
    means,
    squares,
    radices,
    starts,
    twiddles,
    first,
    last,
):
    """Apply spatial filters to trials, and correlate what each gives with a kernel of its own.

    For training, two trials are the real and the imaginary part of one complex signal, and share
    its rounding errors. Where no spectra are kept each trial is transformed alone, so that what is
    predicted of one does not depend on another.

    Parameters
    ----------
    X : ndarray, shape (B, C, T)
    weights : ndarray, shape (n_blocks, C, LANES)
        From :func:`lay_out_weights`.
    transfer : ndarray, shape (n_blocks, n_fft, 2, LANES)
        From :func:`kernel_spectra`, with a factor of 1 / n_fft.
    spectra : ndarray, shape (n_pairs, n_blocks, n_fft, 2, LANES)
        Where to keep the spectra of pairs of trials; of shape (0, ...) to keep none.
    maps : ndarray, shape (B, M, T)
        Where to write: maps(t) = sum over j of kernel(j) signal(t + j - left).
    means, squares : ndarray of float64, shape (B, M) or (0, M)
        Where to write what :func:`eegsep._kernels.fused.row_moments` finds, or not.
    radices, starts, twiddles
        A :class:`Plan`.
    first, last : int
        Pairs of trials from ``first`` up to ``last``; trials, where no spectra are kept.
    """
    n_blocks, size = transfer.shape[:2]
    n_together = 2 if len(spectra) > 0 else 1
    n_chans = X.shape[1]
    row, packed = _empty_like_trials(X.shape[1:], maps.dtype)
    y = np.empty((size, 2, LANES), maps.dtype)
    own = np.empty((1 if len(spectra) == 0 else 0, n_blocks, size, 2, LANES), maps.dtype)
    for pair in range(first, last):
        z = spectra[pair] if len(spectra) > 0 else own[0]
        z[:, LANES * len(packed) :] = 0
        for part in range(2):
            trial = n_together * pair + part
            if part == n_together or trial == len(X):
                z[:, :, part] = 0
                continue
            _pack_trial(X[trial], row, packed)
            _mix(packed, n_chans, weights, z, part)
        for block in range(n_blocks):
            transform(z[block], radices, starts, twiddles)
            for f in range(size):
                _multiply_conjugate(z[block], transfer[block], y, f)
            transform_back(y, radices, starts, twiddles)
            for part in range(n_together):
                _unpack_maps(y, n_together * pair + part, LANES * block, part, maps)
        if len(means) > 0:
            start = n_together * pair
            row_moments(maps, means, squares, start, min(start + n_together, len(maps)))


@compiled
def filter_trials_backward(
    X,
    y,
    scale,
    offset,
    mean,
    pool,
    grad,
    steps,
    transfer,
    spectra,
    cross,
    grad_weights,
    radices,
    starts,
    twiddles,
    first,
    last,
):
    """Gradients of :func:`filter_trials`, whose maps were then normalised and pooled.

    Parameters
    ----------
    X, transfer, spectra
        As there, all spectra kept.
    y, scale, offset, mean, pool, grad, steps
        As in :func:`eegsep._kernels.fused.norm_elu_pool_backward_row`, y being the maps.
    cross : ndarray, shape (n_parts, n_blocks, n_fft, 2, LANES)
        Where to write, for each part of the batch, the spectra of what :func:`kernel_gradients`
        makes gradients of.
    grad_weights : ndarray, shape (n_parts, n_blocks, C', LANES)
        Where to write the gradients with respect to the weights, C' being C rounded up to a
        multiple of ``LANES``.
    radices, starts, twiddles
        A :class:`Plan`.
    first, last : int
        Parts from ``first`` up to ``last``.
    """
    n_blocks, size = transfer.shape[:2]
    n_pairs, n_parts = len(spectra), len(cross)
    n_trials, n_maps, n_times = y.shape
    row, packed = _empty_like_trials(X.shape[1:], y.dtype)
    errors = np.empty((2, n_maps, n_times), y.dtype)
    z = np.empty((n_blocks, size, 2, LANES), y.dtype)
    for p in range(first, last):
        cross[p] = 0
        grad_weights[p] = 0
        for pair in range(p * n_pairs // n_parts, (p + 1) * n_pairs // n_parts):
            n_here = min(2, n_trials - 2 * pair)
            errors[n_here:] = 0
            for part in range(n_here):
                for m in range(n_maps):
                    norm_elu_pool_backward_row(
                        2 * pair + part,
                        m,
                        y,
                        scale,
                        offset,
                        mean,
                        pool,
                        grad,
                        steps,
                        errors[part, m],
                    )
            for block in range(n_blocks):
                for part in range(2):
                    _pack_maps(errors, part, LANES * block, part, z[block])
                z[block, n_times:] = 0
                transform(z[block], radices, starts, twiddles)
                for f in range(size):
                    _add_conjugate_product(spectra[pair, block], z[block], cross[p, block], f)
                    _multiply(z[block], transfer[block], z[block], f)
                transform_back(z[block], radices, starts, twiddles)
            for part in range(n_here):
                _pack_trial(X[2 * pair + part], row, packed)
                _add_weight_gradients(packed, z, part, grad_weights[p])


@compiled
def kernel_gradients(cross, left, grad_kernels, radices, starts, twiddles):
    """Gradients with respect to kernels, from spectra that :func:`filter_trials_backward` wrote.

    Parameters
    ----------
    cross : ndarray, shape (n_blocks, n_fft, 2, LANES)
        Their sum over all trials; overwritten.
    left : int
        As in :func:`kernel_spectra`.
    grad_kernels : ndarray, shape (M, K)
        Where to write.
    radices, starts, twiddles
        A :class:`Plan`.
    """
    n_kernels, length = grad_kernels.shape
    size = cross.shape[1]
    for block in range(len(cross)):
        transform_back(cross[block], radices, starts, twiddles)
    for m in range(n_kernels):
        for j in range(length):
            value = cross[m // LANES, (j - left) % size, 0, m % LANES]
            grad_kernels[m, j] = value / size


def least_length(n_times, kernel_length):
    """Count the samples that :class:`Filters` need in a transform.

    Parameters
    ----------
    n_times, kernel_length : int
        Samples in a trial and in a kernel.

    Returns
    -------
    n_samples : int
    """
    return max(n_times + kernel_length // 2, padded(n_times))


class Filters:
    """Spatial filters, and after each a kernel of its own along time, ready to be applied.

    Parameters
    ----------
    weight : ndarray, shape (M, C)
        Spatial filters.
    kernels : ndarray, shape (M, K)
    left : int
        Where a kernel begins: out(t) = sum over j of kernel(j) signal(t + j - left).
    n_fft : int
        Length of the transforms, not below :func:`least_length`.
    """

    # Sums over a batch are made of as many sums as this at most, whatever number of threads.
    _most_parts = 8

    def __init__(self, weight, kernels, left, n_fft):
        if weight.dtype != kernels.dtype:
            raise TypeError(f"filters are of {weight.dtype}, but kernels of {kernels.dtype}")
        self._shape, self._length, self._left = weight.shape, kernels.shape[1], left
        self._plan = plan(n_fft, kernels.dtype)
        n_blocks = padded(len(weight)) // LANES
        self._weights = np.empty((n_blocks, weight.shape[1], LANES), weight.dtype)
        lay_out_weights(weight, self._weights)
        self._transfer = np.empty((n_blocks, n_fft, 2, LANES), kernels.dtype)
        factor = kernels.dtype.type(1 / n_fft)
        kernel_spectra(kernels, left, factor, self._transfer, *self._plan)

    def __call__(self, trials):
        """Filter trials.

        Parameters
        ----------
        trials : ndarray, shape (B, C, T)

        Returns
        -------
        maps : ndarray, shape (B, M, T)

        Raises
        ------
        ValueError
            If the trials have another number of channels, or are too long for ``n_fft``.
        """
        maps, *_ = self._apply(trials, n_moments=0, n_kept=0)
        return maps

    def forward(self, trials, *, keep=True):
        """Filter trials, and keep what a normalisation and :meth:`backward` need.

        Parameters
        ----------
        trials : ndarray, shape (B, C, T)
        keep : bool
            Whether to keep spectra, for :meth:`backward`.

        Returns
        -------
        maps : ndarray, shape (B, M, T)
        means, squares : ndarray of float64, shape (B, M)
            See :func:`eegsep._kernels.fused.row_moments`.
        spectra : ndarray, shape (B / 2, n_blocks, n_fft, 2, LANES), or of length 0

        Raises
        ------
        ValueError
            As in a call.
        """
        return self._apply(trials, n_moments=len(trials), n_kept=len(trials) if keep else 0)

    def _apply(self, trials, n_moments, n_kept):
        n_trials, n_chans, n_times = trials.shape
        n_maps, dtype = self._shape[0], self._transfer.dtype
        # what is compiled looks at no bounds
        least = least_length(n_times, self._length)
        if n_chans != self._shape[1] or self._transfer.shape[1] < least:
            raise ValueError(
                f"These filters are for {self._shape[1]} channels and at most "
                f"{self._transfer.shape[1]} samples with the kernel, not for trials of {n_chans} "
                f"channels and {least} samples with it."
            )
        maps = np.empty((n_trials, n_maps, n_times), dtype)
        means, squares = np.empty((2, n_moments, n_maps))
        spectra = np.empty(((n_kept + 1) // 2, *self._transfer.shape), dtype)
        arrays = trials, self._weights, self._transfer
        found = maps, means, squares
        function = partial(filter_trials, *arrays, spectra, *found, *self._plan)
        in_parts(function, len(spectra) or n_trials, trials.size)
        return *found, spectra

    def backward(self, trials, spectra, *maps_and_gradients):
        """Gradients with respect to the filters and the kernels.

        Parameters
        ----------
        trials : ndarray, shape (B, C, T)
        spectra : ndarray
            What :meth:`forward` kept for these trials.
        *maps_and_gradients
            y, scale, offset, mean, pool, grad and steps as in
            :func:`eegsep._kernels.fused.norm_elu_pool_backward_row`, y being the maps.

        Returns
        -------
        grad_weight : ndarray, shape (M, C)
        grad_kernels : ndarray, shape (M, K)
        """
        n_maps, n_chans = self._shape
        n_blocks, dtype = len(self._weights), self._transfer.dtype
        n_parts = max(1, min(self._most_parts, len(spectra) // 4))
        cross = np.empty((n_parts, *self._transfer.shape), dtype)
        weights = np.empty((n_parts, n_blocks, padded(n_chans), LANES), dtype)
        arrays = *maps_and_gradients, self._transfer, spectra, cross, weights, *self._plan
        function = partial(filter_trials_backward, trials, *arrays)
        in_parts(function, n_parts, trials.size)
        grad_kernels = np.empty((n_maps, self._length), dtype)
        kernel_gradients(cross.sum(0), self._left, grad_kernels, *self._plan)
        by_lane = weights.sum(0)[:, :n_chans]
        by_map = by_lane.transpose(0, 2, 1).reshape(-1, n_chans)[:n_maps]
        return np.ascontiguousarray(by_map), grad_kernels
