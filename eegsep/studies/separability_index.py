"""How separable each subject's trials are, and whether that tells where EEGNet is ahead."""

from __future__ import annotations

from dataclasses import asdict, fields

import numpy as np
import pandas as pd

from eegsep import statistics
from eegsep._utils.errors import in_a_line
from eegsep.datasets.recordings import Failure
from eegsep.separability import Separability, data_separability

from . import digests
from .variants import PUBLISHED

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
            failures.append(Failure(*where, in_a_line(error)))
            continue
        unit = {"dataset": selection.dataset.code, "subject": subject, "session": session}
        rows.append(unit | asdict(found))
    return rows, failures


def pair_with_index(scores, separability):
    """Put each subject's index beside the published network's lead over less separable ones.

    Both tables are those of an AblationResult; scores of all training trials count. A row for each
    ``dataset``, ``variant`` of ``LESS_SEPARABLE`` that was run, and ``subject`` has ``index``, the
    mean over sessions; ``p_value``, the smallest of the sessions times their number (Bonferroni);
    ``lead``, the published network's score, averaged over sessions and seeds, minus the variant's;
    and the scores' ``metric``.
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


def measure_separability(selections, store, progress):
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

    rows = digests.kept(store, selection, ["separability", subject], read, measure)
    return rows, failures
