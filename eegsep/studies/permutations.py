"""Cross-validations of permuted labels: what an evaluation scores where labels say nothing.

Labels change places among the trials that are tested together, so that folds stay as they are; each
permutation is a whole evaluation by MOABB, and goes to the store with a few others.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from numbers import Integral
from typing import Any

import joblib
import numpy as np
import pandas as pd
from moabb.evaluations import WithinSessionEvaluation
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.preprocessing import LabelEncoder

from eegsep._utils.errors import RequestError
from eegsep._utils.kept import keeping
from eegsep._utils.logs import quiet
from eegsep._utils.processes import side_by_side
from eegsep.datasets.recordings import Failure

from . import digests
from .protocol import WITH_SETTINGS
from .scoring import evaluate
from .steps import plain

# Permutations that are filed together. A process computes up to so many batches one after another,
# which share what knows no labels; fewer where they would take longer than so many seconds.
_BATCH, _MOST_BATCHES, _SECONDS = 10, 10, 3600
_MOST = 1_000_000
# What a table of means takes from that of p-values.
OF_MEANS = ["p_permutation", "null_low", "null_high"]


@dataclass(frozen=True, eq=False)
class Batch:
    """Some permutations of a step of a benchmark, by ``numbers`` from 1 on.

    ``key`` is a digest of all that their scores depend on.
    """

    step: Any
    numbers: range
    key: str


def check_permutations(n, evaluation, scheduler=None):
    """Refuse permutations that cannot be, as of :func:`eegsep.studies.benchmark.benchmark`.

    It is a RequestError if their number is negative, or more than anybody means, or if the
    evaluation has rows that share trials, or a cluster computes.
    """
    if not isinstance(n, Integral) or not 0 <= n <= _MOST:
        raise RequestError(f"permutations must be 0 or more, up to {_MOST:,}, not {n}.")
    if n and evaluation in WITH_SETTINGS:
        raise RequestError(
            f"labels are not permuted in {evaluation}: permute them WithinSession, CrossSession or "
            "CrossSubject."
        )
    if n and scheduler is not None:
        raise RequestError(
            "permutations are computed on this machine: leave out the scheduler, with which scores "
            "may be computed first, in the same folder."
        )


def plan(steps, n):
    """Divide n permutations of each step into batches; more go on where fewer ended."""
    return [
        Batch(step, numbers, digests.digest("permutations", step.key, numbers.start, numbers.stop))
        for step in steps
        for numbers in (range(k, min(k + _BATCH, n + 1)) for k in range(1, n + 1, _BATCH))
    ]


def compute(batches, reader, store, n_jobs, progress):
    """Compute batches that are not in the store, side by side, of units that were read.

    ``progress("permute", done, total, label)`` is called meanwhile.
    """
    left = {batch.key: batch for batch in batches if store.get(batch.key) is None}
    total = len(batches)
    while left:
        progress("permute", total - len(left), total, "")
        mine = [batch for batch in left.values() if not store.busy(batch.key)]
        with side_by_side(n_jobs):
            finished = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
                joblib.delayed(_compute)(store, some, reader.stacked[some[0].step.unit])
                for some in _together(mine, store, n_jobs)
            )
            for label, keys in finished:
                for key in keys:
                    left.pop(key)
                progress("permute", total - len(left), total, label)
        left = {key: batch for key, batch in left.items() if store.get(key) is None}
        if left:
            store.pause()


def _together(batches, store, n_jobs):
    """Join batches of a step that a process is to compute one after the other."""
    by_step = {}
    for batch in batches:
        by_step.setdefault(batch.step, []).append(batch)
    for step, own in by_step.items():
        seconds = sum(row["time"] for row in store.rows(step.key)) * 5 * _BATCH
        size = np.clip(int(_SECONDS / max(seconds, 1e-3)), 1, _MOST_BATCHES)
        n_parts = -(-len(own) // (size * n_jobs)) * n_jobs  # as many for each process
        yield from (list(part) for part in np.array_split(own, n_parts) if len(part))


def _compute(store, batches, stacked):
    """Compute batches of one step, and file each; return a label, and their keys.

    Other processes have those that it lacks.
    """
    keys = []
    with keeping():
        for batch in batches:
            if not store.claim(batch.key):
                continue
            value = _repeat(batch, stacked, store.rows(batch.step.key))
            store.put(batch.key, json.dumps(value), complete=not value["failed"])
            keys.append(batch.key)
    return f"{batches[0].step}", keys


def _repeat(batch, stacked, rows):
    """Evaluate the permutations of a batch; ``rows`` are what the labels as they are have scored.

    A dict of ``rows`` with ``subject, session, permutation, score``, and what ``failed``.
    """
    step = batch.step
    unit, dataset = step.unit, step.unit.selection.dataset
    subjects = {row["subject"] for row in rows}
    stacked, evaluation = with_folds(stacked, unit.evaluation)
    together = stacked.metadata.groupby(["subject", "session", "fold"], sort=False)
    sets = together.ngroup().to_numpy()
    value = {"rows": [], "failed": []}
    for number in batch.numbers:
        seed = [unit.code, str(unit.subjects), str(evaluation.random_state), number]
        labels = permute(stacked.labels, sets, seed)
        with quiet(Counter()):  # what comes up is what came up with the labels as they are
            permuted, failures = evaluate(
                evaluation, dataset, replace(stacked, labels=labels), step.variant, subjects
            )
        value["failed"] += [
            asdict(failure) | {"reason": f"permutation {number}: {failure.reason}"}
            for failure in failures
        ]
        value["rows"] += [
            {name: plain(row[name]) for name in ("subject", "session", "score")}
            | {"permutation": number}
            for row in permuted
        ]
    return value


def with_folds(stacked, evaluation):
    """Note the folds of an evaluation beside the trials, and make the evaluation heed the note.

    The metadata of the trials returned have a column ``fold``, in which each is tested; the
    evaluation is a copy with the same folds, whatever the labels are.
    """
    metadata, evaluation = stacked.metadata.reset_index(drop=True), copy.copy(evaluation)
    metadata["fold"] = 0
    if isinstance(evaluation, WithinSessionEvaluation):
        for _, own in metadata.groupby(["subject", "session"], sort=False):
            y = LabelEncoder().fit_transform(stacked.labels[own.index])
            splits = evaluation._create_splitter().split(y, own.reset_index(drop=True))
            for fold, (_, test) in enumerate(splits):
                metadata.loc[own.index[test], "fold"] = fold
        evaluation.groups, evaluation.cv_class = "fold", LeaveOneGroupOut
    return replace(stacked, metadata=metadata), evaluation


def permute(labels, sets, seed):
    """Let labels change places within sets, both of shape (n_trials,).

    The seed, a list of what JSON can hold, makes the permutation another one.
    """
    rng = np.random.default_rng(list(json.dumps(seed).encode()))
    permuted = labels.copy()
    for each in np.unique(sets):
        own = np.flatnonzero(sets == each)
        permuted[own] = labels[rng.permutation(own)]
    return permuted


def collect(batches, store):
    """Collect permuted scores from the store, and the permutations that could not be scored.

    The table is as :func:`eegsep.statistics.permutation_table` takes it.
    """
    tables, failures = [pd.DataFrame()], []
    for batch in batches:
        value = json.loads(store.get(batch.key, incomplete=True))
        failures += [Failure(**each) for each in value["failed"]]
        tables.append(
            pd.DataFrame(value["rows"]).assign(
                dataset=batch.step.unit.code,
                pipeline=batch.step.variant.name,
                seed=batch.step.variant.seed,
            )
        )
    return pd.concat(tables[1:] or tables, ignore_index=True), failures
