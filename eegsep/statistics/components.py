"""How much of the spread of scores is between subjects, and how much between seeds of a subject.

Variance components of one-way random effects, from the mean squares of an analysis of variance.
"""

import numpy as np
import pandas as pd

from .checks import check_scores


def variance_components(scores):
    r"""Variance between subjects apart from that between seeds.

    With the mean squares between subjects, :math:`B`, and between the r seeds of a subject,
    :math:`W`, the variance of seeds is W and that of subjects :math:`(B - W) / r`, zero if that is
    negative. Sessions are averaged first.

    Parameters
    ----------
    scores : pandas.DataFrame
        As :attr:`eegsep.studies.benchmark.BenchmarkResult.scores`.

    Returns
    -------
    table : pandas.DataFrame
        For each ``dataset`` and ``pipeline`` with two seeds or more, and two subjects or more that
        have all of them: ``n_subjects, n_seeds``; ``sd_subjects`` and ``sd_seeds``, the roots of
        the components; ``share_of_subjects``, the part of the variance of a subject's score with
        one seed that is between subjects (the intraclass correlation).

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.statistics import variance_components
    >>> scores = pd.DataFrame({"dataset": "d", "pipeline": "EEGNet", "subject": [1, 1, 2, 2],
    ...                        "seed": [0, 1] * 2, "score": [0.6, 0.6, 0.8, 0.8]})
    >>> variance_components(scores)[["sd_subjects", "sd_seeds"]].round(3).values.tolist()
    [[0.141, 0.0]]
    """
    check_scores(scores, "dataset", "pipeline", "subject", "seed")
    rows = []
    for (dataset, pipeline), part in scores.groupby(["dataset", "pipeline"], sort=False):
        table = part.groupby(["subject", "seed"])["score"].mean().unstack("seed").dropna()
        n_subjects, n_seeds = table.shape
        if min(n_subjects, n_seeds) < 2:
            continue
        between = n_seeds * table.mean(axis=1).var()
        within = table.var(axis=1).mean()
        of_subjects = max(0.0, (between - within) / n_seeds)
        total = of_subjects + within
        rows.append(
            {
                "dataset": dataset,
                "pipeline": pipeline,
                "n_subjects": n_subjects,
                "n_seeds": n_seeds,
                "sd_subjects": np.sqrt(of_subjects),
                "sd_seeds": np.sqrt(within),
                "share_of_subjects": of_subjects / total if total > 0 else np.nan,
            }
        )
    columns = ["dataset", "pipeline", "n_subjects", "n_seeds", "sd_subjects", "sd_seeds"]
    return pd.DataFrame(rows, columns=[*columns, "share_of_subjects"])
