"""One pipeline fitted to all trials of some recordings, with the score that it can be expected of.

What comes out can be kept in a file, with the preparation that other recordings need.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from eegsep._utils.errors import RequestError, in_a_line
from eegsep._utils.logs import about, by_text, quiet
from eegsep._utils.processes import side_by_side
from eegsep._utils.tables import origin
from eegsep.datasets import Recordings
from eegsep.datasets.channels import find_channels
from eegsep.datasets.epochs import is_epochs
from eegsep.datasets.recordings import load_subject, say_failures
from eegsep.datasets.study_folders import Study
from eegsep.datasets.study_folders.reading import typical_amplitude
from eegsep.deployment import Preparation
from eegsep.estimator.classifier import EEGNetClassifier
from eegsep.statistics import fold_interval

from .digests import digest_trials
from .folds import check_folds, say_folds
from .pipelines import load_pipelines, make_variants
from .protocol import check_run
from .verdicts import chance_of_shuffled, confuse, score_fit

_PACKAGES = ("torch", "mne", "moabb", "scikit-learn")
_N_FOLDS = 5
# What is kept together in folds, and of how many of them at least folds are made.
_TOGETHER = {"subject": 2, "session": 2, "run": 3}


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A pipeline fitted to all trials, and what it scores on trials that it was not fitted to.

    Attributes
    ----------
    estimator : EEGNetClassifier, or Pipeline
        Fitted.
    preparation : Preparation
        How recordings become what it takes.
    scores : pandas.DataFrame
        A row for each fold: ``fold, n_train, n_test, score, accuracy, seconds``; None where no
        score was asked for.
    run : dict
        What JSON can hold: the recordings, trials, folds, score with its interval and chance, the
        confusion of classes (rows) with decisions (columns), and versions.
    """

    estimator: Any = field(repr=False)
    preparation: Preparation
    scores: pd.DataFrame | None
    run: dict

    def metadata(self):
        """Return what a model's file keeps beside the classifier (dict that JSON can hold)."""
        return {"preparation": self.preparation.to_dict(), "fit": self.run}


def fit(
    dataset,
    *,
    pipeline="EEGNet",
    score=True,
    max_epochs=None,
    trust=False,
    seed=42,
    n_jobs=1,
    progress=None,
    **options,
):
    """Fit a pipeline to all trials of recordings, after a cross-validation that tells its score.

    Parameters
    ----------
    dataset : Recordings | str | BaseDataset
        What is read, of one dataset; or this, by name or as an object, with the ``options``.
    pipeline : str | path-like
        One that is shipped, or a YAML file.
    score : bool, default=True
        Whether to cross-validate: over subjects, sessions or runs, each as a whole, where there
        are two subjects or sessions or three runs, else in stratified folds of consecutive trials.
    max_epochs : int | None
        Replaces that of the pipeline, for a quick look.
    trust : bool, default=False
        Whether the pipeline's file may run as a program.
    seed : int, default=42
        Every ``random_state`` of the pipeline.
    n_jobs : int, default=1
        Fits of the cross-validation at a time; -1 for one a core.
    progress : callable | None
        Called as ``progress(stage, done, total, label)``, with ``stage`` ``"read"`` or ``"fit"``.
    **options
        Of :class:`eegsep.datasets.Recordings`.

    Returns
    -------
    fitted : FittedModel

    Raises
    ------
    RequestError
        If anything that is asked for is unknown or does not go together, or a recording cannot be
        used.
    """
    started = time.time()
    progress = progress or (lambda *_: None)
    check_run(seed, 1, n_jobs)
    n_jobs = effective_n_jobs(n_jobs)
    recordings = Recordings.of(dataset, options | ({"trust": True} if trust else {}))
    caught: Counter = Counter()
    with quiet(caught), recordings.reading(), side_by_side(n_jobs):
        selections = recordings.select()
        if len(selections) > 1:
            codes = ", ".join(each.dataset.code for each in selections)
            raise RequestError(f"a model is fitted to one dataset, not to {codes}: name one.")
        (selection,) = selections
        name, estimator = _load(
            pipeline, type(selection.paradigm).__name__, seed, max_epochs, trust
        )
        trials = _read(selection, progress)
        X = trials.epochs() if isinstance(estimator, EEGNetClassifier) else trials.array()
        y, metadata = trials.labels, trials.metadata
        preparation = _preparation(selection, trials, X)
        cv = _folds(X, y, metadata) if score else None
        total = 1 + (0 if cv is None else len(cv.folds))
        progress("fit", 0, total, "")
        scores = fits = None
        code = selection.dataset.code
        with about(code):
            try:
                if cv is not None:
                    scores, fits = _score(estimator, X, y, cv, n_jobs, progress, total)
                fitted = clone(estimator).fit(X, y)
            except (ValueError, FloatingPointError) as error:  # of what cannot be fitted
                why = in_a_line(error).rstrip(".")
                raise RequestError(f"cannot fit {name} to {code}: {why}.") from error
        progress("fit", total, total, "all trials")
    labels, counts = np.unique(y, return_counts=True)
    run = {
        "study": "fit",
        "dataset": code,
        "subjects": list(dict.fromkeys(metadata["subject"].tolist())),
        "recordings": _names_of(selection),
        "named_files": _are_named(selection.dataset),
        "pipeline": name,
        "trials": {str(label): int(n) for label, n in zip(labels, counts, strict=True)},
        "trials_digest": digest_trials(X, y),
        "seed": seed,
        "max_epochs": max_epochs,
        **_say_score(scores, fits, y, cv, seed),
        **origin(started, _PACKAGES),
        "warnings": by_text(caught),
    }
    return FittedModel(fitted, preparation, scores, run)


def _load(pipeline, paradigm, seed, max_epochs, trust):
    """Load the one pipeline that is asked for; a classifier alone is none."""
    configs = load_pipelines(pipeline, paradigm, trust=trust)
    if len(configs) > 1:
        raise RequestError(f"a model is of one pipeline, not of {', '.join(configs)}.")
    ((name, config),) = configs.items()
    if "param_grid" in config:
        raise RequestError(f"pipeline {name} is searched over a grid: choose the parameters first.")
    estimator = make_variants(configs, seed=seed, max_epochs=max_epochs)[0].estimator
    if not hasattr(estimator, "predict_proba"):
        raise RequestError(f"pipeline {name} gives no probabilities: it has no predict_proba.")
    alone = len(estimator) == 1 and isinstance(estimator[0], EEGNetClassifier)
    return name, estimator[0] if alone else estimator


def _read(selection, progress):
    parts, n_subjects = [], len(selection.subjects)
    progress("read", 0, n_subjects, "")
    for subject in selection.subjects:
        with about(selection.dataset.code, subject):
            parts.append(selection.trials(subject))
        progress("read", len(parts), n_subjects, f"{selection.dataset.code}, subject {subject}")
    trials = selection.stack(parts) if len(parts) > 1 else parts[0]
    if trials.failures:
        said = say_failures(trials.failures)
        hint = "" if n_subjects < 2 else " Leave out what cannot be used (--subjects)."
        raise RequestError(f"{_with_files(said, selection.dataset)}.{hint}")
    if len(trials.recordings[0].bands) > 1:
        raise RequestError("trials in several pass bands cannot be prepared for a model.")
    return trials


def _with_files(text, dataset):
    """Name the file instead of the run, of recordings that were named one by one."""
    if not _are_named(dataset):
        return text
    text = text.removeprefix(f"{dataset.code}, subject 1, session 0: ")
    text = text.removeprefix(f"{dataset.code}, subject 1: ").removeprefix("session 0, ")
    for each in dataset.entries:
        text = re.sub(rf"\brun {re.escape(each.run)}\b", each.path, text)
    if len(dataset.entries) == 1 and dataset.entries[0].path not in text:
        text = f"{dataset.entries[0].path} {text}"
    return text


def _preparation(selection, trials, X):
    """Tell how trials were cut, as MOABB's paradigm and :func:`cut_trials` did."""
    paradigm, dataset = selection.paradigm, selection.dataset
    epochs = trials.recordings[0].bands[0]
    sessions = load_subject(dataset, trials.recordings[0].subject)
    raw = next(iter(next(iter(sessions.values())).values()))
    start, end = dataset.interval
    tmin = paradigm.tmin + start
    tmax = end if paradigm.tmax is None else paradigm.tmax + start
    baseline = paradigm.baseline and [float(t) + start for t in paradigm.baseline]
    ((fmin, fmax),) = paradigm.filters
    reference = getattr(paradigm, "eeg_reference", None)
    if reference == "average":
        picked = raw.copy().pick("eeg", exclude="bads", verbose="error")
        reference = picked.ch_names
    there = list(find_channels(epochs.ch_names, raw.ch_names).values())
    used = paradigm.used_events(dataset)
    classes, files = {name: name for name in used}, {}
    if isinstance(dataset, Study):
        asked = dataset.description
        classes = {text: name for text, name in asked.classes.items() if name in used}
        files = {key: getattr(asked, key) for key in ("unit", "sfreq", "markers", "rename")}
    return Preparation(
        list(epochs.ch_names),
        float(raw.info["sfreq"]),
        float(epochs.info["sfreq"]),
        float(tmin),
        float(tmax),
        len(epochs.times),
        fmin=None if fmin is None else float(fmin),
        fmax=None if fmax is None else float(fmax),
        eeg_reference=None if reference is None else list(reference),
        baseline=baseline,
        unit="V" if is_epochs(X) else "µV",
        classes=classes,
        amplitude=typical_amplitude(raw.copy().pick(there, verbose="error")) if there else None,
        files=files,
    )


def _are_named(dataset):
    """Tell whether recordings were named one by one (bool)."""
    return isinstance(dataset, Study) and dataset.path is None


def _names_of(selection):
    dataset = selection.dataset
    if not isinstance(dataset, Study):
        return []
    paths = [each.path for each in dataset.entries if each.subject in selection.subjects]
    # a model may be given away, and where its recordings lay on this disk is nobody's business
    return [Path(each).name for each in paths] if _are_named(dataset) else paths


# -- the score -----------------------------------------------------------------------------------


class _Folds(NamedTuple):
    """Folds, what they are in words, what is scored, and the groups that stay together."""

    folds: list
    words: str
    metric: str
    groups: np.ndarray | None


class _FoldFit(NamedTuple):
    """What a fit says of its held-out trials."""

    fold: int
    test: np.ndarray
    probabilities: np.ndarray


def _folds(X, y, metadata):
    """Make folds of whole subjects, sessions or runs where there are enough, else of trials."""
    metric = "roc_auc" if len(np.unique(y)) == 2 else "accuracy"
    whole = {"subject": metadata["subject"].astype(str)}
    whole["session"] = whole["subject"] + "/" + metadata["session"].astype(str)
    whole["run"] = whole["session"] + "/" + metadata["run"].astype(str)
    for kind, groups in whole.items():
        n_folds = min(_N_FOLDS, groups.nunique())
        if n_folds < _TOGETHER[kind]:
            continue
        try:
            folds = check_folds(n_folds, X, y, groups.to_numpy())
        except RequestError:  # such as runs of one class each
            continue
        return _Folds(folds, f"{n_folds} folds of whole {kind}s", metric, groups.to_numpy())
    try:
        folds = check_folds(_N_FOLDS, X, y)
    except RequestError as error:
        why = str(error).rstrip(".")
        raise RequestError(f"no score can be told: {why}. --no-score fits without one.") from error
    return _Folds(folds, say_folds(_N_FOLDS, _N_FOLDS, None), metric, None)


def _score(estimator, X, y, cv, n_jobs, progress, total):
    """Fit and score on each fold: a table, and what each fit says of its held-out trials."""
    classes, rows, fits = np.unique(y), [], []
    jobs = Parallel(n_jobs, return_as="generator")(
        delayed(_one_fold)(estimator, X[train], y[train], X[test]) for train, test in cv.folds
    )
    for k, ((train, test), (by_class, seconds)) in enumerate(zip(cv.folds, jobs, strict=True)):
        fits.append(_FoldFit(k, test, by_class))
        rows.append(
            {
                "fold": k,
                "n_train": len(train),
                "n_test": len(test),
                "score": score_fit(y[test], by_class, classes, cv.metric),
                "accuracy": score_fit(y[test], by_class, classes, "accuracy"),
                "seconds": seconds,
            }
        )
        progress("fit", k + 1, total, f"fold {k + 1}")
    return pd.DataFrame(rows), fits


def _one_fold(estimator, X_train, y_train, X_test):
    started = time.perf_counter()
    fitted = clone(estimator).fit(X_train, y_train)
    return fitted.predict_proba(X_test), time.perf_counter() - started


def _say_score(scores, fits, y, cv, seed):
    """Say for the record what was scored, with its interval and that of chance."""
    if scores is None:
        return {"metric": None, "score": None}
    low, high = fold_interval(scores)
    chance = chance_of_shuffled(fits, y, cv.metric, cv.groups, random_state=seed)
    return {
        "metric": cv.metric,
        "score": float(scores["score"].mean()),
        "score_low": float(low),
        "score_high": float(high),
        "chance": chance,
        "accuracy": float(scores["accuracy"].mean()),
        "confusion": confuse(fits, y).tolist(),
        "folds": cv.words,
        "n_folds": len(cv.folds),
    }
