"""Statistics of scores that are missing, no numbers, or in no table."""

import numpy as np
import pandas as pd

from eegsep import statistics

from .arguments import NUMBER, with_at
from .table import Area

SCORES = pd.DataFrame(
    [
        {
            "dataset": "d",
            "metric": "roc_auc",
            "pipeline": name,
            "seed": 0,
            "subject": subject,
            "session": "0",
            "score": 0.5 + 0.01 * subject + shift,
            "time": 1.0,
            "samples": 20,
            "samples_test": 10,
            "n_classes": 2,
            "evaluation": "WithinSession",
        }
        for name, shift in (("EEGNet", 0.1), ("CSP+LDA", 0.0))
        for subject in range(1, 6)
    ]
)


def without(column):
    return lambda scores: scores.drop(columns=column)


def with_score(value):
    def make(scores):
        scores["score"] = scores["score"].astype(object)
        scores.loc[2, "score"] = value
        return scores

    return make


for function in ("summarise", "compare", "subject_table"):
    area = Area(
        f"statistics.{function}",
        lambda folder: SCORES.copy(),
        lambda s, function=function: getattr(statistics, function)(s)[
            "score" if function == "subject_table" else "mean"
        ].tolist(),
    )
    for column in ("dataset", "pipeline", "subject", "score"):
        area.refused(f"no column {column}", without(column), ValueError, f"no column.*{column}")
    area.refused("no table", lambda s: s.to_numpy(), NUMBER, "DataFrame")
    area.refused("None", lambda s: None, NUMBER, "DataFrame")
    area.refused("no rows", lambda s: s[:0], ValueError, "no scores")
    area.refused("a score that is NaN", with_score(np.nan), ValueError, "score.*NaN|finite")
    area.refused("a score that is infinite", with_score(np.inf), ValueError, "score.*finite")
    area.refused("a score that is a word", with_score("good"), ValueError, "score")
    area.refused(
        "a subject that is NaN",
        lambda s: s.assign(subject=with_at(s["subject"] * 1.0, 3, np.nan)),
        ValueError,
        "subject",
    )
    area.same("rows in another order", lambda s: s[::-1][::-1])
    area.same("more columns", lambda s: s.assign(note="x"))
    area.same("another index", lambda s: s.set_index(pd.Index([7] * len(s))))

FEW = Area("Other functions of statistics", lambda folder: None, lambda answer: answer)
FEW.answer = "answers"
S = statistics
LEVELS = (0, 1, -0.5, 95, np.nan, "a", None)
for value in LEVELS:
    FEW.refused(
        f"mean_interval, level: {value!r}",
        lambda _, v=value: S.mean_interval([1, 2, 3], v),
        NUMBER,
        "level",
    )
    FEW.refused(
        f"t_interval, level: {value!r}",
        lambda _, v=value: S.t_interval(0.5, 0.1, 3, v),
        NUMBER,
        "level",
    )
    FEW.refused(
        f"chance_interval, level: {value!r}",
        lambda _, v=value: S.chance_interval("accuracy", 10, level=v),
        NUMBER,
        "level",
    )
    FEW.refused(
        f"critical_difference, level: {value!r}",
        lambda _, v=value: S.critical_difference(3, 10, v),
        NUMBER,
        "level",
    )
    FEW.refused(
        f"compare, confidence: {value!r}",
        lambda _, v=value: S.compare(SCORES, confidence=v),
        NUMBER,
        "confidence",
    )
for value in (0, -1, np.nan, "a", [], None):
    FEW.refused(
        f"chance_interval, trials: {value!r}",
        lambda _, v=value: S.chance_interval("accuracy", v),
        NUMBER,
        "one trial or more",
    )
for value in (0, 1, -1, 1.5, np.nan, "a", None):
    FEW.refused(
        f"chance_interval, classes: {value!r}",
        lambda _, v=value: S.chance_interval("accuracy", 10, v),
        NUMBER,
        "n_classes",
    )
for value in (0, 1, -1, 1.5, "a", np.nan):
    FEW.refused(
        f"critical_difference, pipelines: {value!r}",
        lambda _, v=value: S.critical_difference(v, 10),
        NUMBER,
        "n_pipelines",
    )
    FEW.refused(
        f"critical_difference, blocks: {value!r}",
        lambda _, v=value: S.critical_difference(3, v),
        NUMBER,
        "n_blocks",
    ) if value != 1 else None
FEW.same(
    "mean_interval of one subject", lambda _: S.mean_interval([1.0]), lambda _: (np.nan, np.nan)
)
FEW.refused(
    "mean_interval of words",
    lambda _: S.mean_interval(["a", "b"]),
    ValueError,
    "string|numbers|values",
)
FEW.refused(
    "mean_interval of a table", lambda _: S.mean_interval([[1.0, 2], [3, 4]]), ValueError, "values"
)
FEW.same(
    "mean_interval of NaN", lambda _: S.mean_interval([1, np.nan, 2]), lambda _: (np.nan, np.nan)
)
FEW.refused(
    "holm of what is no probability", lambda _: S.holm([0.1, 1.5]), ValueError, "between 0 and 1"
)
FEW.refused("holm of negative", lambda _: S.holm([-0.1, 0.5]), ValueError, "between 0 and 1")
FEW.refused("holm of a table", lambda _: S.holm([[0.1, 0.5]]), ValueError, "shape|p-values")
FEW.refused("holm of words", lambda _: S.holm(["small"]), ValueError, "string|p-values")
FEW.same("holm of nothing", lambda _: S.holm([]), lambda _: [])
FEW.same(
    "holm where a test is missing",
    lambda _: S.holm([0.01, np.nan, 0.04]),
    lambda _: [0.02, np.nan, 0.04],
)
FEW.refused(
    "permutation_p of NaN among permuted",
    lambda _: S.permutation_p(0.7, [0.5, np.nan, 0.6]),
    ValueError,
    "NaN|finite",
)
FEW.refused(
    "permutation_p of a score of NaN",
    lambda _: S.permutation_p(np.nan, [0.5, 0.6]),
    ValueError,
    "NaN|finite",
)
FEW.refused("permutation_p of words", lambda _: S.permutation_p("a", [0.5]), NUMBER, "string")
FEW.refused(
    "permutation_p of a table",
    lambda _: S.permutation_p(0.5, [[0.5, 0.6]]),
    ValueError,
    "shape|permuted",
)
FEW.same("permutation_p of no permutations", lambda _: S.permutation_p(0.5, []), lambda _: 1.0)
FEW.refused(
    "spearman of unequal lengths",
    lambda _: S.spearman(np.arange(5.0), np.arange(4.0)),
    ValueError,
    "in pairs",
)
FEW.same(
    "spearman of NaN",
    lambda _: S.spearman(np.array([1, np.nan, 2, 3]), np.arange(4.0)),
    lambda _: (np.nan, np.nan),
)
FEW.refused(
    "spearman of words",
    lambda _: S.spearman(["a", "b", "c"], np.arange(3.0)),
    NUMBER,
    "string|numbers|finite",
)
FEW.same(
    "spearman of two subjects",
    lambda _: S.spearman(np.arange(2.0), np.arange(2.0)),
    lambda _: (np.nan, np.nan),
)
FEW.same(
    "spearman of lists",
    lambda _: S.spearman([1, 2, 3, 4], [1, 2, 3, 4]),
    lambda _: (1.0, 2 / 24),
    within=1e-12,
)
FEW.refused(
    "one_sided_p of one subject",
    lambda _: S.one_sided_p(pd.DataFrame({"a": [0.5], "b": [0.6]})),
    ValueError,
    "subjects",
)
