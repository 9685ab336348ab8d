"""Each parameter of the classifier with values of a wrong type, out of range, or no number."""

import mne
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from eegsep import EEGNetClassifier

from .table import Area
from .trials import X, Y, fit, quick

PARAMETERS = Area(
    "Parameters of the classifier", lambda folder: {}, lambda given: fit(settings=given)
)
P = PARAMETERS
NO_NUMBERS = {
    "a word": "eight",
    "a list": [8],
    "NaN": float("nan"),
    "a complex number": 1 + 1j,
    "an array": np.array([8, 8]),
    "True": True,
}
COUNTS = ["F1", "D", "F2", "batch_size", "n_iter_no_change", "max_epochs"]
LENGTHS = ["kernel_length", "separable_kernel_length", "pool1", "pool2"]
REALS = [
    "drop_prob",
    "spatial_max_norm",
    "dense_max_norm",
    "sfreq",
    "lr",
    "weight_decay",
    "validation_fraction",
    "batch_norm_momentum",
]


def of(name, value):
    return lambda _: {name: value}


for name in COUNTS + LENGTHS + REALS:
    for kind, value in NO_NUMBERS.items():
        P.refused(f"{name}: {kind}", of(name, value), ValueError, f"'{name}' parameter")
for name in COUNTS:
    P.refused(f"{name}: -1", of(name, -1), ValueError, f"'{name}' parameter")
    P.refused(f"{name}: 2.0", of(name, 2.0), ValueError, f"'{name}' parameter")
for name in LENGTHS:
    P.refused(f"{name}: 0", of(name, 0), ValueError, f"'{name}' parameter")
    P.refused(
        f"{name}: seconds without a sampling rate",
        of(name, 0.5),
        ValueError,
        f"{name}=0.5 is a float.*sfreq",
    )
    P.refused(
        f"{name}: infinite seconds",
        lambda _, name=name: {name: np.inf, "sfreq": 128.0},
        ValueError,
        name,
    )
for name in ("drop_prob", "validation_fraction", "batch_norm_momentum"):
    P.refused(f"{name}: 1.5", of(name, 1.5), ValueError, f"'{name}' parameter")
for name in REALS:
    P.refused(f"{name}: -0.1", of(name, -0.1), ValueError, f"'{name}' parameter")
    P.refused(f"{name}: infinity", of(name, np.inf), ValueError, name)
for name in (
    "spatial",
    "separable",
    "scaling",
    "init",
    "lr_schedule",
    "weight_averaging",
    "algorithm",
    "augmentation",
    "device",
    "class_weight",
    "early_stopping",
    "evaluation",
):
    P.refused(f"{name}: a word that means nothing", of(name, "wrong"), ValueError, name)
    P.refused(f"{name}: a number", of(name, 3.5), ValueError, f"'{name}' parameter")
for name in ("spatial", "separable"):
    for text in (
        "",
        "grouped",
        "grouped:",
        "grouped:0",
        "grouped:-1",
        "grouped:1.5",
        "grouped:3",
        "grouped:²",
    ):
        P.refused(f"{name}: {text!r}", of(name, text), ValueError, name)
P.refused("F1: 0", of("F1", 0), ValueError, "'F1' parameter")
P.refused("F1: 10**30", of("F1", 10**30), ValueError, "smaller numbers")
P.refused("F1: another word", of("F1", "match"), ValueError, "'F1' parameter")
P.told("sfreq: in kHz", lambda _: {"sfreq": 0.128, "kernel_length": 0.5}, "in Hz")
P.refused(
    "ch_names: too few", of("ch_names", ["C3"]), ValueError, "ch_names must be 8 different names"
)
P.refused(
    "ch_names: equal", of("ch_names", ["C3"] * 8), ValueError, "ch_names must be 8 different names"
)
P.refused(
    "ch_names: a word of eight letters",
    of("ch_names", "abcdefgh"),
    ValueError,
    "must be an array-like",
)
P.refused("ch_names: numbers", of("ch_names", list(range(8))), ValueError, "ch_names")
P.refused("ch_names: None among them", of("ch_names", [None, *"abcdefg"]), ValueError, "ch_names")
P.refused("ch_names: nested", of("ch_names", [["C3", "C4"]] * 8), ValueError, "ch_names")
P.refused("init: a class", of("init", EEGNetClassifier), ValueError, "'init' parameter")
P.refused(
    "init: another classifier", of("init", LogisticRegression()), (ValueError, TypeError), "init"
)
P.refused("init: one that is not fitted", of("init", quick()), ValueError, "not fitted|init")
P.refused(
    "init: one of other channels",
    lambda _: {"init": quick().fit(X[:, 1:], Y)},
    ValueError,
    "channels|init",
)
P.refused(
    "init: one of other classes",
    lambda _: {"init": quick().fit(X, Y + 1)},
    ValueError,
    "labels|classes|init",
)
P.refused("lr: that diverges", of("lr", 1e30), FloatingPointError, "lr|learning rate|diverge")
P.refused(
    "lr_schedule: one that returns nothing",
    of("lr_schedule", lambda optimizer, n: None),
    (ValueError, TypeError),
    "lr_schedule",
)
P.refused("augmentation: unknown in a dict", of("augmentation", {"Wrong": {}}), ValueError, "Wrong")
P.refused(
    "augmentation: unknown parameter",
    of("augmentation", {"SignFlip": {"chance": 1}}),
    (ValueError, TypeError),
    "chance|SignFlip",
)
P.refused(
    "augmentation: a probability of 2",
    of("augmentation", {"SignFlip": {"probability": 2}}),
    ValueError,
    "probability",
)
P.refused(
    "augmentation: None in a list",
    of("augmentation", [None]),
    (ValueError, TypeError),
    "augmentation|None",
)
P.refused(
    "augmentation: one that returns nothing",
    of("augmentation", lambda X, y, generator: None),
    (ValueError, TypeError),
    "augmentation|return",
)
P.refused(
    "augmentation: one that returns another shape",
    of("augmentation", lambda X, y, generator: (X[:, :3], y)),
    (ValueError, TypeError),
    "augmentation|shape",
)
P.refused(
    "augmentation: one that returns NaN",
    of("augmentation", lambda X, y, generator: (X * np.nan, y)),
    (ValueError, FloatingPointError),
    "augmentation|NaN|diverge|finite",
)
P.refused(
    "class_weight: of an unknown label",
    of("class_weight", {7: 1}),
    ValueError,
    "no training trial has",
)
P.refused(
    "class_weight: negative", of("class_weight", {0: -1, 1: 1}), ValueError, "class_weight must be"
)
P.refused("class_weight: NaN", of("class_weight", {0: np.nan}), ValueError, "class_weight must be")
P.refused(
    "class_weight: zero for all but one",
    of("class_weight", {0: 0}),
    ValueError,
    "class_weight must be",
)
P.refused(
    "class_weight: a list", of("class_weight", [1, 1]), ValueError, "'class_weight' parameter"
)
P.refused(
    "class_weight: a word for a weight",
    of("class_weight", {0: "heavy"}),
    ValueError,
    "class_weight must be",
)
P.refused("callbacks: a function", of("callbacks", print), ValueError, "'callbacks' parameter")
P.refused(
    "callbacks: a function in a list", of("callbacks", [print]), ValueError, "'callbacks' parameter"
)
P.refused(
    "random_state: a word", of("random_state", "seed"), ValueError, "'random_state' parameter"
)
P.refused("random_state: negative", of("random_state", -1), ValueError, "'random_state' parameter")
P.refused("random_state: too large", of("random_state", 2**40), ValueError, "random_state|[Ss]eed")
P.refused(
    "random_state: a fraction", of("random_state", 0.5), ValueError, "'random_state' parameter"
)
P.refused(
    "random_state: numpy's new generator",
    of("random_state", np.random.default_rng(0)),
    ValueError,
    "'random_state' parameter",
)
P.refused("device: without values", of("device", "meta"), ValueError, "device='meta'")
P.refused("device: one that is not there", of("device", "cuda:99"), ValueError, "device='cuda:99'")
P.refused("verbose: a word", of("verbose", "loud"), ValueError, "'verbose' parameter")
P.refused("warm_start: a number", of("warm_start", 3), ValueError, "'warm_start' parameter")
P.refused(
    "early_stopping: too few trials",
    lambda _: {"early_stopping": True, "validation_fraction": 1e-9, "init": "wrong"},
    ValueError,
    "'init'",
)
P.same("whole numbers of numpy", lambda _: {"F1": np.int64(2), "batch_size": np.int32(16)})
P.same("a device object", of("device", torch.device("cpu")))
P.same(
    "a batch larger than anything",
    of("batch_size", 10**30),
    lambda _: fit(settings={"batch_size": 20}),
)
P.same(
    "a kernel longer than the window",
    of("kernel_length", 1000),
    lambda _: fit(settings={"kernel_length": 64}),
)
P.same(
    "two names of one parameter",
    of("evaluation", "published"),
    lambda _: fit(settings={"algorithm": "published"}),
)
P.refused(
    "two names that contradict",
    lambda _: {"evaluation": "published", "algorithm": "spatial_first"},
    ValueError,
    "contradict",
)


# -- Epochs ----------------------------------------------------------------------------------------

NAMES = ["C3", "C4", "Cz", "Pz", "Fz", "Oz", "FC1", "FC2"]


def epochs(names=NAMES, data=X, sfreq=128.0, kinds="eeg"):
    info = mne.create_info(list(names), sfreq, kinds).set_montage("biosemi64", on_missing="ignore")
    return mne.EpochsArray(data.copy(), info, verbose="error")


ON_EPOCHS = quick().fit(epochs(), Y)
EPOCHS = Area("Epochs given to `predict`", lambda folder: epochs(), ON_EPOCHS.predict_proba)
E = EPOCHS


E.same("channels in another order", lambda e: e.reorder_channels(NAMES[::-1]))
E.same("another channel beside them", lambda e: epochs([*NAMES, "P3"], X[:, [*range(8), 0]]))
E.same("a list of single trials", lambda e: [e[i] for i in range(20)])
E.same(
    "a channel of another type beside them",
    lambda e: epochs([*NAMES, "EOG"], X[:, [*range(8), 0]], kinds=["eeg"] * 8 + ["eog"]),
)
E.same("an array in the order of the fit", lambda e: e.get_data())
E.told("another baseline", lambda e: e.apply_baseline((0, 0.0078125), verbose="error"), "baseline")
E.told("another reference", lambda e: e.set_eeg_reference("average", verbose="error"), "reference")

E.refused("a channel missing", lambda e: e.drop_channels(["Cz"]), ValueError, "Cz")
E.refused(
    "a channel renamed", lambda e: mne.rename_channels(e.info, {"Cz": "CZ1"}) or e, ValueError, "Cz"
)
E.refused(
    "a channel in other letters",
    lambda e: mne.rename_channels(e.info, {"Cz": "CZ"}) or e,
    ValueError,
    "Cz.*rename_channels",
)
E.refused("a channel marked bad", lambda e: e.info["bads"].append("Cz") or e, ValueError, "Cz")
E.refused("another sampling rate", lambda e: epochs(sfreq=256.0), ValueError, "resample")
E.refused("another window", lambda e: e.crop(0.1, None), ValueError, "time samples")
E.refused("no trials", lambda e: e[:0], ValueError, "0 |no trials|empty")
E.refused(
    "a channel of another type",
    lambda e: e.set_channel_types({"Cz": "ecog"}),
    ValueError,
    "Cz|type",
)
E.refused(
    "a list with Epochs of other channels",
    lambda e: [e, e.copy().drop_channels(["Cz"])],
    ValueError,
    "Cz",
)
E.refused(
    "NaN in a trial",
    lambda e: epochs(data=np.where(np.arange(64) == 3, np.nan, X)),
    ValueError,
    "NaN",
)
E.refused("their average", lambda e: e.average(), TypeError, "Epochs")
E.refused("their spectrum", lambda e: e.compute_psd(verbose="error"), TypeError, "Epochs")
E.refused("their info", lambda e: e.info, TypeError, "Epochs")
FIT_EPOCHS = Area("Epochs given to `fit`", lambda folder: epochs(), lambda e: fit(X=e))
FIT_EPOCHS.refused(
    "names that are not theirs",
    lambda e: quick(ch_names=NAMES[::-1]).fit(e, Y),
    ValueError,
    "Leave ch_names out",
)
FIT_EPOCHS.refused(
    "another rate than theirs", lambda e: quick(sfreq=100.0).fit(e, Y), ValueError, "sfreq|128"
)
FIT_EPOCHS.refused(
    "all channels bad",
    lambda e: e.info["bads"].extend(NAMES) or e,
    ValueError,
    "all eeg channels are marked bad",
)
FIT_EPOCHS.refused("no EEG", lambda e: epochs(kinds="misc"), ValueError, "pick|EEG|eeg")
FIT_EPOCHS.refused(
    "several kinds, none of them EEG",
    lambda e: epochs(kinds=["mag"] * 4 + ["grad"] * 4),
    ValueError,
    "pick",
)
FIT_EPOCHS.refused("no trials", lambda e: e[:0], ValueError, "0 |no trials|empty")
