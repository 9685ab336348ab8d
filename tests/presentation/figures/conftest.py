"""Results that figures are made from."""

import numpy as np
import pandas as pd
import pytest

from eegsep import EEGNetClassifier
from eegsep.inspection import consensus as find_consensus
from eegsep.inspection import cross_components
from eegsep.studies.ablation import compare
from tests.conftest import make_epochs


@pytest.fixture
def scores():
    rng = np.random.default_rng(0)
    rows = [
        {
            "dataset": dataset,
            "metric": "roc_auc",
            "pipeline": pipeline,
            "seed": 42,
            "subject": subject,
            "session": session,
            "score": rng.uniform(0.5, 1),
            "time": 1.0,
            "samples_test": 20,
            "n_classes": 2,
        }
        for dataset in ("one", "two")
        for pipeline in ("EEGNet", "CSP+LDA", "TS+LR")
        for subject in (1, 2, 3)
        for session in ("0", "1")
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def fitted():
    epochs, y = make_epochs()
    classifier = EEGNetClassifier(F1=3, D=2, max_epochs=2, init="glorot", random_state=0)
    return classifier.fit(epochs, y), epochs


@pytest.fixture(scope="module")
def consensus():
    epochs, y = make_epochs()
    classifier = EEGNetClassifier(F1=3, D=2, max_epochs=10, lr=0.01, init="glorot")
    return find_consensus(cross_components(classifier, epochs, y, cv=2))


@pytest.fixture
def ablation(scores):
    """Return scores of three variants on two datasets, and their table with costs."""
    names = {"EEGNet": "published", "CSP+LDA": "joint", "TS+LR": "grouped-2"}
    scores = scores.assign(variant=scores["pipeline"].map(names), fraction=1.0)
    scores = scores.drop(columns="pipeline")
    table = compare(scores)
    costs = {"published": 2_000, "joint": 60_000, "grouped-2": 5_000}
    table["parameters"] = table["variant"].map(costs)
    table["multiply_adds"] = 1000 * table["parameters"]
    table["memory"] = 20_000_000 + table["parameters"]
    return scores, table


@pytest.fixture
def curves(ablation):
    """Return the comparison at two sizes of the training set."""
    _, table = ablation
    return pd.concat([table.assign(n_trials=9.0), table.assign(n_trials=36.0)], ignore_index=True)


@pytest.fixture
def pairs():
    """Return three subjects' indices and leads over two variants on two datasets."""
    rows = [
        {"dataset": dataset, "metric": "roc_auc", "variant": variant, "subject": subject}
        | {"index": 0.2 * subject, "p_value": 0.02 * subject, "lead": 0.1 * subject - 0.2}
        for dataset in ("one", "two")
        for variant in ("standard-spatial", "joint")
        for subject in (1, 2, 3)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def correlation(pairs):
    found = pairs[["dataset", "variant"]].drop_duplicates()
    return found.assign(n_subjects=3, rho=[0.5, -0.25, np.nan, 1], p=[0.04, 1, np.nan, 1 / 3])


@pytest.fixture
def reliability():
    """Return the reliabilities of two subjects, of which one is stable."""
    rows = [[1, 0.8, 0.1, -0.1, True], [2, 0.2, 0.15, 0.25, False]]
    return pd.DataFrame(rows, columns=["subject", "trained", "untrained", "shuffled", "stable"])
