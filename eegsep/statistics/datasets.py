"""Pipelines compared over several datasets: MOABB's combined effects and p-values.

Each dataset's paired test over its subjects counts by the root of their number.
"""

import numpy as np
import pandas as pd
from moabb.analysis.meta_analysis import combine_effects, combine_pvalues, compute_effect

from .checks import check_scores
from .scores import REFERENCE, holm, one_sided_p, scores_of_all


def compare_datasets(scores, reference=REFERENCE):
    """Compare pipelines with a reference over several datasets.

    One-sided p-values of each dataset are combined by Stouffer's method, standardised mean
    differences by a weighted mean, both with the roots of the numbers of subjects for weights.

    Parameters
    ----------
    scores : pandas.DataFrame
        As :func:`eegsep.statistics.summarise` takes it.
    reference : str
        The pipeline that others are compared with; the first there is where it is not among them.

    Returns
    -------
    table : pandas.DataFrame
        For each ``pipeline`` but the reference that shares two datasets or more with it, of two
        subjects or more each: ``reference, n_datasets, n_subjects``; ``effect``; ``p``, two-sided;
        ``p_holm``, corrected for the number of pipelines.

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.statistics import compare_datasets
    >>> rows = [(dataset, pipeline, s, 0.6 + 0.1 * (pipeline == "EEGNet") + 0.01 * s**2)
    ...         for dataset in "ab" for pipeline in ("EEGNet", "CSP+LDA") for s in range(1, 6)]
    >>> scores = pd.DataFrame(rows, columns=["dataset", "pipeline", "subject", "score"])
    >>> table = compare_datasets(scores.assign(metric="roc_auc", seed=0, time=1.0))
    >>> table[["pipeline", "n_datasets", "n_subjects"]].values.tolist()
    [['CSP+LDA', 2, 10]]
    """
    check_scores(scores, "dataset", "pipeline", "subject")
    names = list(dict.fromkeys(scores["pipeline"]))
    reference = reference if reference in names else names[0]
    rows = []
    for name in names:
        p, effects, sizes = [], [], []
        for _, part in scores.groupby("dataset", sort=False):
            pair = part[part["pipeline"].isin([name, reference])]
            if name == reference or pair["pipeline"].nunique() < 2:
                continue
            by_subject = scores_of_all(pair)[[name, reference]]
            if len(by_subject) > 1:
                p.append(one_sided_p(by_subject)[[0, 1], [1, 0]])
                effects.append(compute_effect(by_subject)[0, 1])
                sizes.append(len(by_subject))
        if len(p) > 1:
            combined = [combine_pvalues(each, np.array(sizes)) for each in np.transpose(p)]
            rows.append(
                {
                    "pipeline": name,
                    "reference": reference,
                    "n_datasets": len(p),
                    "n_subjects": sum(sizes),
                    "effect": combine_effects(np.array(effects), np.array(sizes)),
                    "p": min(1.0, 2 * min(combined)),
                }
            )
    columns = ["pipeline", "reference", "n_datasets", "n_subjects", "effect", "p"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(p_holm=holm(table["p"]))
