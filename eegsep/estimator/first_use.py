"""What fits and predictions need is loaded before any of them is timed.

By fits and predictions of noise, one of each kind that loads something of its own.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from .classifier import EEGNetClassifier


@cache
def prepare() -> None:
    """Load what fits and predictions need, so that none of it counts as their time.

    This takes seconds in each process, and is not done twice.

    Examples
    --------
    >>> import eegsep
    >>> eegsep.prepare()
    """
    X = np.random.default_rng(0).normal(size=(8, 3, 256))
    y = np.arange(8) % 2
    for algorithm in ("published", "spatial_first"):
        for dtype in (np.float32, np.float64):
            clf = EEGNetClassifier(
                max_epochs=1, early_stopping=True, algorithm=algorithm, random_state=0
            )
            clf.fit(X.astype(dtype), y).predict(X.astype(dtype))
