"""Poles of a map: the electrodes where it is largest, and largest with the other sign."""

import numpy as np

# The other pole of a map counts where it is at least this part of the larger one; electrodes share
# a pole where they are at least that part of its largest.
_SECOND_POLE, _SAME_POLE = 0.5, 0.9


def poles(pattern):
    """Find where a map is largest, and where it is so with the other sign.

    Parameters
    ----------
    pattern : array-like, shape (n_chans,)

    Returns
    -------
    poles : list of ndarray of int
        Electrodes of the largest pole, the largest first, with those of at least 90 % of it, three
        at most; and, where the other sign reaches half of it, of that pole likewise.
    """
    pattern = np.asarray(pattern, float)
    if not np.abs(pattern).max() > 0:
        return []
    signed = pattern * np.sign(pattern[np.abs(pattern).argmax()])
    found = []
    for pole in (signed, -signed):
        if pole.max() >= _SECOND_POLE * signed.max():
            order = np.argsort(-pole, kind="stable")[:3]
            found.append(order[pole[order] >= _SAME_POLE * pole.max()])
    return found


def say_poles(pattern, names):
    """Name the electrodes of :func:`poles`, as in ``"C3/CP3"`` or ``"CP6, other sign FCz"``."""
    return ", other sign ".join("/".join(names[k] for k in pole) for pole in poles(pattern))
