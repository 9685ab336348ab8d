"""Pipelines × MOABB datasets × subjects under MOABB's own evaluations, resumable and side by side.

What comes out: all scores, a summary with paired differences, and a record of the run.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd
from moabb.analysis.chance_level import chance_by_chance
from moabb.analysis.meta_analysis import compute_pvals_perm, compute_pvals_wilcoxon
from moabb.evaluations import (
    CrossSessionEvaluation,
    CrossSubjectEvaluation,
    WithinSessionEvaluation,
)
from sklearn.base import clone

from eegsep.classifier import EEGNetClassifier
from eegsep.datasets.recordings import RequestError, check_subjects, look_up, say_failures
from eegsep.datasets.selection import Recordings, given_as_objects, record
from eegsep.logs import by_text, quiet
from eegsep.processes import scratch_folder
from eegsep.tables import origin, remove_outputs, save_tables

from . import digests
from .pipelines import as_configs, has_own_network, load_pipelines, make_variants
from .steps import Reader, collect, compute, make_units, plan
from .store import opened

REFERENCE = "EEGNet"
EVALUATIONS = {
    "WithinSession": WithinSessionEvaluation,
    "CrossSession": CrossSessionEvaluation,
    "CrossSubject": CrossSubjectEvaluation,
}
# More seeds, or processes, than anybody means.
_MOST_SEEDS, _MOST_JOBS = 10_000, 1_000
# From this many subjects on MOABB's statistics take Wilcoxon's test instead of permutations.
_WILCOXON_FROM = 20
_PACKAGES = ("moabb", "mne", "torch", "scikit-learn", "braindecode", "pyriemann", "numpy")


# -- results -------------------------------------------------------------------------------------


class Refit(NamedTuple):
    """A network fitted on all trials of one subject, to be looked at.

    Attributes
    ----------
    classifier : EEGNetClassifier
        Fitted.
    epochs : mne.Epochs
        What it was fitted on, n_trials.
    y : ndarray of str, shape (n_trials,)
        Classes.
    pipeline : str
        Name of the pipeline.
    dataset : str
        Code of the dataset.
    subject : int
        Number of the subject.
    """

    classifier: Any
    epochs: Any
    y: np.ndarray
    pipeline: str
    dataset: str
    subject: int


@dataclass(frozen=True)
class BenchmarkResult:
    """Scores of a benchmark.

    Attributes
    ----------
    scores : pandas.DataFrame
        A row for each ``dataset, pipeline, seed, subject, session``, with ``metric``, ``score``,
        ``time`` (seconds for one fit, the mean over folds), ``samples``, ``samples_test``,
        ``n_classes``, ``channels``, and the ``evaluation`` and ``paradigm``.
    summary : pandas.DataFrame
        A row for each ``dataset`` and ``pipeline``, see :func:`summarise`.
    run : dict
        What was run, with what, and when: datasets, subjects, paradigm, seeds, versions, and the
        warnings that came up.
    key : str
        Digest of all that the scores depend on, and of these.
    """

    scores: pd.DataFrame
    summary: pd.DataFrame
    run: dict
    key: str = ""
    _selections: list = field(repr=False, default_factory=list)
    _variants: list = field(repr=False, default_factory=list)
    _recordings: Any = field(repr=False, default=None)

    def save(self, folder):
        """Write ``scores.csv``, ``summary.csv`` and ``run.json``.

        Parameters
        ----------
        folder : path-like
            Where to; made if need be. What another run of a study wrote there is removed first.

        Returns
        -------
        files : dict of pathlib.Path
            By name: ``scores, summary, run``.
        """
        remove_outputs(folder)
        tables = {"scores": self.scores, "summary": self.summary}
        return save_tables(folder, tables, "run", self.run)

    def refit(self, pipeline=None, dataset=None, subject=None):
        """Fit a network on all trials of one subject, as Epochs: its filters have a montage.

        Parameters
        ----------
        pipeline : str | None
            A pipeline that is an :class:`eegsep.EEGNetClassifier` alone; None for the reference,
            or else the first there is.
        dataset : str | None
            Code of the dataset; None for the first.
        subject : int | None
            None for the subject that this pipeline served best.

        Returns
        -------
        refit : Refit

        Raises
        ------
        RequestError
            If there is no such pipeline, dataset or subject.
        """
        networks = {}
        for variant in self._variants:
            if isinstance(variant.estimator[-1], EEGNetClassifier) and len(variant.estimator) == 1:
                networks.setdefault(variant.name, variant)
        if not networks:
            raise RequestError("no pipeline is an EEGNetClassifier alone, so no maps to draw.")
        if pipeline is None:
            pipeline = REFERENCE if REFERENCE in networks else next(iter(networks))
        variant = look_up("network", pipeline, networks)
        selections = {each.dataset.code: each for each in self._selections}
        dataset = next(iter(selections)) if dataset is None else dataset
        selection = look_up("dataset", dataset, selections)
        code = selection.dataset.code
        if subject is None:
            rows = self.scores[
                (self.scores["dataset"] == code) & (self.scores["pipeline"] == variant.name)
            ]
            if rows.empty:
                raise RequestError(f"{variant.name} has no score of {code} to choose by.")
            means = rows.groupby("subject")["score"].mean()
            subject = max((each for each in selection.subjects if each in means), key=means.get)
        else:
            check_subjects(selection.dataset, [subject])
        # what comes up in reading has come up in the benchmark already
        with quiet(Counter()), self._recordings.reading():
            trials = selection.trials(subject)
            if not trials.recordings:
                raise RequestError(f"no scalp maps of {say_failures(trials.failures)}.")
            epochs, y = trials.epochs(), trials.labels
        classifier = clone(variant.estimator[-1]).fit(epochs, y)
        return Refit(classifier, epochs, y, variant.name, code, subject)


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
    """
    asked, rows = reference, []
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
    """
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


def _p_values(by_subject):
    """Two-sided p-values of all pairs from MOABB's one-sided tests, as a square DataFrame."""
    names = by_subject.columns
    if len(by_subject) < 2:
        return pd.DataFrame(np.nan, names, names)
    if len(by_subject) < _WILCOXON_FROM:
        p = compute_pvals_perm(by_subject, seed=0)
    else:
        p = compute_pvals_wilcoxon(by_subject)
    return pd.DataFrame(np.minimum(1, 2 * np.minimum(p, p.T)), names, names)


# -- the run -------------------------------------------------------------------------------------


def benchmark(
    datasets=("SimulatedMotorImagery",),
    *,
    output,
    pipelines=None,
    evaluation="WithinSession",
    groups=None,
    seed=42,
    n_seeds=1,
    max_epochs=None,
    trust=False,
    n_jobs=1,
    overwrite=False,
    progress=None,
    **options,
):
    """Compare pipelines on MOABB datasets, subject by subject.

    Scores go to ``output`` as they come, and what is found there is not computed again: a stopped
    run goes on where it was. Found are scores of the same trials, evaluation, seed, pipeline with
    all its parameters and its grid, and the same code: this package's sources, versions of what it
    runs on, and the source of classes of your own. Several processes may run in the same folder,
    and share the work.

    Parameters
    ----------
    datasets : Recordings | str | BaseDataset | sequence of these
        What is read; or MOABB datasets, by name or as objects, with the ``options``.
    output : path-like
        Folder for the scores, of this kind of study alone.
    pipelines : str | path-like | sequence of these | dict of estimators | None
        As :func:`load_pipelines` takes them, or estimators by name.
    evaluation : {"WithinSession", "CrossSession", "CrossSubject"}
        MOABB evaluation: five folds in each session, leave one session out, leave one subject out.
    groups : {"run"} | None
        ``"run"`` tests on each run of a session in turn, WithinSession only: trials of a run that
        follow each other, or overlap, are then never on both sides. None for MOABB's five folds.
    seed : int
        Seed of the folds, and of every ``random_state`` in the pipelines.
    n_seeds : int
        Number of seeds for this package's networks; the folds stay the same. All other pipelines
        run once, with ``seed``.
    max_epochs : int | None
        Replaces ``max_epochs`` of all networks, for a quick look.
    trust : bool
        Whether pipeline files may run as programs, see :func:`load_pipelines`.
    n_jobs : int
        Processes; -1 for a process a core. With more than one each computes on a single thread.
    overwrite : bool
        Throw away all that was computed in the folder first.
    progress : callable | None
        Called as ``progress(stage, done, total, label)``, with ``stage`` ``"read"`` a subject read
        or ``"fit"`` a pipeline evaluated, at the start (``done`` 0, or what was found on disk) and
        after each, and while another process computes the rest.
    **options
        Of :class:`eegsep.datasets.Recordings`: ``subjects, paradigm, fmin, fmax, tmin, tmax,
        resample, channels, missing_channels, eeg_reference, data_dir``.

    Returns
    -------
    result : BenchmarkResult
        What could not be scored, and why, is in ``run["failed"]``: one odd recording keeps none of
        the others from being scored.

    Raises
    ------
    RequestError
        Before any fit: if a dataset, subject, pipeline, paradigm or evaluation is unknown or does
        not go with the others, data cannot be found, a grid has parameters that its pipeline has
        not, or ``output`` cannot be written or holds another kind of study. Later: if there is no
        room left to write to; scores so far are kept then. After all: if nothing could be scored.
    """
    started = time.time()
    progress = progress or (lambda *_: None)
    check_run(seed, n_seeds, n_jobs)
    check_fold_groups(groups, evaluation)
    recordings = Recordings.of(datasets, options)
    objects = [*recordings.objects, *given_as_objects(pipelines=pipelines)]
    n_jobs = joblib.effective_n_jobs(n_jobs)
    caught = Counter()
    with quiet(caught), recordings.reading(), scratch_folder() as scratch:
        evaluation_class = look_up("evaluation", evaluation, EVALUATIONS)
        selections = recordings.select()
        check_evaluation(evaluation_class, selections)
        paradigm_name = type(selections[0].paradigm).__name__
        if isinstance(pipelines, dict):
            configs = as_configs(pipelines)
        else:
            configs = load_pipelines(pipelines, paradigm_name, trust=trust)
        # this package's networks come first, in tables and pictures too
        names = sorted(configs, key=lambda name: not has_own_network(configs[name]["pipeline"]))
        configs = {name: configs[name] for name in names}
        variants = make_variants(configs, seed=seed, n_seeds=n_seeds, max_epochs=max_epochs)

        with opened(output, "benchmark", overwrite) as store:
            units = make_units(selections, evaluation_class, seed, scratch, groups)
            reader = Reader(store, scratch, progress)
            reader.recall(units)
            reader.read([unit for unit in units if unit not in reader.digests])
            while True:
                steps = plan(units, variants, reader)
                todo = {step.key: step for step in steps if store.get(step.key) is None}
                if not reader.read([step.unit for step in todo.values()]):
                    break  # else they have changed while this was going on
            reader.warn(caught)
            done = len(steps) - len(todo)
            elsewhere = compute(
                list(todo.values()), reader, store, n_jobs, progress, done, len(steps)
            )
            scores, failures = collect(steps, store, caught)
    failures = reader.failures + failures
    if scores.empty:
        raise RequestError("nothing could be scored. " + f"{say_failures(failures)}.")

    first = ["dataset", "evaluation", "paradigm", "metric", "pipeline", "seed", "subject"]
    scores = scores[first + [column for column in scores if column not in first]]
    scores = scores.reset_index(drop=True)
    run = {
        "study": "benchmark",
        "datasets": {each.dataset.code: each.subjects for each in selections},
        "evaluation": evaluation_class.__name__.removesuffix("Evaluation"),
        **record(selections),
        "groups": groups,
        "seed": seed,
        "pipelines": {
            name: {
                "seeds": [variant.seed for variant in variants if variant.name == name],
                "file": configs[name].get("file"),
                "steps": " ".join(repr(_first(variants, name).estimator).split()),
            }
            for name in configs
        },
        "max_epochs": max_epochs,
        "trust": trust,
        "objects": objects,
        "scores_are": "from 0 to 1; pages, pictures and tables on a terminal have them × 100",
        "evaluated": len(todo) - elsewhere,
        "found_on_disk": done,
        "evaluated_elsewhere": elsewhere,
        "n_jobs": n_jobs,
        **origin(started, _PACKAGES),
        "failed": [asdict(failure) for failure in failures],
        "warnings": by_text(caught),
        "deprecations": by_text(caught, "deprecation"),
    }
    key = digests.digest("scores", [step.key for step in steps], scores["score"].tolist())
    return BenchmarkResult(scores, summarise(scores), run, key, selections, variants, recordings)


def check_fold_groups(groups, evaluation):
    """Refuse groups that folds cannot be made of.

    Parameters
    ----------
    groups, evaluation
        See :func:`benchmark`.

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
        See :func:`benchmark`.

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


def _first(variants, name):
    return next(variant for variant in variants if variant.name == name)
