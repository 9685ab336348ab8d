"""The separability ablation: EEGNet with other convolutions in its place, on the same folds.

What comes out: paired differences to the published network, what each variant costs, and whether
the separability index of a subject's trials tells where the published network gains.
"""

from __future__ import annotations

import os
import platform
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import pandas as pd
from sklearn.base import clone

from eegsep import statistics
from eegsep._utils.errors import RequestError, in_a_line, look_up
from eegsep._utils.logs import quiet
from eegsep._utils.memory import fit_memory
from eegsep._utils.tables import records, remove_outputs, save_tables
from eegsep.datasets.recordings import say_failures
from eegsep.datasets.selection import Recordings, given_as_objects
from eegsep.network.cost import count, time_in_turns

from . import digests
from .benchmark import benchmark
from .protocol import EVALUATIONS, check_evaluation, check_fold_groups, check_run, check_shard
from .separability_index import correlate, measure_separability, pair_with_index
from .store import opened
from .variants import PUBLISHED, TUNING_FOLDS, choose_variants, make_estimators, make_variant

# Howard et al. (2017), MobileNets, table 4: ImageNet accuracy in %, millions of multiply-adds and
# of parameters.
MOBILENET_TABLE_4 = (
    ("full convolutions", 71.7, 4866, 29.3),
    ("depthwise separable", 70.6, 569, 4.2),
)


def _fit_briefly(variants, X, y, progress):
    """Fit each variant for an epoch: what cannot be fitted is found out before the study.

    Returns the classifiers that can be fitted, and why the others cannot, by name.
    """
    classifiers, faults = {}, {}
    progress("try", 0, len(variants), "")
    for done, (name, parameters) in enumerate(variants.items(), 1):
        classifier = make_variant(parameters).set_params(max_epochs=1, random_state=0)
        try:
            with quiet(Counter()):  # the study counts the same warnings
                classifiers[name] = classifier.fit(X, y)
        except (ValueError, FloatingPointError) as error:
            faults[name] = in_a_line(error)
        progress("try", done, len(variants), name)
    return classifiers, faults


def compare(scores, *, confidence=0.95):
    """Compare variants with the published network, in pairs over subjects.

    Parameters
    ----------
    scores : pandas.DataFrame
        As :attr:`eegsep.studies.benchmark.BenchmarkResult.scores`, with a ``variant`` for each
        ``pipeline``.
    confidence : float
        Of the intervals.

    Returns
    -------
    table : pandas.DataFrame
        What :func:`eegsep.statistics.compare` has, with ``variant`` for ``pipeline``.
    """
    scores = scores.rename(columns={"variant": "pipeline"})
    table = statistics.compare(scores, PUBLISHED, confidence=confidence)
    return table.rename(columns={"pipeline": "variant"})


# -- cost ----------------------------------------------------------------------------------------


def measure_costs(classifiers, X, y, *, progress=None):
    """Count and time networks on trials of one shape, and measure the memory of their fits.

    Parameters
    ----------
    classifiers : dict of EEGNetClassifier
        Fitted, however briefly, by name of the variant: weights change neither counts nor times.
    X : ndarray, shape (n_trials, n_chans, n_times)
        Trials like those of the fits.
    y : array-like, shape (n_trials,)
        Their labels.
    progress : callable | None
        Called as ``progress("memory", done, total, variant)`` before the first and after each.

    Returns
    -------
    costs : pandas.DataFrame
        For each ``variant``: trainable ``parameters``; ``multiply_adds`` of a trial by
        :func:`eegsep.network.cost.count`, in the order of the network's definition, which for most
        is time before electrodes and so not the cheapest; ``latency``, the median seconds of
        ``predict_proba`` of the first trial on this machine, the variants taking turns, each in its
        cheaper order; and ``memory``, the peak in bytes, above the trials, of a fit of all of them
        on the CPU in a process of its own, see :func:`eegsep._utils.memory.fit_memory`.

    Raises
    ------
    RuntimeError
        If a process in which memory is measured fails.
    """
    progress = progress or (lambda *_: None)
    latencies = time_in_turns(
        {name: partial(fitted.predict_proba, X[:1]) for name, fitted in classifiers.items()}
    )
    rows = []
    progress("memory", 0, len(classifiers), "")
    for done, (name, classifier) in enumerate(classifiers.items(), 1):
        # the second epoch finds everything where the first left it, as all that follow
        fit = clone(classifier).set_params(max_epochs=2, device="cpu")
        rows.append(
            {
                "variant": name,
                **count(classifier.module_, X.shape[1:])._asdict(),
                "latency": latencies[name],
                "memory": fit_memory(fit, X, y, label=f"variant {name}"),
            }
        )
        progress("memory", done, len(classifiers), name)
    return pd.DataFrame(rows)


# -- the study -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class AblationResult:
    """Scores and costs of the variants, and the separability of the trials.

    Attributes
    ----------
    scores : pandas.DataFrame
        A row for each ``dataset, variant, fraction, seed, subject, session``, with what
        :class:`eegsep.studies.benchmark.BenchmarkResult` has; ``fraction`` is the part of the
        training trials, 1 for all.
    table : pandas.DataFrame
        A row for each ``dataset`` and ``variant``: what :func:`compare` has, ``time`` (seconds for
        one fit), and what :func:`measure_costs` has.
    learning_curve : pandas.DataFrame
        A row for each ``dataset, variant, fraction``: what :func:`compare` has among networks
        trained on the same fraction, and ``n_trials``, the mean number of trials trained on. Empty
        where none was asked for.
    separability : pandas.DataFrame
        A row for each ``dataset, subject, session``, see
        :func:`.separability_index.subject_separability`. Empty where it was switched off.
    correlation : pandas.DataFrame
        Whether the index tells over subjects where the published network is ahead, see
        :func:`.separability_index.correlate`. Empty without ``separability``, or without a
        variant to set it against.
    run : dict
        What was run, with what, and when.

    Examples
    --------
    >>> from eegsep.datasets import SimulatedMotorImagery
    >>> from eegsep.studies.ablation import ablate
    >>> recordings = SimulatedMotorImagery(n_subjects=2, n_sessions=1, n_trials_per_class=10)
    >>> share = ablate([recordings], variants=["standard spatial"], max_epochs=1, n_seeds=1,
    ...                separability=False, output="share", shard=(1, 2))
    >>> sorted(share.scores["variant"].unique())
    ['published', 'standard spatial']
    """

    scores: pd.DataFrame
    table: pd.DataFrame
    learning_curve: pd.DataFrame
    separability: pd.DataFrame
    correlation: pd.DataFrame
    run: dict

    def save(self, folder):
        """Write a CSV file for each table that is not empty, and ``run.json``.

        Parameters
        ----------
        folder : path-like
            Where to; made if need be. What another run of a study wrote there is removed first.

        Returns
        -------
        files : dict of pathlib.Path
            By name: ``scores, ablation``, then ``learning_curve, separability, correlation`` where
            there are, and ``run``.
        """
        tables = {
            "scores": self.scores,
            "ablation": self.table,
            "learning_curve": self.learning_curve,
            "separability": self.separability,
            "correlation": self.correlation,
        }
        found = {name: table for name, table in tables.items() if len(table)}
        remove_outputs(folder)
        return save_tables(folder, found, "run", self.run)


def ablate(
    datasets=("SimulatedMotorImagery",),
    *,
    output,
    variants=None,
    lr=0.003,
    max_epochs=100,
    n_seeds=3,
    learning_curve=(),
    separability=True,
    evaluation="WithinSession",
    groups=None,
    seed=42,
    n_jobs=1,
    scheduler=None,
    shard=None,
    overwrite=False,
    progress=None,
    **options,
):
    """Train EEGNet with each convolution on the same folds, with the same budget.

    Runs on :func:`eegsep.studies.benchmark.benchmark`: its evaluations, its seeds, and its scores
    on disk, so that a stopped study goes on where it was.

    Parameters
    ----------
    datasets : Recordings | str | BaseDataset | sequence of these
        What is read; or MOABB datasets, by name or as objects, with the ``options``.
    output : path-like
        Folder for the scores.
    variants : sequence of str | dict of dict | None
        See :func:`.variants.choose_variants`. Where None is given, those that the data do not
        allow are left out, such as ``"joint-matched"`` on many electrodes, and named in ``run``.
    lr : float | sequence of float
        Learning rate of every variant. Of several, each fit chooses the one with the largest
        ROC-AUC in three folds of its own training trials: the same tuning for all, at three fits
        more for each rate.
    max_epochs : int
        Epochs of every fit, on fewer trials too. Batches have 16 trials.
    n_seeds : int
        Seeds of each variant, on the same folds.
    learning_curve : sequence of float
        Fractions of the training trials, between 0 and 1, that the variants are also trained on:
        for all the same trials, those of a smaller fraction being among those of a larger one. They
        are tested on all test trials.
    separability : bool
        Whether to measure the separability index of each subject's trials. It is kept in ``output``
        and not measured again.
    progress : callable | None
        Called as ``progress(stage, done, total, label)``: with ``stage`` ``"try"`` a variant fitted
        for an epoch, ``"memory"`` that of a variant's fit known, ``"separability"`` a subject's
        index known, then as ``benchmark`` does.
    shard : (int, int) | None
        As of a benchmark. A share has scores alone: costs, separability and comparisons are made
        when all is asked for.
    evaluation, groups, seed, n_jobs, scheduler, overwrite
        See :func:`eegsep.studies.benchmark.benchmark`.
    **options
        Of :class:`eegsep.datasets.Recordings`.

    Returns
    -------
    result : AblationResult

    Raises
    ------
    RequestError
        Before the study: if a variant, fraction, learning rate, or anything that ``benchmark`` is
        asked for cannot be.
    RuntimeError
        If a process in which memory is measured fails.

    Examples
    --------
    >>> from eegsep.datasets import SimulatedMotorImagery
    >>> recordings = SimulatedMotorImagery(n_subjects=2, n_sessions=1, n_trials_per_class=10)
    >>> from eegsep.studies.ablation import ablate
    >>> result = ablate([recordings], variants=["standard spatial"], max_epochs=1, n_seeds=1,
    ...                 separability=False, output="share", shard=(1, 2))
    >>> result.scores["subject"].unique().tolist()  # the other share has the other one
    [1]
    """
    rates = [float(rate) for rate in np.atleast_1d(lr)]
    if not rates or not all(0 < rate < np.inf for rate in rates):
        raise RequestError(f"learning rates must be above 0, not {lr}.")
    check_fold_groups(groups, evaluation)
    check_run(seed, n_seeds, n_jobs)
    check_shard(shard)
    if any(not 0 < fraction <= 1 for fraction in learning_curve):
        raise RequestError(
            "the learning curve takes fractions of the training trials between 0 and 1, not "
            f"{', '.join(f'{fraction:g}' for fraction in learning_curve)}."
        )
    fractions = sorted({float(fraction) for fraction in learning_curve} - {1.0})
    progress = progress or (lambda *_: None)
    recordings = Recordings.of(datasets, options)
    everything = variants is None
    objects = [*recordings.objects, *given_as_objects(variants=variants)]
    variants = {
        name: {"max_epochs": max_epochs, "batch_size": 16, "lr": rates[0], **parameters}
        for name, parameters in choose_variants(variants).items()
    }
    costs, left_out = [], {}
    # what comes up in reading comes up in the benchmark again, which counts it
    with ExitStack() as stack:
        with quiet(Counter()), recordings.reading():
            selections = recordings.select()
            check_evaluation(look_up("evaluation", evaluation, EVALUATIONS), selections)
            store = stack.enter_context(opened(output, "ablation", overwrite))
            for selection in selections:
                code = selection.dataset.code
                if shard is None:
                    measured = _kept_costs(selection, variants, store, progress)
                else:
                    _, faults = _fit_briefly(variants, *_first_trials(selection), progress)
                    measured = {"costs": [], "faults": faults}
                for name, why in measured["faults"].items():
                    if not everything or name == PUBLISHED:
                        raise RequestError(f"variant {name} cannot be trained on {code}: {why}")
                    left_out[name] = f"cannot be trained on {code}: {why}"
                costs.append(pd.DataFrame(measured["costs"]).assign(dataset=code))
            indices, failures = pd.DataFrame(), []
            if separability and shard is None:
                indices, failures = measure_separability(selections, store, progress)
        variants = {name: variants[name] for name in variants if name not in left_out}

        estimators, points = make_estimators(variants, [1.0, *fractions], rates)
        result = benchmark(
            recordings,
            output=store,
            pipelines=estimators,
            evaluation=evaluation,
            groups=groups,
            seed=seed,
            n_seeds=n_seeds,
            n_jobs=n_jobs,
            scheduler=scheduler,
            shard=shard,
            progress=progress,
        )

    scores = result.scores
    variant, fraction = zip(*scores["pipeline"].map(points), strict=True)
    scores = scores.drop(columns="pipeline")
    scores.insert(4, "variant", variant)
    scores.insert(5, "fraction", fraction)
    table, curve, correlation = pd.DataFrame(), pd.DataFrame(), pd.DataFrame()
    if shard is None:
        table = compare(scores[scores["fraction"] == 1]).merge(pd.concat(costs))
        curve = _compare_at_each(scores) if fractions else curve
        correlation = correlate(pair_with_index(scores, indices)) if separability else correlation
    failed = list(result.run["failed"])
    known = {(each["dataset"], each["subject"], each["session"]) for each in failed}
    for failure in map(asdict, failures):
        # that it has no index either goes without saying
        if (failure["dataset"], failure["subject"], failure["session"]) not in known:
            failed.append(failure)
    run = {
        **{key: value for key, value in result.run.items() if key != "pipelines"},
        "study": "ablation",
        "failed": failed,
        "objects": objects,
        "max_epochs": max_epochs,
        "learning_rates": rates,
        "seeds": sorted(int(seed) for seed in scores["seed"].unique()),
        "variants": variants,
        "left_out": left_out,
        "learning_curve": fractions,
        "separability": bool(separability),
    }
    return AblationResult(scores, table, curve, indices, correlation, run)


def _kept_costs(selection, variants, store, progress):
    """Try and measure variants on the first subject, or take that from the store.

    A dict of rows of ``costs``, and the ``faults`` of variants that cannot be fitted.
    """

    def measure(trials):
        classifiers, faults = _fit_briefly(variants, *trials, progress)
        costs = []
        if all(name != PUBLISHED for name in faults):
            costs = records(measure_costs(classifiers, *trials, progress=progress))
        measured = {"costs": costs, "faults": faults}
        return measured, measured

    def read():
        trials = _first_trials(selection)
        return trials, digests.digest_trials(*trials)

    # times and memory are those of this machine
    what = ["costs", variants, platform.node(), os.cpu_count()]
    return digests.kept(store, selection, what, read, measure)


def _first_trials(selection):
    """Read the trials of the first subject of whom any can be used."""
    failures = []
    for subject in selection.subjects:
        trials = selection.trials(subject)
        if trials.recordings and len(np.unique(trials.labels)) > 1:
            return trials.array(), trials.labels
        failures += trials.failures
    why = say_failures(failures) or "no subject has trials of two classes"
    raise RequestError(f"nothing can be trained on. {why}.")


def where_it_pays(curve):
    """Say at which numbers of training trials the published convolutions pay, and where they cost.

    Parameters
    ----------
    curve : pandas.DataFrame
        Rows of one dataset of :attr:`AblationResult.learning_curve`.

    Returns
    -------
    sentences : list of str
        One for each variant but the published network. A difference counts where ``p_holm``, which
        is not corrected for the number of sizes, is 0.05 or less.
    """
    sentences = []
    for name, part in curve.groupby("variant", sort=False):
        part = part.sort_values("n_trials")
        reference = part["reference"].iloc[0]
        if name == reference:
            continue
        clear = part["p_holm"] <= 0.05
        verdicts = {
            "is ahead at": clear & (part["difference"] < 0),
            "is behind at": clear & (part["difference"] > 0),
            "no difference detected at": ~clear & part["p_holm"].notna(),
            "not tested at": part["p_holm"].isna(),
        }
        said = [
            f"{verdict} {', '.join(f'{n:.0f}' for n in part.loc[rows, 'n_trials'])}"
            for verdict, rows in verdicts.items()
            if rows.any()
        ]
        sentences.append(f"{reference} against {name}: {'; '.join(said)} training trials.")
    return sentences


def _compare_at_each(scores):
    """Compare the variants at each fraction of the training trials."""
    parts = []
    for fraction, part in scores.groupby("fraction"):
        # MOABB's samples are those of training, but within a session those of training and test
        tested = part["samples_test"].where(part["evaluation"] == "WithinSession", 0)
        n_trials = (fraction * (part["samples"] - tested)).groupby(part["dataset"]).mean()
        fewest = TUNING_FOLDS * part.groupby("dataset")["n_classes"].mean()
        n_trials = n_trials.clip(lower=fewest)
        comparison = compare(part)
        comparison.insert(2, "fraction", fraction)
        comparison.insert(3, "n_trials", comparison["dataset"].map(n_trials))
        parts.append(comparison)
    return pd.concat(parts, ignore_index=True)
