"""What a study is asked for beside recordings: evaluation, its folds, seeds, processes, shares.

Checked here for all studies, before any work.
"""

import warnings
from collections.abc import Iterable
from numbers import Integral

import joblib
from moabb.evaluations import (
    CrossSessionEvaluation,
    CrossSubjectEvaluation,
    CrossSubjectMode,
    WithinSessionEvaluation,
)
from sklearn import config_context
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.utils.metadata_routing import get_routing_for_object

from eegsep._utils.errors import RequestError, look_up

from .learning_curve import LearningCurveEvaluation
from .transfer import TransferEvaluation

EVALUATIONS = {
    "WithinSession": WithinSessionEvaluation,
    "CrossSession": CrossSessionEvaluation,
    "CrossSubject": CrossSubjectEvaluation,
}
# Those of a benchmark alone, with settings of their own.
WITH_SETTINGS = {"Transfer": TransferEvaluation, "LearningCurve": LearningCurveEvaluation}
# What these take where nothing is said.
N_TARGET_TRIALS, TRAIN_SIZES = 15, (10, 20, 40)
# MOABB's modes with labelled trials of the target take a share of each session: Transfer is for it.
CS_MODES = [mode.value for mode in CrossSubjectMode if not mode.calibration_labeled]
# More seeds, or processes, than anybody means.
_MOST_SEEDS, _MOST_JOBS = 10_000, 1_000


def check_fold_groups(groups, evaluation):
    """Refuse groups that are unknown, or of no use in the evaluation: a RequestError."""
    if groups not in (None, "run"):
        raise RequestError(f"groups are 'run' or none, not {groups!r}.")
    evaluation_class = look_up("evaluation", evaluation, EVALUATIONS)
    if groups is not None and evaluation_class is not WithinSessionEvaluation:
        raise RequestError(
            "groups are for WithinSession: the other evaluations hold out whole sessions or "
            "subjects anyway."
        )


def check_evaluation(evaluation_class, selections):
    """Refuse datasets that have too few sessions or subjects for an evaluation: a RequestError."""
    for selection in selections:
        dataset = selection.dataset
        if evaluation_class is CrossSessionEvaluation and dataset.n_sessions < 2:
            raise RequestError(
                f"{dataset.code} has one session a subject, so CrossSession is impossible: use "
                "WithinSession or CrossSubject."
            )
        if issubclass(evaluation_class, CrossSubjectEvaluation) and len(selection.subjects) < 2:
            name = evaluation_class.__name__.removesuffix("Evaluation")
            raise RequestError(f"{name} needs two subjects or more.")


def settings_of(evaluation, *, groups=None, target_trials=None, train_sizes=None, cs_mode=None):
    """Return what an evaluation is made with, but for data and seed (dict by parameter).

    All is as :func:`eegsep.studies.benchmark.benchmark` takes it. It is a RequestError if the
    evaluation is unknown, takes no such setting, or a value cannot be.
    """
    look_up("evaluation", evaluation, EVALUATIONS | WITH_SETTINGS)
    for value, option, whose in (
        (target_trials, "target trials", "Transfer"),
        (train_sizes, "training sizes", "LearningCurve"),
        (cs_mode, "modes of the target", "CrossSubject"),
    ):
        if value is not None and evaluation != whose:
            raise RequestError(f"{option} are for {whose}, not for {evaluation}.")
    if evaluation in EVALUATIONS:
        check_fold_groups(groups, evaluation)
    elif groups is not None:
        raise RequestError(f"groups are for WithinSession, not for {evaluation}.")
    if groups is not None:
        return {"groups": groups, "cv_class": LeaveOneGroupOut}
    if cs_mode is not None:
        look_up("mode", cs_mode, dict.fromkeys(CS_MODES))
        return {"cs_mode": cs_mode}
    if evaluation == "Transfer":
        n = N_TARGET_TRIALS if target_trials is None else target_trials
        if not _are_whole(n) or n < 2:
            raise RequestError(f"Transfer trains on two trials of the target or more, not {n}.")
        return {"n_target_trials": n}
    if evaluation == "LearningCurve":
        sizes = TRAIN_SIZES if train_sizes is None else train_sizes
        sizes = sizes if isinstance(sizes, Iterable) else [sizes]
        # commands read floats
        sizes = [int(n) if isinstance(n, float) and n.is_integer() else n for n in sizes]
        if not sizes or not _are_whole(*sizes) or min(sizes) < 2:
            raise RequestError(
                "training sizes are numbers of trials, of 2 or more, not "
                f"{', '.join(map(str, sizes)) or 'none'}."
            )
        return {"train_sizes": tuple(sorted(set(map(int, sizes))))}
    return {}


def _are_whole(*numbers):
    return all(isinstance(number, Integral) for number in numbers)


def check_train_sizes(settings, selections):
    """Refuse training sizes, of :func:`settings_of`, that no equal numbers of each class make."""
    for selection in selections:
        n_classes = len(selection.paradigm.used_events(selection.dataset))
        uneven = [size for size in settings.get("train_sizes", ()) if size % n_classes]
        if uneven:
            raise RequestError(
                f"a learning curve trains on equally many trials of each of the {n_classes} "
                f"classes of {selection.dataset.code}: {', '.join(map(str, uneven))} cannot be, "
                f"multiples of {n_classes} can."
            )


def warn_of_no_use(cs_mode, variants):
    """Warn of pipelines that make no use of the target's trials that a ``cs_mode`` gives them."""
    if cs_mode is None or not CrossSubjectMode(cs_mode).calibration_size:
        return
    for name, estimator in {each.name: each.estimator for each in variants}.items():
        with config_context(enable_metadata_routing=True):
            asks = get_routing_for_object(estimator).consumes("fit", {"X_target_unlabeled"})
        if not asks:
            text = f"no step of {name} asks for X_target_unlabeled: it learns from others alone"
            warnings.warn(text, stacklevel=2)


def check_run(seed, n_seeds, n_jobs):
    """Refuse seeds and processes that are out of their range: a RequestError."""
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
    """Refuse a shard that is not a number from 1 to that of shares, and this: a RequestError."""
    if shard is None:
        return
    if not _are_whole(*shard) or len(shard) != 2:
        raise RequestError(f"a shard is a pair of numbers such as (2, 8), not {shard!r}.")
    number, n_shards = shard
    if not 1 <= number <= n_shards:
        last = max(n_shards, 1)
        raise RequestError(
            f"a shard is one of so many, from 1/{last} to {last}/{last}, not {number}/{n_shards}."
        )


def take_share(things, shard, what):
    """Take the share of things that a shard is to do, None for all; ``what`` they are called.

    They are so far apart as there are shards, from the shard's number on. More shards than things
    are a RequestError.
    """
    number, n_shards = (1, 1) if shard is None else shard
    if n_shards > max(len(things), 1):
        raise RequestError(
            f"there are {len(things)} {what} to share, so at most as many shards, not {n_shards}."
        )
    return things[number - 1 :: n_shards]
