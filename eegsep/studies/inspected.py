"""What an inspection found: consensus and verdict, made here, and files, written and read again."""

from __future__ import annotations

import io
import json
import tempfile
import warnings
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import mne
import numpy as np
import pandas as pd

from eegsep._utils.errors import RequestError, in_a_line
from eegsep._utils.tables import remove_folder, remove_outputs, save_tables, written_aside
from eegsep.inspection.controls import CONTROLS
from eegsep.inspection.dipoles import COLUMNS, can_fit_dipoles, fit_dipoles, is_flat, no_dipoles
from eegsep.inspection.learned import Components
from eegsep.inspection.recurrence import Consensus, consensus

from .verdicts import NO_TELLING, STABLE, judge, reliability_interval

# Clusters that are looked at.
N_LEADING = 8
_TRUE = "true class"
# Of each fit's components, and of each fit, in the files.
_OF_FITS = ("freqs", "repetition")
_OF_COMPONENTS = tuple(
    f.name for f in fields(Components) if f.name not in (*_OF_FITS, "classes", "info")
)

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
    interval : tuple of float
        Of the trained fits' reliability, see :func:`.verdicts.reliability_interval`.
    components : Components
        Of the fit on all trials, with their relevance on these trials: what this network relies on,
        rather than what holds on other trials.
    history : pandas.DataFrame
        Of the fit on all trials, a row an epoch.
    costs : pandas.DataFrame
        Of its network, layer by layer, see :func:`eegsep.network.cost.network_table`.
    run : dict
        What was run, on what, and when.
    estimator : EEGNetClassifier or Pipeline | None
        The fit on all trials; None where the inspection was read from a folder.

    Examples
    --------
    >>> import mne
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.studies.inspect import inspect
    >>> info = mne.create_info(["C3", "Cz", "C4", "Pz"], sfreq=128, ch_types="eeg")
    >>> X, y = np.random.default_rng(0).normal(scale=1e-5, size=(24, 4, 64)), np.arange(24) % 2
    >>> epochs = mne.EpochsArray(X, info.set_montage("standard_1020"))
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0)
    >>> inspection = inspect(clf, epochs, y, cv=2, n_seeds=1)
    >>> sorted(inspection.reliability)
    ['shuffled', 'trained', 'untrained']
    >>> inspection.confusion.shape
    (2, 2)
    """

    scores: pd.DataFrame
    confusion: np.ndarray
    fits: dict[str, list[Components]]
    consensus: Consensus
    dipoles: pd.DataFrame
    reliability: dict[str, float]
    interval: tuple[float, float]
    components: Components
    history: pd.DataFrame
    costs: pd.DataFrame
    run: dict
    estimator: Any = field(default=None, repr=False)

    @property
    def verdict(self):
        """Whether what trained networks learned recurs, and why not (str)."""
        above_chance = self.scores["score"].mean() > self.run["chance"]["high"]
        return judge(self.reliability, self.interval, above_chance)

    @property
    def stable(self):
        """Whether ``verdict`` is "stable"; None where there is no telling (bool | None)."""
        return None if self.verdict in NO_TELLING else self.verdict == STABLE

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
            ``n_trials, metric, score`` (mean over folds and seeds), ``chance_low, chance_high`` and
            ``p`` of :func:`.verdicts.chance_of_shuffled`, the reliability ``trained`` with its
            interval ``trained_low, trained_high``, those of the controls ``untrained, shuffled``
            (None where there were none), ``stable`` and ``verdict``.
        """
        return {
            "n_trials": sum(self.run["n_trials"].values()),
            "metric": self.run["metric"],
            "score": float(self.scores["score"].mean()),
            "chance_low": self.run["chance"]["low"],
            "chance_high": self.run["chance"]["high"],
            "p": self.run["chance"]["p"],
            "trained": self.reliability["trained"],
            "trained_low": self.interval[0],
            "trained_high": self.interval[1],
            **{kind: self.reliability.get(kind) for kind in CONTROLS},
            "stable": self.stable,
            "verdict": self.verdict,
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
        remove_outputs(folder)
        files = {"components": folder / "components.npz"}
        # the labels as numpy's own type: Python objects would be pickled
        arrays = {"classes": np.array(self.components.classes.tolist())}
        for kind, fits in {**self.fits, "all": [self.components]}.items():
            values = {
                name: [getattr(fit, name) for fit in fits] for name in _OF_FITS + _OF_COMPONENTS
            }
            # fits of one network and of two side by side have other numbers of components
            values |= {name: np.concatenate(values[name]) for name in _OF_COMPONENTS}
            values["n_components"] = [len(fit.patterns) for fit in fits]
            arrays |= {f"{kind}_{name}": value for name, value in values.items()}
        with written_aside(files["components"]) as file:
            np.savez_compressed(file, **arrays)
        if self.components.info is not None:
            files["info"] = folder / "info.fif"
            # nobody's name or birthday
            known = self.components.info.copy().anonymize(verbose="error")
            with written_aside(files["info"]) as file:
                mne.io.write_info(file, known, verbose="error")
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

    Examples
    --------
    >>> from eegsep.datasets import SimulatedMotorImagery
    >>> recordings = SimulatedMotorImagery(n_subjects=2, n_sessions=1, n_trials_per_class=10)
    >>> from eegsep.studies.inspect import inspect_dataset
    >>> found = inspect_dataset(recordings, subjects=[1], cv=2, n_seeds=1, controls=False)
    >>> len(found.to_frame())
    1
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
        remove_outputs(folder)
        tables = {"subjects": self.to_frame()}
        if self.consensus is not None:
            tables["clusters"] = self.clusters()
        folders = {key: _folder_of(folder, key) for key in self.subjects}
        for other in set(Path(folder).glob("subject-*")) - {*folders.values()}:
            remove_folder(other)
        for subject, inspection in self.subjects.items():
            inspection.save(folders[subject])
        files = save_tables(folder, tables, "run", self.run)
        return files | {path.name: path for path in folders.values()}


def leading_dipoles(consensus):
    """Fit a dipole to each of the eight leading clusters that are not single, unless it is flat.

    What keeps MNE from it is a warning: everything else there is to say of the fits stays.

    Parameters
    ----------
    consensus : Consensus | None
        Of fits of a recording, or of several.

    Returns
    -------
    dipoles : pandas.DataFrame
        Columns of :func:`eegsep.inspection.dipoles.fit_dipoles`, by the number of the cluster.
        Empty where positions are not known or electrodes are too few.
    """
    clusters = () if consensus is None else consensus.clusters
    chosen = [k for k, cluster in enumerate(clusters) if not cluster.single][:N_LEADING]
    chosen = [k for k in chosen if not is_flat(clusters[k].pattern)]
    if chosen and can_fit_dipoles(consensus.info):
        try:
            dipoles = fit_dipoles([clusters[k].pattern for k in chosen], consensus.info)
        except (RuntimeError, ValueError) as error:
            why = in_a_line(error)
            warnings.warn(f"no dipoles of the leading clusters: {why}", stacklevel=2)
        else:
            return dipoles.set_index(pd.Index(chosen))
    return no_dipoles()


def _read_dipoles(folder):
    file = Path(folder) / "clusters.csv"
    if not file.exists():  # there is no consensus over subjects
        return no_dipoles()
    # electrodes may be called 7 or NA
    texts = [name for name, kind in COLUMNS.items() if kind is object]
    names = {"dtype": dict.fromkeys(texts, str), "keep_default_na": False, "na_values": [""]}
    table = pd.read_csv(file, **names).reindex(columns=list(COLUMNS))
    return table[table["x"].notna()].fillna(dict.fromkeys(texts, "")).astype(COLUMNS)


def kinds_of_fits(controls):
    """List the kinds of fits, with and without controls."""
    return ("trained", *CONTROLS) if controls else ("trained",)


def agree_on_each(fits, min_similarity):
    """Find the consensus of each kind of fits."""
    return {kind: consensus(each, min_similarity=min_similarity) for kind, each in fits.items()}


def pack(inspection, scratch):
    """Make one piece of what :meth:`Inspection.save` writes."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder, io.BytesIO() as packed:
        files = inspection.save(folder).values()
        with ZipFile(packed, "w") as archive:
            for file in files:
                archive.write(file, file.name)
        return packed.getvalue()


def unpack(packed, scratch):
    """Read what :func:`pack` made."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        with ZipFile(io.BytesIO(packed)) as archive:
            archive.extractall(folder)
        return load(folder)


def _folder_of(folder, subject):
    # a number, whatever a file says: no way out of the folder
    return Path(folder) / f"subject-{int(subject)}"


def agree(subjects, run):
    """Find the consensus of all subjects' trained fits, and the reliability of each kind."""
    if len(subjects) < 2:
        return None, {}
    fits = {
        kind: [fit for each in subjects.values() for fit in each.fits[kind][: run["joint_fits"]]]
        for kind in kinds_of_fits(run["controls"])
    }
    try:
        agreed = agree_on_each(fits, run["min_similarity"])
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
        why = in_a_line(error)
        raise RequestError(f"cannot read the inspection in {folder} ({why}).") from error
    joint, reliability = agree(subjects, run)
    return DatasetInspection(subjects, joint, dipoles, reliability, run)


def _load_recording(folder, run):
    if "chance" not in run:
        raise RequestError(
            f"an older version of this package wrote {folder}: run eegsep inspect again."
        )
    names = ("scores", "confusion", "history", "cost")
    tables = {name: pd.read_csv(folder / f"{name}.csv") for name in names}
    file = folder / "info.fif"
    info = mne.io.read_info(file, verbose="error") if file.exists() else None
    with np.load(folder / "components.npz") as arrays:
        classes = arrays["classes"]

        def describe(kind):
            ends = np.cumsum(arrays[f"{kind}_n_components"])[:-1]
            values = {name: arrays[f"{kind}_{name}"] for name in _OF_FITS + _OF_COMPONENTS}
            values |= {name: np.split(values[name], ends) for name in _OF_COMPONENTS}
            return [
                Components(**dict(zip(values, each, strict=True)), classes=classes, info=info)
                for each in zip(*values.values(), strict=True)
            ]

        fits = {kind: describe(kind) for kind in kinds_of_fits(run["controls"])}
        (described,) = describe("all")
    agreed = agree_on_each(fits, run["min_similarity"])
    return Inspection(
        scores=tables["scores"],
        confusion=tables["confusion"].drop(columns=_TRUE).to_numpy(),
        fits=fits,
        consensus=agreed["trained"],
        dipoles=_read_dipoles(folder),
        reliability={kind: each.reliability for kind, each in agreed.items()},
        interval=reliability_interval(fits["trained"], tables["scores"]["fold"]),
        components=described,
        history=tables["history"],
        costs=tables["cost"],
        run=run,
    )
