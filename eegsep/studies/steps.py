"""Steps of a benchmark: what MOABB is to be given at once, found in the store or computed now.

Subjects are read once, and only where their files are not those of an earlier run.
"""

from __future__ import annotations

import copy
import json
import uuid
import warnings
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import joblib
import pandas as pd
from moabb.analysis.results import get_digest
from moabb.evaluations import CrossSubjectEvaluation
from sklearn.model_selection import LeaveOneGroupOut

from eegsep._utils.logs import about, quiet
from eegsep._utils.processes import no_room, side_by_side
from eegsep.datasets.channels import compare_channels, usual_channels
from eegsep.datasets.recordings import Failure

from . import digests
from .scoring import Stacked, evaluate, leave_out_unfit

# What MOABB's results on disk call what its evaluations return.
_NAMES = {"n_samples": "samples", "n_samples_test": "samples_test", "n_channels": "channels"}
_OF_ALL_ROWS = ("dataset", "pipeline", "codecarbon_task_name")


@dataclass(frozen=True, eq=False)
class Unit:
    """Subjects who are evaluated together: one, or all across subjects.

    Attributes
    ----------
    selection : eegsep.datasets.selection.Selection
        Dataset and paradigm.
    evaluation : moabb.evaluations.base.BaseEvaluation
        Gives folds and metric.
    subjects : list
        Their numbers.
    """

    selection: Any
    evaluation: Any
    subjects: list

    @property
    def code(self):
        """Code of the dataset."""
        return self.selection.dataset.code

    @property
    def metric(self):
        """The paradigm's scoring, as MOABB takes it."""
        return self.selection.paradigm.scoring

    def key(self):
        """Return the key under which is noted what the unit's recordings hold, None for none."""
        return digests.key_of_recordings(
            self.selection,
            self.subjects,
            type(self.evaluation),
            self.evaluation.groups,
            self.metric,
        )


@dataclass(frozen=True, eq=False)
class Step:
    """A variant of a pipeline on a unit.

    Attributes
    ----------
    unit : Unit
    variant : eegsep.studies.pipelines.Variant
    key : str
        Digest of all that the scores depend on.
    """

    unit: Unit
    variant: Any
    key: str

    def __str__(self):
        subjects, variant = self.unit.subjects, self.variant
        who = f"subject {subjects[0]}" if len(subjects) == 1 else f"{len(subjects)} subjects"
        seed = f", seed {variant.seed}" if variant.repeated else ""
        return f"{variant.name}{seed}, {self.unit.code}, {who}"

    def scores(self, rows):
        """Make a table of rows of scores: a row a subject and session."""
        selection, evaluation = self.unit.selection, self.unit.evaluation
        order = {subject: k for k, subject in enumerate(self.unit.subjects)}
        rows = sorted(rows, key=lambda row: (order[row["subject"]], row["session"]))
        return pd.DataFrame(rows).assign(
            n_sessions=selection.dataset.n_sessions,
            dataset=self.unit.code,
            paradigm=type(selection.paradigm).__name__,
            evaluation=type(evaluation).__name__.removesuffix("Evaluation"),
            metric=str(self.unit.metric),
            pipeline=self.variant.name,
            seed=self.variant.seed,
        )


def make_units(selections, evaluation_class, seed, scratch, groups=None):
    """Divide what is selected into units.

    Parameters
    ----------
    selections : list of eegsep.datasets.selection.Selection
    evaluation_class : type
        MOABB evaluation.
    seed : int
        Of the folds.
    scratch : pathlib.Path
        Where MOABB makes a file, of which no use is made: it would not survive a full disk.
    groups : {"run"} | None
        ``"run"`` makes each run of a session a fold, instead of five folds of its trials.

    Returns
    -------
    units : list of Unit
    """
    units = []
    folds = {} if groups is None else {"groups": groups, "cv_class": LeaveOneGroupOut}
    for selection in selections:
        evaluation = evaluation_class(
            paradigm=selection.paradigm,
            datasets=[selection.dataset],
            random_state=seed,
            hdf5_path=str(scratch),
            **folds,
        )
        evaluation.results = None
        together = [selection.subjects]
        if evaluation_class is not CrossSubjectEvaluation:
            together = [[subject] for subject in selection.subjects]
        units += [Unit(selection, evaluation, subjects) for subjects in together]
    return units


class Reader:
    """Trials of units, in memory maps in ``scratch``, and what tells them from others.

    Reading comes before all fitting, so that missing data are found out early, and memory maps
    are handed to other processes for nothing.

    Attributes
    ----------
    digests : dict of str
        By unit, but for those of which nothing can be used.
    failures : list of eegsep.datasets.recordings.Failure
        What is left out.
    stacked : dict of Stacked
        By unit, of those that were read.
    """

    def __init__(self, store, scratch, progress):
        self._store, self._scratch, self._progress = store, scratch, progress
        self._done = self._total = 0
        self._seen, self._names, self._caught = set(), {}, {}
        self.digests, self.failures, self.stacked = {}, [], {}

    def recall(self, units):
        """Learn what was noted of the units' recordings, where these are as they were."""
        for unit in units:
            noted = digests.recall(self._store, unit.key())
            if noted is not None:
                self.digests[unit] = noted["digest"]
                self._names[unit] = noted["ch_names"]
                self._caught[unit] = _read_counter(noted["caught"])

    def read(self, units):
        """Read units, each once.

        Returns
        -------
        changed : bool
            Whether one is not what was noted of it.
        """
        units = [unit for unit in dict.fromkeys(units) if unit not in self._seen]
        self._total += sum(len(unit.subjects) for unit in units)
        if units:
            self._progress("read", self._done, self._total, "")
        changed = False
        for unit in units:
            expected = self.digests.pop(unit, None)
            self._read(unit)
            changed |= expected is not None and expected != self.digests.get(unit)
        return changed

    def _read(self, unit):
        selection, parts, caught = unit.selection, [], Counter()
        self._seen.add(unit)
        with quiet(caught), digests.files_opened() as files:
            for subject in unit.subjects:
                parts.append(selection.trials(subject))
                self._done += 1
                label = f"{unit.code}, subject {subject}"
                self._progress("read", self._done, self._total, label)
            trials = selection.stack(parts) if len(parts) > 1 else parts[0]
            trials = leave_out_unfit(trials, unit.evaluation, unit.metric)
        self._caught[unit] = caught
        self.failures += trials.failures
        if not trials.recordings:
            return
        try:
            stacked = Stacked.write(trials, self._scratch / f"{len(self._seen)}.npy")
        except OSError as error:
            raise no_room(error) from error
        self.stacked[unit] = stacked
        self._names[unit] = list(stacked.info["ch_names"])
        self.digests[unit] = digests.digest_trials(*stacked.read())
        # what failed is tried again
        if not trials.failures:
            noted = {"digest": self.digests[unit], "ch_names": self._names[unit]}
            noted["caught"] = _write_counter(caught)
            digests.note(self._store, unit.key(), selection, files, noted)

    def warn(self, caught):
        """Add what came up in reading, and which subjects have other channels than most.

        Parameters
        ----------
        caught : collections.Counter
            As :func:`eegsep._utils.logs.quiet` fills it.
        """
        for each in self._caught.values():
            caught.update(each)
        with quiet(caught):
            for code in dict.fromkeys(unit.code for unit in self._names):
                names = {
                    unit.subjects[0]: own for unit, own in self._names.items() if unit.code == code
                }
                _compare_channels(code, names)


def _compare_channels(code, names):
    """Warn of subjects who are scored by themselves with other channels than most."""
    usual = usual_channels(names.values())
    for subject, own in names.items():
        lacking, more = compare_channels(own, usual)
        with about(code, subject):
            if lacking:
                text = f"scored without {', '.join(lacking)}, which other subjects have"
                warnings.warn(text, stacklevel=2)
            if more:
                text = f"scored with {', '.join(more)}, which other subjects lack"
                warnings.warn(text, stacklevel=2)


def plan(units, variants, reader):
    """List the steps of what can be used, a dataset and pipeline after the other.

    Parameters
    ----------
    units : list of Unit
    variants : list of eegsep.studies.pipelines.Variant
    reader : Reader
        That knows all units' digests.

    Returns
    -------
    steps : list of Step
    """
    steps = []
    pipelines = {variant: _describe(variant) for variant in variants}
    for selection in dict.fromkeys(unit.selection for unit in units):
        own = [u for u in units if u.selection is selection and u in reader.digests]
        for variant in variants:
            for unit in own:
                key = digests.digest(
                    "scores",
                    unit.code,
                    unit.subjects,
                    reader.digests[unit],
                    get_digest(selection.process),
                    type(selection.paradigm).__name__,
                    unit.metric,
                    type(unit.evaluation),
                    unit.evaluation.random_state,
                    unit.evaluation.groups,
                    pipelines[variant],
                )
                steps.append(Step(unit, variant, key))
    return steps


def _describe(variant):
    try:
        return digests.describe([variant.estimator, variant.param_grid])
    except digests.NotReproducible as error:
        warnings.warn(
            f"scores of pipeline {variant.name} cannot be kept for another run: {error}",
            stacklevel=2,
        )
        return uuid.uuid4().hex


def compute(todo, reader, store, n_jobs, progress, done, total):
    """Compute steps, side by side where they are enough to keep all processes busy.

    Steps that another process has taken on are left to it, unless it dies.

    Parameters
    ----------
    todo : list of Step
        Whose units are read.
    reader : Reader
    store : eegsep.studies.store.Store
        Where their scores are filed.
    n_jobs : int
        Processes.
    progress : callable
        See :func:`eegsep.studies.benchmark.benchmark`.
    done, total : int
        Steps that are done, and all.

    Returns
    -------
    elsewhere : int
        How many were computed by another process meanwhile.
    """
    progress("fit", done, total, "")
    # where steps are few, MOABB's folds go side by side instead
    outer, inner = (n_jobs, 1) if len(todo) >= n_jobs else (1, n_jobs)
    left, elsewhere = {step.key: step for step in todo}, 0
    while left:
        mine = [step for step in left.values() if not store.busy(step.key)]
        with side_by_side(n_jobs):
            finished = joblib.Parallel(n_jobs=outer, return_as="generator_unordered")(
                joblib.delayed(_compute)(store, step, reader.stacked[step.unit], n_jobs=inner)
                for step in mine
            )
            for key, value in finished:
                if value is None:  # another process has it
                    continue
                step = left.pop(key)
                rows = step.scores(value.pop("rows")).to_dict("records")
                store.put(key, json.dumps(value), rows, complete=not value["failed"])
                done += 1
                progress("fit", done, total, str(step))
        for key in [key for key in left if store.get(key) is not None]:
            elsewhere, done = elsewhere + 1, done + 1
            progress("fit", done, total, f"{left.pop(key)}, by another process")
        if left:
            progress("fit", done, total, f"waiting for another process to do {len(left)} steps")
            store.pause()
    return elsewhere


def _compute(store, step, stacked, *, n_jobs):
    """Let MOABB evaluate one pipeline on a unit, if no other process does.

    Returns
    -------
    key : str
        Of the step.
    value : dict | None
        ``rows`` of scores, what ``failed``, and warnings ``caught``. Rows of subjects of whom
        nothing failed are kept from an earlier run.
    """
    if not store.claim(step.key):
        return step.key, None
    before = json.loads(store.get(step.key, incomplete=True) or '{"failed": []}')
    failed = {each["subject"] for each in before["failed"]}
    rows = [row for row in store.rows(step.key) if row["subject"] not in failed]
    scored = {row["subject"] for row in rows}
    evaluation, caught = copy.copy(step.unit.evaluation), Counter()
    evaluation.n_jobs = n_jobs
    subjects = [subject for subject in stacked.subjects if subject not in scored]
    dataset = step.unit.selection.dataset
    with quiet(caught):
        found, failures = evaluate(evaluation, dataset, stacked, step.variant, subjects)
    for row in found:
        kept = {_NAMES.get(name, name): value for name, value in row.items()}
        rows.append({name: plain(kept[name]) for name in kept if name not in _OF_ALL_ROWS})
    failed = [asdict(failure) for failure in failures]
    return step.key, {"rows": rows, "failed": failed, "caught": _write_counter(caught)}


def collect(steps, store, caught):
    """Collect from the store what was computed now or earlier.

    Parameters
    ----------
    steps : list of Step
    store : eegsep.studies.store.Store
    caught : collections.Counter
        Gains the warnings that came up, now or earlier.

    Returns
    -------
    scores : pandas.DataFrame
        A row a pipeline, seed, subject and session.
    failures : list of eegsep.datasets.recordings.Failure
        What could not be scored.
    """
    tables, failures = [pd.DataFrame()], []
    for step in steps:
        value = json.loads(store.get(step.key, incomplete=True))
        failures += [Failure(**each) for each in value["failed"]]
        caught.update(_read_counter(value["caught"]))
        if rows := store.rows(step.key):
            tables.append(step.scores(rows))
    return pd.concat(tables[1:] or tables, ignore_index=True), failures


def plain(value):
    """Return a value that JSON can hold, of one that numpy may have made."""
    return value.item() if hasattr(value, "item") else value


def _write_counter(caught):
    return [[group, text, *place, n] for (group, text, place), n in caught.items()]


def _read_counter(rows):
    return Counter({(group, text, tuple(place)): n for group, text, *place, n in rows})
