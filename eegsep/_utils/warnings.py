"""Warnings that point at the line of the caller's, however many of ours lie between.

So that Python shows each once for each place it comes from, and names that place.
"""

from __future__ import annotations

import sys
import warnings

_OURS = ("eegsep", "contextlib", "importlib")


def warn(text, category=UserWarning):
    """Warn at the innermost line of code that is not of this package."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        frame = frame.f_back
    place, names = (frame.f_code.co_filename, frame.f_lineno), frame.f_globals
    registry = names.setdefault("__warningregistry__", {})
    warnings.warn_explicit(text, category, *place, names.get("__name__"), registry)
