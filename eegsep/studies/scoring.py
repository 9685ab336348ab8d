"""MOABB's evaluations, run so that what cannot be scored ends nothing else and is named.

Trials come from memory maps or memory; rows, a session's mean over its folds or a fold across
sessions or subjects, and failures go to ``steps.py``, which stores them.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import mne
import numpy as np
import pandas as pd
from moabb.evaluations import (
    CrossSessionEvaluation,
    CrossSubjectEvaluation,
    WithinSessionEvaluation,
)
from sklearn.base import clone

from eegsep._utils.errors import in_a_line
from eegsep._utils.logs import about, quiet_workers
from eegsep.datasets.recordings import Failure
from eegsep.estimator.classifier import EEGNetClassifier
from eegsep.estimator.first_use import prepare

from .learning_curve import LearningCurveEvaluation, why_no_curve
from .transfer import TransferEvaluation, WithTargetTrials, why_no_target

# MOABB's, within a session.
_N_FOLDS = 5


def leave_out_unfit(trials, evaluation, metric):
    """Leave out the sessions, then the subjects, that an evaluation with its folds cannot use.

    Trials are what MOABB is to be given at once. Those returned have a failure more for each
    session or subject that is left out.
    """
    failures, unfit, code = [], set(), trials.dataset.code
    sessions, evaluation_class = {}, type(evaluation)
    for recording in trials.recordings:
        sessions.setdefault((recording.subject, recording.session), []).append(recording.labels)
    for (subject, session), labels in sessions.items():
        classes, counts = np.unique(np.concatenate(labels), return_counts=True)
        reason = None
        if len(classes) < 2:
            reason = f"all trials are of the class {classes[0]}: two classes are needed"
        elif evaluation.groups == "run":
            if len(labels) < 2:
                reason = "has one run: folds by runs need two"
        elif isinstance(evaluation, LearningCurveEvaluation):
            reason = why_no_curve(np.concatenate(labels), evaluation.of_each_class)
        elif evaluation_class is WithinSessionEvaluation:
            # without trials of both classes a fold has no ROC-AUC
            fewest = counts.argmin() if metric == "roc_auc" else counts.argmax()
            if counts[fewest] < _N_FOLDS:
                reason = (
                    f"has {counts[fewest]} trials of {classes[fewest]}: {_N_FOLDS} folds need as "
                    "many"
                )
        if reason is not None:
            unfit.add((subject, session))
            failures.append(Failure(code, subject, session, None, reason))
    trials = trials.only(lambda each: (each.subject, each.session) not in unfit)

    def without(subject, reason, session=None):
        failures.append(Failure(code, subject, session, None, reason))
        return trials.only(lambda each: each.subject != subject)

    if evaluation_class is CrossSessionEvaluation:
        for subject in dict.fromkeys(each.subject for each in trials.recordings):
            left = {each.session for each in trials.recordings if each.subject == subject}
            if len(left) < 2:
                reason = f"has one session that can be used ({left.pop()}): CrossSession needs two"
                trials = without(subject, reason)
    if isinstance(evaluation, TransferEvaluation):
        for subject in dict.fromkeys(each.subject for each in trials.recordings):
            first, *_ = [each.session for each in trials.recordings if each.subject == subject]
            labels = np.concatenate(sessions[subject, first])
            reason = why_no_target(labels, evaluation.n_target_trials)
            if reason is not None:
                trials = without(subject, reason, first)
    if issubclass(evaluation_class, CrossSubjectEvaluation):
        name = evaluation_class.__name__.removesuffix("Evaluation")
        left = list(dict.fromkeys(each.subject for each in trials.recordings))
        if len(left) == 1:
            reason = f"is the only subject that can be used: {name} needs two"
            trials = without(left[0], reason)
    return replace(trials, failures=trials.failures + failures)


@dataclass(frozen=True, eq=False)
class Stacked:
    """Trials of a unit, in a memory map or in memory.

    ``trials`` is the array, (n_trials, n_chans, n_times) or (n_trials, n_chans, n_times, n_bands),
    or the ``.npy`` file that has it; ``labels`` are classes, (n_trials,), ``metadata`` a table of
    ``subject, session, run``. ``tmin`` is the start of the windows in seconds, and ``unit_factor``
    that of the array's values over volts.
    """

    trials: Any
    labels: np.ndarray
    metadata: pd.DataFrame
    info: Any = field(repr=False)
    tmin: float
    unit_factor: float

    @classmethod
    def of(cls, trials, file=None):
        """Stack trials, of one recording or more, into a ``.npy`` file, or in memory."""
        array = trials.array()
        if file is not None:
            np.save(file, array)
        epochs = trials.recordings[0].bands[0]
        unit_factor = trials.dataset.unit_factor
        return cls(
            array if file is None else file,
            trials.labels,
            trials.metadata,
            epochs.info,
            epochs.tmin,
            unit_factor,
        )

    @property
    def subjects(self):
        """Numbers of the subjects (list)."""
        return list(dict.fromkeys(self.metadata["subject"]))

    def read(self, session=None, *, return_epochs=False):
        """Read what MOABB's ``paradigm.get_data`` returns.

        Parameters
        ----------
        session : str | None
            None for all.
        return_epochs : bool
            Whether to return Epochs, in volts.

        Returns
        -------
        X : ndarray or mne.Epochs
        y : ndarray of str, shape (n_trials,)
        metadata : pandas.DataFrame, length n_trials
        """
        X, y, metadata = self.trials, self.labels, self.metadata
        if isinstance(X, Path):
            X = np.load(X, mmap_mode="r")
        if session is not None:
            own = (metadata["session"] == session).to_numpy()
            X, y, metadata = X[own], y[own], metadata[own].reset_index(drop=True)
        if return_epochs:
            if X.ndim > 3:
                raise ValueError("a pipeline that takes Epochs cannot have several pass bands")
            classes, codes = np.unique(y, return_inverse=True)
            events = np.column_stack([np.arange(len(y)), np.zeros_like(codes), codes + 1])
            event_id = {str(name): k for k, name in enumerate(classes, 1)}
            X = mne.EpochsArray(
                X / self.unit_factor,
                self.info,
                events,
                self.tmin,
                event_id,
                metadata=metadata,
                proj=False,
                verbose="error",
            )
        return X, y, metadata


def evaluate(evaluation, dataset, stacked, variant, subjects):
    """Let MOABB evaluate one pipeline; where that fails, score what can be scored.

    Parameters
    ----------
    evaluation : moabb.evaluations.base.BaseEvaluation
        Gives folds, metric and number of processes; its results on disk are left alone.
    dataset : moabb.datasets.base.BaseDataset
        The dataset.
    stacked : Stacked
        All trials that are trained or tested on.
    variant : eegsep.studies.pipelines.Variant
        The pipeline.
    subjects : collection of int
        Those to be scored.

    Returns
    -------
    rows : list of dict
        MOABB's, for each subject and session that was scored.
    failures : list of Failure
        For each that was not.
    """
    if variant.repeated:  # a network of ours, whose loading is not the time of a fit
        prepare()
    dataset = copy.copy(dataset)
    dataset.subject_list = stacked.subjects
    subjects = [subject for subject in stacked.subjects if subject in subjects]
    try:
        with about(dataset.code, subjects[0] if len(subjects) == 1 else None):
            rows = _run(evaluation, dataset, stacked, variant, subjects)
    except MemoryError:
        raise
    except Exception as error:  # of a pipeline, of whatever kind
        parts = [(subject, None) for subject in subjects]
        if isinstance(evaluation, WithinSessionEvaluation):
            units = stacked.metadata[["subject", "session"]].drop_duplicates()
            parts = list(units.itertuples(index=False, name=None))
        if len(parts) == 1:
            return [], [_fail(dataset, *parts[0], variant, error)]
        rows, failures = [], []
        for subject, session in parts:
            try:
                with about(dataset.code, subject, session):
                    rows += _run(evaluation, dataset, stacked, variant, [subject], session)
            except MemoryError:
                raise
            except Exception as error:
                failures.append(_fail(dataset, subject, session, variant, error))
    else:
        failures = []
    known = [row for row in rows if np.isfinite(row["score"])]
    for row in rows:
        if not np.isfinite(row["score"]):
            reason = "its score is not a number"
            where = dataset.code, int(row["subject"]), str(row["session"]), variant.name
            failures.append(Failure(*where, reason))
    return known, failures


def _fail(dataset, subject, session, variant, error):
    why = in_a_line(f"{type(error).__name__}: {error}").rstrip(".")
    return Failure(dataset.code, subject, session, variant.name, why)


def _run(evaluation, dataset, stacked, variant, subjects, session=None):
    """Run a MOABB evaluation on trials in memory, and catch its rows."""
    evaluation, paradigm = copy.copy(evaluation), copy.copy(evaluation.paradigm)

    def get_data(*args, return_epochs=False, **kwargs):
        return stacked.read(session, return_epochs=return_epochs)

    paradigm.get_data = get_data
    evaluation.paradigm, evaluation.datasets = paradigm, [dataset]
    evaluation.results = rows = _Rows(subjects)
    estimator = _with_names(variant.estimator, stacked.info["ch_names"])
    if variant.param_grid is not None:
        estimator = variant.search.of(
            estimator, variant.param_grid, paradigm.scoring, evaluation.random_state
        )
    if isinstance(evaluation, TransferEvaluation):
        estimator = WithTargetTrials(estimator)
    with quiet_workers(evaluation.n_jobs):
        evaluation.process({variant.name: estimator})
    return rows.rows


def _with_names(pipeline, ch_names):
    """Tell a network of ours that gets the trials as they are what their channels are called."""
    name, first = pipeline.steps[0]
    if not isinstance(first, EEGNetClassifier) or first.ch_names is not None:
        return pipeline
    return clone(pipeline).set_params(**{f"{name}__ch_names": list(ch_names)})


class _Rows:
    """What MOABB's evaluations need of a store of results: it keeps nothing and catches rows."""

    def __init__(self, subjects):
        self.subjects, self.rows = subjects, []

    def batch_not_yet_computed_or_cached_df(self, pipelines, dataset, subjects, process_pipeline):
        return {subject: dict(pipelines) for subject in self.subjects}, None

    def add(self, results, pipelines, process_pipeline):
        for rows in results.values():
            self.rows += rows

    def to_dataframe(self, pipelines=None, process_pipeline=None):
        return pd.DataFrame()
