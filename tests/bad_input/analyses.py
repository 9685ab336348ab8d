"""Steps of pipelines, inspection, separability and statistics, called with what they cannot use."""

import mne
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from eegsep import components, consensus, data_separability, inspection, separability_index, statistics
from eegsep.preprocessing import CommonMontage, ExponentialMovingStandardizer, FilterBankCSP, GroupAlignment
from eegsep.separability import kernel_separability, rank_one_share

from .parameters import NAMES, epochs
from .table import Area
from .trials import FITTED, WORDS, X, Y, quick

MICROVOLTS = 1e6 * X
NUMBER = (ValueError, TypeError)


def given(**clean):
    """Arguments that nothing is wrong with."""
    return lambda folder: {name: value.copy() if hasattr(value, "copy") else value for name, value in clean.items()}


def other(name, value):
    """The same arguments but for one of them, a value or what is made of the clean one."""
    return lambda arguments: arguments | {name: value(arguments[name]) if callable(value) else value}


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
    ("trials: words", lambda X: np.full(X.shape, "a"), ValueError, "string|numeric|real|convert|numbers"),
    ("trials: of unequal length", lambda X: [x[:, : 40 + i % 3] for i, x in enumerate(X)], ValueError, "inhomogeneous|length|sequence"),
]
BAD_LABELS = [
    ("labels: one too few", lambda y: y[1:], ValueError, "20|shape|inconsistent|length"),
    ("labels: NaN among words", lambda y: [np.nan, *WORDS[1:]], ValueError, "label|several|not among"),
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


# -- steps -----------------------------------------------------------------------------------------

MOVING = Area("ExponentialMovingStandardizer", given(X=MICROVOLTS, factor_new=0.01, eps=1e-4),
              lambda a: ExponentialMovingStandardizer(a["factor_new"], eps=a["eps"]).fit_transform(a["X"]))
with_bad(MOVING, labels=[])
for name in ("factor_new", "eps"):
    for value in (0, -1, np.nan, "a", None, [0.1], True, 1j, *([2, np.inf] if name == "factor_new" else [np.inf])):
        MOVING.refused(f"{name}: {value!r}", other(name, value), NUMBER, f"'{name}' parameter")
MOVING.refused("trials in volts", other("X", lambda X: X * 1e-6), ValueError, "microvolts")
MOVING.same("Epochs, in volts", other("X", lambda X: epochs(data=X * 1e-6)), within=1e-9)
MOVING.refused("a channel less than in the fit", lambda a: ExponentialMovingStandardizer(0.01).fit(a["X"]).transform(a["X"][:, 1:]), ValueError, "7 features")
MOVING.refused("not fitted", lambda a: ExponentialMovingStandardizer(0.01).transform(a["X"]), ValueError, "not fitted")

BANK = Area("FilterBankCSP", given(X=np.stack([X, X[::-1]], 3), y=Y, nfilter=2, estimator="oas"),
            lambda a: FilterBankCSP(a["nfilter"], estimator=a["estimator"]).fit_transform(a["X"], a["y"]))
with_bad(BANK, [row for row in BAD_TRIALS if "unequal" not in row[0]])
BANK.refused("trials without bands", other("X", X), ValueError, "n_bands")
BANK.refused("labels: one class", other("y", lambda y: y * 0), ValueError, "class")
for value in (0, -1, 1.5, "four", True, None, 9):
    BANK.refused(f"nfilter: {value!r}", other("nfilter", value), NUMBER, "nfilter")
for value in ("wrong", None, 3):
    BANK.refused(f"estimator: {value!r}", other("estimator", value), NUMBER, "estimator|cov")
BANK.refused("another number of bands than in the fit", lambda a: FilterBankCSP(2).fit(a["X"], Y).transform(a["X"][..., :1]), ValueError, "1 bands, fitted were 2")

ALIGNED = Area("GroupAlignment", given(X=X, groups=np.arange(20) // 10, metric="euclid", estimator="lwf", recentre_unseen=False),
               lambda a: GroupAlignment(a["metric"], estimator=a["estimator"], recentre_unseen=a["recentre_unseen"]).fit_transform(a["X"], groups=a["groups"]))
with_bad(ALIGNED, labels=[])
ALIGNED.same("groups: words", other("groups", lambda g: np.where(g, "b", "a")))
ALIGNED.refused("groups: NaN", other("groups", lambda g: with_at(g * 1.0, 3, np.nan)), ValueError, "group")
ALIGNED.refused("groups: None among words", other("groups", lambda g: [None, *g[1:].astype(str)]), ValueError, "group")
ALIGNED.refused("groups: NaN among words", other("groups", lambda g: [np.nan, *g[1:].astype(str)]), ValueError, "group")
ALIGNED.refused("groups: words and numbers", other("groups", lambda g: ["a", *g[1:].tolist()]), ValueError, "group")
ALIGNED.refused("groups: one too few", other("groups", lambda g: g[1:]), ValueError, "inconsistent|20")
ALIGNED.refused("groups: two columns", other("groups", lambda g: np.stack([g, g], 1)), ValueError, "1d|shape|columns")
ALIGNED.refused("groups: a word", other("groups", "subject"), TypeError, "groups to be an array")
ALIGNED.refused("groups: masked", other("groups", lambda g: np.ma.masked_equal(g, 1)), ValueError, "masked")
for value in ("wrong", None, 3, ["euclid"]):
    ALIGNED.refused(f"metric: {value!r}", other("metric", value), NUMBER, "metric must be one of")
for value in ("wrong", None, 3):
    ALIGNED.refused(f"estimator: {value!r}", other("estimator", value), NUMBER, "estimator|cov")
ALIGNED.refused("recentre_unseen: a word", other("recentre_unseen", "yes"), NUMBER, "recentre_unseen")
ALIGNED.refused("channels that depend on each other", lambda a: a | {"X": a["X"] - a["X"].mean(1, keepdims=True), "estimator": "scm"}, ValueError, "no inverse.*lwf")
ALIGNED.refused("a flat channel, of no shrinkage", lambda a: a | {"X": with_at(a["X"], (slice(None), 3), 0), "estimator": "scm"}, ValueError, "no inverse")
ALIGNED.refused("zeros", other("X", lambda X: X * 0), ValueError, "no inverse")

MONTAGE = Area("CommonMontage", given(X=epochs(), ch_names=["F3", "P4"], montage=None, method="spline"),
               lambda a: CommonMontage(a["ch_names"], montage=a["montage"], method=a["method"]).fit_transform(a["X"]).get_data())
MONTAGE.refused("an array", other("X", X), TypeError, "mne.Epochs")
MONTAGE.refused("Raw", other("X", mne.io.RawArray(X[0], mne.create_info(NAMES, 128.0, "eeg"), verbose="error")), TypeError, "mne.Epochs")
MONTAGE.refused("Epochs without places", other("X", mne.EpochsArray(X, mne.create_info(NAMES, 128.0, "eeg"), verbose="error")), ValueError, "set_montage")
MONTAGE.refused("Epochs without EEG", other("X", epochs(kinds="misc")), ValueError, "no EEG channel")
MONTAGE.refused("Epochs without trials", other("X", lambda e: e[:0]), ValueError, "no trials|empty|0 ")
for value in ([], "Cz", ["Nowhere"], ["Cz", "Cz"], None, 3, [None], [["Cz"]]):
    MONTAGE.refused(f"ch_names: {value!r}", other("ch_names", lambda _, value=value: value), NUMBER, "ch_names")
for value in ("wrong", 3, ["standard_1020"]):
    MONTAGE.refused(f"montage: {value!r}", other("montage", value), NUMBER, "montage")
for value in ("wrong", None, 3):
    MONTAGE.refused(f"method: {value!r}", other("method", value), NUMBER, "method must be")

# -- inspection ------------------------------------------------------------------------------------

RELEVANCE = Area("inspection.relevance", given(clf=FITTED, X=X, y=Y, method="permute", n_repeats=2, random_state=0),
                 lambda a: inspection.relevance(a.pop("clf"), a.pop("X"), a.pop("y"), **a))
with_bad(RELEVANCE, [row for row in BAD_TRIALS if "None" not in row[0]])
for value in (0, -1, 1.5, "two", None, True):
    RELEVANCE.refused(f"n_repeats: {value!r}", other("n_repeats", value), NUMBER, "n_repeats")
for value in ("wrong", None, 3):
    RELEVANCE.refused(f"method: {value!r}", other("method", value), NUMBER, "method must be")
RELEVANCE.refused("random_state: a word", other("random_state", "seed"), ValueError, "seed")
RELEVANCE.refused("an unknown label", other("y", lambda y: y + 1), ValueError, "not among the classes")
CLASSIFIERS = [
    ("not fitted", quick(), ValueError, "not fitted"),
    ("another classifier", LogisticRegression(), TypeError, "EEGNetClassifier"),
    ("a search", GridSearchCV(quick(), {"F1": [1]}), TypeError, "best_estimator_"),
    ("a class", type(FITTED), TypeError, "EEGNetClassifier"),
    ("None", None, TypeError, "EEGNetClassifier"),
    ("a file's name", "model.eegsep", TypeError, "EEGNetClassifier"),
    ("an empty pipeline", make_pipeline("passthrough"), TypeError, "EEGNetClassifier"),
]
GRADIENTS = Area("inspection.integrated_gradients", given(clf=FITTED, X=X, y=Y, domain="time", n_steps=2),
                 lambda a: inspection.integrated_gradients(a.pop("clf"), a.pop("X"), a.pop("y"), **a))
with_bad(GRADIENTS, [row for row in BAD_TRIALS if "None" not in row[0]], [row for row in BAD_LABELS if row[0] != "labels: None"])
for value in (0, -1, 1.5, "two", None, True):
    GRADIENTS.refused(f"n_steps: {value!r}", other("n_steps", value), NUMBER, "n_steps")
GRADIENTS.refused("domain: 'space'", other("domain", "space"), ValueError, "domain must be")
COMPONENTS = Area("inspection.components", lambda folder: FITTED, lambda clf: components(clf).patterns)
for name, value, error, words in CLASSIFIERS:
    RELEVANCE.refused(name, lambda a, value=value: a | {"clf": value}, error, words)
    GRADIENTS.refused(name, lambda a, value=value: a | {"clf": value}, error, words)
    COMPONENTS.refused(name, lambda _, value=value: value, error, words)
COMPONENTS.refused("joint kernels", lambda _: quick(spatial="joint").fit(X, Y), AttributeError, "spatial")
COMPONENTS.refused("a pipeline without its trials", lambda _: make_pipeline(FunctionTransformer(lambda x: 2 * x), quick()).fit(X, Y), ValueError, "pass X")
COMPONENTS.refused("a pipeline that is not linear", lambda _: components(make_pipeline(FunctionTransformer(np.square), quick()).fit(X, Y), X), ValueError, "not one linear map")
COMPONENTS.refused("trials of other channels", lambda clf: components(clf, X[:, 1:]), ValueError, "7 features")

FITS = [components(quick(random_state=k).fit(X, Y)) for k in range(2)]
CONSENSUS = Area("consensus", lambda folder: (list(FITS), 0.8), lambda a: consensus(a[0], min_similarity=a[1]).reliability)
CONSENSUS.same("a tuple", lambda a: (tuple(a[0]), 0.8))
CONSENSUS.same("classifiers", lambda a: ([quick(random_state=k).fit(X, Y) for k in range(2)], 0.8))
CONSENSUS.refused("no fits", lambda a: ([], 0.8), ValueError, "at least two fits")
CONSENSUS.refused("one fit", lambda a: (FITS[:1], 0.8), ValueError, "at least two fits")
CONSENSUS.refused("a fit, not a list", lambda a: (FITTED, 0.8), TypeError, "fits")
CONSENSUS.refused("other electrodes", lambda a: ([FITS[0], components(quick().fit(X[:, 1:], Y))], 0.8), ValueError, "different electrodes")
CONSENSUS.refused("another window", lambda a: ([FITS[0], components(quick().fit(X[:, :, :50], Y))], 0.8), ValueError, "fit them alike")
CONSENSUS.refused("other classes", lambda a: ([FITS[0], components(quick().fit(X, WORDS))], 0.8), ValueError, "different classes")
CONSENSUS.refused("arrays", lambda a: ([X, X], 0.8), TypeError, "EEGNetClassifier")
for value in (0, 1, -1, 2, np.nan, "most", None, True, [0.8]):
    CONSENSUS.refused(f"min_similarity: {value!r}", lambda a, value=value: (a[0], value), NUMBER, "'min_similarity' parameter")
CONSENSUS.refused("components of other electrodes compared", lambda a: inspection.similarity(FITS[0], components(quick().fit(X[:, 1:], Y))), ValueError, "different electrodes")
CONSENSUS.refused("parts of another number than fits", lambda a: inspection.reliability_without(FITS, [0, 1, 2]), ValueError, "parts")

CROSS = Area("inspection.cross_fits", given(X=X, y=Y, groups=None, cv=2, n_seeds=1, control=None),
             lambda a: [fit.probabilities for fit in inspection.cross_fits(quick(), a.pop("X"), a.pop("y"), **a)])
with_bad(CROSS, [row for row in BAD_TRIALS if "None" not in row[0]])
CROSS.refused("labels: one class", other("y", lambda y: y * 0), ValueError, "class")
for value in (0, -1, 1.5, "two", None, True):
    CROSS.refused(f"n_seeds: {value!r}", other("n_seeds", value), NUMBER, "n_seeds")
for value in (0, 1, -1, 21, 1.5, "five", True):
    CROSS.refused(f"cv: {value!r}", other("cv", value), NUMBER, "cv|folds|splits|k-fold")
CROSS.refused("cv: no folds", other("cv", []), NUMBER, "fold")
CROSS.refused("cv: trials that are not there", other("cv", [([0, 1, 2, 3], [99])]), ValueError, "trials")
CROSS.refused("cv: nothing to test", other("cv", [(range(20), [])]), ValueError, "fold")
CROSS.refused("cv: needs groups", lambda a: a | {"cv": GroupKFold(2)}, ValueError, "pass groups=")
CROSS.refused("groups: one too few", other("groups", np.arange(19)), ValueError, "one for each of the 20 trials")
CROSS.refused("groups: NaN", other("groups", with_at(np.arange(20.0), 3, np.nan)), ValueError, "missing")
CROSS.refused("groups: NaN among words", other("groups", [np.nan, *map(str, range(19))]), ValueError, "missing")
CROSS.refused("groups: too few", other("groups", np.zeros(20)), ValueError, "cannot make 2 folds of 1 whole groups")
CROSS.refused("control: 'random'", other("control", "random"), ValueError, "control must be one of")
CROSS.refused("another classifier", lambda a: list(inspection.cross_fits(LogisticRegression(), X, Y)), TypeError, "EEGNetClassifier")
CROSS.refused("labels shuffled in other groups", lambda a: inspection.shuffle_labels(Y, groups=np.arange(21)), ValueError, "groups must be one")

# -- separability ----------------------------------------------------------------------------------

DATA = Area("data_separability", given(X=X, y=Y, sfreq=128.0, fmin=8.0, fmax=32.0, window=0.25, shrinkage=0.1, n_permutations=3, random_state=0),
            lambda a: data_separability(a.pop("X"), a.pop("y"), **a).index)
with_bad(DATA)
for name in ("sfreq", "fmin", "fmax", "window", "shrinkage"):
    for value in (-1, np.nan, np.inf, "a", None, [1.0], 1j, True):
        DATA.refused(f"{name}: {value!r}", other(name, value), NUMBER, name)
for value in (-1, 1.5, "a", None, True, np.nan):
    DATA.refused(f"n_permutations: {value!r}", other("n_permutations", value), NUMBER, "n_permutations")
DATA.refused("a band upside down", lambda a: a | {"fmin": 32.0, "fmax": 8.0}, ValueError, "widen the band|fmin")
DATA.refused("a band beyond the rate", lambda a: a | {"fmin": 100.0, "fmax": 200.0}, ValueError, "widen the band")
DATA.refused("labels: one class", other("y", lambda y: y * 0), ValueError, "two classes")
DATA.refused("labels: a class of one trial", other("y", lambda y: np.arange(20) > 0), ValueError, "two trials each")
DATA.refused("flat trials", other("X", lambda X: X * 0), ValueError, "flat")
DATA.same("words for labels", other("y", WORDS))
JOINT = quick(spatial="joint").fit(X, Y)
INDEX = Area("separability_index", given(clf=JOINT, X=X, y=Y, n_shuffles=1, n_permutations=2),
             lambda a: separability_index(a.pop("clf"), a.pop("X"), a.pop("y"), **a).trained.index)
with_bad(INDEX, [row for row in BAD_TRIALS if "None" not in row[0]])
for value in (-1, 1.5, "a", None, True):
    INDEX.refused(f"n_shuffles: {value!r}", other("n_shuffles", value), NUMBER, "n_shuffles")
INDEX.refused("depthwise kernels", lambda a: a | {"clf": FITTED}, ValueError, 'spatial="joint"')
for name, value, error, words in CLASSIFIERS[:5]:
    INDEX.refused(name, lambda a, value=value: a | {"clf": value}, error, "EEGNetClassifier|not fitted")
for name, value in [("NaN", np.full((2, 8, 5), np.nan)), ("two axes", np.ones((8, 5))), ("none", np.ones((0, 8, 5))), ("words", "kernels"), ("complex", np.ones((2, 8, 5)) + 1j)]:
    INDEX.refused(f"kernels: {name}", lambda a, value=value: rank_one_share(value), NUMBER, "kernels")
INDEX.refused("kernels over other channels", lambda a: kernel_separability(np.ones((2, 7, 5)), X, Y), ValueError, "7 channels")
INDEX.refused("kernels longer than trials, of no taps", lambda a: kernel_separability(np.ones((2, 8, 0)), X, Y), ValueError, "kernels")

# -- statistics ------------------------------------------------------------------------------------

SCORES = pd.DataFrame([
    {"dataset": "d", "metric": "roc_auc", "pipeline": name, "seed": 0, "subject": subject, "session": "0", "score": 0.5 + 0.01 * subject + shift,
     "time": 1.0, "samples": 20, "samples_test": 10, "n_classes": 2, "evaluation": "WithinSession"}
    for name, shift in (("EEGNet", 0.1), ("CSP+LDA", 0.0)) for subject in range(1, 6)])


def without(column):
    return lambda scores: scores.drop(columns=column)


def with_score(value):
    def make(scores):
        scores["score"] = scores["score"].astype(object)
        scores.loc[2, "score"] = value
        return scores

    return make


for function in ("summarise", "compare", "subject_table"):
    area = Area(f"statistics.{function}", lambda folder: SCORES.copy(), lambda s, function=function: getattr(statistics, function)(s)["score" if function == "subject_table" else "mean"].tolist())
    for column in ("dataset", "pipeline", "subject", "score"):
        area.refused(f"no column {column}", without(column), ValueError, f"no column.*{column}")
    area.refused("no table", lambda s: s.to_numpy(), NUMBER, "DataFrame")
    area.refused("None", lambda s: None, NUMBER, "DataFrame")
    area.refused("no rows", lambda s: s[:0], ValueError, "no scores")
    area.refused("a score that is NaN", with_score(np.nan), ValueError, "score.*NaN|finite")
    area.refused("a score that is infinite", with_score(np.inf), ValueError, "score.*finite")
    area.refused("a score that is a word", with_score("good"), ValueError, "score")
    area.refused("a subject that is NaN", lambda s: s.assign(subject=with_at(s["subject"] * 1.0, 3, np.nan)), ValueError, "subject")
    area.same("rows in another order", lambda s: s[::-1][::-1])
    area.same("more columns", lambda s: s.assign(note="x"))
    area.same("another index", lambda s: s.set_index(pd.Index([7] * len(s))))

FEW = Area("Other functions of statistics", lambda folder: None, lambda answer: answer)
FEW.answer = "answers"
S = statistics
LEVELS = (0, 1, -0.5, 95, np.nan, "a", None)
for value in LEVELS:
    FEW.refused(f"mean_interval, level: {value!r}", lambda _, v=value: S.mean_interval([1, 2, 3], v), NUMBER, "level")
    FEW.refused(f"t_interval, level: {value!r}", lambda _, v=value: S.t_interval(0.5, 0.1, 3, v), NUMBER, "level")
    FEW.refused(f"chance_interval, level: {value!r}", lambda _, v=value: S.chance_interval("accuracy", 10, level=v), NUMBER, "level")
    FEW.refused(f"critical_difference, level: {value!r}", lambda _, v=value: S.critical_difference(3, 10, v), NUMBER, "level")
    FEW.refused(f"compare, confidence: {value!r}", lambda _, v=value: S.compare(SCORES, confidence=v), NUMBER, "confidence")
for value in (0, -1, np.nan, "a", [], None):
    FEW.refused(f"chance_interval, trials: {value!r}", lambda _, v=value: S.chance_interval("accuracy", v), NUMBER, "one trial or more")
for value in (0, 1, -1, 1.5, np.nan, "a", None):
    FEW.refused(f"chance_interval, classes: {value!r}", lambda _, v=value: S.chance_interval("accuracy", 10, v), NUMBER, "n_classes")
for value in (0, 1, -1, 1.5, "a", np.nan):
    FEW.refused(f"critical_difference, pipelines: {value!r}", lambda _, v=value: S.critical_difference(v, 10), NUMBER, "n_pipelines")
    FEW.refused(f"critical_difference, blocks: {value!r}", lambda _, v=value: S.critical_difference(3, v), NUMBER, "n_blocks") if value != 1 else None
FEW.same("mean_interval of one subject", lambda _: S.mean_interval([1.0]), lambda _: (np.nan, np.nan))
FEW.refused("mean_interval of words", lambda _: S.mean_interval(["a", "b"]), ValueError, "string|numbers|values")
FEW.refused("mean_interval of a table", lambda _: S.mean_interval([[1.0, 2], [3, 4]]), ValueError, "values")
FEW.same("mean_interval of NaN", lambda _: S.mean_interval([1, np.nan, 2]), lambda _: (np.nan, np.nan))
FEW.refused("holm of what is no probability", lambda _: S.holm([0.1, 1.5]), ValueError, "between 0 and 1")
FEW.refused("holm of negative", lambda _: S.holm([-0.1, 0.5]), ValueError, "between 0 and 1")
FEW.refused("holm of a table", lambda _: S.holm([[0.1, 0.5]]), ValueError, "shape|p-values")
FEW.refused("holm of words", lambda _: S.holm(["small"]), ValueError, "string|p-values")
FEW.same("holm of nothing", lambda _: S.holm([]), lambda _: [])
FEW.same("holm where a test is missing", lambda _: S.holm([0.01, np.nan, 0.04]), lambda _: [0.02, np.nan, 0.04])
FEW.refused("permutation_p of NaN among permuted", lambda _: S.permutation_p(0.7, [0.5, np.nan, 0.6]), ValueError, "NaN|finite")
FEW.refused("permutation_p of a score of NaN", lambda _: S.permutation_p(np.nan, [0.5, 0.6]), ValueError, "NaN|finite")
FEW.refused("permutation_p of words", lambda _: S.permutation_p("a", [0.5]), NUMBER, "string")
FEW.refused("permutation_p of a table", lambda _: S.permutation_p(0.5, [[0.5, 0.6]]), ValueError, "shape|permuted")
FEW.same("permutation_p of no permutations", lambda _: S.permutation_p(0.5, []), lambda _: 1.0)
FEW.refused("spearman of unequal lengths", lambda _: S.spearman(np.arange(5.0), np.arange(4.0)), ValueError, "in pairs")
FEW.same("spearman of NaN", lambda _: S.spearman(np.array([1, np.nan, 2, 3]), np.arange(4.0)), lambda _: (np.nan, np.nan))
FEW.refused("spearman of words", lambda _: S.spearman(["a", "b", "c"], np.arange(3.0)), NUMBER, "string|numbers|finite")
FEW.same("spearman of two subjects", lambda _: S.spearman(np.arange(2.0), np.arange(2.0)), lambda _: (np.nan, np.nan))
FEW.same("spearman of lists", lambda _: S.spearman([1, 2, 3, 4], [1, 2, 3, 4]), lambda _: (1.0, 2 / 24), within=1e-12)
FEW.refused("one_sided_p of one subject", lambda _: S.one_sided_p(pd.DataFrame({"a": [0.5], "b": [0.6]})), ValueError, "subjects")
