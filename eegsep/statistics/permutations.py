"""p-values of scores from whole cross-validations of permuted labels.

And where 95 % of the scores are that classifiers get whose labels say nothing.
"""

import numpy as np
import pandas as pd

from eegsep._utils.constraints import checked

from .checks import SHARE, check_scores
from .scores import LEVEL

# Scores that differ by less are equal but for rounding.
_ROUNDING = 1e-9
_OF_ALL = ["dataset", "pipeline"]
_LEVELS = {"session": ["subject", "session"], "subject": ["subject"], "mean": []}


def permutation_p(score, permuted):
    r"""Find the p-value of a score among those of permuted labels, by Phipson & Smyth (2010).

    One-sided, :math:`p = (1 + b) / (1 + n)` with b of the n permuted scores as large as the score
    or larger: the labels as they are count as one more permutation, so that p is never zero and
    that :math:`P(p \leq \alpha) \leq \alpha` where labels say nothing.

    Parameters
    ----------
    score : float
    permuted : array-like, shape (n_permutations,)

    Returns
    -------
    p : float

    Raises
    ------
    ValueError
        If one of the scores is no finite number.

    References
    ----------
    Phipson, B., & Smyth, G. K. (2010). Permutation p-values should never be zero: calculating
    exact p-values when permutations are randomly drawn. Statistical Applications in Genetics and
    Molecular Biology, 9(1), 39.

    Examples
    --------
    >>> from eegsep.statistics import permutation_p
    >>> float(permutation_p(0.8, [0.5, 0.6, 0.4, 0.55]))  # (1 + 0) / (1 + 4)
    0.2
    """
    score, permuted = np.asarray(score, dtype=float), np.asarray(permuted, dtype=float)
    if score.ndim or permuted.ndim != 1 or not np.isfinite([score, *permuted]).all():
        raise ValueError(
            "score and permuted must be finite, and permuted of shape (n_permutations,)"
        )
    return (1 + np.count_nonzero(permuted >= score - _ROUNDING)) / (1 + len(permuted))


@checked(level=SHARE)
def permutation_table(scores, permuted, level=LEVEL):
    """Find p-values of sessions, of subjects and of the mean over subjects.

    Seeds are averaged, then sessions, then subjects, alike of the scores and of each permutation,
    whose labels are the same for all pipelines and seeds.

    Parameters
    ----------
    scores : pandas.DataFrame
        As :attr:`eegsep.studies.benchmark.BenchmarkResult.scores`.
    permuted : pandas.DataFrame
        With ``dataset, pipeline, seed, subject, session, permutation, score``.
    level : float
        Of the intervals.

    Returns
    -------
    table : pandas.DataFrame
        For each ``dataset`` and ``pipeline``, and each ``level`` of averaging, ``"session"``,
        ``"subject"`` and ``"mean"``: ``subject`` and ``session``, missing where they are averaged;
        ``score``; ``p_permutation``, see :func:`permutation_p`; ``null_mean``, ``null_low`` and
        ``null_high``, mean and central quantiles of the permuted scores; ``n_permutations``. Of
        a dataset and pipeline whose permutations are not all there, there is nothing.

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.statistics import permutation_table
    >>> unit = {"dataset": "d", "pipeline": "EEGNet", "seed": 0, "subject": 1, "session": "0"}
    >>> scores = pd.DataFrame([unit | {"score": 0.8}])
    >>> others = enumerate([0.5, 0.6, 0.4, 0.5])
    >>> permuted = [unit | {"permutation": i, "score": score} for i, score in others]
    >>> table = permutation_table(scores, pd.DataFrame(permuted))
    >>> table[["level", "p_permutation"]].values.tolist()
    [['session', 0.2], ['subject', 0.2], ['mean', 0.2]]
    """
    check_scores(scores, *_OF_ALL, "seed", "subject", "session")
    rows = []
    units = [*_OF_ALL, "seed", "subject", "session"]
    observed = scores.groupby(units, sort=False)["score"].mean()
    permuted = permuted.reindex(columns=[*units, "permutation", "score"])  # there may be none
    null = permuted.groupby([*units, "permutation"], sort=False)["score"].mean().unstack()
    null = null.reindex(observed.index)  # a mean of fewer is no mean of the same
    for name, kept in _LEVELS.items():
        if list(observed.index.names) != [*_OF_ALL, *kept]:
            observed = observed.groupby([*_OF_ALL, *kept], sort=False).mean()
            null = null.groupby([*_OF_ALL, *kept], sort=False).mean(skipna=False)
        for key, score in observed.items():
            values = null.loc[key].to_numpy()
            if not len(values) or np.isnan(values).any():
                continue
            low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
            rows.append(
                dict(zip(observed.index.names, key, strict=True))
                | {"level": name, "score": score, "p_permutation": permutation_p(score, values)}
                | {"null_mean": values.mean(), "null_low": low, "null_high": high}
                | {"n_permutations": len(values)}
            )
    columns = [*_OF_ALL, "level", "subject", "session", "score", "p_permutation", "null_mean"]
    return pd.DataFrame(rows, columns=[*columns, "null_low", "null_high", "n_permutations"])
