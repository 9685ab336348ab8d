"""Means of scores and their intervals, chance, and tests in pairs over subjects.

On scipy and MOABB.
"""

import numpy as np
import pandas as pd
from moabb.analysis.chance_level import chance_by_chance
from moabb.analysis.meta_analysis import (
    compute_effect,
    compute_pvals_perm,
    compute_pvals_wilcoxon,
)
from scipy import stats

from eegsep._utils.constraints import checked, whole

from .checks import SHARE, check_scores

# The pipeline that others are compared with, unless another one is named.
REFERENCE = "EEGNet"
# Of intervals, of means as of chance.
LEVEL = 0.95
# From this many subjects on MOABB's statistics take Wilcoxon's test instead of permutations.
_WILCOXON_FROM = 20
# Up to this many observations all of their orders are tried; above are too many, and no need to.
_EXACT_UP_TO = 8
# Of MOABB's within-session evaluation; the others test each session once.
_N_FOLDS = {"WithinSession": 5}


# -- chance and intervals ------------------------------------------------------------------------


@checked(n_classes=[whole(2)], n_folds=[whole(1)], level=SHARE)
def chance_interval(metric, n_trials, n_classes=2, *, n_folds=1, level=LEVEL):
    r"""Interval that the scores of a classifier which knows nothing keep within.

    Accuracy is binomial over all trials, with probability 1 / ``n_classes`` (Combrisson & Jerbi
    2015). ROC-AUC is the mean over sessions, and over folds of each, of Mann and Whitney's
    U / (n₁ n₂), whose variance for exchangeable scores is (n₁ + n₂ + 1) / (12 n₁ n₂). With classes
    of equal size a session of n trials in k folds has (n + k) / (3 n²); the mean is taken as
    normal. Classes of unequal size, and seeds that are averaged, make other intervals.

    Parameters
    ----------
    metric : str
        ``"accuracy"`` or ``"roc_auc"``.
    n_trials : int | array-like of int, shape (n_sessions,)
        Trials that were tested in each session whose scores are averaged.
    n_classes : int
        Number of classes.
    n_folds : int
        Folds in each session.
    level : float
        Share of such scores within.

    Returns
    -------
    interval : tuple of float
        Lowest and highest score; NaN for another metric.

    Raises
    ------
    ValueError
        If there is no trial, there are fewer than two classes, or ``level`` is no share.

    References
    ----------
    Combrisson, E., & Jerbi, K. (2015). Exceeding chance level by chance. Journal of Neuroscience
    Methods, 250, 126-136.

    Mann, H. B., & Whitney, D. R. (1947). On a test of whether one of two random variables is
    stochastically larger than the other. The Annals of Mathematical Statistics, 18(1), 50-60.

    Examples
    --------
    >>> from eegsep.statistics import chance_interval
    >>> low, high = chance_interval("accuracy", n_trials=40)
    >>> round(float(low), 3), round(float(high), 3)
    (0.35, 0.65)
    """
    n = np.atleast_1d(n_trials)
    if n.dtype.kind not in "fiu" or not n.size or not (n >= 1).all() or not np.isfinite(n).all():
        raise ValueError("chance needs one trial or more in each session")
    n = n.astype(float)
    if metric == "accuracy":
        total = round(n.sum())
        low, high = stats.binom.interval(level, total, 1 / n_classes)
        return low / total, high / total
    if metric == "roc_auc":
        sd = np.sqrt(((n + n_folds) / (3 * n**2)).sum()) / n.size
        reach = stats.norm.ppf((1 + level) / 2) * sd
        return max(0.0, 0.5 - reach), min(1.0, 0.5 + reach)
    return np.nan, np.nan


@checked(level=SHARE)
def t_interval(estimate, error, df, level=LEVEL):
    """Confidence interval by Student's t, also of an estimate without error.

    Parameters
    ----------
    estimate, error : float
        With its standard error.
    df : int
        Degrees of freedom.
    level : float
        Confidence.

    Returns
    -------
    interval : tuple of float

    Examples
    --------
    >>> from eegsep.statistics import t_interval
    >>> low, high = t_interval(0.7, 0.1, df=10)
    >>> round(float(low), 3), round(float(high), 3)
    (0.477, 0.923)
    """
    reach = stats.t.ppf((1 + level) / 2, df) * error
    return estimate - reach, estimate + reach


@checked(level=SHARE)
def mean_interval(values, level=LEVEL):
    """Confidence interval of a mean over subjects, by Student's t.

    Parameters
    ----------
    values : array-like, shape (n_subjects,)
        A value a subject.
    level : float
        Confidence.

    Returns
    -------
    interval : tuple of float
        NaN for a single subject, and where a value is NaN.

    Raises
    ------
    ValueError
        If values are no numbers, or of more than one axis, or ``level`` is no share.

    Examples
    --------
    >>> from eegsep.statistics import mean_interval
    >>> low, high = mean_interval([0.7, 0.8, 0.9])
    >>> round(float(low), 2), round(float(high), 2)
    (0.55, 1.05)
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1:
        raise ValueError(f"values must be of shape (n_subjects,), got {values.shape}")
    n = len(values)
    if n < 2:
        return np.nan, np.nan
    return t_interval(values.mean(), stats.sem(values), n - 1, level)


@checked(level=SHARE)
def fold_interval(scores, level=LEVEL):
    r"""Confidence interval of a cross-validated score, for training trials that folds share.

    Student's t with the variance :math:`(1/k + n_\text{test} / n_\text{train})\, s^2` of Nadeau &
    Bengio (2003), where s is the standard deviation over the k folds, seeds averaged first: folds
    are not independent, and without the second term intervals are too narrow.

    Parameters
    ----------
    scores : pandas.DataFrame
        As :attr:`eegsep.studies.inspected.Inspection.scores`.
    level : float
        Confidence.

    Returns
    -------
    interval : tuple of float
        Within 0 and 1; NaN where it is unknown, of one fold or of folds that all score the same.

    References
    ----------
    Nadeau, C., & Bengio, Y. (2003). Inference for the generalization error. Machine Learning, 52,
    239-281.

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.statistics import fold_interval
    >>> scores = pd.DataFrame({"fold": range(5), "seed": 0, "score": [0.7, 0.8, 0.75, 0.9, 0.8],
    ...                        "n_train": 80, "n_test": 20})
    >>> low, high = fold_interval(scores)
    >>> round(float(low), 2), round(float(high), 2)
    (0.65, 0.93)
    """
    check_scores(scores, "fold", "n_test", "n_train")
    folds = scores.groupby("fold")["score"].mean()
    n = len(folds)
    if n < 2 or folds.var() == 0:
        return np.nan, np.nan
    variance = (1 / n + (scores["n_test"] / scores["n_train"]).mean()) * folds.var()
    low, high = t_interval(folds.mean(), np.sqrt(variance), n - 1, level)
    return max(0.0, low), min(1.0, high)


def subject_table(scores, level=LEVEL):
    """Average each subject's scores over sessions and seeds, and set chance beside them.

    Parameters
    ----------
    scores : pandas.DataFrame
        As :attr:`eegsep.studies.benchmark.BenchmarkResult.scores`.
    level : float
        Of the interval of chance.

    Returns
    -------
    table : pandas.DataFrame
        For each ``dataset, pipeline, subject``: ``score``, ``n_trials`` (tested, in all sessions),
        and ``chance_low`` and ``chance_high`` of :func:`chance_interval`.

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.statistics import subject_table
    >>> scores = pd.DataFrame({"dataset": "d", "metric": "accuracy", "pipeline": "EEGNet",
    ...                        "seed": 0, "subject": [1, 1], "session": ["0", "1"],
    ...                        "score": [0.6, 0.8], "samples_test": 20, "n_classes": 2,
    ...                        "evaluation": "CrossSession"})
    >>> table = subject_table(scores)
    >>> float(table["score"].item()), int(table["n_trials"].item())
    (0.7, 40)
    """
    check_scores(scores, "dataset", "pipeline", "subject", "session")
    rows = []
    for (dataset, subject), part in scores.groupby(["dataset", "subject"], sort=False):
        first, sessions = part.iloc[0], part.drop_duplicates("session")
        n_folds = _N_FOLDS.get(first["evaluation"], 1)
        # MOABB's samples are those of training and test, which folds within a session all test
        n_trials = sessions["samples" if n_folds > 1 else "samples_test"]
        interval = chance_interval(
            first["metric"], n_trials, first["n_classes"], n_folds=n_folds, level=level
        )
        rows.append((dataset, subject, n_trials.sum(), *interval))
    columns = ["dataset", "subject", "n_trials", "chance_low", "chance_high"]
    by_subject = ["dataset", "pipeline", "subject"]
    table = scores.groupby(by_subject, sort=False)["score"].mean().reset_index()
    return table.merge(pd.DataFrame(rows, columns=columns), on=["dataset", "subject"], how="left")


# -- pairs ---------------------------------------------------------------------------------------


def summarise(scores, reference=REFERENCE):
    """Average over sessions and seeds, then over subjects, and compare pipelines in pairs.

    Parameters
    ----------
    scores : pandas.DataFrame
        With ``dataset, metric, pipeline, seed, subject, score, time, samples_test, n_classes``.
    reference : str
        The pipeline that others are compared with; the first there is where it is not among them.

    Returns
    -------
    summary : pandas.DataFrame
        For each ``dataset`` and ``pipeline``: ``metric``, ``n_subjects``, ``n_seeds``, ``mean``
        and ``sd`` of the subjects' scores, ``reference``, ``difference`` (this minus the reference,
        mean over subjects) and its ``difference_sd``, ``p`` (two-sided, paired over subjects:
        MOABB's exact or random sign permutations, Wilcoxon's test from 20 subjects on), ``chance``,
        and ``time`` (seconds for one fit). What cannot be known, such as ``sd`` of one subject, is
        NaN. Differences are those of :func:`scores_of_all`.

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.statistics import summarise
    >>> rows = [("EEGNet", 0.8), ("EEGNet", 0.6), ("CSP+LDA", 0.7), ("CSP+LDA", 0.5)]
    >>> scores = pd.DataFrame(rows, columns=["pipeline", "score"])
    >>> scores = scores.assign(dataset="d", metric="roc_auc", seed=0, subject=[1, 2] * 2, time=1.0,
    ...                        samples_test=20, n_classes=2)
    >>> summarise(scores)[["pipeline", "mean", "difference"]].round(2)
      pipeline  mean  difference
    0   EEGNet   0.7         0.0
    1  CSP+LDA   0.6        -0.1
    """
    check_scores(scores, "dataset", "pipeline", "subject", "seed", "metric")
    asked, rows = reference, []
    scores = scores.astype({"score": float})  # MOABB's are of single precision
    for dataset, group in scores.groupby("dataset", sort=False):
        names = list(dict.fromkeys(group["pipeline"]))
        reference = asked if asked in names else names[0]
        chance = chance_by_chance(group)[dataset]["theoretical"]
        everywhere = scores_of_all(group)
        p = _p_values(everywhere)
        for name in names:
            own = group[group["pipeline"] == name]
            means = own.groupby("subject")["score"].mean()
            difference = everywhere[name] - everywhere[reference]
            rows.append(
                {
                    "dataset": dataset,
                    "metric": group["metric"].iloc[0],
                    "pipeline": name,
                    "n_subjects": len(means),
                    "n_seeds": own["seed"].nunique(),
                    "mean": means.mean(),
                    "sd": means.std(),
                    "reference": reference,
                    "difference": difference.mean(),
                    "difference_sd": difference.std(),
                    "p": np.nan if name == reference else p.loc[name, reference],
                    "chance": chance,
                    "time": own["time"].mean(),
                }
            )
    return pd.DataFrame(rows)


def scores_of_all(scores):
    """Average what all pipelines have scored, so that each is compared on the same trials.

    Parameters
    ----------
    scores : pandas.DataFrame
        Of one dataset, with ``pipeline, subject, score`` and perhaps ``session``.

    Returns
    -------
    by_subject : pandas.DataFrame
        Means over sessions and seeds, a row for each subject, a column for each pipeline. Sessions
        that one of the pipelines could not be scored on do not count.

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.statistics import scores_of_all
    >>> scores = pd.DataFrame({"pipeline": ["EEGNet", "EEGNet", "TS+LR"], "subject": [1, 1, 1],
    ...                        "session": "0", "seed": [0, 1, 0], "score": [0.5, 0.75, 0.5]})
    >>> scores_of_all(scores).to_dict("list")
    {'EEGNet': [0.625], 'TS+LR': [0.5]}
    """
    check_scores(scores, "pipeline", "subject")
    names = list(dict.fromkeys(scores["pipeline"]))
    units = [column for column in ("subject", "session") if column in scores]
    complete = scores.groupby(units)["pipeline"].transform("nunique") == len(names)
    return (
        scores[complete]
        .groupby(["subject", "pipeline"])["score"]
        .mean()
        .unstack("pipeline")
        .reindex(columns=names)
    )


def one_sided_p(by_subject):
    """MOABB's paired tests over subjects of each pipeline against each other one.

    Parameters
    ----------
    by_subject : pandas.DataFrame
        As :func:`scores_of_all` returns it, of two subjects or more.

    Returns
    -------
    p : ndarray, shape (n_pipelines, n_pipelines)
        One-sided: small where the row's pipeline scores more than the column's. Exact or random
        sign permutations, Wilcoxon's test from 20 subjects on.

    Raises
    ------
    ValueError
        If there are fewer than two subjects.

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.statistics import one_sided_p
    >>> scores = pd.DataFrame({"EEGNet": [0.8, 0.7, 0.9, 0.8, 0.9],
    ...                        "CSP+LDA": [0.7, 0.6, 0.7, 0.6, 0.8]})
    >>> one_sided_p(scores)[0, 1].round(3).item()  # one of the 2**5 signs
    0.031
    """
    if len(by_subject) < 2:
        raise ValueError(f"a test in pairs needs two subjects or more, got {len(by_subject)}")
    if len(by_subject) < _WILCOXON_FROM:
        return compute_pvals_perm(by_subject, seed=0)
    return compute_pvals_wilcoxon(by_subject)


def _p_values(by_subject):
    """Two-sided p-values of all pairs, as a square DataFrame."""
    names = by_subject.columns
    if len(by_subject) < 2:
        return pd.DataFrame(np.nan, names, names)
    p = one_sided_p(by_subject)
    return pd.DataFrame(np.minimum(1, 2 * np.minimum(p, p.T)), names, names)


@checked(confidence=SHARE)
def compare(scores, reference=REFERENCE, *, confidence=LEVEL):
    """Compare pipelines with a reference, in pairs over subjects.

    Sessions and seeds are averaged first: a subject is one observation.

    Parameters
    ----------
    scores : pandas.DataFrame
        As :func:`summarise` takes it.
    reference : str
        The pipeline that others are compared with.
    confidence : float
        Of the intervals.

    Returns
    -------
    table : pandas.DataFrame
        For each ``dataset`` and ``pipeline``, what :func:`summarise` has, and: ``ci_low`` and
        ``ci_high``, the interval of the mean difference by Student's t; ``effect``, MOABB's
        standardised mean difference (the mean of the differences over their standard deviation);
        ``p_holm``, corrected for the number of pipelines compared on the dataset, see
        :func:`holm`.

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.statistics import compare
    >>> rows = [("EEGNet", 0.8), ("EEGNet", 0.7), ("EEGNet", 0.9),
    ...         ("CSP+LDA", 0.7), ("CSP+LDA", 0.7), ("CSP+LDA", 0.8)]
    >>> scores = pd.DataFrame(rows, columns=["pipeline", "score"])
    >>> scores = scores.assign(dataset="d", metric="roc_auc", seed=0, subject=[1, 2, 3] * 2,
    ...                        time=1.0, samples_test=20, n_classes=2)
    >>> table = compare(scores).set_index("pipeline")
    >>> table.loc["CSP+LDA", ["difference", "ci_low", "ci_high"]].astype(float).round(2).tolist()
    [-0.07, -0.21, 0.08]
    """
    table = summarise(scores, reference)
    for dataset, rows in table.groupby("dataset", sort=False):
        by_subject = scores_of_all(scores[scores["dataset"] == dataset])[list(rows["pipeline"])]
        lead = by_subject.sub(by_subject[rows["reference"].iloc[0]], axis=0)
        intervals = [mean_interval(lead[name], confidence) for name in lead]
        table.loc[rows.index, ["ci_low", "ci_high"]] = intervals
        effect = np.nan
        if len(by_subject) > 1:
            column = by_subject.columns.get_loc(rows["reference"].iloc[0])
            effect = compute_effect(by_subject)[:, column]
        table.loc[rows.index, "effect"] = effect
        table.loc[rows.index, "p_holm"] = holm(rows["p"])
    compared = table["pipeline"] != table["reference"]
    columns = ["ci_low", "ci_high", "effect"]
    table[columns] = table[columns].where(compared)
    return table


def holm(p):
    """Correct p-values for their number by Holm's step-down method.

    As in [1]_ the k-th smallest of m is multiplied by m - k + 1, no corrected value is below a
    smaller one's, and none is above 1. The probability of one false rejection or more is then
    bounded, whatever the dependence between the tests.

    Parameters
    ----------
    p : array-like, shape (n_tests,)
        Of the tests. NaN stands for no test and stays.

    Returns
    -------
    corrected : ndarray, shape (n_tests,)

    Raises
    ------
    ValueError
        If they are no probabilities.

    References
    ----------
    .. [1] Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian
       Journal of Statistics, 6(2), 65-70.

    Examples
    --------
    >>> from eegsep.statistics import holm
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, dtype=float)
    if p.ndim != 1 or (p < 0).any() or (p > 1).any():
        raise ValueError("p-values must be between 0 and 1, in an array of shape (n_tests,)")
    order = np.argsort(p)[: np.isfinite(p).sum()]  # NaN are sorted to the end
    factors = np.arange(len(order), 0, -1)
    corrected = np.full(p.shape, np.nan)
    corrected[order] = np.minimum(1, np.maximum.accumulate(factors * p[order]))
    return corrected


def spearman(x, y):
    """Correlate by ranks, with a p-value that holds for few observations too.

    Parameters
    ----------
    x, y : array-like, shape (n_subjects,)

    Returns
    -------
    rho, p : float
        Spearman's correlation and its two-sided p: of all orders up to eight observations, by
        Student's t above. NaN where there are fewer than three, one of the two is constant, or one
        has NaN.

    Raises
    ------
    ValueError
        If they are no numbers, or not as many as each other.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep.statistics import spearman
    >>> rho, p = spearman(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 4.0, 9.0, 16.0]))
    >>> round(float(rho), 3), round(float(p), 3)  # 2 of the 4! orders
    (1.0, 0.083)
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"observations must come in pairs, got {x.shape} and {y.shape}")
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0 or np.isnan(x + y).any():
        return np.nan, np.nan
    found = stats.spearmanr(x, y)
    if len(x) > _EXACT_UP_TO:
        return found.statistic, found.pvalue
    # t takes a perfect order of few subjects for certain
    ranks = stats.rankdata(y) - (len(y) + 1) / 2
    exact = stats.permutation_test(
        (stats.rankdata(x),),
        lambda x, axis: np.sum(x * ranks, axis=axis),
        permutation_type="pairings",
        n_resamples=np.inf,
        vectorized=True,
    )
    return found.statistic, exact.pvalue
