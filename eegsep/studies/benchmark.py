"""Pipelines × MOABB datasets × subjects under MOABB's own evaluations, resumable and side by side.

What comes out: all scores, a summary with paired differences, and a record of the run.
"""

from __future__ import annotations

import copy
import inspect
import logging
import tempfile
import time
import warnings
import zlib
from collections import Counter
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import joblib
import mne
import moabb.paradigms
import numpy as np
import pandas as pd
import pooch
import yaml
from moabb.analysis.chance_level import chance_by_chance
from moabb.analysis.meta_analysis import (
    collapse_session_scores,
    compute_pvals_perm,
    compute_pvals_wilcoxon,
)
from moabb.datasets.base import BaseDataset
from moabb.evaluations import (
    CrossSessionEvaluation,
    CrossSubjectEvaluation,
    WithinSessionEvaluation,
)
from moabb.paradigms.base import BaseParadigm
from moabb.pipelines.utils import create_pipeline_from_config
from sklearn.base import clone
from sklearn.pipeline import Pipeline

import eegsep
from eegsep.classifier import EEGNetClassifier, prepare
from eegsep.datasets.recordings import (
    RequestError,
    check_subjects,
    find_dataset,
    limit_runs,
    look_up,
    read_subject,
    reading_from,
    with_eeg_reference,
)
from eegsep.tables import origin, save_tables

REFERENCE = "EEGNet"
EVALUATIONS = {
    "WithinSession": WithinSessionEvaluation,
    "CrossSession": CrossSessionEvaluation,
    "CrossSubject": CrossSubjectEvaluation,
}
# From this many subjects on MOABB's statistics take Wilcoxon's test instead of permutations.
_WILCOXON_FROM = 20
_PACKAGES = ("moabb", "mne", "torch", "scikit-learn", "braindecode", "pyriemann", "numpy")


# -- pipelines -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Variant:
    """A pipeline with a seed.

    Attributes
    ----------
    name : str
        The pipeline's name, the same for all of its seeds.
    seed : int
        What every ``random_state`` in it is set to.
    repeated : bool
        Whether it is a network of this package, which runs once a seed.
    estimator : sklearn.pipeline.Pipeline
        Unfitted.
    param_grid : dict | None
        Grid that MOABB searches, as given in the YAML.
    """

    name: str
    seed: int
    repeated: bool
    estimator: Any
    param_grid: dict | None = None


def shipped_pipelines():
    """Folder of the pipelines that come with the package (pathlib.Path)."""
    package = Path(eegsep.__file__).parent
    # a wheel carries them inside the package, a source checkout has them beside it
    inside = package / "pipelines"
    return inside if inside.is_dir() else package.parent / "pipelines"


def load_pipelines(chosen=None, paradigm=None):
    """Load pipelines from MOABB's YAML files.

    Parameters
    ----------
    chosen : str | path-like | sequence of these | None
        Names of shipped pipelines, YAML files, and folders of YAML files; None for all that are
        shipped.
    paradigm : str | None
        Keep those of this paradigm only. One that was chosen by name or file must be of it.

    Returns
    -------
    configs : dict of dict
        By name: ``name, paradigms, pipeline`` and perhaps ``param_grid``, as MOABB has them.

    Raises
    ------
    RequestError
        If one is unknown, cannot be loaded or is not for the paradigm, or none is left.
    """
    # read here rather than by MOABB, which leaves lock files beside the YAML files
    if chosen is None:
        chosen = [shipped_pipelines()]
    elif isinstance(chosen, (str, Path)):
        chosen = [chosen]
    configs = {}
    for item in chosen:
        path = Path(item)
        if path.is_dir():
            files = sorted(path.glob("*.yml"), key=lambda file: file.stem.casefold())
            if not files:
                raise RequestError(f"no pipeline (*.yml) in the folder {item}.")
        elif path.suffix in (".yml", ".yaml"):
            files = [path]
        else:
            shipped = {file.stem: file for file in sorted(shipped_pipelines().glob("*.yml"))}
            files = [look_up("pipeline", str(item), shipped)]
        for file in files:
            config = _load_pipeline(file)
            if paradigm is None or paradigm in config["paradigms"]:
                configs[config["name"]] = config
            elif not path.is_dir():
                raise RequestError(
                    f"pipeline {config['name']} is not for {paradigm}: add it to the paradigms in "
                    f"{file}."
                )
    if not configs:
        raise RequestError(
            f"no pipeline for {paradigm} in {', '.join(map(str, chosen))}: each YAML file lists "
            "the paradigms that it is for."
        )
    return configs


def _load_pipeline(file):
    try:
        config = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
        config["pipeline"] = create_pipeline_from_config(config["pipeline"])
        config["name"], config["paradigms"]  # a KeyError names what is missing
    except (OSError, yaml.YAMLError, ImportError, AttributeError, KeyError, TypeError) as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise RequestError(f"cannot load the pipeline {file} ({why}).") from error
    return config


def make_variants(configs, *, seed, n_seeds=1, max_epochs=None):
    """Set seeds and epochs: this package's networks once a seed, everything else once.

    Parameters
    ----------
    configs : dict of dict
        As :func:`load_pipelines` returns them.
    seed : int
        First seed. Every ``random_state`` in a pipeline is set.
    n_seeds : int
        A pipeline with an :class:`eegsep.EEGNetClassifier` in it runs with ``seed``, ``seed + 1``
        and so on, this many times.
    max_epochs : int | None
        Replaces every ``max_epochs`` in the pipelines.

    Returns
    -------
    variants : list of Variant
    """
    variants = []
    for config in configs.values():
        repeated = _has_own_network(config["pipeline"])
        for offset in range(n_seeds if repeated else 1):
            estimator = clone(config["pipeline"])
            values = {"random_state": seed + offset}
            if max_epochs is not None:
                values["max_epochs"] = max_epochs
            settings = {
                key: values[key.rpartition("__")[2]]
                for key in estimator.get_params()
                if key.rpartition("__")[2] in values
            }
            estimator.set_params(**settings)
            grid = config.get("param_grid")
            variants.append(Variant(config["name"], seed + offset, repeated, estimator, grid))
    return variants


def _has_own_network(pipeline):
    return any(isinstance(step, EEGNetClassifier) for step in pipeline.get_params().values())


# -- data ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Selection:
    """A dataset with the subjects to take and the paradigm that cuts their trials.

    Attributes
    ----------
    dataset : moabb.datasets.base.BaseDataset
        The dataset, limited to the runs that the paradigm uses.
    subjects : list
        Numbers of the subjects, in the dataset's order.
    paradigm : moabb.paradigms.base.BaseParadigm
        Band, window, sampling rate and classes. Each dataset has one of its own.
    process : sklearn.pipeline.Pipeline
        MOABB's steps from recordings to trials; their digest tells results on disk apart.
    """

    dataset: BaseDataset
    subjects: list
    paradigm: BaseParadigm
    process: Pipeline

    def read(self, subject, *, return_epochs=False):
        """Read one subject's trials; see :func:`eegsep.datasets.recordings.read_subject`."""
        return read_subject(self.dataset, self.paradigm, subject, return_epochs=return_epochs)


def select_data(
    datasets,
    *,
    paradigm="LeftRightImagery",
    evaluation="WithinSession",
    subjects=None,
    fmin=None,
    fmax=None,
    tmin=None,
    tmax=None,
    resample=128.0,
    channels=None,
    eeg_reference=None,
):
    """Check what data a study is asked for, before any are read.

    Parameters
    ----------
    datasets, paradigm, evaluation, subjects, fmin, fmax, tmin, tmax, resample, channels, \
    eeg_reference
        See :func:`benchmark`.

    Returns
    -------
    selections : list of Selection
        One for each dataset.

    Raises
    ------
    RequestError
        If a dataset, subject, paradigm or evaluation is unknown, does not go with the others, or a
        setting cannot be.
    """
    _check_settings(fmin, fmax, resample)
    evaluation_class = look_up("evaluation", evaluation, EVALUATIONS)
    settings = {"fmin": fmin, "fmax": fmax, "tmin": tmin, "tmax": tmax, "resample": resample}
    settings["channels"] = None if channels is None else list(channels)
    make_paradigm = _paradigm_maker(paradigm, settings, eeg_reference)
    if isinstance(datasets, (str, BaseDataset)):
        datasets = [datasets]
    checked = {}
    for dataset in datasets:
        dataset = find_dataset(dataset) if isinstance(dataset, str) else copy.copy(dataset)
        chosen = check_subjects(dataset, subjects)
        _check_fit(dataset, make_paradigm(), evaluation_class, chosen)
        checked[dataset.code] = (dataset, chosen)
    if not checked:
        raise RequestError("there is no dataset to read: name one or more.")
    selections = []
    for dataset, chosen in checked.values():
        own = make_paradigm()
        own.used_events(dataset)  # MotorImagery takes its number of classes from here
        limit_runs(dataset, own)
        process = own.make_process_pipelines(dataset)[0]
        selections.append(Selection(dataset, chosen, own, process))
    return selections


def _check_settings(fmin, fmax, resample):
    """Refuse what MNE would take as something else, or fail on after the data are read."""
    if resample is not None and resample <= 0:
        raise RequestError(f"cannot resample to {resample:g} Hz.")
    if fmin is not None and fmax is not None and fmin >= fmax:
        # MNE makes a band-stop filter of it
        raise RequestError(f"fmin ({fmin:g} Hz) must be below fmax ({fmax:g} Hz).")
    if fmax is not None and resample is not None and fmax >= resample / 2:
        raise RequestError(
            f"fmax ({fmax:g} Hz) must be below half of the sampling rate ({resample:g} Hz)."
        )


def _paradigm_maker(paradigm, settings, eeg_reference):
    """Return what makes a fresh paradigm, since a MOABB paradigm remembers its dataset."""
    if eeg_reference is not None:
        make = _paradigm_maker(paradigm, settings, None)
        chosen = with_eeg_reference(make(), eeg_reference).eeg_reference
        return lambda: with_eeg_reference(make(), chosen)
    if isinstance(paradigm, BaseParadigm):
        return lambda: copy.deepcopy(paradigm)
    kinds = {
        name: kind
        for name, kind in vars(moabb.paradigms).items()
        if inspect.isclass(kind)
        and issubclass(kind, BaseParadigm)
        and not inspect.isabstract(kind)
        and not name.startswith(("Base", "Fake"))
    }
    kind = look_up("paradigm", paradigm, kinds)
    settings = {key: value for key, value in settings.items() if value is not None}
    unknown = settings.keys() - inspect.signature(kind).parameters.keys()
    if unknown:
        raise RequestError(f"paradigm {kind.__name__} has no {', '.join(sorted(unknown))}.")
    try:
        kind(**settings)
    except ValueError as error:
        raise RequestError(f"paradigm {kind.__name__}: {error}.") from error
    return lambda: kind(**settings)


def _check_fit(dataset, paradigm, evaluation_class, subjects):
    """Refuse a dataset that does not go with the paradigm or the evaluation."""
    if not paradigm.is_valid(dataset):
        raise RequestError(
            f"{dataset.code} does not go with the paradigm {type(paradigm).__name__}: it has "
            f"{dataset.paradigm} trials of {', '.join(dataset.event_id)}."
        )
    if evaluation_class is CrossSessionEvaluation and dataset.n_sessions < 2:
        raise RequestError(
            f"{dataset.code} has one session a subject, so CrossSession is impossible: use "
            "WithinSession or CrossSubject."
        )
    if evaluation_class is CrossSubjectEvaluation and len(subjects) < 2:
        raise RequestError("CrossSubject needs two subjects or more.")


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


@dataclass(frozen=True, eq=False)
class _Job(Selection):
    """A selection with what evaluates it."""

    suffix: str
    evaluation: Any

    def units(self):
        """List the subjects that MOABB is to be given at once."""
        if isinstance(self.evaluation, CrossSubjectEvaluation):
            return [self.subjects]
        return [[subject] for subject in self.subjects]

    def forget(self):
        """Throw away the scores on disk of this dataset."""
        with h5py.File(self.evaluation.results.filepath, "r+") as file:
            for pipeline in file.values():
                pipeline.pop(self.dataset.code, None)

    def missing(self, variant):
        """Return the subjects whose scores are not on disk (a set)."""
        return set(
            self.evaluation.results.batch_not_yet_computed(
                {variant.name: variant.estimator}, self.dataset, self.subjects, self.process
            )
        )

    def scores(self, variant):
        """Read the scores on disk: a row a subject and session."""
        rows = self.evaluation.results.to_dataframe({variant.name: variant.estimator}, self.process)
        subjects = {str(subject): subject for subject in self.subjects}
        rows = rows[(rows["dataset"] == self.dataset.code) & rows["subject"].isin(subjects)]
        # two runs side by side in one folder may have written the same scores
        rows = rows.drop_duplicates(["subject", "session"], keep="last")
        # on disk they are in the order in which processes came to an end
        order = {subject: k for k, subject in enumerate(subjects)}
        rows = rows.sort_values(
            ["subject", "session"],
            key=lambda column: column.map(order) if column.name == "subject" else column,
        )
        return rows.assign(
            paradigm=type(self.paradigm).__name__,
            evaluation=_evaluation_name(type(self.evaluation)),
            metric=str(self.paradigm.scoring),
            pipeline=variant.name,
            seed=variant.seed,
            subject=rows["subject"].map(subjects),
        )


def _evaluation_name(evaluation_class):
    return evaluation_class.__name__.removesuffix("Evaluation")


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
    """

    scores: pd.DataFrame
    summary: pd.DataFrame
    run: dict
    _jobs: list = field(repr=False, default_factory=list)
    _variants: list = field(repr=False, default_factory=list)
    _data_dir: Any = field(repr=False, default=None)

    def save(self, folder):
        """Write ``scores.csv``, ``summary.csv`` and ``run.json``.

        Parameters
        ----------
        folder : path-like
            Where to; made if need be.

        Returns
        -------
        files : dict of pathlib.Path
            By name: ``scores, summary, run``.
        """
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
        jobs = {job.dataset.code: job for job in self._jobs}
        job = look_up("dataset", next(iter(jobs)) if dataset is None else dataset, jobs)
        if subject is None:
            rows = self.scores[
                (self.scores["dataset"] == job.dataset.code)
                & (self.scores["pipeline"] == variant.name)
            ]
            means = rows.groupby("subject")["score"].mean()
            subject = max(job.subjects, key=means.get)
        else:
            check_subjects(job.dataset, [subject])
        # what comes up in reading has come up in the benchmark already
        with quiet(Counter()), reading_from(self._data_dir):
            epochs, y, _ = job.read(subject, return_epochs=True)
        classifier = clone(variant.estimator[-1]).fit(epochs, y)
        return Refit(classifier, epochs, y, variant.name, job.dataset.code, subject)


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
        NaN.
    """
    names = list(dict.fromkeys(scores["pipeline"]))
    reference = reference if reference in names else names[0]
    rows = []
    for dataset, group in scores.groupby("dataset", sort=False):
        chance = chance_by_chance(group)[dataset]["theoretical"]
        by_subject = collapse_session_scores(group).pivot(
            index="subject", columns="pipeline", values="score"
        )[names]
        p = _p_values(by_subject)
        for name in names:
            own = group[group["pipeline"] == name]
            difference = by_subject[name] - by_subject[reference]
            rows.append(
                {
                    "dataset": dataset,
                    "metric": group["metric"].iloc[0],
                    "pipeline": name,
                    "n_subjects": len(by_subject),
                    "n_seeds": own["seed"].nunique(),
                    "mean": by_subject[name].mean(),
                    "sd": by_subject[name].std(),
                    "reference": reference,
                    "difference": difference.mean(),
                    "difference_sd": difference.std(),
                    "p": np.nan if name == reference else p.loc[name, reference],
                    "chance": chance,
                    "time": own["time"].mean(),
                }
            )
    return pd.DataFrame(rows)


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
    paradigm="LeftRightImagery",
    evaluation="WithinSession",
    subjects=None,
    data_dir=None,
    fmin=None,
    fmax=None,
    tmin=None,
    tmax=None,
    resample=128.0,
    channels=None,
    eeg_reference=None,
    seed=42,
    n_seeds=1,
    max_epochs=None,
    n_jobs=1,
    overwrite=False,
    progress=None,
):
    """Compare pipelines on MOABB datasets, subject by subject.

    Scores go to ``output`` in MOABB's HDF5 format as they come, and what is found there is not
    computed again: a stopped run goes on where it was. Scores of another version of this package
    or another ``seed`` are never taken, since they are kept apart.

    Parameters
    ----------
    datasets : str | BaseDataset | sequence of these
        MOABB datasets, by name or as objects.
    output : path-like
        Folder for the scores.
    pipelines : str | path-like | sequence of these | dict of estimators | None
        As :func:`load_pipelines` takes them, or estimators by name.
    paradigm : str | BaseParadigm
        MOABB paradigm, which says what trials are and how they are scored. An object brings its
        own band, window and sampling rate.
    evaluation : {"WithinSession", "CrossSession", "CrossSubject"}
        MOABB evaluation: five folds in each session, leave one session out, leave one subject out.
    subjects : sequence of int | None
        Subjects of each dataset; None for all.
    data_dir : path-like | None
        Folder with recordings, see :func:`eegsep.datasets.recordings.reading_from`.
    fmin, fmax : float | None
        Pass band in Hz; None for the paradigm's own (8-32 Hz for imagery).
    tmin, tmax : float | None
        Window in seconds from the start of the trial; None for the dataset's own.
    resample : float | None
        Sampling rate in Hz; None to leave it. The EEGNet paper's 128 Hz makes 64 samples half a
        second.
    channels : sequence of str | None
        Electrodes to read; None for all EEG channels.
    eeg_reference : {"average"} | sequence of str | None
        Average of these electrodes, or of all good ones (not only of ``channels``), that is
        subtracted from each before anything else; None for the recording's own reference.
    seed : int
        Seed of the folds, and of every ``random_state`` in the pipelines.
    n_seeds : int
        Number of seeds for this package's networks; the folds stay the same. All other pipelines
        run once, with ``seed``.
    max_epochs : int | None
        Replaces ``max_epochs`` of all networks, for a quick look.
    n_jobs : int
        Processes; -1 for a process a core. With more than one each computes on a single thread.
    overwrite : bool
        Throw away the scores on disk of these datasets, with this evaluation, paradigm and seed,
        first.
    progress : callable | None
        Called as ``progress(stage, done, total, label)``, with ``stage`` ``"read"`` a subject read
        or ``"fit"`` a pipeline evaluated, at the start (``done`` 0, or what was found on disk) and
        after each.

    Returns
    -------
    result : BenchmarkResult

    Raises
    ------
    RequestError
        Before any fit: if a dataset, subject, pipeline, paradigm or evaluation is unknown or does
        not go with the others, or data cannot be found.
    """
    started = time.time()
    progress = progress or (lambda *_: None)
    if n_seeds < 1 or n_jobs == 0:
        raise RequestError("seeds and jobs must be 1 or more (jobs: or -1 for one a core).")
    if not 0 <= seed < 2**32 - n_seeds:
        raise RequestError(f"the seed must be 0 or more and below 2**32, not {seed}.")
    n_jobs = joblib.effective_n_jobs(n_jobs)
    caught = Counter()
    with quiet(caught), reading_from(data_dir), tempfile.TemporaryDirectory() as scratch:
        selections = select_data(
            datasets,
            paradigm=paradigm,
            evaluation=evaluation,
            subjects=subjects,
            fmin=fmin,
            fmax=fmax,
            tmin=tmin,
            tmax=tmax,
            resample=resample,
            channels=channels,
            eeg_reference=eeg_reference,
        )
        paradigm_name = type(selections[0].paradigm).__name__
        evaluation_class = look_up("evaluation", evaluation, EVALUATIONS)
        if isinstance(pipelines, dict):
            configs = {name: _as_config(name, pipe) for name, pipe in pipelines.items()}
        else:
            configs = load_pipelines(pipelines, paradigm_name)
        # this package's networks come first, in tables and pictures too
        names = sorted(configs, key=lambda name: not _has_own_network(configs[name]["pipeline"]))
        configs = {name: configs[name] for name in names}
        variants = make_variants(configs, seed=seed, n_seeds=n_seeds, max_epochs=max_epochs)

        output = make_folder(output)
        jobs = [_make_job(selection, evaluation_class, seed, output) for selection in selections]
        if overwrite:
            for job in jobs:
                job.forget()
        missing = {(job, variant): job.missing(variant) for job in jobs for variant in variants}
        plan = [
            (job, unit, variant) for job in jobs for unit in job.units() for variant in variants
        ]
        todo = [step for step in plan if missing[step[0], step[2]].intersection(step[1])]
        data = _read(todo, Path(scratch), progress)
        _fit(todo, data, n_jobs, len(plan), caught, progress)
        scores = pd.concat([job.scores(variant) for job in jobs for variant in variants])

    first = ["dataset", "evaluation", "paradigm", "metric", "pipeline", "seed", "subject"]
    scores = scores[first + [column for column in scores if column not in first]]
    scores = scores.reset_index(drop=True)
    paradigm = jobs[0].paradigm
    run = {
        "datasets": {job.dataset.code: job.subjects for job in jobs},
        "evaluation": _evaluation_name(evaluation_class),
        "paradigm": paradigm_name,
        "bands_hz": [list(band) for band in paradigm.filters],
        "tmin_s": paradigm.tmin,
        "tmax_s": paradigm.tmax,
        "resample_hz": paradigm.resample,
        "channels": paradigm.channels,
        "eeg_reference": getattr(paradigm, "eeg_reference", None),
        "seed": seed,
        "pipelines": {
            name: {
                "seeds": [variant.seed for variant in variants if variant.name == name],
                "steps": " ".join(repr(_first(variants, name).estimator).split()),
            }
            for name in configs
        },
        "max_epochs": max_epochs,
        "evaluated": len(todo),
        "found_on_disk": len(plan) - len(todo),
        "n_jobs": n_jobs,
        **origin(started, _PACKAGES),
        "warnings": {text: n for (group, text), n in caught.items() if group == "warning"},
        "deprecations": {text: n for (group, text), n in caught.items() if group != "warning"},
    }
    return BenchmarkResult(scores, summarise(scores), run, jobs, variants, data_dir)


def _first(variants, name):
    return next(variant for variant in variants if variant.name == name)


def make_folder(output):
    """Make a study's output folder, if need be.

    Parameters
    ----------
    output : path-like
        The folder.

    Returns
    -------
    folder : pathlib.Path

    Raises
    ------
    RequestError
        If it cannot be made.
    """
    output = Path(output)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"cannot make the output folder {output} ({error}).") from error
    return output


def _as_config(name, estimator):
    if not isinstance(estimator, Pipeline):
        estimator = Pipeline([("classifier", estimator)])
    return {"name": name, "pipeline": estimator}


def _make_job(selection, evaluation_class, seed, output):
    suffix = f"{eegsep.__version__}-seed{seed}"
    if evaluation_class is CrossSubjectEvaluation:
        # a score depends on who is trained on, which MOABB's files do not tell
        suffix += f"-subjects{zlib.crc32(repr(selection.subjects).encode()):08x}"
    evaluation = evaluation_class(
        paradigm=selection.paradigm,
        datasets=[selection.dataset],
        random_state=seed,
        hdf5_path=str(output),
        suffix=suffix,
    )
    return _Job(**vars(selection), suffix=suffix, evaluation=evaluation)


def _read(todo, scratch, progress):
    """Read each subject that there is something to do for once, into memory maps in ``scratch``.

    Reading comes before all fitting, so that missing data are found out early, and memory maps
    are handed to other processes for nothing.
    """
    units = {}
    for job, unit, _ in todo:
        units[job.dataset.code, tuple(unit)] = job
    total, done = sum(len(subjects) for _, subjects in units), 0
    progress("read", done, total, "")
    data = {}
    for (code, subjects), job in units.items():
        parts = []
        for subject in subjects:
            parts.append(job.read(subject))
            done += 1
            progress("read", done, total, f"{code}, subject {subject}")
        X, y, meta = zip(*parts, strict=True)
        file = scratch / f"{len(data)}.npy"
        np.save(file, np.concatenate(X) if len(X) > 1 else X[0])
        data[code, subjects] = (file, np.concatenate(y), pd.concat(meta, ignore_index=True))
    return data


def _fit(todo, data, n_jobs, total, caught, progress):
    """Run the steps to do, side by side where they are enough to keep all processes busy."""
    done = total - len(todo)
    progress("fit", done, total, "")
    # where steps are few, MOABB's folds go side by side instead
    outer, inner = (n_jobs, 1) if len(todo) >= n_jobs else (1, n_jobs)
    with (
        joblib.parallel_config(backend="loky", inner_max_num_threads=1)
        if n_jobs > 1
        else nullcontext()
    ):
        finished = joblib.Parallel(n_jobs=outer, return_as="generator_unordered")(
            joblib.delayed(_evaluate)(
                job, unit, variant, data[job.dataset.code, tuple(unit)], n_jobs=inner
            )
            for job, unit, variant in todo
        )
        for label, step_caught in finished:
            caught.update(step_caught)
            done += 1
            progress("fit", done, total, label)


def _evaluate(job, subjects, variant, data, *, n_jobs):
    """Let MOABB evaluate one pipeline on some subjects; the scores go to disk."""
    if variant.repeated:  # a network of ours, whose compiling is not the time of a fit
        prepare()
    file, y, meta = data
    paradigm = copy.copy(job.paradigm)
    read = paradigm.get_data

    def get_data(*args, **kwargs):
        if kwargs.get("return_epochs") or kwargs.get("return_raws"):
            return read(*args, **kwargs)  # a pipeline of MOABB's that takes no arrays
        return np.load(file, mmap_mode="r"), y, meta

    paradigm.get_data = get_data
    dataset = copy.copy(job.dataset)
    dataset.subject_list = list(subjects)
    caught = Counter()
    with quiet(caught):
        evaluation = type(job.evaluation)(
            paradigm=paradigm,
            datasets=[dataset],
            random_state=job.evaluation.random_state,
            n_jobs=n_jobs,
            hdf5_path=job.evaluation.hdf5_path,
            suffix=job.suffix,
        )
        grid = None if variant.param_grid is None else {variant.name: variant.param_grid}
        evaluation.process({variant.name: variant.estimator}, param_grid=grid)
    who = f"subject {subjects[0]}" if len(subjects) == 1 else f"{len(subjects)} subjects"
    seed = f", seed {variant.seed}" if variant.repeated else ""
    return f"{variant.name}{seed}, {dataset.code}, {who}", caught


@contextmanager
def quiet(caught):
    """Keep MNE's and MOABB's chatter off the screen, and count warnings instead of showing them.

    Parameters
    ----------
    caught : collections.Counter
        Gains ``(group, text)`` of each warning, and of what MOABB logs as one. The group is
        ``"warning"``, or ``"deprecation"`` for what libraries have to settle among themselves.
    """
    deprecations = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)

    class _Count(logging.Handler):
        def emit(self, record):
            caught["warning", f"{record.name}: {record.getMessage()}"] += 1

    def count(message, category, filename, lineno, file=None, line=None):
        # h5py's own deprecations are none of Python's classes
        deprecated = issubclass(category, deprecations) or "Deprecat" in category.__name__
        group = "deprecation" if deprecated else "warning"
        caught[group, f"{category.__name__}: {message}"] += 1

    handler = _Count(logging.WARNING)
    logger, downloads = logging.getLogger("moabb"), pooch.get_logger()
    propagate, level = logger.propagate, downloads.level
    logger.addHandler(handler)
    logger.propagate = False
    downloads.setLevel(logging.WARNING)
    try:
        with mne.use_log_level("ERROR"), warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = count
            yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
        downloads.setLevel(level)
