"""What is computed of trials and of no labels, kept between fits that see the same trials.

Nothing is kept but within :func:`keeping`, as around permutations of labels.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

# Of arrays, in bytes: what is kept together.
_MOST_BYTES = 2**30
_ENTRIES: ContextVar[list | None] = ContextVar("kept", default=None)


@contextmanager
def keeping():
    """Keep within the ``with`` statement what :func:`kept` computes, in this thread."""
    token = _ENTRIES.set([])
    try:
        yield
    finally:
        _ENTRIES.reset(token)


def kept(make, arrays, others=(), size=lambda value: 0):
    """Return what was made of equal arguments before, the same object each time, or make it.

    What ``make()`` returns may depend on nothing but ``arrays`` (some may be None), compared by all
    of their values, and ``others``, compared by ``==``. ``size`` tells how many bytes a value takes
    beside the arrays. What was used least recently is dropped where all together take a gigabyte.
    """
    entries = _ENTRIES.get()
    if entries is None:
        return make()
    for i, (known_arrays, known_others, value, _) in enumerate(entries):
        if known_others == others and all(map(_equal, arrays, known_arrays)):
            entries.insert(0, entries.pop(i))
            return value
    value = make()
    held = {id(array) for entry in entries for array in entry[0]}
    n_bytes = size(value) + sum(a.nbytes for a in arrays if a is not None and id(a) not in held)
    entries.insert(0, (tuple(arrays), others, value, n_bytes))
    while sum(entry[3] for entry in entries) > _MOST_BYTES:
        entries.pop()
    return value


def _equal(a, b):
    """Whether two arrays are equal, or both None; mostly a few values tell that they are not."""
    if a is b or a is None or b is None:
        return a is b
    if a.shape != b.shape:
        return False
    step = 1 + a.size // 16
    return np.array_equal(a.reshape(-1)[::step], b.reshape(-1)[::step]) and np.array_equal(a, b)
