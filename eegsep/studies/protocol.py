"""What a study is asked for beside recordings: evaluation, folds, seeds, processes, shares.

Checked here for all studies, before any work.
"""

import joblib
from moabb.evaluations import (
    CrossSessionEvaluation,
    CrossSubjectEvaluation,
    WithinSessionEvaluation,
)

from eegsep._utils.errors import RequestError, look_up

EVALUATIONS = {
    "WithinSession": WithinSessionEvaluation,
    "CrossSession": CrossSessionEvaluation,
    "CrossSubject": CrossSubjectEvaluation,
}
# More seeds, or processes, than anybody means.
_MOST_SEEDS, _MOST_JOBS = 10_000, 1_000


def check_fold_groups(groups, evaluation):
    """Refuse groups that folds cannot be made of.

    Parameters
    ----------
    groups, evaluation
        See :func:`eegsep.studies.benchmark.benchmark`.

    Raises
    ------
    RequestError
        If groups are unknown, or of no use in the evaluation.
    """
    if groups not in (None, "run"):
        raise RequestError(f"groups are 'run' or none, not {groups!r}.")
    evaluation_class = look_up("evaluation", evaluation, EVALUATIONS)
    if groups is not None and evaluation_class is not WithinSessionEvaluation:
        raise RequestError(
            "groups are for WithinSession: the other evaluations hold out whole sessions or "
            "subjects anyway."
        )


def check_evaluation(evaluation_class, selections):
    """Refuse datasets that do not go with an evaluation.

    Parameters
    ----------
    evaluation_class : type
        Of ``EVALUATIONS``.
    selections : list of eegsep.datasets.selection.Selection

    Raises
    ------
    RequestError
        If one has too few sessions or subjects.
    """
    for selection in selections:
        dataset = selection.dataset
        if evaluation_class is CrossSessionEvaluation and dataset.n_sessions < 2:
            raise RequestError(
                f"{dataset.code} has one session a subject, so CrossSession is impossible: use "
                "WithinSession or CrossSubject."
            )
        if evaluation_class is CrossSubjectEvaluation and len(selection.subjects) < 2:
            raise RequestError("CrossSubject needs two subjects or more.")


def check_run(seed, n_seeds, n_jobs):
    """Refuse seeds and processes that cannot be.

    Parameters
    ----------
    seed, n_seeds, n_jobs : int
        See :func:`eegsep.studies.benchmark.benchmark`.

    Raises
    ------
    RequestError
        If one is out of its range.
    """
    if not 1 <= n_seeds <= _MOST_SEEDS:
        raise RequestError(f"seeds must be 1 or more, up to {_MOST_SEEDS:,}, not {n_seeds}.")
    if not 0 <= seed < 2**32 - n_seeds:
        raise RequestError(f"the seed must be 0 or more and below 2**32, not {seed}.")
    if n_jobs == 0 or abs(n_jobs) > _MOST_JOBS:
        raise RequestError(
            f"jobs must be 1 or more, up to {_MOST_JOBS:,}, or -1 for one per core, not {n_jobs}."
        )
    backend, _ = joblib.parallel.get_active_backend()
    if getattr(backend, "supports_sharedmem", False) and joblib.effective_n_jobs(n_jobs) > 1:
        raise RequestError(
            "joblib is set to threads, but what is computed at the same time needs processes: "
            "choose the backend loky, multiprocessing or dask, or n_jobs=1."
        )


def check_shard(shard):
    """Refuse shares that cannot be.

    Parameters
    ----------
    shard : (int, int) | None
        See :func:`eegsep.studies.benchmark.benchmark`.

    Raises
    ------
    RequestError
        If it is not a number from 1 to the number of shares, and this.
    """
    if shard is None:
        return
    number, n_shards = shard
    if not 1 <= number <= n_shards:
        last = max(n_shards, 1)
        raise RequestError(
            f"a shard is one of so many, from 1/{last} to {last}/{last}, not {number}/{n_shards}."
        )


def take_share(things, shard, what):
    """Take the share of things that a shard is to do.

    Parameters
    ----------
    things : list
    shard : (int, int) | None
        None for all.
    what : str
        What things are called, for the error.

    Returns
    -------
    share : list
        Things so far apart as there are shards, from the shard's number on.

    Raises
    ------
    RequestError
        If there are more shards than things.
    """
    number, n_shards = (1, 1) if shard is None else shard
    if n_shards > max(len(things), 1):
        raise RequestError(
            f"there are {len(things)} {what} to share, so at most as many shards, not {n_shards}."
        )
    return things[number - 1 :: n_shards]
