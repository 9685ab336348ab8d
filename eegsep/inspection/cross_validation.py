"""Cross-validated fits: what each learned, and what it says of its held-out trials.

Of the trained networks and of their controls, on every fold from other initial weights.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from eegsep._utils.constraints import checked, whole
from eegsep._utils.values import labels_of
from eegsep.estimator.classifier import EEGNetClassifier
from eegsep.estimator.parameters import resolve_device
from eegsep.estimator.stacks import can_be_stacked, fit_stacked
from eegsep.training import stacked

from .controls import CONTROLS, fresh_for
from .folds import check_groups, make_folds, parts_to_shuffle, shuffle_labels
from .learned import Components, components
from .pipelines import cut_pipeline, fit_with_groups
from .recurrence import consensus
from .worth import relevance


@dataclass(frozen=True, eq=False)
class CrossFit:
    """One fit of a cross-validation: what it learned, and what it says of its held-out trials.

    Attributes
    ----------
    components : Components
        With patterns on the training trials, ``relevance`` on the held-out ones, and the number
        of the ``repetition``.
    probabilities : ndarray, shape (n_test, n_classes)
        Of the held-out trials.
    test : ndarray of int, shape (n_test,)
        Which trials these are.
    n_train : int
        Trials of the fit.
    fold : int
        Number of the fold.
    seed : int
        ``random_state`` of the fit.
    seconds : float
        Time of the fit; of fits that were trained together, the share of one.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.inspection import cross_fits
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0)
    >>> fit = next(cross_fits(clf, X, y, cv=3))
    >>> fit.n_train, fit.probabilities.shape
    (16, (8, 2))
    """

    components: Components
    probabilities: np.ndarray
    test: np.ndarray
    n_train: int
    fold: int
    seed: int
    seconds: float


class _Job(NamedTuple):
    """What a fit of a cross-validation is made of; ``y`` are the labels of all trials."""

    y: np.ndarray
    train: np.ndarray
    test: np.ndarray
    fold: int
    seed: int
    repetition: int


@checked(n_seeds=[whole(1)])
def cross_fits(
    estimator,
    X,
    y,
    *,
    groups=None,
    cv=5,
    n_seeds=1,
    control=None,
    random_state=0,
    n_jobs=None,
):
    """Fit on every fold, from other initial weights each time, and keep what the fits are for.

    Parameters
    ----------
    estimator : EEGNetClassifier, or Pipeline that ends in one
        Cloned for each fit.
    X : array-like, shape (n_trials, n_chans, n_times), or mne.Epochs
        Trials.
    y : array-like, shape (n_trials,)
        Labels.
    groups : array-like, shape (n_trials,) | None
        What must not be on both sides of a fold, such as the trial that overlapping windows come
        from, the run, or the session. They go to the splitter and, where scikit-learn's
        ``enable_metadata_routing`` is on, to the estimators that request them.
    cv : int, cross-validation splitter, or iterable of (train, test), default=5
        Folds, see :func:`make_folds`.
    n_seeds : int, default=1
        Repetitions of the cross-validation, from other random weights each.
    control : {"untrained", "shuffled"} | None, default=None
        Fit networks as :func:`untrained` or :func:`label_shuffled` does, but with labels that are
        shuffled once for each repetition, for its training and held-out trials alike, and among
        those that a fold tests (see :func:`parts_to_shuffle`): where classes do not differ, a
        control is then no other than a repetition with the true labels.
    random_state : int | RandomState | None, default=0
        Seed of the fits' seeds.
    n_jobs : int | None, default=None
        Fits at a time, by joblib. With None or 1, on an accelerator, the networks of an
        ``EEGNetClassifier`` that does not stop early are trained together, see
        :func:`eegsep.estimator.fit_stacked`.

    Returns
    -------
    fits : iterator of CrossFit
        All folds of the first seed, then of the next; each as soon as it and those before it are
        done.

    Raises
    ------
    ValueError
        If ``control`` is unknown, ``n_seeds`` below 1, labels are missing or not one for each
        trial, or the folds cannot be made, see :func:`make_folds`.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.inspection import cross_fits
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0)
    >>> [len(fit.test) for fit in cross_fits(clf, X, y, cv=3)]
    [8, 8, 8]
    """
    if control is not None and control not in CONTROLS:
        raise ValueError(f"control must be one of {CONTROLS} or None, got {control!r}")
    X = _as_trials(X)
    y = labels_of("cross_fits", y, len(X))
    groups = check_groups(groups, len(y))
    folds = list(enumerate(make_folds(cv, y, groups)))
    rng = check_random_state(random_state)
    seeds = rng.randint(2**31 - 1, size=(n_seeds, len(folds)))
    parts = parts_to_shuffle([test for _, (_, test) in folds], y)
    jobs = []
    for repetition in range(n_seeds):
        shuffled = {name: shuffle_labels(y, groups, rng, parts) for name in CONTROLS}
        labels = shuffled.get(control, y)
        jobs += [
            _Job(labels, train, test, fold, int(seed), repetition)
            for (fold, (train, test)), seed in zip(folds, seeds[repetition], strict=True)
        ]
    if n_jobs in (None, 1) and len(jobs) > 1 and _stacks(fresh_for(estimator, control, 0)):
        return _stacked_fits(estimator, X, groups, control, jobs)
    return Parallel(n_jobs, return_as="generator")(
        delayed(_one_fit)(estimator, X, groups, control, job) for job in jobs
    )


def _as_trials(X):
    """Return trials of which several can be taken at once."""
    if isinstance(X, (list, tuple)):
        try:
            return np.asarray(X)
        except ValueError as error:
            raise ValueError(f"the trials differ in length or channels ({error})") from error
    return X


def _stacks(estimator):
    """Whether fits are sooner done as stacks."""
    if not isinstance(estimator, EEGNetClassifier) or not can_be_stacked(estimator):
        return False
    return stacked.is_faster(resolve_device(estimator.device))


def _stacked_fits(estimator, X, groups, control, jobs):
    for some in (jobs[i : i + stacked.AT_ONCE] for i in range(0, len(jobs), stacked.AT_ONCE)):
        started = time.perf_counter()
        of_fold = {job.fold: X[job.train] for job in some}
        classifiers = [fresh_for(estimator, control, job.seed) for job in some]
        trials, labels = [of_fold[job.fold] for job in some], [job.y[job.train] for job in some]
        fit_stacked(classifiers, trials, labels)
        seconds = (time.perf_counter() - started) / len(some)
        for fitted, job in zip(classifiers, some, strict=True):
            yield _look_at(fitted, X, job, seconds)


def _one_fit(estimator, X, groups, control, job):
    started = time.perf_counter()
    own = None if groups is None else groups[job.train]
    fresh = fresh_for(estimator, control, job.seed)
    fitted = fit_with_groups(fresh, X[job.train], job.y[job.train], own)
    return _look_at(fitted, X, job, time.perf_counter() - started)


def _look_at(fitted, X, job, seconds):
    found = components(fitted, None if cut_pipeline(fitted)[0] is None else X[job.train])
    worth = relevance(fitted, X[job.test], job.y[job.test])
    return CrossFit(
        components=replace(found, relevance=worth, repetition=job.repetition),
        probabilities=fitted.predict_proba(X[job.test]),
        test=job.test,
        n_train=len(job.train),
        fold=job.fold,
        seed=job.seed,
        seconds=seconds,
    )


def cross_components(
    estimator,
    X,
    y,
    *,
    groups=None,
    cv=5,
    n_seeds=1,
    control=None,
    random_state=0,
    n_jobs=None,
):
    """Fit on every fold, from other initial weights each time: components for a consensus.

    Parameters
    ----------
    estimator, X, y, groups, cv, n_seeds, control, random_state, n_jobs
        As in :func:`cross_fits`, which also gives what the fits say of held-out trials.

    Returns
    -------
    fits : list of Components
        With patterns on the training trials and ``relevance`` on the held-out ones.

    Raises
    ------
    ValueError
        As :func:`cross_fits` does.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.inspection import cross_components
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0)
    >>> fits = cross_components(clf, X, y, cv=3)
    >>> len(fits), fits[0].relevance.shape
    (3, (16, 2))
    """
    options = {"groups": groups, "cv": cv, "n_seeds": n_seeds, "control": control}
    options |= {"random_state": random_state, "n_jobs": n_jobs}
    return [fit.components for fit in cross_fits(estimator, X, y, **options)]


def sanity_checks(estimator, X, y, **options):
    """Compare the consensus of trained fits with that of untrained and of label-shuffled ones.

    Parameters
    ----------
    estimator, X, y
        As in :func:`cross_components`.
    **options
        Its other parameters, and ``min_similarity`` of :func:`consensus`.

    Returns
    -------
    checks : dict of Consensus
        ``"trained"``, ``"untrained"`` and ``"shuffled"``. Maps are to be believed where the
        reliability of the first stands out from the other two's.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.inspection import sanity_checks
    >>> X, y = np.random.default_rng(0).normal(size=(24, 4, 64)), np.arange(24) % 2
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0)
    >>> checks = sanity_checks(clf, X, y, cv=2)
    >>> sorted(checks)
    ['shuffled', 'trained', 'untrained']
    """
    cut = {"min_similarity": options.pop("min_similarity")} if "min_similarity" in options else {}
    return {
        name: consensus(
            cross_components(
                estimator, X, y, control=None if name == "trained" else name, **options
            ),
            **cut,
        )
        for name in ("trained", *CONTROLS)
    }
