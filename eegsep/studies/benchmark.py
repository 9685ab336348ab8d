"""Pipelines × MOABB datasets × subjects under MOABB's own evaluations, resumable and side by side.

What comes out: all scores, a summary with paired differences, and a record of the run.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

from eegsep._utils.errors import RequestError, look_up
from eegsep._utils.logs import by_text, quiet
from eegsep._utils.processes import scratch_folder
from eegsep._utils.tables import origin, remove_folder, remove_outputs, save_tables
from eegsep.datasets.recordings import check_subjects, say_failures
from eegsep.datasets.selection import Recordings, given_as_objects, record
from eegsep.estimator.classifier import EEGNetClassifier
from eegsep.statistics import REFERENCE, permutation_table, summarise

from . import digests
from . import permutations as permuting
from .cluster import chosen_scheduler, on_cluster
from .folds import say
from .inspect import inspect
from .learning_curve import at_largest_size, learning_curve
from .pipelines import as_configs, has_own_network, load_pipelines, make_variants
from .protocol import (
    EVALUATIONS,
    WITH_SETTINGS,
    check_evaluation,
    check_run,
    check_shard,
    check_train_sizes,
    settings_of,
    warn_of_no_use,
)
from .reading import Reader
from .search import Search
from .shards import note_shard
from .sizes import count_fits
from .steps import collect, compute, make_units, pair, plan
from .store import opened
from .transfer import TransferEvaluation, way_of_transfer

_PACKAGES = ("moabb", "mne", "torch", "scikit-learn", "braindecode", "pyriemann", "numpy")


# -- results -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BenchmarkResult:
    """Scores of a benchmark.

    Attributes
    ----------
    scores : pandas.DataFrame
        A row for each ``dataset, pipeline, seed, subject, session``, with ``metric``, ``score``,
        ``time`` (seconds for one fit, the mean over folds), ``samples``, ``samples_test``,
        ``n_classes``, ``channels``, and the ``evaluation`` and ``paradigm``. Of a learning curve
        for each ``n_train``, the number of training trials, and ``draw`` of them too; of a transfer
        with ``transfer``, what was done with the target's trials (``"fine-tuned"``, ``"pooled"``).
    summary : pandas.DataFrame
        A row for each ``dataset`` and ``pipeline``, see :func:`eegsep.statistics.summarise`; of a
        learning curve at the largest number of training trials.
    learning_curve : pandas.DataFrame
        Of a learning curve a row for each ``dataset, pipeline, n_trials``, see
        :func:`eegsep.studies.learning_curve.learning_curve`; else empty.
    run : dict
        What was run, with what, and when: datasets, subjects, paradigm, seeds, versions, and the
        warnings that came up.
    permutations : pandas.DataFrame | None
        p-values of sessions, subjects and means by permuted labels, see
        :func:`eegsep.statistics.permutation_table`; None where no labels were permuted.
    key : str
        Digest of all that the scores depend on, and of these.

    Examples
    --------
    >>> from eegsep.datasets import SimulatedMotorImagery
    >>> recordings = SimulatedMotorImagery(n_subjects=2, n_sessions=1, n_trials_per_class=10)
    >>> from eegsep.studies.benchmark import benchmark
    >>> result = benchmark([recordings], pipelines=["CSP+LDA", "TS+LR"], output="study")
    >>> len(result.scores), result.run["failed"]  # two subjects, two pipelines
    (4, [])
    >>> files = result.save("study")
    """

    scores: pd.DataFrame
    summary: pd.DataFrame
    run: dict
    key: str = ""
    learning_curve: pd.DataFrame = field(default_factory=pd.DataFrame)
    permutations: pd.DataFrame | None = None
    _selections: list = field(repr=False, default_factory=list)
    _variants: list = field(repr=False, default_factory=list)
    _recordings: Any = field(repr=False, default=None)

    def save(self, folder):
        """Write ``scores.csv``, ``summary.csv``, ``columns.json`` and ``run.json``.

        And ``learning_curve.csv`` and ``permutations.csv``, where there are such.

        Parameters
        ----------
        folder : path-like
            Where to; made if need be. What another run of a study wrote there is removed first.

        Returns
        -------
        files : dict of pathlib.Path
            By name: ``scores, summary``, ``learning_curve`` and ``permutations`` if any,
            ``columns, run``.
        """
        remove_outputs(folder)
        remove_folder(Path(folder) / "maps")
        tables = {"scores": self.scores, "summary": self.summary}
        if len(self.learning_curve):
            tables["learning_curve"] = self.learning_curve
        if self.permutations is not None:
            tables["permutations"] = self.permutations
        return save_tables(folder, tables, "run", self.run)

    def inspect(self, pipeline=None, dataset=None, subject=None, **settings):
        """Inspect a network on all trials of one subject: its maps, and whether to believe them.

        Parameters
        ----------
        pipeline : str | None
            A pipeline that is an :class:`eegsep.EEGNetClassifier` alone; None for the reference,
            or else the first there is.
        dataset : str | None
            Code of the dataset; None for the first.
        subject : int | None
            None for the subject that this pipeline served best.
        **settings
            Of :func:`eegsep.studies.inspect.inspect`.

        Returns
        -------
        inspection : eegsep.studies.inspected.Inspection
            Whose ``run`` has ``pipeline, dataset`` and ``subject``.

        Raises
        ------
        RequestError
            If there is no such pipeline, dataset or subject, or it cannot be inspected.
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
        if subject is None:
            own = self.scores["dataset"] == dataset
            scores = self.scores[own & (self.scores["pipeline"] == pipeline)]
            if scores.empty:
                raise RequestError(f"{pipeline} has no score of {dataset} to choose by.")
            subject = int(scores.groupby("subject")["score"].mean().idxmax())
        else:
            check_subjects(selection.dataset, [subject])
        # what comes up in reading and fitting has come up in the benchmark already
        with quiet(Counter()), self._recordings.reading():
            trials = selection.trials(subject)
            if not trials.recordings:
                raise RequestError(f"no scalp maps of {say_failures(trials.failures)}.")
            inspection = inspect(variant.estimator[-1], trials.epochs(), trials.labels, **settings)
        inspection.run.update(pipeline=pipeline, dataset=dataset, subject=subject)
        return inspection


# -- the run -------------------------------------------------------------------------------------


def benchmark(
    datasets=("SimulatedMotorImagery",),
    *,
    output,
    pipelines=None,
    evaluation="WithinSession",
    groups=None,
    target_trials=None,
    train_sizes=None,
    cs_mode=None,
    search="grid",
    search_trials=None,
    seed=42,
    n_seeds=1,
    permutations=0,
    max_epochs=None,
    trust=False,
    n_jobs=1,
    scheduler=None,
    shard=None,
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
    evaluation : {"WithinSession", "CrossSession", "CrossSubject", "Transfer", "LearningCurve"}
        MOABB evaluation: five folds in each session, leave one session out, leave one subject out;
        or leave one subject out but for some trials, ``target_trials``; or train on few trials and
        more of a session, ``train_sizes``.
    groups : {"run"} | None
        ``"run"`` tests on each run of a session in turn, WithinSession only: trials of a run that
        follow each other, or overlap, are then never on both sides. None for MOABB's five folds.
    target_trials : int | None
        Of Transfer: the first trials of the target's first session, of each class as nearly as many
        as of any other, are trained on; all others are tested. This package's networks are trained
        on the other subjects and then on these (``init=`` of :class:`eegsep.EEGNetClassifier`), all
        else is fitted to both at once. None for 15.
    train_sizes : sequence of int | None
        Of LearningCurve: numbers of training trials, as many of each class, those of a smaller
        number among those of a larger. Drawn five times by MOABB's ``LearningCurveSplitter``, each
        time tested on the same fifth of the session. None for 10, 20 and 40.
    cs_mode : str | None
        Of CrossSubject: MOABB's ``CrossSubjectMode`` without labels of the
        target, such as ``"train_trialwise"``, or ``"train_and_target_unlabeled_20p"``, whose trials
        are given to the steps that ask for ``X_target_unlabeled``.
    search : {"grid", "optuna"}
        How a pipeline's ``param_grid`` is searched inside each training fold, by three folds of
        its own: each combination, or as Optuna suggests, from ranges too. Optuna needs
        ``eegsep[optuna]``.
    search_trials : int | None
        How many combinations Optuna tries; None for 20.
    seed : int
        Seed of the folds and searches, and of every ``random_state`` in the pipelines.
    n_seeds : int
        Number of seeds for this package's networks; the folds stay the same. All other pipelines
        run once, with ``seed``.
    permutations : int
        How many times each evaluation is repeated as a whole with labels that change places among
        the trials of a session that are tested together, for p-values. Folds stay as they are, and
        so do the classes' shares in them.
    max_epochs : int | None
        Replaces ``max_epochs`` of all networks, for a quick look.
    trust : bool
        Whether pipeline files may run as programs, see :func:`load_pipelines`, and files that have
        a dataset's class.
    n_jobs : int
        Processes; -1 for a process a core. With more than one each computes on a single thread.
        They are started by joblib, in the way that :class:`joblib.parallel_config` says, but for
        threads.
    scheduler : str | distributed.Client | None
        Dask scheduler whose workers read and score, instead of processes here: its address, such as
        ``"tcp://10.0.0.1:8786"``; a client of it; or ``"local"`` or ``"local:4"`` for a process
        a core, or four, on this machine. Workers need the same versions, a thread each, and the
        recordings; only this process writes to ``output``. The unit of work is a pipeline on a
        subject, across subjects on all of them. A lost worker's work is done again by others. None
        for none, but where :class:`joblib.parallel_config` has chosen ``"dask"``.
    shard : (int, int) | None
        ``(2, 8)`` computes the second of eight shares alone, which differ by one evaluation at
        most; None all. Shares may have folders of their own, which
        :func:`eegsep.studies.merge.merge` joins.
    overwrite : bool
        Throw away all that was computed in the folder first.
    progress : callable | None
        Called as ``progress(stage, done, total, label)``, with ``stage`` ``"plan"`` once, before
        any fit, with their number for ``total``, ``"read"`` a subject read or ``"fit"`` a pipeline
        evaluated, at the start (``done`` 0, or what was found on disk) and after each, and while
        another process computes the rest; before that, ``"workers"`` while a scheduler has none;
        after it, ``"permute"`` ten permutations.
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
        not, ``output`` cannot be written or holds another kind of study, or a scheduler does not
        answer or has workers of other versions. Later: if there is no room left to write to, or the
        scheduler is lost; scores so far are kept then. After all: if nothing could be scored.

    Examples
    --------
    >>> from eegsep.datasets import SimulatedMotorImagery
    >>> recordings = SimulatedMotorImagery(n_subjects=2, n_sessions=1, n_trials_per_class=10)
    >>> from eegsep.studies.benchmark import benchmark
    >>> result = benchmark([recordings], pipelines=["CSP+LDA", "TS+LR"], output="study")
    >>> list(result.summary["pipeline"])
    ['CSP+LDA', 'TS+LR']
    """
    started = time.time()
    progress = progress or (lambda *_: None)
    check_run(seed, n_seeds, n_jobs)
    check_shard(shard)
    scheduler = chosen_scheduler(scheduler)
    permuting.check_permutations(permutations, evaluation, scheduler)
    search = Search(search, search_trials)
    settings = settings_of(
        evaluation,
        groups=groups,
        target_trials=target_trials,
        train_sizes=train_sizes,
        cs_mode=cs_mode,
    )
    recordings = Recordings.of(datasets, options | ({"trust": True} if trust else {}))
    objects = [*recordings.objects, *given_as_objects(pipelines=pipelines)]
    n_jobs = joblib.effective_n_jobs(n_jobs)
    caught = Counter()
    with quiet(caught), recordings.reading(), scratch_folder() as scratch:
        evaluation_class = (EVALUATIONS | WITH_SETTINGS)[evaluation]
        selections = recordings.select()
        check_evaluation(evaluation_class, selections)
        check_train_sizes(settings, selections)
        paradigm_name = type(selections[0].paradigm).__name__
        if isinstance(pipelines, dict):
            configs = as_configs(pipelines)
        else:
            configs = load_pipelines(pipelines, paradigm_name, trust=recordings.trust)
        # this package's networks come first, in tables and pictures too
        names = sorted(configs, key=lambda name: not has_own_network(configs[name]["pipeline"]))
        configs = {name: configs[name] for name in names}
        variants = make_variants(
            configs, seed=seed, n_seeds=n_seeds, max_epochs=max_epochs, search=search
        )

        warn_of_no_use(cs_mode, variants)

        with (
            opened(output, "benchmark", overwrite) as store,
            on_cluster(scheduler, recordings.data_dir, progress) as cluster,
        ):
            units = make_units(selections, evaluation_class, seed, scratch, settings)
            pairs = pair(units, variants, shard)
            units = list(dict.fromkeys(unit for unit, _ in pairs))
            reader = Reader(store, scratch, progress, cluster)
            reader.recall(units)
            reader.read([unit for unit in units if unit not in reader.digests])
            while True:
                steps = plan(pairs, reader)
                todo = {step.key: step for step in steps if store.get(step.key) is None}
                batches = permuting.plan(steps, permutations)
                missing = [batch.step for batch in batches if store.get(batch.key) is None]
                if not reader.read([step.unit for step in [*todo.values(), *missing]]):
                    break  # else they have changed while this was going on
            reader.warn(caught)
            done = len(steps) - len(todo)
            n_fits = count_fits(todo.values(), reader)
            if todo:
                label = f"{len(todo)} evaluations, {n_fits:,} fits"
                progress("plan", 0, n_fits, label)
            elsewhere = compute(
                list(todo.values()), reader, store, n_jobs, progress, done, len(steps), cluster
            )
            scores, failures = collect(steps, store, caught)
            permuting.compute(batches, reader, store, n_jobs, progress)
            permuted, more = permuting.collect(batches, store)
            note_shard(store, shard)
    failures = reader.failures + failures + more
    if scores.empty:
        raise RequestError(f"nothing could be scored. {say_failures(failures)}.")

    first = ["dataset", "evaluation", "paradigm", "metric", "pipeline", "seed", "subject"]
    scores = scores[first + [column for column in scores if column not in first]]
    scores = scores.reset_index(drop=True)
    curve = learning_curve(scores) if "n_train" in scores else pd.DataFrame()
    summary = summarise(at_largest_size(scores))
    if evaluation_class is TransferEvaluation:
        ways = {variant.name: way_of_transfer(variant.estimator.steps) for variant in variants}
        for table in (scores, summary):
            place = table.columns.get_loc("pipeline") + 1
            table.insert(place, "transfer", table["pipeline"].map(ways))
    run = {
        "study": "benchmark",
        "datasets": {each.dataset.code: each.subjects for each in selections},
        "evaluation": evaluation_class.__name__.removesuffix("Evaluation"),
        **record(selections),
        "groups": groups,
        "target_trials": settings.get("n_target_trials"),
        "train_sizes": list(settings.get("train_sizes", ())) or None,
        "cs_mode": cs_mode,
        "search": search.kind,
        "search_trials": search.n_trials,
        "seed": seed,
        "pipelines": {
            name: {
                "seeds": [variant.seed for variant in variants if variant.name == name],
                "file": configs[name].get("file"),
                "steps": say(next(v.estimator for v in variants if v.name == name)),
            }
            for name in configs
        },
        "permutations": permutations,
        "max_epochs": max_epochs,
        "trust": recordings.trust,
        "objects": objects,
        "evaluated": len(todo) - elsewhere,
        "fits": n_fits,
        "found_on_disk": done,
        "evaluated_elsewhere": elsewhere,
        "n_jobs": n_jobs,
        "scheduler": None if cluster is None else cluster.address,
        "shard": shard,
        **origin(started, _PACKAGES),
        "failed": [asdict(failure) for failure in failures],
        "warnings": by_text(caught),
        "deprecations": by_text(caught, "deprecation"),
    }
    key = digests.digest("scores", [step.key for step in steps], scores["score"].tolist())
    table = None
    if permutations:
        table = permutation_table(scores, permuted)
        means = table[table["level"] == "mean"][["dataset", "pipeline", *permuting.OF_MEANS]]
        summary = summary.merge(means, on=["dataset", "pipeline"], how="left")
    return BenchmarkResult(
        scores, summary, run, key, curve, table, selections, variants, recordings
    )
