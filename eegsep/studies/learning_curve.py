"""Learning curves: MOABB's evaluation within a session at several numbers of training trials.

MOABB's splitter draws the trials: those of a smaller number are among those of a larger one, of
each class as many as of any other, and all are tested on the same ones.
"""

from __future__ import annotations

from math import ceil

import numpy as np
import pandas as pd
from moabb.evaluations import WithinSessionEvaluation
from moabb.evaluations.splitters import LearningCurveSplitter

from eegsep.statistics import REFERENCE, compare

# How often trials are drawn, and the share of a session that is tested each time.
N_DRAWS, TESTED = 5, 0.2


class LearningCurveEvaluation(WithinSessionEvaluation):
    """MOABB's evaluation within a session, at several numbers of training trials, ``train_sizes``.

    These are multiples of the number of classes.
    """

    def __init__(self, *args, train_sizes, n_classes, **kwargs):
        of_each_class = np.array(sorted(train_sizes)) // n_classes
        super().__init__(
            *args,
            cv_class=LearningCurveSplitter,
            cv_kwargs={
                "data_size": {"policy": "per_class", "value": of_each_class},
                "n_perms": N_DRAWS,
                "test_size": TESTED,
            },
            **kwargs,
        )

    @property
    def of_each_class(self):
        """Largest number of training trials of each class (int)."""
        return int(self.cv_kwargs["data_size"]["value"][-1])


def why_no_curve(y, of_each_class):
    """Say why a session has too few trials to train on so many of each class (str | None)."""
    labels, counts = np.unique(y, return_counts=True)
    n_tested = ceil(TESTED * len(y))
    if n_tested < len(labels):
        return f"has {len(y)} trials: to test {TESTED:.0%} of them is not to test each class"
    for label, count in zip(labels, counts, strict=True):
        left = count * (len(y) - n_tested) // len(y)  # at least, as the splitter rounds
        if left < of_each_class:
            return (
                f"has {count} trials of {label}, of which {left} are left to train on: the curve "
                f"needs {of_each_class}"
            )
    return None


def at_largest_size(scores):
    """Take the scores at the largest number of training trials; all if there is no curve."""
    return scores[scores["n_train"] == scores["n_train"].max()] if "n_train" in scores else scores


def learning_curve(scores, reference=REFERENCE):
    """Compare pipelines at each number of training trials.

    Parameters
    ----------
    scores : pandas.DataFrame
        As :attr:`eegsep.studies.benchmark.BenchmarkResult.scores`, with ``n_train``.
    reference : str
        The pipeline that others are compared with.

    Returns
    -------
    curve : pandas.DataFrame
        For each ``dataset, pipeline, n_trials``, what :func:`eegsep.statistics.compare` has.

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.studies.learning_curve import learning_curve
    >>> rows = [(name, subject, n, 0.5 + 0.002 * n + 0.01 * subject + 0.05 * (name == "EEGNet"))
    ...         for name in ("EEGNet", "CSP+LDA") for subject in (1, 2, 3) for n in (10, 40)]
    >>> scores = pd.DataFrame(rows, columns=["pipeline", "subject", "n_train", "score"])
    >>> scores = scores.assign(dataset="d", metric="roc_auc", session="0", seed=0, time=1.0,
    ...                        samples_test=20, n_classes=2)
    >>> learning_curve(scores)["n_trials"].astype(int).tolist()
    [10, 10, 40, 40]
    """
    parts = []
    for n_trials, part in scores.groupby("n_train"):
        comparison = compare(part, reference)
        comparison.insert(2, "n_trials", n_trials)
        parts.append(comparison)
    return pd.concat(parts, ignore_index=True)
