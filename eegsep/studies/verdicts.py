"""Whether to believe what was learned: chance of shuffled labels, how fits agree, a verdict."""

from __future__ import annotations

import numpy as np
from scipy import stats
from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score
from sklearn.utils import check_random_state

from eegsep.inspection.controls import CONTROLS
from eegsep.inspection.folds import parts_to_shuffle, shuffle_labels
from eegsep.inspection.recurrence import reliability_without
from eegsep.statistics import LEVEL, t_interval

# Fewer folds do not tell how a reliability scatters: with two, its interval is nearly everything.
FEWEST_FOLDS = 3
# Shuffled labels that chance is taken from.
_N_SHUFFLES = 1000
STABLE = "stable"
_UNKNOWN = "not known without controls"
_TOO_FEW = "not enough fits to tell"
NO_TELLING = (_UNKNOWN, _TOO_FEW)


def score_fit(truth, probabilities, classes, metric):
    """Score what a fit says of held-out trials by ``"roc_auc"`` or ``"accuracy"`` (float)."""
    if metric == "roc_auc":
        return float(roc_auc_score(truth == classes[1], probabilities[:, 1]))
    return float(accuracy_score(truth, classes[probabilities.argmax(axis=1)]))


def confuse(fits, y):
    """Count the held-out trials of fits by true (rows) and predicted class (ndarray of int)."""
    classes = np.unique(y)
    truth = np.concatenate([y[fit.test] for fit in fits])
    said = np.concatenate([classes[fit.probabilities.argmax(axis=1)] for fit in fits])
    return confusion_matrix(truth, said, labels=classes)


def judge(reliability, interval, above_chance):
    """Tell whether what trained networks learned recurs from fit to fit: ``"stable"``, or why not.

    It is stable where the held-out score is above the interval of chance (see
    :func:`chance_of_shuffled`; where it is not, there is nothing that could recur), and the
    interval of the trained fits' reliability (see :func:`reliability_interval`) above 0 and the
    reliability of each control. There may be no telling.
    """
    controls = [reliability[kind] for kind in CONTROLS if kind in reliability]
    if not controls:
        return _UNKNOWN
    if not above_chance:
        return "not stable: the score is within chance"
    if np.isnan(interval[0]):
        return _TOO_FEW
    if interval[0] <= max(0.0, *controls):
        return "not stable: the reliability's interval is not above 0 and both controls"
    return STABLE


def reliability_interval(fits, folds):
    r"""95 % interval of the reliability of cross-validated fits, by the jackknife over folds.

    Fits of a fold share their training trials and go together: with :math:`\theta_{-j}` the
    reliability without those of fold j of k, the variance is
    :math:`\frac{k - 1}{k} \sum_j (\theta_{-j} - \bar\theta)^2` [1]_, and the interval Student's
    with k - 1 degrees of freedom.

    Parameters
    ----------
    fits : sequence of Components
        With their relevance.
    folds : array-like of int, shape (n_fits,)
        Number of the fold of each.

    Returns
    -------
    interval : tuple of float
        NaN where there are fewer than three folds.

    References
    ----------
    .. [1] Efron, B., & Stein, C. (1981). The jackknife estimate of variance. The Annals of
       Statistics, 9, 586-596.
    """
    folds = np.asarray(folds)
    n_folds = len(np.unique(folds))
    if n_folds < FEWEST_FOLDS:
        return np.nan, np.nan
    whole, without = reliability_without(fits, folds)
    error = np.sqrt((n_folds - 1) * np.var(without))
    low, high = t_interval(whole, error, n_folds - 1)
    return max(-1.0, float(low)), min(1.0, float(high))


def chance_of_shuffled(fits, y, metric, groups=None, *, random_state=0):
    """Score the same held-out predictions against shuffled labels: what chance alone scores.

    A permutation test [1]_ of the trials against what networks, which have not seen them, say of
    them. Labels are shuffled among the trials that a fold tests, as those of controls are, see
    :func:`eegsep.inspection.parts_to_shuffle`, and are the same for all seeds. Trials, or groups,
    must be exchangeable where classes do not differ: not so where trials of one class come first,
    and signals drift.

    Parameters
    ----------
    fits : sequence of CrossFit
        Of one kind, from all folds and seeds. Their ``fold``, ``test`` and ``probabilities`` count.
    y : ndarray, shape (n_trials,)
        Labels.
    metric : {"roc_auc", "accuracy"}
        How each fit is scored.
    groups : array-like, shape (n_trials,) | None
        What belongs together.
    random_state : int | RandomState | None
        Seed of the shufflings.

    Returns
    -------
    chance : dict of float
        ``low`` and ``high``, between which 95 % of the shufflings score, and ``p``,
        how often they score as high as the true labels, or higher, with these among them.

    References
    ----------
    .. [1] Ojala, M., & Garriga, G. C. (2010). Permutation tests for studying classifier
       performance. Journal of Machine Learning Research, 11, 1833-1863.
    """
    rng = check_random_state(random_state)
    classes, labels = np.unique(y, return_inverse=True)
    tests, worth = {}, {}
    for fit in fits:
        tests[fit.fold] = fit.test
        by_class = fit.probabilities
        if metric == "roc_auc":
            value = stats.rankdata(by_class[:, 1])
        else:
            value = np.eye(len(classes))[by_class.argmax(axis=1)]
        worth[fit.fold] = worth.get(fit.fold, 0) + value
    n_seeds = len(fits) / len(tests)

    def score(labels):
        return np.mean([_fold_score(worth[k] / n_seeds, labels[test]) for k, test in tests.items()])

    parts = parts_to_shuffle(list(tests.values()), labels)
    truth = score(labels)
    scores = [score(shuffle_labels(labels, groups, rng, parts)) for _ in range(_N_SHUFFLES)]
    low, high = np.quantile(scores, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    # what differs by rounding only is the same
    n_as_high = np.sum(np.array(scores) >= truth - 1e-9)
    return {"low": float(low), "high": float(high), "p": float((1 + n_as_high) / (1 + len(scores)))}


def _fold_score(worth, labels):
    """Score of a fold, mean over seeds: from mean ranks, or from how often each class was said."""
    if worth.ndim == 2:
        return worth[np.arange(len(labels)), labels].mean()
    n_first, n_second = np.bincount(labels, minlength=2)
    if not n_first or not n_second:
        return 0.5  # of one class nothing can be told apart
    return (worth[labels == 1].sum() - n_second * (n_second + 1) / 2) / (n_first * n_second)
