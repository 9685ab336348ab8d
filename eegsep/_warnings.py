"""Warnings that point at the line of the caller's, however many of ours lie between.

So that Python shows each once for each place it comes from, and names that place.
"""

from __future__ import annotations

import sys
import warnings

_OURS = ("eegsep", "contextlib")


def warn(text):
    """Warn at the innermost line of code that is not of this package.

    Parameters
    ----------
    text : str
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        level, frame = level + 1, frame.f_back
    warnings.warn(text, UserWarning, stacklevel=level)
