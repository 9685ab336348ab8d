"""Arguments of functions with one of them wrong; trials and labels that every function refuses."""

import numpy as np

from .trials import WORDS

NUMBER = (ValueError, TypeError)


def given(**clean):
    """Arguments that nothing is wrong with."""
    return lambda folder: {
        name: value.copy() if hasattr(value, "copy") else value for name, value in clean.items()
    }


def other(name, value):
    """The same arguments but for one of them, a value or what is made of the clean one."""
    return lambda arguments: (
        arguments | {name: value(arguments[name]) if callable(value) else value}
    )


def with_at(values, at, new):
    values = np.array(values)
    values[at] = new
    return values


BAD_TRIALS = [
    ("trials: NaN", lambda X: with_at(X, (3, 2, 1), np.nan), ValueError, "NaN"),
    ("trials: infinity", lambda X: with_at(X, (3, 2, 1), np.inf), ValueError, "[Ii]nf"),
    ("trials: masked values", lambda X: np.ma.masked_greater(X, 0), ValueError, "masked"),
    ("trials: complex", lambda X: X + 1j, ValueError, "[Cc]omplex|real"),
    ("trials: one", lambda X: X[0], ValueError, "shape|dim|2D|single window|8 trials"),
    ("trials: none", lambda X: X[:0], ValueError, "0 sample|shape|0 trials"),
    ("trials: None", lambda _: None, NUMBER, "."),
    (
        "trials: words",
        lambda X: np.full(X.shape, "a"),
        ValueError,
        "string|numeric|real|convert|numbers",
    ),
    (
        "trials: of unequal length",
        lambda X: [x[:, : 40 + i % 3] for i, x in enumerate(X)],
        ValueError,
        "inhomogeneous|length|sequence",
    ),
]
BAD_LABELS = [
    ("labels: one too few", lambda y: y[1:], ValueError, "20|shape|inconsistent|length"),
    (
        "labels: NaN among words",
        lambda y: [np.nan, *WORDS[1:]],
        ValueError,
        "label|several|not among",
    ),
    ("labels: NaN", lambda y: with_at(y * 1.0, 3, np.nan), ValueError, "label|NaN|not among"),
    ("labels: None", lambda _: None, NUMBER, "y|label"),
    ("labels: two columns", lambda y: np.stack([y, y], 1), ValueError, "1d|shape|label"),
    ("labels: words and numbers", lambda y: ["a", 1] * 10, ValueError, "several types|not among"),
    ("labels: masked", lambda y: np.ma.masked_equal(y, 1), ValueError, "masked"),
]


def with_bad(area, trials=BAD_TRIALS, labels=BAD_LABELS):
    for name, make, error, words in trials:
        area.refused(name, other("X", make), error, words)
    for name, make, error, words in labels:
        area.refused(name, other("y", make), error, words)
