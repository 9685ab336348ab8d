"""The separability ablation: EEGNet with other convolutions in its place, on the same folds.

What comes out: paired differences to the published network, what each variant costs, and whether
the separability index of a subject's trials tells where the published network gains.
"""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from functools import partial

import numpy as np
import pandas as pd
import yaml
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from eegsep import statistics
from eegsep.classifier import EEGNetClassifier
from eegsep.cost import count, time_in_turns
from eegsep.datasets.recordings import Failure, RequestError, look_up, say_failures
from eegsep.datasets.selection import Recordings, given_as_objects
from eegsep.inspection import check_groups, fit_with_groups
from eegsep.logs import quiet
from eegsep.memory import fit_memory
from eegsep.separability import Separability, data_separability
from eegsep.tables import records, remove_outputs, save_tables

from . import digests
from .benchmark import benchmark
from .protocol import EVALUATIONS, check_evaluation, check_fold_groups, check_run
from .store import opened

PUBLISHED = "published"
VARIANTS = {
    PUBLISHED: {},
    "standard-spatial": {"spatial": "standard"},
    "joint": {"spatial": "joint"},
    "low-rank-2": {"spatial": "low_rank:2"},
    "grouped-2": {"spatial": "grouped:2"},
    "standard-block-2": {"separable": "standard"},
    "shuffle-4": {"separable": "shuffle:4"},
    "inception": {"separable": "inception"},
    "spatially-separable": {"separable": "spatially_separable"},
    "standard-matched": {"spatial": "standard", "separable": "standard", "F1": "matched"},
    "joint-matched": {"spatial": "joint", "F1": "matched"},
}

# Howard et al. (2017), MobileNets, table 4: ImageNet accuracy in %, millions of multiply-adds and
# of parameters.
MOBILENET_TABLE_4 = (
    ("full convolutions", 71.7, 4866, 29.3),
    ("depthwise separable", 70.6, 569, 4.2),
)

# What the separability index is set against: how far the published network is ahead of these, whose
# first layer can see more than one map and one rhythm at a time.
LESS_SEPARABLE = ("standard-spatial", "joint")
INDEX_IN_WORDS = (
    "The index is the share of the class difference, in power and phase between electrodes, that "
    "kernels of one map and one rhythm can see: 1 is all of it, 0 none, 1/2 half of it or, where "
    "p > 0.05, nothing to divide. It does not say how well classes can be told apart, nor what "
    "deeper layers regain, and it does not see evoked potentials."
)

# What a failure to measure it is filed under, where others have a pipeline.
_INDEX = "separability index"
_INDEX_COLUMNS = ["dataset", "subject", "session", *(f.name for f in fields(Separability))]
# Folds in which a learning rate is chosen, so also the fewest trials of a class.
_TUNING_FOLDS = 3


# -- variants ------------------------------------------------------------------------------------


def choose_variants(chosen=None):
    """Parameters of variants by name, the published network first.

    Parameters
    ----------
    chosen : sequence of str | dict of dict | None
        Names out of ``VARIANTS``; or parameters of :class:`eegsep.EEGNetClassifier` with a ``+``
        between, such as ``"spatial=grouped:4+D=4"``; or parameters by name. None for all of
        ``VARIANTS``. The published network is always among them: the others are compared with it.

    Returns
    -------
    variants : dict of dict

    Raises
    ------
    RequestError
        If one is unknown or cannot be read.
    """
    if chosen is None:
        chosen = VARIANTS
    if not isinstance(chosen, dict):
        chosen = {name: _read_variant(name) for name in chosen}
    variants = {PUBLISHED: VARIANTS[PUBLISHED], **chosen}
    if variants[PUBLISHED]:
        raise RequestError(f"the name {PUBLISHED!r} is kept for the network as published.")
    for name, parameters in variants.items():
        try:
            EEGNetClassifier(**parameters)
        except TypeError as error:
            raise RequestError(f"variant {name}: {error}.") from error
    return variants


def _read_variant(text):
    if "=" not in text:
        return look_up("variant", text, VARIANTS)
    parameters = {}
    for part in text.split("+"):
        name, equals, value = part.partition("=")
        if not (name and equals and value):
            raise RequestError(f"cannot read the variant {text!r}: write name=value+name=value.")
        try:
            parameters[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise RequestError(f"cannot read {value!r} in the variant {text!r}.") from error
    return parameters


def _fit_briefly(variants, X, y, progress):
    """Fit each variant for an epoch: what cannot be fitted is found out before the study.

    Returns
    -------
    classifiers : dict of EEGNetClassifier
        Those that can be fitted.
    faults : dict of str
        Why the others cannot.
    """
    classifiers, faults = {}, {}
    progress("try", 0, len(variants), "")
    for done, (name, parameters) in enumerate(variants.items(), 1):
        classifier = EEGNetClassifier(**parameters).set_params(max_epochs=1, random_state=0)
        try:
            with quiet(Counter()):  # the study counts the same warnings
                classifiers[name] = classifier.fit(X, y)
        except (ValueError, FloatingPointError) as error:
            faults[name] = " ".join(str(error).split())
        progress("try", done, len(variants), name)
    return classifiers, faults


class OnFewerTrials(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier that is fitted on a part of the trials it is given: a learning curve's point.

    Parameters
    ----------
    estimator : estimator
        Fitted on the part.
    fraction : float
        Share of each class's trials, between 0 and 1; three trials a class at least. Where fit is
        given groups, the share of the groups of each class, or of all groups where some have
        several classes; three at least.
    random_state : int | None
        Seed of the choice. With the same seed the trials of a smaller fraction are among those of
        a larger one, whatever the estimator is.

    Attributes
    ----------
    estimator_ : estimator
        Fitted.
    classes_ : ndarray, shape (n_classes,)
        Labels.
    """

    def __init__(self, estimator, *, fraction=1.0, random_state=None):
        self.estimator = estimator
        self.fraction = fraction
        self.random_state = random_state

    def fit(self, X, y, groups=None):
        """Fit on a part of the trials, or of the groups of trials.

        Parameters
        ----------
        X : ndarray, shape (n_trials, n_chans, n_times)
            All training trials.
        y : array-like, shape (n_trials,)
            Their labels.
        groups : array-like, shape (n_trials,) | None
            What belongs together, such as the windows of one trial, and is kept or left out as a
            whole. Where scikit-learn's ``enable_metadata_routing`` is on, the estimator gets those
            of its trials if it requests them.

        Returns
        -------
        self : OnFewerTrials

        Raises
        ------
        ValueError
            If there is not a group for each trial.
        """
        y, groups = np.asarray(y), check_groups(groups, len(y))
        rng = check_random_state(self.random_state)
        units = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
        # groups of several classes, such as runs, are drawn from all, others from those of a class
        n_classes = pd.Series(y).groupby(units).nunique()
        strata = y if n_classes.max() == 1 else np.zeros(len(y))
        kept = []
        for label in np.unique(strata):
            # the order does not depend on the fraction, so that smaller parts are in larger ones
            order = rng.permutation(np.unique(units[strata == label]))
            kept.append(order[: max(_TUNING_FOLDS, round(self.fraction * len(order)))])
        kept = np.flatnonzero(np.isin(units, np.concatenate(kept)))
        own = None if groups is None else groups[kept]
        self.estimator_ = fit_with_groups(clone(self.estimator), X[kept], y[kept], own)
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X):
        """Labels, shape (n_trials,), by the fitted estimator."""
        return self.estimator_.predict(X)

    def predict_proba(self, X):
        """Probabilities, shape (n_trials, n_classes), by the fitted estimator."""
        return self.estimator_.predict_proba(X)

    def get_metadata_routing(self):
        """Say whose the groups are (sklearn.utils.metadata_routing.MetadataRouter)."""
        to_fit = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=to_fit)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


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
        :func:`eegsep.cost.count`, in the order of the network's definition, which for most is time
        before electrodes and so not the cheapest; ``latency``, the median seconds of
        ``predict_proba`` of the first trial on this machine, the variants taking turns, each in its
        cheaper order; and ``memory``, the peak in bytes, above the trials, of a fit of all of them
        on the CPU in a process of its own, see :func:`eegsep.memory.fit_memory`.

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


# -- the separability index ----------------------------------------------------------------------


def subject_separability(selection, subject, trials=None):
    """Measure how separable one subject's trials are, as the study reads them.

    Parameters
    ----------
    selection : eegsep.datasets.selection.Selection
        The dataset and the paradigm.
    subject : int
        Number of the subject.
    trials : eegsep.datasets.recordings.Trials | None
        The subject's; None to read them.

    Returns
    -------
    rows : list of dict
        For each session: ``dataset, subject, session`` and what
        :func:`eegsep.separability.data_separability` finds in the paradigm's band: ``index,
        separable, joint, noise, p_value``.
    failures : list of Failure
        What cannot be read, and sessions that have no index, such as those of one class; of
        these the pipeline is ``"separability index"``.
    """
    trials = selection.trials(subject) if trials is None else trials
    failures = list(trials.failures)
    if not trials.recordings:
        return [], failures
    epochs, y = trials.epochs(), trials.labels
    X, sessions = epochs.get_data(copy=False), trials.metadata["session"].to_numpy()
    fmin, fmax = selection.paradigm.filters[0]
    band = {"fmin": fmin or 0.0, "fmax": fmax or np.inf}  # None: the filter has no such end
    rows = []
    for session in dict.fromkeys(sessions):
        own = sessions == session
        try:
            found = data_separability(X[own], y[own], sfreq=epochs.info["sfreq"], **band)
        except ValueError as error:
            where = selection.dataset.code, subject, session, _INDEX
            failures.append(Failure(*where, " ".join(str(error).split())))
            continue
        unit = {"dataset": selection.dataset.code, "subject": subject, "session": session}
        rows.append(unit | asdict(found))
    return rows, failures


def pair_with_index(scores, separability):
    """Put each subject's index beside the published network's lead over less separable ones.

    Parameters
    ----------
    scores : pandas.DataFrame
        As :attr:`AblationResult.scores`; those of all training trials count. Sessions and seeds are
        averaged.
    separability : pandas.DataFrame
        As :attr:`AblationResult.separability`.

    Returns
    -------
    pairs : pandas.DataFrame
        A row for each ``dataset``, ``variant`` of ``LESS_SEPARABLE`` that was run, and ``subject``:
        ``index``, the mean over sessions; ``p_value``, the smallest of the sessions times their
        number (Bonferroni); ``lead``, the published network's score minus the variant's; and the
        scores' ``metric``.
    """
    subjects = separability.groupby(["dataset", "subject"], sort=False)
    found = subjects.agg(
        index=("index", "mean"), p_value=("p_value", "min"), n_sessions=("session", "size")
    )
    found["p_value"] = (found["p_value"] * found.pop("n_sessions")).clip(upper=1)
    columns = ["dataset", "metric", "variant", "subject", "index", "p_value", "lead"]
    pairs = [pd.DataFrame(columns=columns)]
    for dataset, part in scores[scores["fraction"] == 1].groupby("dataset", sort=False):
        means = part.groupby(["variant", "subject"])["score"].mean()
        for variant in [name for name in LESS_SEPARABLE if name in means]:
            own = found[found.index.get_level_values("dataset") == dataset]
            pair = own.droplevel("dataset").assign(
                dataset=dataset,
                metric=part["metric"].iloc[0],
                variant=variant,
                lead=means[PUBLISHED] - means[variant],
            )
            # subjects without a score, or without an index, tell nothing
            pairs.append(pair.dropna(subset="lead").reset_index()[columns])
    return pd.concat(pairs[1:] or pairs, ignore_index=True)


def correlate(pairs):
    """Correlate the index with the published network's lead over subjects, by ranks.

    Parameters
    ----------
    pairs : pandas.DataFrame
        As :func:`pair_with_index` makes it.

    Returns
    -------
    correlation : pandas.DataFrame
        For each ``dataset`` and ``variant``: ``n_subjects``, Spearman's ``rho``, and its two-sided
        ``p``: of all orders of the subjects up to eight of them, by Student's t above. NaN where
        there are fewer than three subjects, or one of the two is the same in all.
    """
    rows = []
    for (dataset, variant), part in pairs.groupby(["dataset", "variant"], sort=False):
        rho, p = statistics.spearman(part["index"].to_numpy(), part["lead"].to_numpy())
        row = {"dataset": dataset, "variant": variant, "n_subjects": len(part)}
        rows.append(row | {"rho": rho, "p": p})
    return pd.DataFrame(rows, columns=["dataset", "variant", "n_subjects", "rho", "p"])


def _measure_separability(selections, store, progress):
    """Measure the index of each subject, or take it from the store where it is there.

    What could not be measured is kept nowhere, so that it is tried again.
    """
    total, done = sum(len(selection.subjects) for selection in selections), 0
    progress("separability", done, total, "")
    rows, failures = [], []
    for selection in selections:
        for subject in selection.subjects:
            found, failed = _kept_separability(selection, subject, store)
            rows += found
            failures += failed
            done += 1
            progress("separability", done, total, f"{selection.dataset.code}, subject {subject}")
    return pd.DataFrame(rows, columns=_INDEX_COLUMNS), failures


def _kept_separability(selection, subject, store):
    failures = []

    def measure(trials):
        rows, failed = subject_separability(selection, subject, trials)
        failures.extend(failed)
        return None if failed else rows, rows

    def read():
        trials = selection.trials(subject)
        whole = None
        if trials.recordings and not trials.failures:
            whole = digests.digest_trials(trials.epochs(), trials.labels, trials.metadata)
        return trials, whole

    rows = _kept(store, selection, ["separability", subject], read, measure)
    return rows, failures


def _kept(store, selection, what, read, measure):
    """Take from the store what was measured on the same trials, or measure it now.

    Parameters
    ----------
    store : eegsep.studies.store.Store
    selection : eegsep.datasets.selection.Selection
    what : list
        What is measured, on which subject.
    read : callable
        Returns trials and their digest, or None for a digest where some cannot be used.
    measure : callable
        Called with trials; returns what is to be kept (None for nothing) and what is returned.
    """
    key = digests.key_of_recordings(selection, *what)
    trials, found = None, digests.recall(store, key)
    if found is None:
        with digests.files_opened() as files:
            trials, found = read()
        if found is not None:
            digests.note(store, key, selection, files, found)
    key = None if found is None else digests.digest(*what, found, selection.paradigm.filters)
    value = None if key is None else store.get(key)
    if value is None:
        kept, result = measure(read()[0] if trials is None else trials)
        if key is not None and kept is not None:
            store.put(key, json.dumps(kept))
        return result
    return json.loads(value)


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
        A row for each ``dataset, subject, session``, see :func:`subject_separability`. Empty where
        it was switched off.
    correlation : pandas.DataFrame
        Whether the index tells over subjects where the published network is ahead, see
        :func:`correlate`. Empty without ``separability``, or without a variant to set it against.
    run : dict
        What was run, with what, and when.
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
        See :func:`choose_variants`. Where None is given, those that the data do not allow are left
        out, such as ``"joint-matched"`` on many electrodes, and named in ``run``.
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
    evaluation, groups, seed, n_jobs, overwrite
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
    """
    rates = [float(rate) for rate in np.atleast_1d(lr)]
    if not rates or not all(0 < rate < np.inf for rate in rates):
        raise RequestError(f"learning rates must be above 0, not {lr}.")
    check_fold_groups(groups, evaluation)
    check_run(seed, n_seeds, n_jobs)
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
                measured = _kept_costs(selection, variants, store, progress)
                for name, why in measured["faults"].items():
                    if not everything or name == PUBLISHED:
                        raise RequestError(f"variant {name} cannot be trained on {code}: {why}")
                    left_out[name] = f"cannot be trained on {code}: {why}"
                costs.append(pd.DataFrame(measured["costs"]).assign(dataset=code))
            indices, failures = pd.DataFrame(), []
            if separability:
                indices, failures = _measure_separability(selections, store, progress)
        variants = {name: variants[name] for name in variants if name not in left_out}

        estimators, points = _estimators(variants, [1.0, *fractions], rates)
        result = benchmark(
            recordings,
            output=store,
            pipelines=estimators,
            evaluation=evaluation,
            groups=groups,
            seed=seed,
            n_seeds=n_seeds,
            n_jobs=n_jobs,
            progress=progress,
        )

    scores = result.scores
    variant, fraction = zip(*scores["pipeline"].map(points), strict=True)
    scores = scores.drop(columns="pipeline")
    scores.insert(4, "variant", variant)
    scores.insert(5, "fraction", fraction)
    table = compare(scores[scores["fraction"] == 1]).merge(pd.concat(costs))
    curve = _compare_at_each(scores) if fractions else pd.DataFrame()
    correlation = correlate(pair_with_index(scores, indices)) if separability else pd.DataFrame()
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

    Returns
    -------
    measured : dict
        Rows of ``costs``, and the ``faults`` of variants that cannot be fitted.
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
    return _kept(store, selection, what, read, measure)


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


def _estimators(variants, fractions, rates):
    """Make what is benchmarked: estimators by label, and the variant and fraction of each label."""
    estimators, points = {}, {}
    for name, parameters in variants.items():
        estimator = EEGNetClassifier(**parameters)
        if len(rates) > 1:
            grid = {"lr": rates}
            estimator = GridSearchCV(estimator, grid, scoring="roc_auc_ovr", cv=_TUNING_FOLDS)
        for fraction in fractions:
            label = name if fraction == 1 else f"{name}, {fraction:g} of the trials"
            points[label] = name, fraction
            # all of the trials without a wrapper, so that its scores are there for any curve
            estimators[label] = (
                estimator if fraction == 1 else OnFewerTrials(estimator, fraction=fraction)
            )
    return estimators, points


def _compare_at_each(scores):
    """Compare the variants at each fraction of the training trials."""
    parts = []
    for fraction, part in scores.groupby("fraction"):
        # MOABB's samples are those of training, but within a session those of training and test
        tested = part["samples_test"].where(part["evaluation"] == "WithinSession", 0)
        n_trials = (fraction * (part["samples"] - tested)).groupby(part["dataset"]).mean()
        fewest = _TUNING_FOLDS * part.groupby("dataset")["n_classes"].mean()
        n_trials = n_trials.clip(lower=fewest)
        comparison = compare(part)
        comparison.insert(2, "fraction", fraction)
        comparison.insert(3, "n_trials", comparison["dataset"].map(n_trials))
        parts.append(comparison)
    return pd.concat(parts, ignore_index=True)
