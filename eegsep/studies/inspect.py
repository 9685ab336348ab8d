"""What EEGNet learned of a recording, and whether to believe it: scores, maps, controls, cost.

Each cross-validated fit is made once and gives its score, its confusions and its components.
"""

from __future__ import annotations

import json
import platform
import time
from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import joblib
import mne
import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix, roc_auc_score
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import check_classification_targets

import eegsep
from eegsep.classifier import EEGNetClassifier
from eegsep.cost import network_table
from eegsep.datasets.recordings import RequestError, reading_from
from eegsep.inputs import is_epochs
from eegsep.inspection import (
    CONTROLS,
    Components,
    Consensus,
    components,
    consensus,
    cross_fits,
    relevance,
    untrained,
)
from eegsep.tables import save_tables

from .benchmark import load_pipelines, make_folder, make_variants, quiet, select_data

# How far the reliability of trained fits must stand above that of both controls, and above 0, which
# it has on average where there is nothing to learn.
MARGIN = 0.2
_PACKAGES = ("moabb", "mne", "torch", "scikit-learn", "numpy")
# A consensus compares all pairs of components.
_MOST_COMPONENTS = 4000
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
        classes = [str(label) for label in self.components.classes]
        tables = {
            "scores": self.scores,
            "confusion": pd.DataFrame(self.confusion, columns=classes).assign(true=classes),
            "reliability": pd.DataFrame(
                {"fits": self.reliability.keys(), "reliability": self.reliability.values()}
            ),
            "clusters": self.consensus.to_frame(),
            "history": self.history,
            "cost": self.costs,
        }
        files = save_tables(folder, tables, "run", self.run)
        files["components"] = Path(folder) / "components.npz"
        # the labels as numpy's own type: Python objects would be pickled
        arrays = {"classes": np.array(self.components.classes.tolist())}
        for kind, fits in {**self.fits, "all": [self.components]}.items():
            arrays |= {f"{kind}_{name}": [getattr(fit, name) for fit in fits] for name in _ARRAYS}
        np.savez_compressed(files["components"], **arrays)
        info = Path(folder) / "info.fif"
        info.unlink(missing_ok=True)
        if self.components.info is not None:
            files["info"] = info
            mne.io.write_info(info, self.components.info, verbose="error")
        return files


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
    reliability : dict of float
        Of the fits of all subjects, as :attr:`Inspection.reliability`; empty where ``consensus``
        is None.
    run : dict
        What was run, with what, and when.
    """

    subjects: dict[int, Inspection]
    consensus: Consensus | None
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
            subjects each cluster is found.
        """
        owners = np.repeat(list(self.subjects), self.run["joint_fits"])
        table = self.consensus.to_frame()
        n_subjects = [len(set(owners[c.members[:, 0]])) for c in self.consensus.clusters]
        table.insert(3, "n_subjects", n_subjects)
        return table

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
        if self.consensus is not None:
            tables["clusters"] = self.clusters()
        files = save_tables(folder, tables, "run", self.run)
        for subject, inspection in self.subjects.items():
            files[f"subject-{subject}"] = Path(folder) / f"subject-{subject}"
            inspection.save(files[f"subject-{subject}"])
        return files


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
    folds = _check_folds(cv, X, y)
    kinds = ("trained", *CONTROLS) if controls else ("trained",)
    total = 1 + len(kinds) * len(folds) * n_seeds
    progress("fit", 0, total, "")
    # what cannot be fitted, or has no maps, is found out at the first fit
    whole, described = _fit_whole(estimator, X, y, random_state)
    progress("fit", 1, total, "all trials")
    found, done = {}, 1
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

    clf = whole[-1] if isinstance(whole, Pipeline) else whole
    metric = "roc_auc" if len(clf.classes_) == 2 else "accuracy"
    fits = {kind: [fit.components for fit in each] for kind, each in found.items()}
    agreed = {
        kind: consensus(each, min_similarity=min_similarity) for kind, each in fits.items()
    }
    counts = dict(zip(*np.unique(y, return_counts=True), strict=True))
    run = {
        "study": "inspection",
        "estimator": " ".join(repr(estimator).split()),
        "metric": metric,
        "cv": cv if isinstance(cv, int) else " ".join(repr(cv).split()),
        "n_folds": len(folds),
        "n_seeds": n_seeds,
        "seed": random_state,
        "controls": bool(controls),
        "min_similarity": min_similarity,
        "n_trials": {str(label): int(n) for label, n in counts.items()},
        "n_chans": X.get_data(copy=False).shape[1] if is_epochs(X) else X.shape[1],
        **_describe_trials(X, clf),
        **_origin(started, n_jobs),
    }
    return Inspection(
        scores=_score(found["trained"], y, clf.classes_, metric, len(folds)),
        confusion=_confuse(found["trained"], y, clf.classes_),
        fits=fits,
        consensus=agreed["trained"],
        reliability={kind: each.reliability for kind, each in agreed.items()},
        components=described,
        history=pd.DataFrame(clf.history_),
        costs=network_table(clf.module_),
        run=run,
        estimator=whole,
    )


