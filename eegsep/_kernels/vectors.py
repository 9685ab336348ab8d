"""Instructions for the processor's vectors, where the compiler would not find them by itself.

Numba hands them to LLVM, which knows the vectors of every processor.
"""

from __future__ import annotations

import math
from contextlib import contextmanager

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

# Values in a vector: one of AVX's of float32; the compiler splits or joins it for other machines.
LANES = 8
# Samples that the loops over rows take at once.
BLOCK = LANES * LANES


@register_jitable
def padded(n, multiple=LANES):
    """Round a number up to a multiple, in compiled code too."""
    return -(-n // multiple) * multiple


class Vectors:
    """Writes the compiler's instructions for vectors of real and of complex numbers.

    A complex number is a pair of vectors. Rows of an array are of ``LANES`` values.
    """

    _flags = ("reassoc", "contract", "nsz")

    def __init__(self, context, builder, dtype):
        self._context, self._builder = context, builder
        if dtype not in (types.float32, types.float64):
            raise TypeError(f"vectors are of float32 or float64, not of {dtype}")
        single = dtype == types.float32
        self._real = ir.FloatType() if single else ir.DoubleType()
        self._size = 4 if single else 8
        self._vector = ir.VectorType(self._real, LANES)

    def pointer(self, array_type, array):
        """Find where an array's values begin."""
        return self._context.make_array(array_type)(self._context, self._builder, array).data

    def index(self, value):
        """Make a constant place or number of places."""
        return ir.Constant(ir.IntType(64), value)

    def plus(self, a, b):
        """Add two places."""
        return self._builder.add(a, b)

    def times(self, a, b):
        """Multiply two places."""
        return self._builder.mul(a, b)

    def load(self, data, offset):
        """Load a vector that begins at a value of an array."""
        place = self._builder.gep(data, [offset])
        place = self._builder.bitcast(place, self._vector.as_pointer())
        return self._builder.load(place, align=self._size)

    def store(self, vector, data, offset):
        """Store a vector from a value of an array on."""
        place = self._builder.gep(data, [offset])
        place = self._builder.bitcast(place, self._vector.as_pointer())
        self._builder.store(vector, place, align=self._size)

    def load_row(self, data, row):
        """Load a row of ``LANES`` values."""
        return self.load(data, self.times(row, self.index(LANES)))

    def store_row(self, vector, data, row):
        """Store a row of ``LANES`` values."""
        self.store(vector, data, self.times(row, self.index(LANES)))

    def load_complex(self, data, row):
        """Load rows 2 ``row`` and 2 ``row`` + 1."""
        offset = self.times(row, self.index(2 * LANES))
        return self.load(data, offset), self.load(data, self.plus(offset, self.index(LANES)))

    def store_complex(self, number, data, row):
        """Store rows 2 ``row`` and 2 ``row`` + 1."""
        offset = self.times(row, self.index(2 * LANES))
        self.store(number[0], data, offset)
        self.store(number[1], data, self.plus(offset, self.index(LANES)))

    def broadcast(self, data, offset):
        """Fill a vector with one value of an array."""
        value = self._builder.load(self._builder.gep(data, [offset]))
        nothing = ir.Constant(self._vector, ir.Undefined)
        first = self._builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
        return self.shuffle(first, nothing, [0] * LANES)

    def shuffle(self, a, b, places):
        """Pick values from two vectors."""
        mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places)
        return self._builder.shuffle_vector(a, b, mask)

    def add(self, x, y):
        """Add complex numbers."""
        return tuple(self._builder.fadd(a, b, flags=self._flags) for a, b in zip(x, y, strict=True))

    def subtract(self, x, y):
        """Subtract complex numbers."""
        return tuple(self._builder.fsub(a, b, flags=self._flags) for a, b in zip(x, y, strict=True))

    def scale(self, x, factor):
        """Multiply a complex number with a constant."""
        factor = ir.Constant(self._vector, [factor] * LANES)
        return tuple(self._builder.fmul(a, factor, flags=self._flags) for a in x)

    def add_turned(self, x, y, sign):
        """Return x + i y, or x - i y where ``sign`` is negative."""
        a, b = (x[0], y[1]), (x[1], y[0])
        minus, plus = (a, b) if sign > 0 else (b, a)
        low = self._builder.fsub(*minus, flags=self._flags)
        high = self._builder.fadd(*plus, flags=self._flags)
        return (low, high) if sign > 0 else (high, low)

    def multiply(self, x, y, *, conjugate=False):
        """Return x y, or x times the conjugate of y."""
        aa, bb, ab, ba = (
            self._builder.fmul(p, q, flags=self._flags)
            for p, q in ((x[0], y[0]), (x[1], y[1]), (x[0], y[1]), (x[1], y[0]))
        )
        add, subtract = self._builder.fadd, self._builder.fsub
        real, imaginary = (add, subtract) if conjugate else (subtract, add)
        return real(aa, bb, flags=self._flags), imaginary(ba, ab, flags=self._flags)

    def zeros(self, n):
        """Make places for vectors, zero at first."""
        vectors = [cgutils.alloca_once(self._builder, self._vector) for _ in range(n)]
        for vector in vectors:
            self._builder.store(ir.Constant(self._vector, [0.0] * LANES), vector)
        return vectors

    @contextmanager
    def loop(self, n):
        """Repeat what is written inside, for an index from 0 up to ``n``."""
        with cgutils.for_range(self._builder, n) as loop:
            yield loop.index

    def sum(self, a, b):
        """Add vectors."""
        return self._builder.fadd(a, b, flags=self._flags)

    def accumulate(self, place, a, b):
        """Add the product of two vectors to one that lies in a place."""
        product = self._builder.fmul(a, b, flags=self._flags)
        self._builder.store(self.sum(self._builder.load(place), product), place)

    def transform(self, x, sign):
        """Discrete Fourier transform of 2, 3, 4 or 5 numbers, the exponent's sign given."""
        if len(x) == 2:
            return [self.add(*x), self.subtract(*x)]
        if len(x) == 3:
            both = self.add(x[1], x[2])
            middle = self.add(x[0], self.scale(both, -0.5))
            turned = self.scale(self.subtract(x[1], x[2]), math.sqrt(3) / 2)
            turns = [self.add_turned(middle, turned, s) for s in (sign, -sign)]
            return [self.add(x[0], both), *turns]
        if len(x) == 4:
            even, odd = self.add(x[0], x[2]), self.add(x[1], x[3])
            middle, turned = self.subtract(x[0], x[2]), self.subtract(x[1], x[3])
            plus, minus = (self.add_turned(middle, turned, s) for s in (sign, -sign))
            return [self.add(even, odd), plus, self.subtract(even, odd), minus]
        sums = self.add(x[1], x[4]), self.add(x[2], x[3])
        differences = self.subtract(x[1], x[4]), self.subtract(x[2], x[3])
        (c1, c2), (s1, s2) = (
            [f(2 * math.pi * q / 5) for q in (1, 2)] for f in (math.cos, math.sin)
        )
        out = [self.add(x[0], self.add(*sums))]
        pairs = []
        for cosines, sines in (((c1, c2), (s1, s2)), ((c2, c1), (s2, -s1))):
            middle, turned = (
                self.add(*(self.scale(a, f) for a, f in zip(of, factors, strict=True)))
                for of, factors in ((sums, cosines), (differences, sines))
            )
            middle = self.add(x[0], middle)
            pairs.append([self.add_turned(middle, turned, s) for s in (sign, -sign)])
        (first, last), (second, third) = pairs
        return [*out, first, second, third, last]

    def transpose(self, vectors):
        """Exchange lanes and vectors, ``LANES`` of either."""
        width = 1
        while width < LANES:
            low = [i for i in range(LANES) if not i & width]
            keep = [i if not i & width else LANES + i - width for i in range(LANES)]
            rest = [i + width if not i & width else LANES + i for i in range(LANES)]
            new = list(vectors)
            for i in low:
                a, b = vectors[i], vectors[i + width]
                new[i], new[i + width] = self.shuffle(a, b, keep), self.shuffle(a, b, rest)
            vectors, width = new, 2 * width
        return vectors


@intrinsic
def weighted_sum(typing_context, weights, weight, step, n_rows, array, start, stride, out, target):
    """Write to ``BLOCK`` places of ``out``, from ``target`` on, the weighted sum of rows.

    Row i begins at place ``start`` + i ``stride`` of ``array``, its weight is at place ``weight`` +
    i ``step``. With a stride of 1 this is a correlation.
    """

    def codegen(context, builder, signature, arguments):
        v = Vectors(context, builder, out.dtype)
        factors, data, to = (
            v.pointer(t, arguments[i]) for t, i in ((weights, 0), (array, 4), (out, 7))
        )
        _, weight, step, n_rows, _, start, stride, _, target = arguments
        sums = v.zeros(LANES)
        with v.loop(n_rows) as i:
            factor = v.broadcast(factors, v.plus(weight, v.times(i, step)))
            place = v.plus(start, v.times(i, stride))
            for j, total in enumerate(sums):
                value = v.load(data, v.plus(place, v.index(LANES * j)))
                v.accumulate(total, factor, value)
        for j, total in enumerate(sums):
            v.store(builder.load(total), to, v.plus(target, v.index(LANES * j)))
        return context.get_dummy_value()

    arguments = weights, weight, step, n_rows, array, start, stride, out, target
    return types.void(*arguments), codegen


@intrinsic
def dot_products(typing_context, row, begin, n_values, array, start, stride, out, target):
    """Write to ``LANES`` places of ``out`` the products of a row with as many others.

    The row begins at place ``begin``, the i-th other at place ``start`` + i ``stride`` of
    ``array``; ``n_values`` is a multiple of ``LANES``.
    """

    def codegen(context, builder, signature, arguments):
        v = Vectors(context, builder, out.dtype)
        own, data, to = (v.pointer(t, arguments[i]) for t, i in ((row, 0), (array, 3), (out, 6)))
        _, begin, n_values, _, start, stride, _, target = arguments
        sums = v.zeros(LANES)
        with v.loop(builder.udiv(n_values, v.index(LANES))) as i:
            shift = v.times(i, v.index(LANES))
            value, place = v.load(own, v.plus(begin, shift)), v.plus(start, shift)
            for total in sums:
                v.accumulate(total, value, v.load(data, place))
                place = v.plus(place, stride)
        lanes = v.transpose([builder.load(total) for total in sums])
        while len(lanes) > 1:
            lanes = [v.sum(a, b) for a, b in zip(lanes[::2], lanes[1::2], strict=True)]
        v.store(lanes[0], to, target)
        return context.get_dummy_value()

    arguments = row, begin, n_values, array, start, stride, out, target
    return types.void(*arguments), codegen
