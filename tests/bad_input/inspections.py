"""Inspection and separability, of classifiers, trials and parameters that they cannot use."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from eegsep import components, consensus, data_separability, inspection, separability_index
from eegsep.separability import kernel_separability, rank_one_share

from .arguments import BAD_LABELS, BAD_TRIALS, NUMBER, given, other, with_at, with_bad
from .table import Area
from .trials import FITTED, WORDS, X, Y, quick

# -- inspection ------------------------------------------------------------------------------------

RELEVANCE = Area(
    "inspection.relevance",
    given(clf=FITTED, X=X, y=Y, method="permute", n_repeats=2, random_state=0),
    lambda a: inspection.relevance(a.pop("clf"), a.pop("X"), a.pop("y"), **a),
)
with_bad(RELEVANCE, [row for row in BAD_TRIALS if "None" not in row[0]])
for value in (0, -1, 1.5, "two", None, True):
    RELEVANCE.refused(f"n_repeats: {value!r}", other("n_repeats", value), NUMBER, "n_repeats")
for value in ("wrong", None, 3):
    RELEVANCE.refused(f"method: {value!r}", other("method", value), NUMBER, "method must be")
RELEVANCE.refused("random_state: a word", other("random_state", "seed"), ValueError, "seed")
RELEVANCE.refused(
    "an unknown label", other("y", lambda y: y + 1), ValueError, "not among the classes"
)
CLASSIFIERS = [
    ("not fitted", quick(), ValueError, "not fitted"),
    ("another classifier", LogisticRegression(), TypeError, "EEGNetClassifier"),
    ("a search", GridSearchCV(quick(), {"F1": [1]}), TypeError, "best_estimator_"),
    ("a class", type(FITTED), TypeError, "EEGNetClassifier"),
    ("None", None, TypeError, "EEGNetClassifier"),
    ("a file's name", "model.eegsep", TypeError, "EEGNetClassifier"),
    ("an empty pipeline", make_pipeline("passthrough"), TypeError, "EEGNetClassifier"),
]
GRADIENTS = Area(
    "inspection.integrated_gradients",
    given(clf=FITTED, X=X, y=Y, domain="time", n_steps=2),
    lambda a: inspection.integrated_gradients(a.pop("clf"), a.pop("X"), a.pop("y"), **a),
)
with_bad(
    GRADIENTS,
    [row for row in BAD_TRIALS if "None" not in row[0]],
    [row for row in BAD_LABELS if row[0] != "labels: None"],
)
for value in (0, -1, 1.5, "two", None, True):
    GRADIENTS.refused(f"n_steps: {value!r}", other("n_steps", value), NUMBER, "n_steps")
GRADIENTS.refused("domain: 'space'", other("domain", "space"), ValueError, "domain must be")
COMPONENTS = Area(
    "inspection.components", lambda folder: FITTED, lambda clf: components(clf).patterns
)
for name, value, error, words in CLASSIFIERS:
    RELEVANCE.refused(name, lambda a, value=value: a | {"clf": value}, error, words)
    GRADIENTS.refused(name, lambda a, value=value: a | {"clf": value}, error, words)
    COMPONENTS.refused(name, lambda _, value=value: value, error, words)
COMPONENTS.refused(
    "joint kernels", lambda _: quick(spatial="joint").fit(X, Y), AttributeError, "spatial"
)
COMPONENTS.refused(
    "a pipeline without its trials",
    lambda _: make_pipeline(FunctionTransformer(lambda x: 2 * x), quick()).fit(X, Y),
    ValueError,
    "pass X",
)
COMPONENTS.refused(
    "a pipeline that is not linear",
    lambda _: components(make_pipeline(FunctionTransformer(np.square), quick()).fit(X, Y), X),
    ValueError,
    "not one linear map",
)
COMPONENTS.refused(
    "trials of other channels", lambda clf: components(clf, X[:, 1:]), ValueError, "7 features"
)

FITS = [components(quick(random_state=k).fit(X, Y)) for k in range(2)]
CONSENSUS = Area(
    "consensus",
    lambda folder: (list(FITS), 0.8),
    lambda a: consensus(a[0], min_similarity=a[1]).reliability,
)
CONSENSUS.same("a tuple", lambda a: (tuple(a[0]), 0.8))
CONSENSUS.same("classifiers", lambda a: ([quick(random_state=k).fit(X, Y) for k in range(2)], 0.8))
CONSENSUS.refused("no fits", lambda a: ([], 0.8), ValueError, "at least two fits")
CONSENSUS.refused("one fit", lambda a: (FITS[:1], 0.8), ValueError, "at least two fits")
CONSENSUS.refused("a fit, not a list", lambda a: (FITTED, 0.8), TypeError, "fits")
CONSENSUS.refused(
    "other electrodes",
    lambda a: ([FITS[0], components(quick().fit(X[:, 1:], Y))], 0.8),
    ValueError,
    "different electrodes",
)
CONSENSUS.refused(
    "another window",
    lambda a: ([FITS[0], components(quick().fit(X[:, :, :50], Y))], 0.8),
    ValueError,
    "fit them alike",
)
CONSENSUS.refused(
    "other classes",
    lambda a: ([FITS[0], components(quick().fit(X, WORDS))], 0.8),
    ValueError,
    "different classes",
)
CONSENSUS.refused("arrays", lambda a: ([X, X], 0.8), TypeError, "EEGNetClassifier")
for value in (0, 1, -1, 2, np.nan, "most", None, True, [0.8]):
    CONSENSUS.refused(
        f"min_similarity: {value!r}",
        lambda a, value=value: (a[0], value),
        NUMBER,
        "'min_similarity' parameter",
    )
CONSENSUS.refused(
    "components of other electrodes compared",
    lambda a: inspection.similarity(FITS[0], components(quick().fit(X[:, 1:], Y))),
    ValueError,
    "different electrodes",
)
CONSENSUS.refused(
    "parts of another number than fits",
    lambda a: inspection.reliability_without(FITS, [0, 1, 2]),
    ValueError,
    "parts",
)

CROSS = Area(
    "inspection.cross_fits",
    given(X=X, y=Y, groups=None, cv=2, n_seeds=1, control=None),
    lambda a: [
        fit.probabilities for fit in inspection.cross_fits(quick(), a.pop("X"), a.pop("y"), **a)
    ],
)
with_bad(CROSS, [row for row in BAD_TRIALS if "None" not in row[0]])
CROSS.refused("labels: one class", other("y", lambda y: y * 0), ValueError, "class")
for value in (0, -1, 1.5, "two", None, True):
    CROSS.refused(f"n_seeds: {value!r}", other("n_seeds", value), NUMBER, "n_seeds")
for value in (0, 1, -1, 21, 1.5, "five", True):
    CROSS.refused(f"cv: {value!r}", other("cv", value), NUMBER, "cv|folds|splits|k-fold")
CROSS.refused("cv: no folds", other("cv", []), NUMBER, "fold")
CROSS.refused(
    "cv: trials that are not there", other("cv", [([0, 1, 2, 3], [99])]), ValueError, "trials"
)
CROSS.refused("cv: nothing to test", other("cv", [(range(20), [])]), ValueError, "fold")
CROSS.refused("cv: needs groups", lambda a: a | {"cv": GroupKFold(2)}, ValueError, "pass groups=")
CROSS.refused(
    "groups: one too few",
    other("groups", np.arange(19)),
    ValueError,
    "one for each of the 20 trials",
)
CROSS.refused(
    "groups: NaN", other("groups", with_at(np.arange(20.0), 3, np.nan)), ValueError, "NaN or None"
)
CROSS.refused(
    "groups: NaN among words",
    other("groups", [np.nan, *map(str, range(19))]),
    ValueError,
    "NaN or None",
)
CROSS.refused(
    "groups: too few",
    other("groups", np.zeros(20)),
    ValueError,
    "cannot make 2 folds of 1 whole groups",
)
CROSS.refused("control: 'random'", other("control", "random"), ValueError, "control must be one of")
CROSS.refused(
    "another classifier",
    lambda a: list(inspection.cross_fits(LogisticRegression(), X, Y)),
    TypeError,
    "EEGNetClassifier",
)
CROSS.refused(
    "labels shuffled in other groups",
    lambda a: inspection.shuffle_labels(Y, groups=np.arange(21)),
    ValueError,
    "groups must be one",
)

# -- separability ----------------------------------------------------------------------------------

DATA = Area(
    "data_separability",
    given(
        X=X,
        y=Y,
        sfreq=128.0,
        fmin=8.0,
        fmax=32.0,
        window=0.25,
        shrinkage=0.1,
        n_permutations=3,
        random_state=0,
    ),
    lambda a: data_separability(a.pop("X"), a.pop("y"), **a).index,
)
with_bad(DATA)
for name in ("sfreq", "fmin", "fmax", "window", "shrinkage"):
    for value in (-1, np.nan, np.inf, "a", None, [1.0], 1j, True):
        DATA.refused(f"{name}: {value!r}", other(name, value), NUMBER, name)
for value in (-1, 1.5, "a", None, True, np.nan):
    DATA.refused(
        f"n_permutations: {value!r}", other("n_permutations", value), NUMBER, "n_permutations"
    )
DATA.refused(
    "a band upside down",
    lambda a: a | {"fmin": 32.0, "fmax": 8.0},
    ValueError,
    "widen the band|fmin",
)
DATA.refused(
    "a band beyond the rate",
    lambda a: a | {"fmin": 100.0, "fmax": 200.0},
    ValueError,
    "widen the band",
)
DATA.refused("labels: one class", other("y", lambda y: y * 0), ValueError, "two classes")
DATA.refused(
    "labels: a class of one trial",
    other("y", lambda y: np.arange(20) > 0),
    ValueError,
    "two trials each",
)
DATA.refused("flat trials", other("X", lambda X: X * 0), ValueError, "flat")
DATA.same("words for labels", other("y", WORDS))
JOINT = quick(spatial="joint").fit(X, Y)
INDEX = Area(
    "separability_index",
    given(clf=JOINT, X=X, y=Y, n_shuffles=1, n_permutations=2),
    lambda a: separability_index(a.pop("clf"), a.pop("X"), a.pop("y"), **a).trained.index,
)
with_bad(INDEX, [row for row in BAD_TRIALS if "None" not in row[0]])
for value in (-1, 1.5, "a", None, True):
    INDEX.refused(f"n_shuffles: {value!r}", other("n_shuffles", value), NUMBER, "n_shuffles")
INDEX.refused("depthwise kernels", lambda a: a | {"clf": FITTED}, ValueError, 'spatial="joint"')
for name, value, error, _ in CLASSIFIERS[:5]:
    INDEX.refused(
        name, lambda a, value=value: a | {"clf": value}, error, "EEGNetClassifier|not fitted"
    )
for name, value in [
    ("NaN", np.full((2, 8, 5), np.nan)),
    ("two axes", np.ones((8, 5))),
    ("none", np.ones((0, 8, 5))),
    ("words", "kernels"),
    ("complex", np.ones((2, 8, 5)) + 1j),
]:
    INDEX.refused(
        f"kernels: {name}", lambda a, value=value: rank_one_share(value), NUMBER, "kernels"
    )
INDEX.refused(
    "kernels over other channels",
    lambda a: kernel_separability(np.ones((2, 7, 5)), X, Y),
    ValueError,
    "7 channels",
)
INDEX.refused(
    "kernels longer than trials, of no taps",
    lambda a: kernel_separability(np.ones((2, 8, 0)), X, Y),
    ValueError,
    "kernels",
)
