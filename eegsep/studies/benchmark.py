"""Pipelines × MOABB datasets × subjects under MOABB's own evaluations, resumable and side by side.

What comes out: all scores, a summary with paired differences, and a record of the run.
"""

from __future__ import annotations

import copy
import inspect
import math
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import moabb.paradigms
import numpy as np
import pandas as pd
from moabb.analysis.chance_level import chance_by_chance
from moabb.analysis.meta_analysis import compute_pvals_perm, compute_pvals_wilcoxon
from moabb.datasets.base import BaseDataset
from moabb.evaluations import (
    CrossSessionEvaluation,
    CrossSubjectEvaluation,
    WithinSessionEvaluation,
)
from moabb.paradigms.base import BaseParadigm
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from eegsep.classifier import EEGNetClassifier
from eegsep.datasets.channels import MISSING_CHANNELS, channel_key
from eegsep.datasets.recordings import (
    RequestError,
    check_subjects,
    find_dataset,
    limit_runs,
    look_up,
    read_trials,
    reading_from,
    say_failures,
    stack_subjects,
    with_eeg_reference,
)
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
# Above all rates at which EEG is recorded, in Hz.
_MOST_RESAMPLED = 50_000
# In seconds; trials are shorter.
_LONGEST_WINDOW = 3600
# From this many subjects on MOABB's statistics take Wilcoxon's test instead of permutations.
_WILCOXON_FROM = 20
_PACKAGES = ("moabb", "mne", "torch", "scikit-learn", "braindecode", "pyriemann", "numpy")


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
    missing_channels : {"error", "common", "interpolate"}
        What is done where recordings have other channels.
    """

    dataset: BaseDataset
    subjects: list
    paradigm: BaseParadigm
    process: Pipeline
    missing_channels: str = field(default="error", kw_only=True)

    def trials(self, subject):
        """Read what can be read; see :func:`eegsep.datasets.recordings.read_trials`."""
        return read_trials(
            self.dataset, self.paradigm, subject, missing_channels=self.missing_channels
        )

    def stack(self, parts, channels=None):
        """Put subjects together; see :func:`eegsep.datasets.recordings.stack_subjects`."""
        return stack_subjects(
            self.dataset,
            parts,
            missing_channels=self.missing_channels,
            channels=self.paradigm.channels or channels,
        )


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
    missing_channels="error",
    eeg_reference=None,
):
    """Check what data a study is asked for, before any are read.

    Parameters
    ----------
    datasets, paradigm, evaluation, subjects, fmin, fmax, tmin, tmax, resample, channels, \
    missing_channels, eeg_reference
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
    channels = None if channels is None else list(channels)
    _check_settings(fmin, fmax, tmin, tmax, resample, channels)
    if missing_channels not in MISSING_CHANNELS:
        raise RequestError(
            f"missing channels: {', '.join(MISSING_CHANNELS)}, not {missing_channels!r}."
        )
    evaluation_class = look_up("evaluation", evaluation, EVALUATIONS)
    settings = {"fmin": fmin, "fmax": fmax, "tmin": tmin, "tmax": tmax, "resample": resample}
    settings["channels"] = channels
    make_paradigm = _paradigm_maker(paradigm, settings, eeg_reference)
    _check_bands(make_paradigm())
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
        selections.append(
            Selection(dataset, chosen, own, process, missing_channels=missing_channels)
        )
    return selections


def _check_settings(fmin, fmax, tmin, tmax, resample, channels):
    """Refuse what MNE would take as something else, or fail on after the data are read."""
    _check_names("channel", channels or ())
    numbers = {"fmin": fmin, "fmax": fmax, "tmin": tmin, "tmax": tmax, "resample": resample}
    for name, value in numbers.items():
        if value is not None and not math.isfinite(value):
            raise RequestError(f"{name} must be a finite number, not {value}.")
    if resample is not None and not 0 < resample <= _MOST_RESAMPLED:
        raise RequestError(
            f"cannot resample to {resample:g} Hz: give a rate above 0 and up to "
            f"{_MOST_RESAMPLED:,} Hz."
        )
    for name, value in (("fmin", fmin), ("fmax", fmax)):
        if value is not None and value < 0:
            raise RequestError(f"{name} must not be negative, got {value:g} Hz.")
    if fmin is not None and fmax is not None and fmin >= fmax:
        # MNE makes a band-stop filter of it
        raise RequestError(f"fmin ({fmin:g} Hz) must be below fmax ({fmax:g} Hz).")
    if tmin is not None and tmax is not None and tmin >= tmax:
        raise RequestError(
            f"tmax must be greater than tmin, but {tmin:g} s is not before {tmax:g} s."
        )


def _check_names(what, names):
    spellings = Counter(map(channel_key, names))
    twice = [name for name in dict.fromkeys(names) if spellings[channel_key(name)] > 1]
    if twice:
        raise RequestError(f"{what} {', '.join(twice)} is named more than once.")


def _check_bands(paradigm):
    """Refuse bands that cannot be, whether asked for or the paradigm's own."""
    for low, high in paradigm.filters:
        if low is not None and high is not None and low >= high:
            raise RequestError(
                f"fmin ({low:g} Hz) must be below fmax ({high:g} Hz): choose both (--fmin, --fmax)."
            )
        half = None if paradigm.resample is None else paradigm.resample / 2
        if high is not None and half is not None and high >= half:
            raise RequestError(
                f"fmax ({high:g} Hz) must be below half of the sampling rate ({2 * half:g} Hz)."
            )


def _check_window(dataset, paradigm):
    """Refuse a window that has no part of a trial in it."""
    start, end, interval = paradigm.tmin, paradigm.tmax, dataset.interval
    if start is None or interval is None:
        return
    duration = interval[1] - interval[0]
    end = duration if end is None else end
    if start >= duration or start >= end:
        raise RequestError(
            f"the window from {start:g} s to {end:g} s has nothing of the trials of "
            f"{dataset.code} in it, which last {duration:g} s: choose tmin and tmax (--tmin, "
            "--tmax) from their start on."
        )
    if end - start > _LONGEST_WINDOW:
        raise RequestError(
            f"the window from {start:g} s to {end:g} s is longer than {_LONGEST_WINDOW} s."
        )
    if paradigm.resample is not None and (end - start) * paradigm.resample < 2:
        raise RequestError(f"the window from {start:g} s to {end:g} s has less than two samples.")


def paradigm_classes():
    """Find MOABB's paradigms.

    Returns
    -------
    classes : dict of type
        By name.
    """
    return {
        name: kind
        for name, kind in vars(moabb.paradigms).items()
        if inspect.isclass(kind)
        and issubclass(kind, BaseParadigm)
        and not inspect.isabstract(kind)
        and not name.startswith(("Base", "Fake"))
    }


def _paradigm_maker(paradigm, settings, eeg_reference):
    """Return what makes a fresh paradigm, since a MOABB paradigm remembers its dataset."""
    if eeg_reference is not None:
        make = _paradigm_maker(paradigm, settings, None)
        chosen = with_eeg_reference(make(), eeg_reference).eeg_reference
        if chosen != "average":
            _check_names("reference", chosen)
        return lambda: with_eeg_reference(make(), chosen)
    if isinstance(paradigm, BaseParadigm):
        return lambda: copy.deepcopy(paradigm)
    kind = look_up("paradigm", paradigm, paradigm_classes())
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
    _check_window(dataset, paradigm)
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
    _data_dir: Any = field(repr=False, default=None)

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
        with quiet(Counter()), reading_from(self._data_dir):
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
    missing_channels="error",
    eeg_reference=None,
    groups=None,
    seed=42,
    n_seeds=1,
    max_epochs=None,
    trust=False,
    n_jobs=1,
    overwrite=False,
    progress=None,
):
    """Compare pipelines on MOABB datasets, subject by subject.

    Scores go to ``output`` as they come, and what is found there is not computed again: a stopped
    run goes on where it was. Found are scores of the same trials, evaluation, seed, pipeline with
    all its parameters and its grid, and the same code: this package's sources, versions of what it
    runs on, and the source of classes of your own. Several processes may run in the same folder,
    and share the work.

    Parameters
    ----------
    datasets : str | BaseDataset | sequence of these
        MOABB datasets, by name or as objects.
    output : path-like
        Folder for the scores, of this kind of study alone.
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
    missing_channels : {"error", "common", "interpolate"}
        Channels are matched by name. Where recordings that are trained or tested on together do
        not have the same ones, or one is marked bad: leave out and name those that differ from the
        others, take the channels that all have, or interpolate those that are missing (by MNE, at
        known positions).
    eeg_reference : {"average"} | sequence of str | None
        Average of these electrodes, or of all good ones (not only of ``channels``), that is
        subtracted from each before anything else; None for the recording's own reference.
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
    objects = given_as_objects(datasets=datasets, paradigm=paradigm, pipelines=pipelines)
    n_jobs = joblib.effective_n_jobs(n_jobs)
    caught = Counter()
    with quiet(caught), reading_from(data_dir), scratch_folder() as scratch:
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
            missing_channels=missing_channels,
            eeg_reference=eeg_reference,
        )
        paradigm_name = type(selections[0].paradigm).__name__
        evaluation_class = look_up("evaluation", evaluation, EVALUATIONS)
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
    paradigm = selections[0].paradigm
    run = {
        "study": "benchmark",
        "datasets": {each.dataset.code: each.subjects for each in selections},
        "evaluation": evaluation_class.__name__.removesuffix("Evaluation"),
        "paradigm": paradigm_name,
        "bands_hz": [list(band) for band in paradigm.filters],
        "tmin_s": paradigm.tmin,
        "tmax_s": paradigm.tmax,
        "resample_hz": paradigm.resample,
        "channels": paradigm.channels,
        "missing_channels": missing_channels,
        "eeg_reference": getattr(paradigm, "eeg_reference", None),
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
    return BenchmarkResult(scores, summarise(scores), run, key, selections, variants, data_dir)


def given_as_objects(**arguments):
    """Tell which arguments of a study are objects, which no command line can name.

    Parameters
    ----------
    **arguments : object
        By the name of the parameter.

    Returns
    -------
    names : list of str
        Those that are, or hold, anything but numbers, texts and paths.
    """

    def is_plain(value):
        if isinstance(value, (list, tuple, set, range, np.ndarray)):
            return all(map(is_plain, value))
        return value is None or isinstance(value, (str, Path, int, float, np.number))

    return [name for name, value in arguments.items() if not is_plain(value)]


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
