"""Steps of pipelines, with parameters, trials and groups that they cannot use."""

import mne
import numpy as np

from eegsep.preprocessing import (
    CommonMontage,
    ExponentialMovingStandardizer,
    FilterBankCSP,
    GroupAlignment,
)

from .arguments import BAD_TRIALS, NUMBER, given, other, with_at, with_bad
from .parameters import NAMES, epochs
from .table import Area
from .trials import X, Y

MICROVOLTS = 1e6 * X

MOVING = Area(
    "ExponentialMovingStandardizer",
    given(X=MICROVOLTS, factor_new=0.01, eps=1e-4),
    lambda a: ExponentialMovingStandardizer(a["factor_new"], eps=a["eps"]).fit_transform(a["X"]),
)
with_bad(MOVING, labels=[])
for name in ("factor_new", "eps"):
    for value in (
        0,
        -1,
        np.nan,
        "a",
        None,
        [0.1],
        True,
        1j,
        *([2, np.inf] if name == "factor_new" else [np.inf]),
    ):
        MOVING.refused(f"{name}: {value!r}", other(name, value), NUMBER, f"'{name}' parameter")
MOVING.refused("trials in volts", other("X", lambda X: X * 1e-6), ValueError, "microvolts")
MOVING.same("Epochs, in volts", other("X", lambda X: epochs(data=X * 1e-6)), within=1e-9)
MOVING.refused(
    "a channel less than in the fit",
    lambda a: ExponentialMovingStandardizer(0.01).fit(a["X"]).transform(a["X"][:, 1:]),
    ValueError,
    "7 features",
)
MOVING.refused(
    "not fitted",
    lambda a: ExponentialMovingStandardizer(0.01).transform(a["X"]),
    ValueError,
    "not fitted",
)

BANK = Area(
    "FilterBankCSP",
    given(X=np.stack([X, X[::-1]], 3), y=Y, nfilter=2, estimator="oas"),
    lambda a: FilterBankCSP(a["nfilter"], estimator=a["estimator"]).fit_transform(a["X"], a["y"]),
)
with_bad(BANK, [row for row in BAD_TRIALS if "unequal" not in row[0]])
BANK.refused("trials without bands", other("X", X), ValueError, "n_bands")
BANK.refused("labels: one class", other("y", lambda y: y * 0), ValueError, "class")
for value in (0, -1, 1.5, "four", True, None, 9):
    BANK.refused(f"nfilter: {value!r}", other("nfilter", value), NUMBER, "nfilter")
for value in ("wrong", None, 3):
    BANK.refused(f"estimator: {value!r}", other("estimator", value), NUMBER, "estimator|cov")
BANK.refused(
    "another number of bands than in the fit",
    lambda a: FilterBankCSP(2).fit(a["X"], Y).transform(a["X"][..., :1]),
    ValueError,
    "1 bands, fitted were 2",
)

ALIGNED = Area(
    "GroupAlignment",
    given(X=X, groups=np.arange(20) // 10, metric="euclid", estimator="lwf", recentre_unseen=False),
    lambda a: GroupAlignment(
        a["metric"], estimator=a["estimator"], recentre_unseen=a["recentre_unseen"]
    ).fit_transform(a["X"], groups=a["groups"]),
)
with_bad(ALIGNED, labels=[])
ALIGNED.same("groups: words", other("groups", lambda g: np.where(g, "b", "a")))
ALIGNED.refused(
    "groups: NaN", other("groups", lambda g: with_at(g * 1.0, 3, np.nan)), ValueError, "group"
)
ALIGNED.refused(
    "groups: None among words",
    other("groups", lambda g: [None, *g[1:].astype(str)]),
    ValueError,
    "group",
)
ALIGNED.refused(
    "groups: NaN among words",
    other("groups", lambda g: [np.nan, *g[1:].astype(str)]),
    ValueError,
    "group",
)
ALIGNED.refused(
    "groups: words and numbers",
    other("groups", lambda g: ["a", *g[1:].tolist()]),
    ValueError,
    "group",
)
ALIGNED.refused(
    "groups: one too few", other("groups", lambda g: g[1:]), ValueError, "inconsistent|20"
)
ALIGNED.refused(
    "groups: two columns",
    other("groups", lambda g: np.stack([g, g], 1)),
    ValueError,
    "1d|shape|columns",
)
ALIGNED.refused("groups: a word", other("groups", "subject"), TypeError, "groups to be an array")
ALIGNED.refused(
    "groups: masked", other("groups", lambda g: np.ma.masked_equal(g, 1)), ValueError, "masked"
)
for value in ("wrong", None, 3, ["euclid"]):
    ALIGNED.refused(f"metric: {value!r}", other("metric", value), NUMBER, "metric must be one of")
for value in ("wrong", None, 3):
    ALIGNED.refused(f"estimator: {value!r}", other("estimator", value), NUMBER, "estimator|cov")
ALIGNED.refused(
    "recentre_unseen: a word", other("recentre_unseen", "yes"), NUMBER, "recentre_unseen"
)
ALIGNED.refused(
    "channels that depend on each other",
    lambda a: a | {"X": a["X"] - a["X"].mean(1, keepdims=True), "estimator": "scm"},
    ValueError,
    "no inverse.*lwf",
)
ALIGNED.refused(
    "a flat channel, of no shrinkage",
    lambda a: a | {"X": with_at(a["X"], (slice(None), 3), 0), "estimator": "scm"},
    ValueError,
    "no inverse",
)
ALIGNED.refused("zeros", other("X", lambda X: X * 0), ValueError, "no inverse")

MONTAGE = Area(
    "CommonMontage",
    given(X=epochs(), ch_names=["F3", "P4"], montage=None, method="spline"),
    lambda a: (
        CommonMontage(a["ch_names"], montage=a["montage"], method=a["method"])
        .fit_transform(a["X"])
        .get_data()
    ),
)
MONTAGE.refused("an array", other("X", X), TypeError, "mne.Epochs")
MONTAGE.refused(
    "Raw",
    other("X", mne.io.RawArray(X[0], mne.create_info(NAMES, 128.0, "eeg"), verbose="error")),
    TypeError,
    "mne.Epochs",
)
MONTAGE.refused(
    "Epochs without places",
    other("X", mne.EpochsArray(X, mne.create_info(NAMES, 128.0, "eeg"), verbose="error")),
    ValueError,
    "set_montage",
)
MONTAGE.refused(
    "Epochs without EEG", other("X", epochs(kinds="misc")), ValueError, "no EEG channel"
)
MONTAGE.refused(
    "Epochs without trials", other("X", lambda e: e[:0]), ValueError, "no trials|empty|0 "
)
for value in ([], "Cz", ["Nowhere"], ["Cz", "Cz"], None, 3, [None], [["Cz"]]):
    MONTAGE.refused(
        f"ch_names: {value!r}", other("ch_names", lambda _, value=value: value), NUMBER, "ch_names"
    )
for value in ("wrong", 3, ["standard_1020"]):
    MONTAGE.refused(f"montage: {value!r}", other("montage", value), NUMBER, "montage")
for value in ("wrong", None, 3):
    MONTAGE.refused(f"method: {value!r}", other("method", value), NUMBER, "method must be")
