"""Tables of scores are checked before anything is averaged: columns, and numbers in each row."""

from numbers import Real

import numpy as np
import pandas as pd

from eegsep._utils.constraints import real

# Of intervals and tests: a share, not a percentage.
SHARE = [real(0, 1)]


def check_scores(scores, *columns):
    """Refuse what is no table of scores, or one in which something is missing.

    It needs the columns beside ``score``. It is a TypeError if it is no table; a ValueError if it
    has no rows or lacks a column, a score is no finite number, or one of the others is missing in a
    row.
    """
    if not isinstance(scores, pd.DataFrame):
        raise TypeError(f"scores must be a pandas.DataFrame, not a {type(scores).__name__}")
    lacking = [name for name in (*columns, "score") if name not in scores]
    if lacking:
        raise ValueError(f"the table of scores has no column {', '.join(lacking)}")
    if not len(scores):
        raise ValueError("there are no scores in the table")
    values = scores["score"]
    if not all(isinstance(value, Real) and np.isfinite(value) for value in values):
        raise ValueError("each score must be a finite number: drop what could not be scored")
    for name in columns:
        if scores[name].isna().any():
            raise ValueError(f"the column {name} is missing in some rows: drop them, or fill it")
