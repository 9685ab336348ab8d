"""What EEGNet learned of a recording, and whether to believe it: scores, maps, controls, cost.

Each cross-validated fit is made once and gives its score, its confusions and its components.
"""

from __future__ import annotations

import json
import time
import warnings
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import joblib
import mne
import numpy as np
import pandas as pd
from moabb.analysis.results import get_digest
from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score
from sklearn.model_selection import check_cv

import eegsep
from eegsep.classifier import EEGNetClassifier
from eegsep.cost import network_table
from eegsep.datasets.recordings import RequestError, reading_from
from eegsep.dipoles import COLUMNS, can_fit_dipoles, fit_dipoles, is_flat, no_dipoles
from eegsep.epochs import is_epochs
from eegsep.inspection import (
    CONTROLS,
    Components,
    Consensus,
    _fresh,
    _parts,
    components,
    consensus,
    cross_fits,
    relevance,
)
from eegsep.tables import origin, save_tables

from .benchmark import load_pipelines, make_variants, quiet, select_data

# How far the reliability of trained fits must stand above that of both controls, and above 0, which
# it has on average where there is nothing to learn. Of 15 recordings of 40 trials of noise, where
# each reliability scattered by 0.2 to 0.3, none got that far.
MARGIN = 0.2
# Clusters that are looked at.
N_LEADING = 8
_PACKAGES = ("moabb", "mne", "torch", "scikit-learn", "numpy")
# A consensus compares all pairs of components.
_MOST_COMPONENTS = 4000
# What subjects' inspections have in common.
_SHARED = ("estimator", "metric", "cv", "n_folds", "n_seeds", "controls", "min_similarity")
_TRUE = "true class"
_ARRAYS = tuple(f.name for f in fields(Components) if f.name not in ("classes", "info"))


# -- results -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Inspection:
    """What a network learned of one recording.

    Attributes
    ----------
    scores : pandas.DataFrame
        A row a fit: ``seed`` (from 0 on), ``fold, n_train, n_test, score, seconds``.
    confusion : ndarray of int, shape (n_classes, n_classes)
        Held-out trials by true (rows) and predicted class, each trial once for each seed.
    fits : dict of list of Components
        Components of the cross-validated fits, with their relevance on held-out trials:
        ``"trained"`` and, with controls, ``"untrained"`` and ``"shuffled"``.
    consensus : Consensus
        Of the trained fits.
    dipoles : pandas.DataFrame
        Of its leading clusters, see :func:`leading_dipoles`.
    reliability : dict of float
        Of each kind of ``fits``, see :func:`eegsep.inspection.consensus`.
    components : Components
        Of the fit on all trials, with their relevance on these trials: what this network relies on,
        rather than what holds on other trials.
    history : pandas.DataFrame
        Of the fit on all trials, a row an epoch.
    costs : pandas.DataFrame
        Of its network, layer by layer, see :func:`eegsep.cost.network_table`.
    run : dict
        What was run, on what, and when.
    estimator : EEGNetClassifier or Pipeline | None
        The fit on all trials; None where the inspection was read from a folder.
    """

    scores: pd.DataFrame
    confusion: np.ndarray
    fits: dict[str, list[Components]]
    consensus: Consensus
    dipoles: pd.DataFrame
    reliability: dict[str, float]
    components: Components
    history: pd.DataFrame
    costs: pd.DataFrame
    run: dict
    estimator: Any = field(default=None, repr=False)

    @property
    def stable(self):
        """Whether what trained networks learned recurs, see :func:`is_stable` (bool | None)."""
        return is_stable(self.reliability)

    def clusters(self):
        """Table of what the fits have in common.

        Returns
        -------
        table : pandas.DataFrame
            That of :meth:`eegsep.inspection.Consensus.to_frame`, with the columns of ``dipoles``.
        """
        return self.consensus.to_frame().join(self.dipoles)

    def summary(self):
        """Return the inspection in a row.

        Returns
        -------
        row : dict
            ``n_trials, metric, score`` (mean over folds and seeds), the reliabilities ``trained,
            untrained, shuffled``, and ``stable``; None where there were no controls.
        """
        return {
            "n_trials": sum(self.run["n_trials"].values()),
            "metric": self.run["metric"],
            "score": float(self.scores["score"].mean()),
            **{kind: self.reliability.get(kind) for kind in ("trained", *CONTROLS)},
            "stable": self.stable,
        }

    def save(self, folder):
        """Write tables, components and the record of the run, which :func:`load` reads.

        Parameters
        ----------
        folder : path-like
            Where to; made if need be.

        Returns
        -------
        files : dict of pathlib.Path
            By name: ``scores, confusion, reliability, clusters, history, cost, run, components``
            and, where electrodes are known, ``info``.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        # the record of the run comes last: a folder without it is none of a finished inspection
        (folder / "run.json").unlink(missing_ok=True)
        files = {"components": folder / "components.npz"}
        # the labels as numpy's own type: Python objects would be pickled
        arrays = {"classes": np.array(self.components.classes.tolist())}
        for kind, fits in {**self.fits, "all": [self.components]}.items():
            arrays |= {f"{kind}_{name}": [getattr(fit, name) for fit in fits] for name in _ARRAYS}
        np.savez_compressed(files["components"], **arrays)
        info = folder / "info.fif"
        info.unlink(missing_ok=True)
        if self.components.info is not None:
            files["info"] = info
            # nobody's name or birthday
            known = self.components.info.copy().anonymize(verbose="error")
            mne.io.write_info(info, known, verbose="error")
        classes = [str(label) for label in self.components.classes]
        tables = {
            "scores": self.scores,
            "confusion": pd.DataFrame(self.confusion, columns=classes).assign(**{_TRUE: classes}),
            "reliability": pd.DataFrame(
                {"fits": self.reliability.keys(), "reliability": self.reliability.values()}
            ),
            "clusters": self.clusters(),
            "history": self.history,
            "cost": self.costs,
        }
        return files | save_tables(folder, tables, "run", self.run)


@dataclass(frozen=True, eq=False)
class DatasetInspection:
    """Inspections of a dataset's subjects, and what all of their fits have in common.

    Attributes
    ----------
    subjects : dict of Inspection
        By subject.
    consensus : Consensus | None
        Of the trained fits of all subjects; None for one subject, or where their fits cannot be
        compared.
    dipoles : pandas.DataFrame
        Of its leading clusters, see :func:`leading_dipoles`.
    reliability : dict of float
        Of the fits of all subjects, as :attr:`Inspection.reliability`; empty where ``consensus``
        is None.
    run : dict
        What was run, with what, and when.
    """

    subjects: dict[int, Inspection]
    consensus: Consensus | None
    dipoles: pd.DataFrame
    reliability: dict[str, float]
    run: dict

    def to_frame(self):
        """Table of the subjects.

        Returns
        -------
        table : pandas.DataFrame
            For each ``subject`` what :meth:`Inspection.summary` has.
        """
        rows = [{"subject": key} | value.summary() for key, value in self.subjects.items()]
        return pd.DataFrame(rows)

    def clusters(self):
        """Table of what the subjects have in common.

        Returns
        -------
        table : pandas.DataFrame
            That of :meth:`eegsep.inspection.Consensus.to_frame` with ``n_subjects``, in how many
            subjects each cluster is found, and the columns of ``dipoles``.
        """
        owners = np.repeat(list(self.subjects), self.run["joint_fits"])
        table = self.consensus.to_frame()
        n_subjects = [len(set(owners[c.members[:, 0]])) for c in self.consensus.clusters]
        table.insert(3, "n_subjects", n_subjects)
        return table.join(self.dipoles)

    def save(self, folder):
        """Write tables and the record of the run, and each subject's inspection into a folder.

        Parameters
        ----------
        folder : path-like
            Where to; made if need be. Subjects go to ``subject-<number>`` in it.

        Returns
        -------
        files : dict of pathlib.Path
            By name: ``subjects``, for several subjects ``clusters``, ``run``, and the folders
            ``subject-<number>``.
        """
        tables = {"subjects": self.to_frame()}
        (Path(folder) / "clusters.csv").unlink(missing_ok=True)  # an earlier run's
        if self.consensus is not None:
            tables["clusters"] = self.clusters()
        folders = {key: _folder_of(folder, key) for key in self.subjects}
        for subject, inspection in self.subjects.items():
            inspection.save(folders[subject])
        files = save_tables(folder, tables, "run", self.run)
        return files | {path.name: path for path in folders.values()}


def leading_dipoles(consensus, n_clusters=N_LEADING):
    """Fit a dipole to each of the leading clusters that more than one fit has.

    What keeps MNE from it is a warning: everything else there is to say of the fits stays.

    Parameters
    ----------
    consensus : Consensus | None
        Of fits of a recording, or of several.
    n_clusters : int, default=8
        Of how many clusters at most; of these, flat ones have none.

    Returns
    -------
    dipoles : pandas.DataFrame
        Columns of :func:`eegsep.dipoles.fit_dipoles`, by the number of the cluster. Empty where
        positions are not known or electrodes are too few.
    """
    clusters = () if consensus is None else consensus.clusters
    chosen = [k for k, cluster in enumerate(clusters) if cluster.n_fits > 1][:n_clusters]
    chosen = [k for k in chosen if not is_flat(clusters[k].pattern)]
    if chosen and can_fit_dipoles(consensus.info):
        try:
            dipoles = fit_dipoles([clusters[k].pattern for k in chosen], consensus.info)
        except (RuntimeError, ValueError) as error:
            why = " ".join(str(error).split())
            warnings.warn(f"no dipoles of the leading clusters: {why}", stacklevel=2)
        else:
            return dipoles.set_index(pd.Index(chosen))
    return no_dipoles()


def _read_dipoles(folder):
    file = Path(folder) / "clusters.csv"
    if not file.exists():  # there is no consensus over subjects
        return no_dipoles()
    # electrodes may be called 7 or NA
    names = {"dtype": {"nearest": str}, "keep_default_na": False, "na_values": [""]}
    table = pd.read_csv(file, **names).reindex(columns=list(COLUMNS))
    return table[table["x"].notna()].fillna({"nearest": ""}).astype(COLUMNS)


def is_stable(reliability):
    """Tell whether what trained networks learned recurs from fit to fit.

    Parameters
    ----------
    reliability : dict of float
        As :attr:`Inspection.reliability`.

    Returns
    -------
    stable : bool | None
        Whether the reliability of the trained fits is above 0 and above that of each control, by
        more than ``MARGIN``. None where there are no controls.
    """
    controls = [reliability[kind] for kind in CONTROLS if kind in reliability]
    if not controls:
        return None
    return bool(reliability["trained"] - max(0.0, *controls) > MARGIN)


# -- one recording -------------------------------------------------------------------------------


def inspect(
    estimator,
    X,
    y,
    *,
    cv=5,
    n_seeds=3,
    controls=True,
    min_similarity=0.8,
    random_state=0,
    n_jobs=None,
    progress=None,
):
    """Cross-validate a network on one recording, and look at what every fit learned.

    Parameters
    ----------
    estimator : EEGNetClassifier, or Pipeline that ends in one
        Cloned for each fit, with ``spatial="depthwise"``.
    X : array-like, shape (n_trials, n_chans, n_times), or mne.Epochs
        Trials; Epochs (in volts) with electrode positions for maps.
    y : array-like, shape (n_trials,)
        Their classes.
    cv : int or cross-validation splitter, default=5
        Folds; an integer makes stratified ones of consecutive trials.
    n_seeds : int, default=3
        Fits on each fold, from other initial weights.
    controls : bool, default=True
        Whether to make as many fits without learning, and to shuffled labels: without them nobody
        knows whether maps recur for any other reason than what was learned.
    min_similarity : float, default=0.8
        Where the consensus cuts clusters, see :func:`eegsep.inspection.consensus`.
    random_state : int, default=0
        Seed of the fits' seeds, and of the fit on all trials.
    n_jobs : int | None, default=None
        Fits at a time, by joblib.
    progress : callable | None
        Called as ``progress("fit", done, total, label)`` at the start and after each fit.

    Returns
    -------
    inspection : Inspection
        Scores are ROC-AUC for two classes, else accuracy.

    Raises
    ------
    RequestError
        Before the study: if a setting cannot be, a fold lacks a class, or the network's components
        have no single spatial filters.
    TypeError
        If ``estimator`` is neither an EEGNetClassifier nor a pipeline that ends in one.
    """
    started = time.time()
    progress = progress or (lambda *_: None)
    X, y = X if is_epochs(X) else np.asarray(X), np.asarray(y)
    _check_settings(n_seeds, min_similarity, random_state)
    n_seeds, min_similarity, random_state = int(n_seeds), float(min_similarity), int(random_state)
    folds = _check_folds(cv, X, y)
    _try(estimator, X, y)
    kinds = _kinds(controls)
    done, total = 0, 1 + len(kinds) * len(folds) * n_seeds
    progress("fit", done, total, "")
    whole = _fresh(estimator, random_state=random_state).fit(X, y)
    found = {}
    for kind in kinds:
        found[kind] = []
        for fit in cross_fits(
            estimator,
            X,
            y,
            cv=folds,
            n_seeds=n_seeds,
            control=None if kind == "trained" else kind,
            random_state=random_state,
            n_jobs=n_jobs,
        ):
            found[kind].append(fit)
            done += 1
            progress("fit", done, total, f"{kind}, fold {fit.fold + 1}")
    described = replace(components(whole, X), relevance=relevance(whole, X, y))
    progress("fit", total, total, "all trials")

    _, clf = _parts(whole)
    fits = {kind: [fit.components for fit in each] for kind, each in found.items()}
    agreed = _agree_on_each(fits, min_similarity)
    labels, counts = np.unique(y, return_counts=True)
    run = {
        "study": "inspection",
        "estimator": _say(estimator),
        "metric": "roc_auc" if len(labels) == 2 else "accuracy",
        "cv": _say_cv(cv),
        "n_folds": len(folds),
        "n_tested": len(np.unique(np.concatenate([test for _, test in folds]))),
        "n_seeds": n_seeds,
        "seed": random_state,
        "controls": bool(controls),
        "min_similarity": min_similarity,
        "n_trials": {str(label): int(n) for label, n in zip(labels, counts, strict=True)},
        "n_chans": described.patterns.shape[1],
        "n_times": (X.get_data(copy=False) if is_epochs(X) else X).shape[2],
        "sfreq_hz": X.info["sfreq"] if is_epochs(X) else clf.sfreq,
        "band_hz": [X.info["highpass"], X.info["lowpass"]] if is_epochs(X) else None,
        "n_jobs": n_jobs,
        **origin(started, _PACKAGES),
    }
    return Inspection(
        scores=_score(found["trained"], y, run["metric"], len(folds)),
        confusion=_confuse(found["trained"], y),
        fits=fits,
        consensus=agreed["trained"],
        dipoles=leading_dipoles(agreed["trained"]),
        reliability={kind: each.reliability for kind, each in agreed.items()},
        components=described,
        history=pd.DataFrame(clf.history_),
        costs=network_table(clf.module_),
        run=run,
        estimator=whole,
    )


def _say(thing):
    return " ".join(repr(thing).split())


def _say_cv(cv):
    return cv if isinstance(cv, int) else _say(cv)


def _kinds(controls):
    """List the kinds of fits, with and without controls."""
    return ("trained", *CONTROLS) if controls else ("trained",)


def _agree_on_each(fits, min_similarity):
    """Find the consensus of each kind of fits."""
    return {kind: consensus(each, min_similarity=min_similarity) for kind, each in fits.items()}


def _check_settings(n_seeds, min_similarity, seed):
    if n_seeds < 1:
        raise RequestError(f"seeds must be 1 or more, not {n_seeds}.")
    if not 0 < min_similarity < 1:
        raise RequestError(f"min_similarity must be between 0 and 1, not {min_similarity}.")
    if not 0 <= seed < 2**32:
        raise RequestError(f"the seed must be 0 or more and below 2**32, not {seed}.")


def _check_folds(cv, X, y):
    """Return the folds (train, test), each of which has every class in both parts."""
    if not is_epochs(X) and X.ndim != 3:
        raise RequestError(f"X must be (n_trials, n_chans, n_times), not of shape {X.shape}.")
    if len(X) != len(y):
        raise RequestError(f"X has {len(X)} trials but y has {len(y)} labels.")
    labels, counts = np.unique(y, return_counts=True)
    if len(labels) < 2:
        raise RequestError("an inspection needs trials of two classes or more.")
    if isinstance(cv, int) and not 2 <= cv <= counts.min():
        raise RequestError(
            f"cannot make {cv} folds: 2 at least, and no more than the {counts.min()} trials of "
            f"class {labels[counts.argmin()]}."
        )
    folds = list(check_cv(cv, y, classifier=True).split(np.zeros(len(y)), y))
    for fold, parts in enumerate(folds):
        for part, name in zip(parts, ("training", "test"), strict=True):
            lacking = np.setdiff1d(labels, y[part])
            if len(lacking):
                raise RequestError(f"fold {fold + 1} has no {name} trial of class {lacking[0]}.")
    return folds


def _try(estimator, X, y):
    """Refuse, after an epoch, what cannot be fitted or has no maps."""
    brief = _fresh(estimator, max_epochs=1, random_state=0)
    try:
        components(brief.fit(X, y), X)
    except (AttributeError, ValueError) as error:
        why = " ".join(str(error).split()).rstrip(".")
        raise RequestError(f"cannot inspect this: {why}.") from error


def _score(fits, y, metric, n_folds):
    rows = []
    for k, fit in enumerate(fits):
        truth, classes = y[fit.test], fit.components.classes
        if metric == "roc_auc":
            score = roc_auc_score(truth == classes[1], fit.probabilities[:, 1])
        else:
            score = accuracy_score(truth, classes[fit.probabilities.argmax(axis=1)])
        rows.append(
            {
                "seed": k // n_folds,
                "fold": fit.fold,
                "n_train": fit.n_train,
                "n_test": len(fit.test),
                "score": float(score),
                "seconds": fit.seconds,
            }
        )
    return pd.DataFrame(rows)


def _confuse(fits, y):
    classes = fits[0].components.classes
    truth = np.concatenate([y[fit.test] for fit in fits])
    said = np.concatenate([classes[fit.probabilities.argmax(axis=1)] for fit in fits])
    return confusion_matrix(truth, said, labels=classes)


# -- a dataset -----------------------------------------------------------------------------------


def inspect_dataset(
    dataset="SimulatedMotorImagery",
    *,
    subjects=None,
    pipeline="EEGNet",
    paradigm="LeftRightImagery",
    data_dir=None,
    fmin=None,
    fmax=None,
    tmin=None,
    tmax=None,
    resample=128.0,
    channels=None,
    eeg_reference=None,
    cv=5,
    n_seeds=3,
    controls=True,
    min_similarity=0.8,
    max_epochs=None,
    seed=42,
    n_jobs=1,
    output=None,
    overwrite=False,
    progress=None,
):
    """Inspect subjects of a MOABB dataset, and what their fits have in common.

    A subject's sessions are taken together. What is found in ``output`` is not computed again: a
    stopped study goes on where it was.

    Parameters
    ----------
    dataset : str | BaseDataset
        A MOABB dataset, by name or as an object.
    subjects : sequence of int | None
        None for all.
    pipeline : str | path-like
        One that is shipped, or a YAML file; it must end in an :class:`eegsep.EEGNetClassifier`.
    cv : int, default=5
        Stratified folds of consecutive trials.
    max_epochs : int | None
        Replaces that of the pipeline, for a quick look.
    seed : int, default=42
        Each subject's seeds come from it and the subject's number, so that neither depends on which
        others there are nor are initial weights the same, which would make maps alike.
    n_jobs : int, default=1
        Processes; -1 for one a core. With more than one each computes on a single thread.
    output : path-like | None
        Folder where each subject's inspection is kept once it is made, as
        :meth:`DatasetInspection.save` keeps it, and looked for: what the same version of this
        package was asked for in the same words is taken. None to keep nothing.
    overwrite : bool
        Take nothing from ``output``.
    progress : callable | None
        Called as ``progress(stage, done, total, label)``, with ``stage`` ``"read"`` a subject read
        or ``"fit"`` a fit made, at the start (``done`` is what was found on disk) and after each.
    paradigm, data_dir, fmin, fmax, tmin, tmax, resample, channels, eeg_reference
        See :func:`eegsep.studies.benchmark.benchmark`.
    n_seeds, controls, min_similarity
        See :func:`inspect`.

    Returns
    -------
    inspection : DatasetInspection

    Raises
    ------
    RequestError
        Before the study: if anything that is asked for is unknown, does not go together, or cannot
        be found.
    """
    started = time.time()
    progress = progress or (lambda *_: None)
    _check_settings(n_seeds, min_similarity, seed)
    if n_jobs == 0:
        raise RequestError("jobs must be 1 or more, or -1 for one a core.")
    n_jobs = joblib.effective_n_jobs(n_jobs)
    request = {"fmin": fmin, "fmax": fmax, "tmin": tmin, "tmax": tmax, "resample": resample}
    request |= {"channels": channels, "eeg_reference": eeg_reference}
    caught = Counter()
    with quiet(caught), reading_from(data_dir):
        (selection,) = select_data(dataset, paradigm=paradigm, subjects=subjects, **request)
        own = selection.paradigm
        name, estimator = _load(pipeline, type(own).__name__, max_epochs)
        code, chosen = selection.dataset.code, selection.subjects
        seeds = {
            subject: int(np.random.SeedSequence((seed, subject)).generate_state(1)[0])
            for subject in chosen
        }
        # by which what is found in the folder is known to be of the same request
        asked = {"version": eegsep.__version__, "dataset": code, "cv": _say_cv(cv)}
        asked |= {"process": get_digest(selection.process), "estimator": _say(estimator)}
        asked |= {"n_seeds": int(n_seeds), "controls": bool(controls)}
        asked |= {"min_similarity": float(min_similarity)}
        found = {}
        if output is not None and not overwrite:
            found = {key: _find(output, key, {**asked, "seed": seeds[key]}) for key in chosen}
            found = {key: inspection for key, inspection in found.items() if inspection}
        missing, n_found, data = [key for key in chosen if key not in found], len(found), {}
        progress("read", 0, len(missing), "")
        for subject in missing:
            data[subject] = selection.read(subject, return_epochs=True)[:2]
            progress("read", len(data), len(missing), f"{code}, subject {subject}")
            _check_folds(cv, *data[subject])

        def follow(stage, done, total, label):
            if label or len(found) == n_found:
                label = f"subject {subject}, {label}" if label else ""
                progress(stage, done + len(found) * total, total * len(chosen), label)

        side_by_side = joblib.parallel_config(backend="loky", inner_max_num_threads=1)
        with side_by_side if n_jobs > 1 else nullcontext():
            for subject in missing:
                inspection = inspect(
                    estimator,
                    *data.pop(subject),
                    cv=cv,
                    n_seeds=n_seeds,
                    controls=controls,
                    min_similarity=min_similarity,
                    random_state=seeds[subject],
                    n_jobs=n_jobs,
                    progress=follow,
                )
                inspection.run.update(asked)
                if output is not None:
                    inspection.save(_folder_of(output, subject))
                found[subject] = inspection
    found = {key: found[key] for key in chosen}
    inspection = found[chosen[-1]]
    n_components = len(inspection.components.patterns)
    n_fits = min(inspection.consensus.n_fits, _MOST_COMPONENTS // (n_components * len(found)))
    run = {
        "study": "inspection",
        "datasets": {code: chosen},
        "paradigm": type(own).__name__,
        "bands_hz": [list(band) for band in own.filters],
        "tmin_s": own.tmin,
        "tmax_s": own.tmax,
        "resample_hz": own.resample,
        "channels": own.channels,
        "eeg_reference": getattr(own, "eeg_reference", None),
        "pipeline": name,
        "max_epochs": max_epochs,
        "joint_fits": max(1, n_fits),
        **{key: inspection.run[key] for key in _SHARED},
        "seed": seed,
        "evaluated": len(missing),
        "found_on_disk": n_found,
        "n_jobs": n_jobs,
        **origin(started, _PACKAGES),
        "warnings": {text: n for (group, text), n in caught.items() if group == "warning"},
    }
    joint, reliability = _agree(found, run)
    return DatasetInspection(found, joint, leading_dipoles(joint), reliability, run)


def _folder_of(folder, subject):
    return Path(folder) / f"subject-{subject}"


def _find(folder, subject, asked):
    """Read the inspection of a subject that the same request left in a folder, None for none."""
    try:
        found = load(_folder_of(folder, subject))
    except RequestError:
        return None
    return found if {key: found.run.get(key) for key in asked} == asked else None


def _load(pipeline, paradigm, max_epochs):
    """Load the one pipeline that is asked for; it ends in a network."""
    configs = load_pipelines(pipeline, paradigm)
    if len(configs) > 1:
        raise RequestError(f"an inspection is of one pipeline, not of {', '.join(configs)}.")
    ((name, config),) = configs.items()
    # the seeds are the inspection's own
    estimator = make_variants(configs, seed=0, max_epochs=max_epochs)[0].estimator
    if not isinstance(estimator[-1], EEGNetClassifier):
        raise RequestError(f"pipeline {name} does not end in an EEGNetClassifier: it has no maps.")
    if "param_grid" in config:
        raise RequestError(f"pipeline {name} is searched over a grid: choose the parameters first.")
    return name, estimator


def _agree(subjects, run):
    """Find the consensus of all subjects' trained fits, and the reliability of each kind."""
    if len(subjects) < 2:
        return None, {}
    fits = {
        kind: [fit for each in subjects.values() for fit in each.fits[kind][: run["joint_fits"]]]
        for kind in _kinds(run["controls"])
    }
    try:
        agreed = _agree_on_each(fits, run["min_similarity"])
    except ValueError as error:
        run["warnings"][f"no consensus over subjects: {error}"] = 1
        return None, {}
    return agreed["trained"], {kind: each.reliability for kind, each in agreed.items()}


# -- from a folder -------------------------------------------------------------------------------


def load(folder):
    """Read what :meth:`Inspection.save` or :meth:`DatasetInspection.save` wrote.

    Parameters
    ----------
    folder : path-like
        The folder.

    Returns
    -------
    inspection : Inspection | DatasetInspection
        As it was, but for the fitted estimator.

    Raises
    ------
    RequestError
        If something is not there or cannot be read.
    """
    folder = Path(folder)
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        if "datasets" not in run:
            return _load_recording(folder, run)
        (numbers,) = run["datasets"].values()
        subjects = {number: load(_folder_of(folder, number)) for number in numbers}
        dipoles = _read_dipoles(folder)
    except FileNotFoundError as error:
        raise RequestError(
            f"no {Path(error.filename).name} in {folder}: give the output folder of a finished "
            "`eegsep inspect`."
        ) from error
    except (KeyError, ValueError, OSError, BadZipFile) as error:
        if isinstance(error, RequestError):  # of a subject
            raise
        why = " ".join(str(error).split())
        raise RequestError(f"cannot read the inspection in {folder} ({why}).") from error
    joint, reliability = _agree(subjects, run)
    return DatasetInspection(subjects, joint, dipoles, reliability, run)


def _load_recording(folder, run):
    names = ("scores", "confusion", "history", "cost")
    tables = {name: pd.read_csv(folder / f"{name}.csv") for name in names}
    file = folder / "info.fif"
    info = mne.io.read_info(file, verbose="error") if file.exists() else None
    with np.load(folder / "components.npz") as arrays:
        classes = arrays["classes"]

        def describe(kind):
            parts = zip(*(arrays[f"{kind}_{name}"] for name in _ARRAYS), strict=True)
            return [
                Components(**dict(zip(_ARRAYS, part, strict=True)), classes=classes, info=info)
                for part in parts
            ]

        fits = {kind: describe(kind) for kind in _kinds(run["controls"])}
        (described,) = describe("all")
    agreed = _agree_on_each(fits, run["min_similarity"])
    return Inspection(
        scores=tables["scores"],
        confusion=tables["confusion"].drop(columns=_TRUE).to_numpy(),
        fits=fits,
        consensus=agreed["trained"],
        dipoles=_read_dipoles(folder),
        reliability={kind: each.reliability for kind, each in agreed.items()},
        components=described,
        history=tables["history"],
        costs=tables["cost"],
        run=run,
    )
