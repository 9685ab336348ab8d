"""Values of Python and numpy to what JSON can hold, with their types, and back; arrays apart.

Nothing is named in a file that would be imported or called: each kind of value has a word here.
"""

from __future__ import annotations

import math

import numpy as np

# Kinds of numbers of numpy's, in arrays and alone.
_SCALARS = {
    np.dtype(kind).name: np.dtype(kind).type
    for kind in ("bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
}
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
# More nested than any value that a file is written of.
MOST_NESTED = 100


class Packer:
    """Packs values, and collects their ``arrays`` by the names that packed values have for them."""

    def __init__(self):
        self.arrays = {}

    def pack(self, value, what="value"):
        """Turn a value into what JSON can hold; ``what`` is what an error calls it.

        Values are None, numbers, text, bytes, numpy's arrays and values, and lists, tuples and
        dicts of these, without loops. Anything else is a TypeError; a ValueError what is nested in
        itself, or more deeply than :func:`unpack` takes.
        """
        return self._pack(value, what, 0)

    def _pack(self, value, what, depth):
        if depth > MOST_NESTED:
            raise ValueError(f"{what} has values that are nested too deeply, or in themselves")
        depth += 1
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if type(value) is list:
            return [self._pack(each, what, depth) for each in value]
        if type(value) is tuple:
            return {"tuple": [self._pack(each, what, depth + 1) for each in value]}
        if type(value) is dict:
            items = [[self._pack(each, what, depth + 2) for each in item] for item in value.items()]
            return {"dict": items}
        if type(value) is bytes:
            return {"bytes": value.decode("latin-1")}
        if type(value) is np.str_:
            return {"numpy text": str(value)}
        if isinstance(value, np.generic) and value.dtype.name in _SCALARS:
            return {"numpy": [value.dtype.name, self._pack(value.item(), what, depth)]}
        if type(value) is np.ndarray:
            return self._pack_array(value, what, depth)
        raise TypeError(
            f"{what} has a value of type {type(value).__module__}.{type(value).__qualname__}, and "
            "a file of data holds numbers, text, arrays, and lists, tuples and dicts of these"
        )

    def _pack_array(self, array, what, depth):
        kind = array.dtype.kind
        if kind in "UOS":
            values = [self._pack(each, what, depth + 2) for each in array.ravel().tolist()]
            word = {"U": "array of text", "O": "array of objects", "S": "array of bytes"}[kind]
            return {word: [list(array.shape), values]}
        if kind in "mM":
            return {"array of times": [array.dtype.str, self._keep(array.astype("i8"))]}
        if array.dtype.name not in _SCALARS:
            raise TypeError(f"{what} has an array of {array.dtype}, which no file of data holds")
        return {"array": self._keep(array)}

    def _keep(self, array):
        name = f"{len(self.arrays):04d}"
        # in this machine's order of bytes, and in that of the axes
        self.arrays[name] = np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(
            array.shape
        )
        return name


def unpack(packed, arrays):
    """Turn what :class:`Packer` made back into values.

    The arrays that are used are taken out of ``arrays``, as copies. It is a ValueError if the
    packed value is not of a form that a :class:`Packer` makes.
    """
    return _unpack(packed, arrays, 0)


def _unpack(packed, arrays, depth):
    if depth > MOST_NESTED:
        raise ValueError("values are nested too deeply")
    if packed is None or isinstance(packed, (bool, int, float, str)):
        return packed
    if isinstance(packed, list):
        return [_unpack(each, arrays, depth + 1) for each in packed]
    if isinstance(packed, dict) and len(packed) == 1:
        [(word, content)] = packed.items()
        if word in _READERS:
            try:
                return _READERS[word](content, arrays, depth + 1)
            except (TypeError, KeyError, OverflowError) as error:
                raise ValueError(f"a {word} is not written as one ({error})") from error
    raise ValueError(f"a value is of an unknown kind: {str(packed)[:60]}")


def _tuple(content, arrays, depth):
    return tuple(_unpack(_a(list, content), arrays, depth))


def _dict(content, arrays, depth):
    pairs = [_unpack(_a(list, pair), arrays, depth) for pair in _a(list, content)]
    value = {key: each for key, each in pairs}  # noqa: C416  # pairs that are none are an error
    if len(value) < len(pairs):
        raise ValueError("a dict has a key twice")
    return value


def _scalar(content, arrays, depth):
    name, value = _a(list, content)
    kind = _SCALARS[name]
    value = _unpack(value, arrays, depth)
    if type(value) not in (bool, int, float) or (value == value and kind(value) != value):
        raise ValueError(f"{str(value)[:60]} is no {name}")
    return kind(value)


def _array_of(kind, dtype):
    def read(content, arrays, depth):
        shape, values = _a(list, content)
        values = _unpack(_a(list, values), arrays, depth)
        if kind is not None and not all(type(value) is kind for value in values):
            raise ValueError(f"an array of {kind.__name__} holds something else")
        made = np.empty(len(values), dtype=object)
        made[:] = values
        return made.astype(dtype).reshape([_a(int, n) for n in _a(list, shape)])

    return read


def _times(content, arrays, depth):
    dtype, name = _a(list, content)
    dtype, values = np.dtype(_a(str, dtype)), arrays.pop(name)
    if dtype.kind not in "mM" or values.dtype != np.int64:
        raise ValueError("an array of times is of another kind")
    return values.astype(dtype)


def _a(kind, value):
    """Return a value that is of a kind."""
    if type(value) is not kind:
        raise ValueError(f"a {kind.__name__} is expected, not {str(value)[:60]!r}")
    return value


_READERS = {
    "tuple": _tuple,
    "dict": _dict,
    "bytes": lambda content, arrays, depth: _a(str, content).encode("latin-1"),
    "float": lambda content, arrays, depth: _NOT_FINITE[content],
    "numpy": _scalar,
    "numpy text": lambda content, arrays, depth: np.str_(_a(str, content)),
    # each is named once: to name a large one a million times would fill the memory
    "array": lambda content, arrays, depth: arrays.pop(content).copy(),
    "array of text": _array_of(str, str),
    "array of bytes": _array_of(bytes, bytes),
    "array of objects": _array_of(None, object),
    "array of times": _times,
}
