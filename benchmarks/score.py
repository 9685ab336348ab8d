"""Scores of EEGNet's starts and trainings beside classical pipelines, on the same folds.

    python benchmarks/score.py ssvep --data-dir ../shared/data

Each fold's score is kept as a line of JSON; a run that is repeated goes on where it ended. Printed
are mean and standard deviation over subjects (over folds where there is one subject), log-loss,
Brier score, expected calibration error, seconds a fit, and paired differences from the first recipe
with their 95 % intervals. A recipe of EEGNet is ``init:epochs`` or ``init:cv``, with ``:unnamed``
where the names of channels are kept from it; ``braindecode`` is that package's EEGNet, trained as
in ``pipelines/``.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline

SFREQ = 128.0
BANDS = ((12, 14), (20, 22), (16, 18))  # of ssvep-exo's 13, 21 and 17 Hz
TRAINED_ON = (10, 20, 40, 80, 100, 160)  # trials, of learning curves
EEGNET = ("auto:300", "auto:0", "glorot:300")
RECIPES = {
    "physionet": ("TS+LR", "TS+LDA", "FgMDM", "CSP+LDA", *EEGNET),
    "physionet_others": ("TS+LR", "TS+LDA", "FgMDM", "CSP+LDA", *EEGNET),
    "simulated": ("TS+LR", "TS+LDA", "FgMDM", "CSP+LDA", *EEGNET),
    "curve": ("TS+LR", "TS+LDA", "FgMDM", "CSP+LDA", "auto:300"),
    "ssvep": ("bands+TS+LR", "CCA", *EEGNET),
    "p300": ("XDAWN+TS+LR", *EEGNET),
}


def physionet(data_dir):
    """Yield PhysioNet's subjects 1 to 12, imagined left and right fist, 8 to 32 Hz, 128 Hz."""
    os.environ.update(MNE_DATASETS_EEGBCI_PATH=str(data_dir), MOABB_DOWNLOAD_PROVIDER="upstream")
    from moabb.datasets import PhysionetMI
    from moabb.paradigms import LeftRightImagery

    dataset = PhysionetMI()
    dataset.feet_runs = []
    paradigm = LeftRightImagery(fmin=8, fmax=32, resample=128)
    for subject in range(1, 13):
        epochs, y, _ = paradigm.get_data(dataset, [subject], return_epochs=True)
        yield subject, epochs.get_data(), y, np.zeros(len(y), int), epochs.ch_names


def physionet_others(data_dir):
    """Yield the same as one recording of twelve sessions: each subject from the eleven others."""
    _, X, y, _, names = zip(*physionet(data_dir), strict=True)
    yield 0, np.concatenate(X), np.concatenate(y), np.repeat(range(12), list(map(len, y))), names[0]


def simulated(data_dir, n_sessions=2):
    """Yield the simulated set's twelve subjects, two sessions each if not said."""
    from moabb.paradigms import LeftRightImagery

    from eegsep.datasets import SimulatedMotorImagery

    dataset = SimulatedMotorImagery(n_subjects=12, n_sessions=n_sessions)
    paradigm = LeftRightImagery(fmin=8, fmax=32, resample=128)
    for subject in dataset.subject_list:
        epochs, y, table = paradigm.get_data(dataset, [subject], return_epochs=True)
        session = np.unique(table.session, return_inverse=True)[1]
        yield subject, epochs.get_data(), y, session, epochs.ch_names


def curve(data_dir):
    """Yield the simulated set's twelve subjects with three sessions, for learning curves."""
    yield from simulated(data_dir, n_sessions=3)


def ssvep(data_dir):
    """Yield ssvep-exo's subjects: seconds 2 to 4 of four classes, 7 to 45 Hz, 128 Hz."""
    import mne

    for subject in range(1, 7):
        sessions = []
        folder = Path(data_dir) / "ssvep-exo" / f"subject{subject:02d}"
        for path in sorted(folder.glob("*_raw.fif")):
            raw = mne.io.read_raw_fif(path, preload=True)
            raw.filter(7, 45, method="iir", iir_params={"order": 4, "ftype": "butter"})
            events = mne.read_events(str(path).replace("_raw.fif", "-eve.fif"))
            end = 4 - 1 / raw.info["sfreq"]
            epochs = mne.Epochs(raw, events, [1, 2, 3, 4], 2, end, baseline=None, preload=True)
            epochs.resample(128)
            sessions.append((epochs.get_data(), epochs.events[:, 2]))
        X, y = (np.concatenate(parts) for parts in zip(*sessions, strict=True))
        session = np.repeat(range(len(sessions)), [len(y) for _, y in sessions])
        yield subject, X, y, session, epochs.ch_names


def p300(data_dir):
    """Yield muse-p300's three sessions: one second of each flash, 1 to 24 Hz, 128 Hz."""
    import mne

    names, parts, session = ["TP9", "AF7", "AF8", "TP10"], [], []
    for i, folder in enumerate(sorted((Path(data_dir) / "muse-p300" / "subject1").iterdir())):
        for path in sorted(folder.glob("*.csv.gz")):
            table = pd.read_csv(path)
            raw = mne.io.RawArray(
                table[names].to_numpy().T * 1e-6, mne.create_info(names, 256.0, "eeg")
            )
            raw.filter(1, 24, method="iir", iir_params={"order": 4, "ftype": "butter"})
            marker = table.iloc[:, -1].to_numpy().astype(int)
            onset = np.flatnonzero(marker > 0)
            events = np.column_stack([onset, 0 * onset, marker[onset]])
            reject = {"eeg": 150e-6}
            epochs = mne.Epochs(
                raw, events, [1, 2], 0, 1 - 1 / 256, baseline=None, preload=True, reject=reject
            )
            epochs.resample(128)
            parts.append((epochs.get_data(), epochs.events[:, 2]))
            session += [i] * len(epochs)
    X, y = (np.concatenate(part) for part in zip(*parts, strict=True))
    yield 1, X, y, np.array(session), names


SETS = {
    each.__name__: each for each in (physionet, physionet_others, simulated, curve, ssvep, p300)
}


def splits(name, y, session, repetition):
    """Yield the kind of split, and positions to train and to test on."""
    if name == "curve":  # the last session from some trials of the others
        test, before = session == session.max(), np.flatnonzero(session < session.max())
        rng = np.random.default_rng(repetition)
        orders = [rng.permutation(before[y[before] == label]) for label in np.unique(y)]
        for n_trials in TRAINED_ON:
            train = np.concatenate([order[: n_trials // 2] for order in orders])
            yield f"{n_trials} trials", train, np.flatnonzero(test)
        return
    if len(np.unique(session)) > 1 and repetition == 0:
        for one in np.unique(session):
            yield "across", np.flatnonzero(session != one), np.flatnonzero(session == one)
    if name in ("physionet", "ssvep"):
        n_folds = 5 if name == "physionet" else 4
        cv = StratifiedKFold(n_folds, shuffle=True, random_state=42 + repetition)
        for one in np.unique(session):
            members = np.flatnonzero(session == one)
            for train, test in cv.split(members, y[members]):
                yield "within", members[train], members[test]


class Bands(TransformerMixin, BaseEstimator):
    """Stack trials band-passed around each stimulation frequency, for the classical pipelines."""

    def fit(self, X, y=None):
        """Learn nothing."""
        return self

    def transform(self, X):
        """Filter and stack along the channels."""
        from mne.filter import filter_data

        return np.concatenate(
            [filter_data(X, SFREQ, low, high, verbose="error") for low, high in BANDS], axis=1
        )


class CCA(BaseEstimator):
    """Canonical correlation with sines of the stimulation; ``rest`` where none correlates enough.

    The threshold is the one with the best accuracy on the training trials.
    """

    _frequencies = (13.0, 21.0, 17.0)

    def _correlations(self, X):
        t = np.arange(X.shape[2]) / SFREQ
        found = np.empty((len(X), 3))
        for k, f in enumerate(self._frequencies):
            turns = 2 * np.pi * f * t
            sines = np.array([np.sin(turns), np.cos(turns), np.sin(2 * turns), np.cos(2 * turns)])
            basis = np.linalg.qr((sines - sines.mean(axis=1, keepdims=True)).T)[0]
            for i, x in enumerate(X):
                own = np.linalg.qr((x - x.mean(axis=1, keepdims=True)).T)[0]
                found[i, k] = np.linalg.svd(own.T @ basis, compute_uv=False)[0]
        return found

    def fit(self, X, y):
        """Find the threshold."""
        found = self._correlations(X)
        best = found.max(axis=1)
        trials = [
            (np.mean(np.where(best < level, 1, 2 + found.argmax(axis=1)) == y), level)
            for level in np.quantile(best, np.linspace(0, 0.6, 31))
        ]
        self.level_ = max(trials)[1]
        self.classes_ = np.array([1, 2, 3, 4])
        return self

    def predict_proba(self, X):
        """Certain, since no probabilities come with it."""
        found = self._correlations(X)
        label = np.where(found.max(axis=1) < self.level_, 1, 2 + found.argmax(axis=1))
        return np.eye(4)[label - 1]


def make(recipe, ch_names, seed):
    """Make the classifier that a recipe names."""
    from pyriemann.classification import FgMDM
    from pyriemann.estimation import Covariances, XdawnCovariances
    from pyriemann.spatialfilters import CSP
    from pyriemann.tangentspace import TangentSpace

    covariances, lda = Covariances("oas"), LinearDiscriminantAnalysis
    classical = {
        "TS+LR": lambda: (covariances, TangentSpace(), LogisticRegression(max_iter=1000)),
        "TS+LDA": lambda: (covariances, TangentSpace(), lda(solver="lsqr", shrinkage="auto")),
        "FgMDM": lambda: (covariances, FgMDM()),
        "CSP+LDA": lambda: (covariances, CSP(nfilter=6), lda()),
        "bands+TS+LR": lambda: (
            Bands(),
            covariances,
            TangentSpace(),
            LogisticRegression(max_iter=1000),
        ),
        "CCA": lambda: (CCA(),),
        "XDAWN+TS+LR": lambda: (
            XdawnCovariances(4, estimator="oas"),
            TangentSpace(),
            LogisticRegression(max_iter=1000),
        ),
    }
    if recipe in classical:
        return make_pipeline(*classical[recipe]())
    from eegsep import EEGNetClassifier
    from eegsep.estimator.peers import BraindecodeClassifier

    if recipe == "braindecode":
        return BraindecodeClassifier(max_epochs=100, batch_size=16, random_state=seed)
    init, training, *without = recipe.split(":")
    options = {"early_stopping": "cv"} if training == "cv" else {"max_epochs": int(training)}
    if without:  # names of channels, and so mirror images
        ch_names = None
    return EEGNetClassifier(init=init, sfreq=SFREQ, ch_names=ch_names, random_state=seed, **options)


def score(name, clf, X, y, train, test):
    """Fit and score one fold."""
    start = time.perf_counter()
    clf.fit(X[train], y[train])
    seconds = time.perf_counter() - start
    p = clf.predict_proba(X[test])
    onehot = y[test][:, None] == clf.classes_
    right = p.argmax(axis=1) == onehot.argmax(axis=1)
    confidence = p.max(axis=1)
    bins = np.minimum((confidence * 10).astype(int), 9)
    record = {
        "score": accuracy_score(y[test], clf.classes_[p.argmax(axis=1)])
        if name == "ssvep"
        else roc_auc_score(onehot[:, 1], p[:, 1]),
        "log_loss": log_loss(y[test], p, labels=clf.classes_),
        "brier": np.square(p - onehot).sum(axis=1).mean(),
        "overconfident": [float((confidence - right)[bins == b].sum()) for b in range(10)],
        "trials": len(test),
        "seconds": seconds,
    }
    for key in ("init_", "n_iter_"):
        if hasattr(clf, key):
            record[key] = getattr(clf, key)
    return {key: float(v) if isinstance(v, np.floating) else v for key, v in record.items()}


def score_each(path, data, data_dir, repetitions, column, names, score_fold, subjects=None):
    """Score what has a name, in a column of its own, on each fold, but for what is in the file.

    ``score_fold`` takes a name, names of channels, a seed, X, y, and positions to train and to test
    on. Returns a row for each score (pandas.DataFrame), with what the file had before.
    """
    import mne

    mne.set_log_level("ERROR")
    warnings.simplefilter("ignore")
    path.parent.mkdir(exist_ok=True)
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines]
    keys = (column, "subject", "repetition", "fold")
    done = {tuple(row[key] for key in keys) for row in rows}
    for subject, X, y, session, ch_names in SETS[data](data_dir):
        if subjects and subject not in subjects:
            continue
        for repetition in repetitions:
            for fold, (split, *parts) in enumerate(splits(data, y, session, repetition)):
                for name in names:
                    key = (name, subject, repetition, fold)
                    if key in done:
                        continue
                    row = dict(zip(keys, key, strict=True), split=split)
                    row |= score_fold(name, ch_names, 42 + repetition, X, y, *parts)
                    rows.append(row)
                    with path.open("a") as file:
                        file.write(json.dumps(row) + "\n")
    return pd.DataFrame(rows)


def calibration_error(folds):
    """Sum the folds' trials bin by bin: a fold of eight has next to none in each."""
    return np.abs(np.sum(folds.overconfident.to_list(), axis=0)).sum() / folds.trials.sum()


def report(table, recipes):
    """Print means and paired differences, of the folds that all recipes have been through."""
    table = table[table.recipe.isin(recipes)]
    cells = table.groupby(["subject", "repetition", "fold"]).recipe
    table = table[cells.transform("nunique") == len(recipes)]
    for split, part in table.groupby("split"):
        unit = "subject" if part.subject.nunique() > 1 else "fold"
        grouped = part.groupby(["recipe", unit])
        means = grouped.mean(numeric_only=True)
        means["calibration_error"] = grouped.apply(calibration_error)
        n = part[unit].nunique()
        print(f"{split}: {n} {unit}(s), {part.repetition.nunique()} repetition(s)")
        for recipe in recipes:
            own = means.loc[recipe]
            difference = 100 * (own.score - means.loc[recipes[0]].score)
            half = student.ppf(0.975, n - 1) * difference.std() / n**0.5 if n > 1 else np.nan
            print(
                f"  {recipe:14s} {100 * own.score.mean():5.1f} ± {100 * own.score.std():4.1f}"
                f"  {difference.mean():+5.1f} [{difference.mean() - half:+.1f}, "
                f"{difference.mean() + half:+.1f}]  log-loss {own.log_loss.mean():.2f}, Brier "
                f"{own.brier.mean():.2f}, ECE {own.calibration_error.mean():.2f}, "
                f"{own.seconds.mean():.1f} s"
            )


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", choices=SETS)
    parser.add_argument("--data-dir", type=Path, default="../shared/data")
    parser.add_argument("--recipes", nargs="+", help="by default those of the data's table")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--first-repetition", type=int, default=0)
    parser.add_argument("--subjects", type=int, nargs="+")
    parser.add_argument("--output", type=Path, default="scores")
    arguments = parser.parse_args()
    recipes = arguments.recipes or RECIPES[arguments.data]
    repetitions = range(arguments.first_repetition, arguments.repetitions)

    def score_recipe(recipe, ch_names, seed, *fold):
        return score(arguments.data, make(recipe, ch_names, seed), *fold)

    path = arguments.output / f"{arguments.data}.jsonl"
    table = score_each(
        path,
        arguments.data,
        arguments.data_dir,
        repetitions,
        "recipe",
        recipes,
        score_recipe,
        arguments.subjects,
    )
    report(table, recipes)


if __name__ == "__main__":
    main()
