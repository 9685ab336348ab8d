"""A classifier of eleven people on the twelfth: as it is, and trained further on 15 of its trials.

    python benchmarks/transfer.py --data-dir ../shared/data

PhysionetMI, subjects 1 to 12, imagined left and right fist. Each subject's 5 folds are those of
``score.py physionet``: beside it stands the default trained on the 36 trials of each fold's other
side, of which 15 are drawn for the training that goes on. A row for each subject is kept as a line
of JSON, and a run that is repeated goes on where it ended.
"""

import argparse
import json
import warnings
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student
from score import SFREQ, physionet
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from eegsep import EEGNetClassifier

N_FEW = 15


def score(clf, X, y):
    """Area under the curve of one class against the other."""
    return roc_auc_score(y == clf.classes_[1], clf.predict_proba(X)[:, 1])


def score_subject(others, X, y, ch_names, seed):
    """Score one subject: the classifier of the others, trained further, and its own."""
    options = {"sfreq": SFREQ, "ch_names": ch_names, "random_state": seed}
    of_others = EEGNetClassifier(**options).fit(*map(np.concatenate, zip(*others, strict=True)))
    rng, scores = np.random.default_rng(seed), []
    for train, test in StratifiedKFold(5, shuffle=True, random_state=42).split(X, y):
        by_class = [rng.permutation(train[y[train] == label]) for label in of_others.classes_]
        few = np.concatenate([by_class[0][: (N_FEW + 1) // 2], by_class[1][: N_FEW // 2]])
        further = deepcopy(of_others).set_params(warm_start=True).fit(X[few], y[few])
        within = EEGNetClassifier(**options).fit(X[train], y[train])
        scores.append([score(clf, X[test], y[test]) for clf in (of_others, further, within)])
    names = ("others", f"others, then {N_FEW} trials", "36 trials")
    return {"others, at once": score(of_others, X, y)} | dict(
        zip(names, np.mean(scores, axis=0).tolist(), strict=True)
    )


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default="../shared/data")
    parser.add_argument("--subjects", type=int, nargs="+", default=range(1, 13))
    parser.add_argument("--output", type=Path, default="scores")
    arguments = parser.parse_args()
    import mne

    mne.set_log_level("ERROR")
    warnings.simplefilter("ignore")
    arguments.output.mkdir(exist_ok=True)
    path = arguments.output / "transfer.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines]
    recordings = list(physionet(arguments.data_dir))
    for subject, X, y, _, ch_names in recordings:
        if subject in {row["subject"] for row in rows} or subject not in arguments.subjects:
            continue
        others = [(X, y) for other, X, y, *_ in recordings if other != subject]
        rows.append({"subject": subject} | score_subject(others, X, y, ch_names, 42))
        with path.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
    table = 100 * pd.DataFrame(rows).set_index("subject").sort_index()
    print(table.round(1).to_string())
    for name in table:
        difference = table[name] - table["36 trials"]
        half = student.ppf(0.975, len(table) - 1) * difference.sem()
        print(
            f"{name:24s} {table[name].mean():5.1f} ± {table[name].std():4.1f}  "
            f"{difference.mean():+.1f} [{difference.mean() - half:+.1f}, "
            f"{difference.mean() + half:+.1f}]"
        )


if __name__ == "__main__":
    main()
