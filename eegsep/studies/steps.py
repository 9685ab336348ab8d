"""Steps of a benchmark: what MOABB is to be given at once, found in the store or computed now.

A step is a pipeline with a seed on a unit, which is a subject or, across subjects, all of them.
"""

from __future__ import annotations

import copy
import json
import uuid
import warnings
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import joblib
import pandas as pd
from moabb.analysis.results import get_digest
from moabb.evaluations import CrossSubjectEvaluation

from eegsep._utils.logs import quiet
from eegsep._utils.processes import side_by_side
from eegsep.datasets.recordings import Failure

from . import digests
from .protocol import take_share
from .reading import read_counter, write_counter
from .scoring import evaluate

# What MOABB's results on disk call what its evaluations return.
_NAMES = {"n_samples": "samples", "n_samples_test": "samples_test", "n_channels": "channels"}
_NAMES |= {"data_size": "n_train", "permutation": "draw"}  # of its learning curves
_OF_ALL_ROWS = ("dataset", "pipeline", "codecarbon_task_name")


@dataclass(frozen=True, eq=False)
class Unit:
    """Subjects who are evaluated together: one, or all across subjects.

    ``selection`` is the dataset and paradigm, ``evaluation`` MOABB's with folds and metric, and
    ``settings`` what it was made with, see :func:`.protocol.settings_of`.
    """

    selection: Any
    evaluation: Any
    subjects: list
    settings: dict = field(default_factory=dict)

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
            self.settings,
            self.metric,
        )


@dataclass(frozen=True, eq=False)
class Step:
    """A variant of a pipeline on a unit; ``key`` is a digest of all that the scores depend on."""

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


def make_units(selections, evaluation_class, seed, scratch, settings):
    """Divide what is selected into units, for an evaluation's class with a seed of the folds.

    ``scratch`` is where MOABB makes a file, of which no use is made: it would not survive a full
    disk. ``settings`` are what else the evaluation is made with, see :func:`.protocol.settings_of`.
    """
    units = []
    for selection in selections:
        more = {}
        if "train_sizes" in settings:
            more["n_classes"] = len(selection.paradigm.used_events(selection.dataset))
        evaluation = evaluation_class(
            paradigm=selection.paradigm,
            datasets=[selection.dataset],
            random_state=seed,
            hdf5_path=str(scratch),
            **settings,
            **more,
        )
        evaluation.results = None
        together = [selection.subjects]
        if not issubclass(evaluation_class, CrossSubjectEvaluation):
            together = [[subject] for subject in selection.subjects]
        units += [Unit(selection, evaluation, subjects, settings) for subjects in together]
    return units


def pair(units, variants, shard=None):
    """Pair units and variants, a dataset and pipeline after the other, or a share of the pairs.

    A ``shard`` has of each pipeline as many units as of the others, but for one. It is a
    RequestError if there are more shares than pairs.
    """
    pairs = [
        (unit, variant)
        for selection in dict.fromkeys(unit.selection for unit in units)
        for variant in variants
        for unit in units
        if unit.selection is selection
    ]
    return take_share(pairs, shard, "evaluations")


def plan(pairs, reader):
    """List the steps of pairs (Unit, Variant) that can be used, in their order.

    The reader knows all units' digests.
    """
    steps = []
    pipelines = {variant: _describe(variant) for variant in dict.fromkeys(v for _, v in pairs)}
    for unit, variant in pairs:
        if unit not in reader.digests:
            continue
        key = digests.digest(
            "scores",
            unit.code,
            unit.subjects,
            reader.digests[unit],
            get_digest(unit.selection.process),
            type(unit.selection.paradigm).__name__,
            unit.metric,
            type(unit.evaluation),
            unit.evaluation.random_state,
            unit.settings,
            pipelines[variant],
        )
        steps.append(Step(unit, variant, key))
    return steps


def _describe(variant):
    try:
        return digests.describe([variant.estimator, variant.param_grid, variant.search])
    except digests.NotReproducible as error:
        warnings.warn(
            f"scores of pipeline {variant.name} cannot be kept for another run: {error}",
            stacklevel=2,
        )
        return uuid.uuid4().hex


def compute(todo, reader, store, n_jobs, progress, done, total, cluster=None):
    """Compute steps, side by side where they are enough to keep all processes busy.

    Their units are read, by the cluster where there is one, and their scores go to the store. Steps
    that another process has taken on are left to it, unless it dies; how many it computed is
    returned. Of ``total`` steps ``done`` are done.
    """
    progress("fit", done, total, "")
    left, elsewhere = {step.key: step for step in todo}, 0
    run = partial(_run_here, n_jobs=n_jobs, few=len(todo) < n_jobs)
    if cluster is not None:
        run = cluster.compute
    while left:
        mine = [step for step in left.values() if not store.busy(step.key)]
        with closing(run(mine, reader, store)) as finished:
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


def _run_here(steps, reader, store, *, n_jobs, few):
    """Yield key and value of each step, None for one that another process has; see `score`."""
    # where steps are few, MOABB's folds go side by side instead
    outer, inner = (1, n_jobs) if few else (n_jobs, 1)
    with side_by_side(n_jobs):
        yield from joblib.Parallel(n_jobs=outer, return_as="generator_unordered")(
            joblib.delayed(_claim_and_score)(store, step, reader.stacked[step.unit], n_jobs=inner)
            for step in steps
        )


def _claim_and_score(store, step, stacked, *, n_jobs):
    if not store.claim(step.key):
        return step.key, None
    rows = rows_to_keep(store, step)
    return step.key, score(step.unit, step.variant, stacked, rows, n_jobs=n_jobs)


def rows_to_keep(store, step):
    """Return rows of an earlier run, of subjects of whom nothing failed in it (list of dict)."""
    before = json.loads(store.get(step.key, incomplete=True) or '{"failed": []}')
    failed = {each["subject"] for each in before["failed"]}
    return [row for row in store.rows(step.key) if row["subject"] not in failed]


def score(unit, variant, stacked, rows, *, n_jobs):
    """Let MOABB evaluate one pipeline on a unit, but for the subjects of ``rows``.

    A dict of ``rows`` of scores, those given among them, what ``failed``, and warnings ``caught``.
    """
    scored = {row["subject"] for row in rows}
    evaluation, caught, rows = copy.copy(unit.evaluation), Counter(), list(rows)
    evaluation.n_jobs = n_jobs
    subjects = [subject for subject in stacked.subjects if subject not in scored]
    dataset = unit.selection.dataset
    with quiet(caught):
        found, failures = evaluate(evaluation, dataset, stacked, variant, subjects)
    for row in found:
        kept = {_NAMES.get(name, name): value for name, value in row.items()}
        rows.append({name: plain(kept[name]) for name in kept if name not in _OF_ALL_ROWS})
    failed = [asdict(failure) for failure in failures]
    return {"rows": rows, "failed": failed, "caught": write_counter(caught)}


def collect(steps, store, caught):
    """Collect from the store what was computed now or earlier: scores, and failures.

    ``caught``, a Counter, gains the warnings that came up. Scores are a row a pipeline, seed,
    subject and session.
    """
    tables, failures = [pd.DataFrame()], []
    for step in steps:
        value = json.loads(store.get(step.key, incomplete=True))
        failures += [Failure(**each) for each in value["failed"]]
        caught.update(read_counter(value["caught"]))
        if rows := store.rows(step.key):
            tables.append(step.scores(rows))
    return pd.concat(tables[1:] or tables, ignore_index=True), failures


def plain(value):
    """Return a value that JSON can hold, of one that numpy may have made."""
    return value.item() if hasattr(value, "item") else value
