"""What comes with trials: labels, weights, groups, trials to watch, and calls after each other."""

import copy
import pickle
import threading

import numpy as np
import pandas as pd
import torch

from eegsep import EEGNetClassifier
from eegsep.training import Hook

from .table import Area
from .trials import FITTED, WORDS, X, Y, fit, quick

RNG = np.random.default_rng(0)
LABELS = Area("Labels given to `fit`", lambda folder: Y.copy(), lambda y: fit(y=y))
L = LABELS
L.same("words", lambda y: WORDS)
L.same("words as objects", lambda y: WORDS.astype(object))
L.same("list of words", lambda y: WORDS.tolist())
L.same("tuple", tuple)
L.same("column of a table", lambda y: pd.Series(y))
L.same("categories", lambda y: pd.Series(WORDS).astype("category"))
L.same(
    "categories, one of them unused",
    lambda y: pd.Series(pd.Categorical(WORDS, ["left_hand", "none", "right_hand"])),
)
L.same("pandas's nullable numbers", lambda y: pd.array(y, dtype="Int64"))
L.same("pandas's words", lambda y: pd.array(WORDS, dtype="string"))
L.same("truths", lambda y: y == 1)
L.same("floats that are whole", lambda y: y * 1.0)
L.same("negative numbers", lambda y: y - 5)
L.same("numbers of 64 bits without a sign", lambda y: y.astype(np.uint64) + 2**63)
L.same("tensor", torch.from_numpy)
L.same("tensor with gradients", lambda y: torch.tensor(y * 1.0, requires_grad=True))
L.same("read-only and strided", lambda y: np.broadcast_to(y[:, None], (20, 3))[:, 1])
L.same("times of day", lambda y: y.astype("M8[D]"))
L.same("words with line breaks and quotes", lambda y: np.where(y == 1, "b\n'\"", "a\\"))
L.same("words beyond ASCII", lambda y: np.where(y == 1, "right 手", "left ✋"))
L.same("the empty word", lambda y: np.where(y == 1, "x", ""))
L.same("a column", lambda y: y[:, None])
L.refused("bytes", lambda y: WORDS.astype("S"), TypeError, "Convert the labels")
L.refused("None", lambda y: None, ValueError, "requires y to be passed")
L.refused("NaN among floats", lambda y: np.where(y == 1, np.nan, 0), ValueError, "needs a label")
L.refused("infinity", lambda y: np.where(y == 1, np.inf, 0), ValueError, "infinity|continuous")
L.refused("None among words", lambda y: [None, *WORDS[1:]], ValueError, "needs a label")
L.refused("NaN among words", lambda y: [np.nan, *WORDS[1:]], ValueError, "needs a label")
L.refused(
    "NA among nullable numbers",
    lambda y: pd.array([pd.NA, *y[1:]], dtype="Int64"),
    ValueError,
    "needs a label",
)
L.refused(
    "no time of day",
    lambda y: np.array(["NaT", *y[1:].astype("M8[D]")], "M8[D]"),
    ValueError,
    "needs a label",
)
L.refused("words and numbers", lambda y: ["a", 1] * 10, ValueError, r"\[str\(value\)")
L.refused(
    "words and numbers as objects",
    lambda y: np.array(["a", 1] * 10, object),
    ValueError,
    r"\[str\(value\)",
)
L.refused("words and truths", lambda y: ["a", True] * 10, ValueError, r"\[str\(value\)")
L.refused("words and bytes", lambda y: ["a", b"a"] * 10, ValueError, "several types|str")
L.refused("numbers with fractions", lambda y: y + 0.5, ValueError, "continuous")
L.refused("complex numbers", lambda y: y + 1j, ValueError, "[Cc]omplex|label type")
L.refused("one label", lambda y: y * 0, ValueError, "at least 2 classes")
L.refused("one word", lambda y: ["left"] * 20, ValueError, "at least 2 classes")
L.refused("a label less", lambda y: y[1:], ValueError, "20 trials but y has 19 labels")
L.refused("a label more", lambda y: [*y, 0], ValueError, "20 trials but y has 21 labels")
L.refused("no labels", lambda y: [], ValueError, "20 trials but y has 0 labels|0 sample")
L.refused("a single label", lambda y: 1, (ValueError, TypeError), "scalar|shape|array|1d")
L.refused("a word", lambda y: "left_hand", TypeError, "not a str")
L.refused("two columns", lambda y: np.stack([y, y], 1), ValueError, r"1d array|shape")
L.refused("one column for each class", lambda y: np.eye(2)[y], ValueError, r"1d array|shape")
L.refused("lists", lambda y: [[0, 1]] * 20, ValueError, r"1d array|shape")
L.refused(
    "lists of unequal length",
    lambda y: [[0], [0, 1]] * 10,
    ValueError,
    "shape|sequence|inhomogeneous",
)
L.refused(
    "lists as objects",
    lambda y: np.array([[0], [0, 1]] * 10, object),
    (ValueError, TypeError),
    "sequence|list|label type|order",
)
L.refused(
    "pairs",
    lambda y: pd.Series([("a", 1), ("b", 2)] * 10),
    (ValueError, TypeError),
    "sequence|tuple|label type|order",
)
L.refused("a dict", lambda y: dict(enumerate(y)), TypeError, "not a dict")
L.refused("a set", lambda y: set(y), TypeError, "not a set")
L.refused("a generator", lambda y: (v for v in y), TypeError, "not a generator")
L.refused(
    "objects without an order",
    lambda y: np.array([object(), object()] * 10),
    (ValueError, TypeError),
    "label type|order|compar",
)
L.refused("masked labels", lambda y: np.ma.masked_equal(y, 1), ValueError, "y as a masked array")
L.refused(
    "a table of two columns", lambda y: pd.DataFrame({"a": y, "b": y}), ValueError, "1d array|shape"
)
L.refused(
    "tensor without values",
    lambda y: torch.empty(20, device="meta"),
    ValueError,
    "cannot take the values of y",
)
L.same("structured array", lambda y: np.array([(v,) for v in y], [("a", int)]))

MANY = Area(
    "Very many classes, very few trials",
    lambda folder: None,
    lambda given: len(quick(max_epochs=1, batch_size=500).fit(*given).classes_),
)
MANY.answer = "classes"
MANY.same(
    "2000 classes of a trial each",
    lambda _: (RNG.normal(size=(2000, 2, 8)), range(2000)),
    lambda _: 2000,
)
MANY.same("two trials", lambda _: (X[:2], [0, 1]), lambda _: 2)
MANY.refused("one trial", lambda _: (X[:1], [0]), ValueError, "at least 2 classes")
MANY.same("a trial twice, of two classes", lambda _: (X[[0, 0]], [0, 1]), lambda _: 2)

WEIGHTS = Area("Weights of trials", lambda folder: np.ones(20), lambda w: fit(sample_weight=w))
W = WEIGHTS
W.same("None", lambda w: None)
W.same("one number for all", lambda w: 2.0)
W.same("whole numbers", lambda w: w.astype(int) * 3)
W.same("list", list)
W.same("column of a table", pd.Series)
W.same("tensor with gradients", lambda w: torch.from_numpy(w).requires_grad_())
W.same("truths", lambda w: w > 0)
W.same("tiny", lambda w: w * 1e-300)
W.same("large", lambda w: w * 1e30)
W.same("array of objects", lambda w: w.astype(object))
W.refused("too large to be summed", lambda w: w * 1e308, ValueError, "too large to be summed")
W.refused("negative", lambda w: w - 2, ValueError, "[Nn]egative")
W.refused("one negative", lambda w: np.where(np.arange(20) == 3, -1, w), ValueError, "[Nn]egative")
W.refused("NaN", lambda w: np.where(np.arange(20) == 3, np.nan, w), ValueError, "NaN")
W.refused("infinity", lambda w: np.where(np.arange(20) == 3, np.inf, w), ValueError, "infinity")
W.refused("all zero", lambda w: w * 0, ValueError, "All values of sample_weight are zero|zero")
W.refused("zero for one class", lambda w: Y * 1.0, ValueError, "at least 2 classes")
W.refused("one too few", lambda w: w[1:], ValueError, r"shape|inconsistent|sample_weight")
W.refused("two columns", lambda w: np.stack([w, w], 1), ValueError, "1D|shape")
W.refused("a column", lambda w: w[:, None], ValueError, "1D|shape")
W.refused("words", lambda w: ["heavy"] * 20, ValueError, "convert|string|number")
W.refused("a word", lambda w: "balanced", TypeError, "not a str")
W.refused("complex", lambda w: w + 1j, (ValueError, TypeError), "[Cc]omplex")
W.refused("masked", lambda w: np.ma.masked_greater(w, 0), ValueError, "sample_weight as a masked")
W.refused("a dict", lambda w: {0: 1}, TypeError, "not a dict")
W.refused("None among them", lambda w: [None, *w[1:]], (ValueError, TypeError), "NaN|None")

STOPS = {"early_stopping": True, "max_epochs": 2}
GROUPS = Area(
    "Groups of trials", lambda folder: np.arange(20) // 2, lambda g: fit(settings=STOPS, groups=g)
)
G = GROUPS
G.same("words", lambda g: g.astype(str))
G.same("list", list)
G.refused("words and numbers", lambda g: [*g[:-2], "last", "last"], ValueError, "several types")
G.refused(
    "NaN among words",
    lambda g: [np.nan, *g[1:].astype(str)],
    ValueError,
    "every trial needs a group",
)
G.same("pairs, in a column of a table", lambda g: pd.Series([("run", int(v)) for v in g]))
G.same("tensor", torch.from_numpy)
G.same("in another order of names", lambda g: 100 - g)
G.same("as a column", lambda g: g[:, None])
G.refused("NaN", lambda g: np.where(g == 3, np.nan, g), ValueError, "every trial needs a group")
G.refused("None", lambda g: [None, *g[1:]], ValueError, "every trial needs a group")
G.refused("one too few", lambda g: g[1:], ValueError, "each of the 20 trials")
G.refused("one for all", lambda g: g * 0, ValueError, "one group of each class")
G.refused("one for each class", lambda g: Y, ValueError, "one group of each class")
G.refused("two columns", lambda g: np.stack([g, g], 1), ValueError, "Join several columns")
G.refused("a number", lambda g: 3, (ValueError, TypeError), "groups")
G.refused("a word", lambda g: "run", TypeError, "groups.*not a str")
G.refused("a dict", lambda g: dict(enumerate(g)), TypeError, "groups.*not a dict")
G.refused("masked", lambda g: np.ma.masked_equal(g, 3), ValueError, "groups as a masked")

WATCHED = Area(
    "`validation_data`",
    lambda folder: (X[:10].copy(), Y[:10].copy()),
    lambda v: fit(settings=STOPS, validation_data=v),
)
V = WATCHED
V.same("list of two", list)
V.same("None for the weights", lambda v: (*v, None))
V.same("weights of one", lambda v: (*v, np.ones(10)))
V.same("nested lists", lambda v: (v[0].tolist(), v[1].tolist()))
V.refused("an array alone", lambda v: v[0], ValueError, "must be a tuple")
V.refused("one of two", lambda v: v[:1], ValueError, "must be a tuple.*1 values")
V.refused("four things", lambda v: (*v, None, None), ValueError, "must be a tuple")
V.refused("a share", lambda v: 0.2, ValueError, "must be a tuple.*float")
V.refused("a dict", lambda v: {"X": v[0]}, ValueError, "must be a tuple.*dict")
V.refused(
    "another label",
    lambda v: (v[0], v[1] + 1),
    ValueError,
    "validation_data cannot be used.*not among",
)
V.refused(
    "labels of words",
    lambda v: (v[0], WORDS[:10]),
    ValueError,
    "validation_data cannot be used.*not among",
)
V.refused(
    "a label less", lambda v: (v[0], v[1][1:]), ValueError, "validation_data cannot be used.*labels"
)
V.refused(
    "another window",
    lambda v: (v[0][:, :, 1:], v[1]),
    ValueError,
    "validation_data cannot be used.*windows of 64",
)
V.refused(
    "a channel less",
    lambda v: (v[0][:, 1:], v[1]),
    ValueError,
    "validation_data cannot be used.*features",
)
V.refused("NaN", lambda v: (v[0] * np.nan, v[1]), ValueError, "validation_data cannot be used.*NaN")
V.refused(
    "weights of zero",
    lambda v: (*v, np.zeros(10)),
    ValueError,
    "validation_data cannot be used.*zero",
)
V.refused(
    "negative weights",
    lambda v: (*v, -np.ones(10)),
    ValueError,
    "validation_data cannot be used.*egative",
)
V.refused(
    "no trials",
    lambda v: (v[0][:0], v[1][:0]),
    ValueError,
    "validation_data cannot be used.*0 sample",
)
V.refused(
    "a file's name", lambda v: ("X.npy", "y.npy"), TypeError, "validation_data cannot be used.*str"
)


# -- calls after each other ------------------------------------------------------------------------


def fitted():
    return quick().fit(X, Y)


class Interrupt(Hook):
    """Interrupts a fit in the middle, as Ctrl+C does."""

    def __init__(self, error):
        self.error = error

    def on_step_end(self, state):
        raise self.error


def after(change):
    """Predict after something was done with a fitted classifier, whether or not it failed."""

    def make(clf):
        change(clf)
        return clf

    return make


def failing(change):
    def make(clf):
        try:
            change(clf)
        except (ValueError, TypeError, KeyboardInterrupt, MemoryError):
            return clf
        raise AssertionError("this should have failed")

    return make


def refit(clf, given=(X, Y), **settings):
    clf.set_params(**settings).fit(*given)


def in_threads(clf):
    threads = [threading.Thread(target=clf.predict, args=(X,)) for _ in range(4)]
    threads += [threading.Thread(target=clf.fit, args=(X, Y)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


CALLS = Area("Calls after each other", lambda folder: fitted(), lambda clf: clf.predict_proba(X))
C = CALLS
C.same("parameters changed after the fit", after(lambda clf: clf.set_params(F1=99, max_epochs=-1)))
C.same("`ch_names` changed after the fit", after(lambda clf: clf.set_params(ch_names=["a"])))
C.same("a copy", copy.copy)
C.same("a deep copy", copy.deepcopy)
C.same("a pickled copy", lambda clf: pickle.loads(pickle.dumps(clf)))
C.same("fit again", after(lambda clf: clf.fit(X, Y)))
C.same(
    "fit to other channels, window and classes, then again",
    after(lambda clf: clf.fit(X[:, :3, :20], np.arange(20) % 3).fit(X, Y)),
)
C.same(
    "fit to Epochs-like tables, then again",
    after(lambda clf: clf.fit(pd.DataFrame(X[:, :, 0]).add_prefix("c"), Y).fit(X, Y)),
)
C.same("a refused fit", failing(lambda clf: clf.fit(X, Y[1:])))
C.same("a fit with a refused parameter", failing(lambda clf: refit(clf, lr=-1.0)))
C.same("a fit to NaN", failing(lambda clf: clf.fit(X * np.nan, Y)))
C.same("a refused `partial_fit`", failing(lambda clf: clf.partial_fit(X, Y + 1)))
C.same(
    "Ctrl+C in a fit", failing(lambda clf: refit(clf, callbacks=[Interrupt(KeyboardInterrupt())]))
)
C.same(
    "memory that does not suffice in a fit",
    failing(lambda clf: refit(clf, callbacks=[Interrupt(MemoryError())])),
)
C.same(
    "Ctrl+C in a fit that goes on",
    failing(lambda clf: refit(clf, callbacks=[Interrupt(KeyboardInterrupt())], warm_start=True)),
)
C.same(
    "Ctrl+C in `partial_fit`",
    failing(
        lambda clf: clf.set_params(callbacks=[Interrupt(KeyboardInterrupt())]).partial_fit(X, Y)
    ),
)
C.same("fits and predictions in six threads", after(in_threads))
C.same("the array of the fit overwritten", lambda clf: _overwritten())
C.refused("predict before fit", lambda clf: quick(), ValueError, "not fitted")
C.refused(
    "predict of a clone",
    lambda clf: __import__("sklearn.base").base.clone(clf),
    ValueError,
    "not fitted",
)
C.refused(
    "a warm start on other channels",
    lambda clf: clf.set_params(warm_start=True).fit(X[:, 1:], Y),
    ValueError,
    "7 features.*expecting 8",
)
C.refused(
    "a warm start on other classes",
    lambda clf: clf.set_params(warm_start=True).fit(X, Y + 1),
    ValueError,
    "not among|labels",
)
C.refused(
    "a warm start of another size",
    lambda clf: clf.set_params(warm_start=True, F1=3).fit(X, Y),
    ValueError,
    "F1|network",
)
C.refused(
    "`partial_fit` on another window",
    lambda clf: clf.partial_fit(X[:, :, 1:], Y),
    ValueError,
    "windows of 64",
)
C.refused(
    "`partial_fit` with other classes",
    lambda clf: clf.partial_fit(X, Y, classes=[0, 1, 2]),
    ValueError,
    "classes",
)
C.refused(
    "`partial_fit` with one class to come",
    lambda clf: quick().partial_fit(X, Y * 0, classes=[0]),
    ValueError,
    "2 classes",
)
C.same(
    "`partial_fit` with a class twice",
    lambda clf: quick().partial_fit(X, Y, classes=[0, 1, 1]),
    lambda p: quick().partial_fit(X, Y, classes=[0, 1]).predict_proba(X),
)
for name, classes, error, words in [
    ("NaN for a class", [0, 1, np.nan], ValueError, "classes contains NaN"),
    ("None for a class", [None, "a"], ValueError, "classes contains NaN"),
    ("words and numbers for classes", ["a", 1], ValueError, "classes of several types"),
    ("a word for classes", "01", TypeError, "classes.*not a str"),
    ("a set of classes", {0, 1}, TypeError, "classes.*not a set"),
    ("a number for classes", 2, ValueError, "1d array|shape"),
    ("fractions for classes", [0.5, 1.5], ValueError, "continuous"),
]:
    C.refused(
        f"`partial_fit` with {name}",
        lambda clf, classes=classes: quick().partial_fit(X, Y, classes),
        error,
        words,
    )
C.refused(
    "weights of the network that are NaN",
    lambda clf: _with_weights(clf, np.nan),
    ValueError,
    "not finite",
)
C.refused("another network in its place", lambda clf: _with_module(clf), ValueError, "no EEGNet")
C.refused(
    "`classes_` with one more",
    lambda clf: _with(clf, classes_=np.arange(3)),
    ValueError,
    "2 outputs, but classes_ has 3",
)
C.refused(
    "an unknown parameter",
    lambda clf: clf.set_params(filters=8),
    ValueError,
    "Invalid parameter 'filters'",
)
C.refused(
    "an unknown argument of the constructor",
    lambda clf: EEGNetClassifier(filters=8),
    TypeError,
    "filters",
)
C.refused("a parameter without its name", lambda clf: EEGNetClassifier(8), TypeError, "positional")


def _overwritten():
    data = X.copy()
    clf = quick().fit(data, Y)
    data[:] = 7
    return clf


def _with_weights(clf, value):
    with torch.no_grad():
        next(clf.module_.parameters()).fill_(value)
    return clf


def _with_module(clf):
    clf.module_ = torch.nn.Linear(3, 2)
    return clf


def _with(clf, **attributes):
    vars(clf).update(attributes)
    return clf


assert FITTED.classes_.tolist() == [0, 1]
