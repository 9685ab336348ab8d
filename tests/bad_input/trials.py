"""Trials that are none, or are held by something else: at predict and at fit."""

import mne
import numpy as np
import pandas as pd
import scipy.sparse
import torch

from eegsep import EEGNetClassifier
from tests.conftest import make_trials

from .table import Area

X, WORDS = make_trials(20, 8, 64)
Y = (WORDS == "right_hand").astype(int)


def quick(**settings):
    """A classifier that fits in some milliseconds."""
    defaults = {"F1": 2, "D": 1, "kernel_length": 16, "max_epochs": 1, "init": "glorot"}
    return EEGNetClassifier(**{**defaults, "random_state": 0, "device": "cpu", **settings})


FITTED = quick().fit(X, Y)


def fit(X=X, y=Y, settings=None, **given):
    """Fit anew, and predict clean trials; a fit that fails leaves the one before."""
    clf = quick().fit(CLEAN_X, Y) if settings is None else quick(**settings)
    before = vars(clf).copy()
    try:
        clf.fit(X, y, **given)
    except BaseException:
        assert vars(clf) == before, "a fit that failed left something"
        raise
    return clf.predict_proba(CLEAN_X)


CLEAN_X = X
PREDICT = Area("Trials given to `predict`", lambda folder: X.copy(), FITTED.predict_proba)
FIT = Area("Trials given to `fit`", lambda folder: X.copy(), lambda X: fit(X=X))


def value(at, new):
    """Put one value in its place."""

    def make(X):
        X[at] = new
        return X

    return make


def strided(X):
    wide = np.full((20, 16, 128), 7.0)
    wide[:, ::2, ::2] = X
    return wide[:, ::2, ::2]


def read_only(X):
    X.flags.writeable = False
    return X


def structured(X):
    return np.zeros(20, dtype=[("a", float), ("b", float)])


class Labelled:
    """As xarray's arrays: an array is had by numpy's protocol alone, beside names of axes."""

    dims = ("trial", "channel", "time")

    def __init__(self, values):
        self.values = values
        self.shape, self.dtype, self.ndim = values.shape, values.dtype, values.ndim

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return Labelled(self.values[index])


def objects(X):
    made = np.empty(len(X), dtype=object)
    made[:] = [x[:, : 40 + i % 3] for i, x in enumerate(X)]
    return made


# Held otherwise: the answer is that of the array.
for area in (PREDICT, FIT):
    area.same("nested lists", lambda X: X.tolist())
    area.same("tuple of arrays", tuple)
    area.same("array of objects that are numbers", lambda X: X.astype(object))
    area.same("list of tensors", lambda X: list(torch.from_numpy(X)))
    area.same("tensor that is part of a graph", lambda X: torch.from_numpy(X).requires_grad_() * 1)
    area.same("tensor with other strides", lambda X: torch.from_numpy(X.T.copy()).permute(2, 1, 0))
    area.same("conjugated view of a tensor", lambda X: torch.from_numpy(X)._neg_view()._neg_view())
    area.same("masked array, nothing masked", lambda X: np.ma.array(X, mask=False))
    area.same("read-only array", read_only)
    area.same("every second value of a larger array", strided)
    area.same("Fortran order", np.asfortranarray)
    area.same("backwards in memory", lambda X: X[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1])
    area.same("big-endian", lambda X: X.astype(">f8"))
    area.same("long doubles", lambda X: X.astype(np.longdouble))
    area.same("subclass of ndarray", lambda X: X.view(np.memmap))
    area.same("labelled array, as xarray's", Labelled)
    area.same("pandas column of trials", lambda X: pd.Series(list(X)))
    area.same(
        "unaligned memory",
        lambda X: np.frombuffer(b"?" + X.tobytes(), X.dtype, X.size, 1).reshape(X.shape),
    )
    area.refused("NaN in one value", value((3, 2, 5), np.nan), ValueError, "NaN")
    area.refused("infinity in one value", value((3, 2, 5), np.inf), ValueError, "infinity")
    area.refused("NaN in a whole trial", value(3, np.nan), ValueError, "NaN")
    area.refused(
        "-inf beside inf", value((0, 0, slice(0, 2)), [np.inf, -np.inf]), ValueError, "inf"
    )
    area.refused("nothing but NaN", lambda X: X * np.nan, ValueError, "NaN")
    area.refused("masked values", lambda X: np.ma.masked_greater(X, 0), ValueError, r"X\.filled")
    area.refused("complex numbers", lambda X: X + 1j, ValueError, "[Cc]omplex")
    area.refused("complex tensor", lambda X: torch.from_numpy(X) + 1j, ValueError, "[Cc]omplex")
    area.refused(
        "words", lambda X: X.astype(str).astype(object) + "V", ValueError, "number|convert"
    )
    area.refused("None for each number", lambda X: [[[None] * 64] * 8] * 20, ValueError, "NaN")
    area.refused("times of day", lambda X: X.astype("M8[s]"), (ValueError, TypeError), "real|dtype")
    area.refused("durations", lambda X: X.astype("m8[s]"), (ValueError, TypeError), "real|dtype")
    area.refused(
        "a list of Epochs and arrays",
        lambda X: [mne.EpochsArray(X, mne.create_info(8, 128.0, "eeg"), verbose="error"), X],
        TypeError,
        "Epochs",
    )
    area.refused("bytes", lambda X: X.tobytes(), TypeError, "not a bytes")
    area.refused("array of bytes", lambda X: X.astype("S8"), ValueError, "numeric|number|bytes")
    area.refused("structured array", structured, ValueError, "1D array")
    area.refused("dictionaries", lambda X: [{"data": x} for x in X], (ValueError, TypeError), ".")
    area.refused("None", lambda X: None, (ValueError, TypeError), "NoneType|None|scalar")
    area.refused("a number", lambda X: 3.5, (ValueError, TypeError), "scalar|float")
    area.refused("True", lambda X: True, (ValueError, TypeError), "scalar|bool")
    area.refused("name of a file", lambda X: "trials.npy", TypeError, "not a str")
    area.refused("path of a file", lambda X: __import__("pathlib").Path("x"), TypeError, "not a ")
    area.refused("an iterator", iter, TypeError, "not a .*iterator")
    area.refused("a generator", lambda X: (x for x in X), TypeError, "not a generator")
    area.refused("a set", lambda X: {1, 2}, TypeError, "not a set")
    area.refused("a dict of arrays", lambda X: {"X": X}, TypeError, "not a dict")
    area.refused("a function", lambda X: X.mean, TypeError, "not a ")
    area.refused("the classifier itself", lambda X: FITTED, TypeError, "not a EEGNetClassifier")
    area.refused("a class", lambda X: np.ndarray, TypeError, "not a type")
    area.refused("an array without axes", lambda X: np.array(1.0), ValueError, "dimension|scalar")
    area.refused("one axis", lambda X: X[0, 0], ValueError, "1D|dimension")
    area.refused(
        "four axes, the last of length 1", lambda X: X[..., None], ValueError, r"squeeze\(3\)"
    )
    area.refused(
        "four axes, the second of length 1", lambda X: X[:, None], ValueError, r"squeeze\(1\)"
    )
    area.refused("filter bank", lambda X: np.stack([X, X], 3), ValueError, "filter bank")
    area.refused("five axes", lambda X: X[None, None], ValueError, "5 dimensions")
    area.refused("32 axes", lambda X: X.reshape(X.shape + (1,) * 29), ValueError, "32 dimensions")
    area.refused("no trials", lambda X: X[:0], ValueError, "0 sample")
    area.refused("no channels", lambda X: X[:, :0], ValueError, "0 feature")
    area.refused("no samples", lambda X: X[:, :, :0], ValueError, r"0 sample|windows of 64")
    area.refused("empty list", lambda X: [], ValueError, "0 sample|1D|dimension")
    area.refused(
        "trials of unequal length", lambda X: list(objects(X)), ValueError, "differ in length"
    )
    area.refused("array of unequal trials", objects, ValueError, "differ in length")
    area.refused(
        "trials of unequal depth", lambda X: [X[0], X[1, 0]], ValueError, "differ in length"
    )
    area.refused("sparse matrix", lambda X: scipy.sparse.csr_matrix(X[0]), TypeError, "[Ss]parse")
    area.refused(
        "sparse array of three axes", lambda X: scipy.sparse.coo_array(X), TypeError, "[Ss]parse"
    )
    area.refused("sparse tensor", lambda X: torch.from_numpy(X).to_sparse(), ValueError, "dense")
    area.refused(
        "tensor without values", lambda X: torch.empty(X.shape, device="meta"), ValueError, "values"
    )
    area.refused(
        "quantised tensor",
        lambda X: torch.quantize_per_tensor(torch.from_numpy(X).float(), 1e-6, 0, torch.qint8),
        ValueError,
        "values|dense",
    )
    area.refused(
        "nested tensor",
        lambda X: torch.nested.nested_tensor(
            [torch.from_numpy(X[0]), torch.from_numpy(X[1, :, :3])]
        ),
        ValueError,
        "values|dense",
    )
    area.refused(
        "Raw",
        lambda X: mne.io.RawArray(X[0], mne.create_info(8, 128.0, "eeg"), verbose="error"),
        TypeError,
        "Epochs",
    )
    area.refused(
        "Evoked",
        lambda X: mne.EvokedArray(X[0], mne.create_info(8, 128.0, "eeg")),
        TypeError,
        "Epochs",
    )

# As large as other numbers are: the same bits where they can hold the values.
PREDICT.same("single precision", lambda X: X.astype(np.float32), within=1e-6)
PREDICT.same("one trial", lambda X: X[:1], lambda p: p[:1], within=1e-6)
PREDICT.same(
    "each trial twice", lambda X: np.repeat(X, 2, 0), lambda p: np.repeat(p, 2, 0), within=1e-6
)
PREDICT.same("trials backwards", lambda X: X[::-1], lambda p: p[::-1], within=1e-6)
PREDICT.refused("a single window", lambda X: X[0], ValueError, r"X\[np\.newaxis\]")
PREDICT.refused("flattened", lambda X: X.reshape(20, -1), ValueError, "flattened")
PREDICT.refused("channels last", lambda X: X.transpose(0, 2, 1), ValueError, "transpose")
PREDICT.refused("a channel less", lambda X: X[:, 1:], ValueError, "7 features.*expecting 8")
PREDICT.refused(
    "a channel more", lambda X: X[:, [*range(8), 0]], ValueError, "9 features.*expecting 8"
)
PREDICT.refused("a sample less", lambda X: X[:, :, 1:], ValueError, "63 time samples.*64")
PREDICT.refused(
    "Epochs without a rate that fits",
    lambda X: mne.EpochsArray(X[:, :7], mne.create_info(7, 128.0, "eeg"), verbose="error"),
    ValueError,
    ".",
)
PREDICT.refused(
    "a table", lambda X: pd.DataFrame(X[0]), ValueError, "single window|flattened|X of shape"
)
PREDICT.refused(
    "values that overflow the network", lambda X: X * 1e300, ValueError, "far beyond|infinity"
)
PREDICT.told("another unit", lambda X: X * 1e6, "another unit")
PREDICT.told("flat trials", lambda X: X * 0 + FITTED.center_[:, None], "flat")
PREDICT.told("a flat channel", value((slice(None), 3), 0), "3.*flat|flat")
PREDICT.told("an offset", lambda X: X + 1, "offset")

FIT.refused("numbers near the smallest", lambda X: X * 2.0**-900, ValueError, "such as microvolts")
FIT.refused("numbers near the largest", lambda X: X * 2.0**900, ValueError, "such as microvolts")
FIT.told("the same constant everywhere", lambda X: X * 0 + 3, "Flat channel")
FIT.told("zeros", lambda X: X * 0, "Flat channel")
FIT.told("truths, all of them false", lambda X: X > 9, "Flat channel")
FIT.told("each trial its own constants", lambda X: X * 0 + X[:, :, :1], "All trials are flat")
FIT.told("a channel of zeros", value((slice(None), 3), 0), "Flat channel.*3")
FIT.told(
    "a channel in another unit",
    lambda X: X * np.where(np.arange(8) == 3, 1e6, 1)[:, None],
    "Channel.*3",
)
FIT.told(
    "a trial in another unit",
    lambda X: X * np.where(np.arange(20) == 3, 1e6, 1)[:, None, None],
    "Trial.*3",
)
FIT.told("channels last", lambda X: quick().fit(X.transpose(0, 2, 1), Y) and X, "channels are last")
FIT.told("a drift", lambda X: X + np.arange(20)[:, None, None], "High-pass filter")
FIT.refused("one trial", lambda X: X[:1], ValueError, "1 trials but y has 20")
FIT.refused(
    "a trial less than labels", lambda X: X[1:], ValueError, "19 trials but y has 20 labels"
)
FIT.refused(
    "symmetric matrices",
    lambda X: X[:, :, :8] @ X[:, :, :8].transpose(0, 2, 1),
    ValueError,
    "covariances",
)
FIT.refused("flattened trials", lambda X: X.reshape(20, -1), ValueError, "Vectorizer")
