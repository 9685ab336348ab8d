"""What values parameters may have, in the way of scikit-learn's own: ranges, without truths.

``checked(n_steps=[whole(1)])`` before a function checks its parameters at each call.
"""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, validate_params


class _Range(Interval):
    """A range of numbers of which True and False are none, though Python takes them for 1 and 0."""

    def is_satisfied_by(self, val):
        return not isinstance(val, (bool, np.bool_)) and super().is_satisfied_by(val)


def whole(least):
    """Whole numbers from ``least`` on."""
    return _Range(Integral, least, None, closed="left")


def real(low, high, closed="neither"):
    """Finite numbers between two, of which None is no bound; ``closed`` as in scikit-learn."""
    return _Range(Real, low, high, closed=closed)


def checked(**constraints):
    """Check the parameters of a function, by name, at each call (decorator)."""
    return validate_params(constraints, prefer_skip_nested_validation=False)
