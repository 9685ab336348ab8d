"""Ranks of pipelines over subjects or datasets, and how far apart mean ranks have to be.

Friedman's test and Nemenyi's critical difference, as in Demšar (2006).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from eegsep._utils.constraints import checked, whole

from .checks import SHARE, check_scores
from .scores import LEVEL, scores_of_all

# Fewer pipelines are compared in pairs; of fewer subjects or datasets ranks tell little.
LEAST_PIPELINES, LEAST_BLOCKS = 3, 10


class Ranking(NamedTuple):
    """Mean ranks of pipelines.

    Attributes
    ----------
    ranks : pandas.Series
        Mean rank of each pipeline, the best first; 1 is the best.
    n_blocks : int
        Subjects, or datasets, that pipelines were ranked on.
    statistic, p : float
        Friedman's test that all pipelines are alike.
    difference : float
        Critical difference of two mean ranks, see :func:`critical_difference`.
    groups : list of list of str
        Pipelines that follow each other and differ by less, as many together as possible.

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.statistics import rank
    >>> rows = [(name, subject, 0.6 + gain + 0.01 * subject) for subject in range(12)
    ...         for name, gain in {"EEGNet": 0.1, "TS+LR": 0.05, "CSP+LDA": 0.0}.items()]
    >>> scores = pd.DataFrame(rows, columns=["pipeline", "subject", "score"])
    >>> ranking = rank(scores.assign(dataset="d"))
    >>> ranking.ranks.to_dict(), ranking.n_blocks
    ({'EEGNet': 1.0, 'TS+LR': 2.0, 'CSP+LDA': 3.0}, 12)
    """

    ranks: pd.Series
    n_blocks: int
    statistic: float
    p: float
    difference: float
    groups: list


@checked(n_pipelines=[whole(2)], n_blocks=[whole(1)], level=SHARE)
def critical_difference(n_pipelines, n_blocks, level=LEVEL):
    r"""Nemenyi's critical difference of two mean ranks.

    :math:`q \sqrt{k (k + 1) / (6 N)}` of k pipelines on N subjects or datasets, where q is the
    quantile of the studentised range of k and infinitely many degrees of freedom over
    :math:`\sqrt 2` [1]_.

    Parameters
    ----------
    n_pipelines, n_blocks : int
    level : float
        Probability that no two pipelines that are alike differ by more.

    Returns
    -------
    difference : float

    Raises
    ------
    ValueError
        If there are fewer than two pipelines, no block, or ``level`` is no share.

    References
    ----------
    .. [1] Demšar, J. (2006). Statistical comparisons of classifiers over multiple data sets.
       Journal of Machine Learning Research, 7, 1-30.

    Examples
    --------
    >>> from eegsep.statistics import critical_difference
    >>> round(critical_difference(n_pipelines=4, n_blocks=14), 3)  # Demšar 2006, section 3.2.2
    1.254
    """
    q = stats.studentized_range.ppf(level, n_pipelines, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_pipelines * (n_pipelines + 1) / (6 * n_blocks)))


@checked(level=SHARE)
def rank(scores, level=LEVEL):
    """Rank pipelines on each subject of a dataset, or on each of ten datasets or more.

    Parameters
    ----------
    scores : pandas.DataFrame
        With ``dataset, pipeline, subject, score`` and perhaps ``session``, of one dataset or many.
    level : float
        Of the critical difference.

    Returns
    -------
    ranking : Ranking | None
        None for fewer than three pipelines, or fewer than ten subjects (or datasets, where there
        are several) that all of them were scored on.

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.statistics import rank
    >>> rows = [(name, subject, 0.6 + gain + 0.01 * subject) for subject in range(12)
    ...         for name, gain in {"EEGNet": 0.1, "TS+LR": 0.05, "CSP+LDA": 0.0}.items()]
    >>> scores = pd.DataFrame(rows, columns=["pipeline", "subject", "score"])
    >>> ranking = rank(scores.assign(dataset="d"))
    >>> round(ranking.difference, 3), ranking.groups  # all ranks are further apart
    (0.957, [])
    """
    check_scores(scores, "dataset", "pipeline", "subject")
    by_block = [
        scores_of_all(part).assign(dataset=dataset)
        for dataset, part in scores.groupby("dataset", sort=False)
    ]
    table = pd.concat(by_block)
    if len(by_block) > 1:
        table = table.groupby("dataset").mean()
    table = table.drop(columns="dataset", errors="ignore").dropna()
    n_blocks, k = table.shape
    if k < LEAST_PIPELINES or n_blocks < LEAST_BLOCKS:
        return None
    values = table.to_numpy()
    ranks = pd.Series(stats.rankdata(-values, axis=1).mean(axis=0), table.columns)
    ranks = ranks.sort_values(kind="stable")
    statistic, p = np.nan, 1.0
    if (np.ptp(values, axis=1) > 0).any():  # else all pipelines are alike everywhere
        statistic, p = stats.friedmanchisquare(*values.T)
    difference = critical_difference(k, n_blocks, level)
    groups, end = [], 0
    for i in range(k):
        last = np.flatnonzero(ranks <= ranks.iloc[i] + difference)[-1] + 1
        if last > max(end, i + 1):
            groups.append(list(ranks.index[i:last]))
            end = last
    return Ranking(ranks, n_blocks, float(statistic), float(p), difference, groups)
