"""What a study has computed, in files that are damaged or somebody else's; datasets asked for."""

import numpy as np

from eegsep._utils.errors import RequestError
from eegsep.datasets import (
    Recordings,
    SimulatedMotorImagery,
    SimulatedP300,
    SimulatedSSVEP,
    SimulatedTravellingWaves,
)
from eegsep.studies.store import FILE, Store

from .arguments import NUMBER
from .damage import READ_OR_REFUSED, as_somebody_else, bytes_of, flips, not_to_be_read
from .table import Area

# -- stores ----------------------------------------------------------------------------------------


def store(folder):
    with Store(folder, "test") as kept:
        kept.put("key", "value")
    return folder


def kept_value(folder):
    with Store(folder, "test") as kept:
        return kept.get("key")


STORE = Area("What a study has computed (SQLite)", store, kept_value)
for text, change in {
    "text": lambda c: b"no database",
    "noise": lambda c: np.random.default_rng(0).bytes(len(c)),
    "zeros": lambda c: bytes(len(c)),
    "cut in the header": lambda c: c[:50],
    "cut in half": lambda c: c[: len(c) // 2],
    "pages of noise": lambda c: c[:1000] + np.random.default_rng(0).bytes(len(c) - 1000),
    "another version of SQLite's format": lambda c: c[:18] + b"\x09\x09" + c[20:],
}.items():
    STORE.refused(text, bytes_of(FILE, change), RequestError, "computed.sqlite")
STORE.refused(
    "a folder of its name",
    lambda folder: ((folder / FILE).unlink(), (folder / FILE).mkdir(), folder)[2],
    RequestError,
    "computed.sqlite|output folder",
)
STORE.refused(
    "of another study",
    lambda folder: Store(folder, "other").__enter__() and folder,
    RequestError,
    "test|other|overwrite|--output",
)


def old_value_or_none(folder):
    assert kept_value(folder) in ("value", None)


Area(
    "A bit flipped in what a study has computed",
    store,
    flips(FILE, old_value_or_none, 60, n_bytes=10**6),
    answer=READ_OR_REFUSED,
).same("60 times", lambda folder: folder)


DENIED_STORE = Area(
    "A store that may not be written",
    store,
    as_somebody_else(lambda folder: Store(folder, "test", overwrite=True).__enter__()),
)
DENIED_STORE.refused(
    "the file", not_to_be_read(FILE), RequestError, "[Pp]ermission|output folder|computed.sqlite"
)
DENIED_STORE.refused(
    "the folder", not_to_be_read("."), RequestError, "[Pp]ermission|output folder|computed.sqlite"
)


# -- what is asked of datasets ---------------------------------------------------------------------

SIMULATED = Area(
    "Simulated datasets",
    lambda folder: {},
    lambda given: (
        SimulatedMotorImagery(
            **{"n_subjects": 1, "n_sessions": 1, "n_runs": 1, "n_trials_per_class": 2} | given
        ).subject_list
    ),
)
for name in ("n_subjects", "n_sessions", "n_runs", "n_trials_per_class", "n_classes"):
    for value in (0, -1, 1.5, "two", None, True, np.nan):
        SIMULATED.refused(
            f"{name}: {value!r}", lambda _, name=name, value=value: {name: value}, NUMBER, name
        )
for name in ("sfreq", "snr"):
    for value in (-1, np.nan, np.inf, "a", None, True):
        SIMULATED.refused(
            f"{name}: {value!r}", lambda _, name=name, value=value: {name: value}, NUMBER, name
        )
for value in ("C3", [], ["Nowhere"], ["C3", "C3"], None, 3, [None]):
    SIMULATED.refused(
        f"channels: {value!r}",
        lambda _, value=value: {"channels": value},
        NUMBER,
        "channel|electrode",
    )
for value in ("seed", -1, 0.5):
    SIMULATED.refused(
        f"random_state: {value!r}",
        lambda _, value=value: {"random_state": value},
        NUMBER,
        "random_state|[Ss]eed",
    )
for kind, name, value in [
    (SimulatedP300, "amplitude", -1),
    (SimulatedP300, "amplitude", np.nan),
    (SimulatedSSVEP, "frequencies", [13.0]),
    (SimulatedSSVEP, "frequencies", [13.0, np.nan]),
    (SimulatedSSVEP, "frequencies", [13.0, 13.0]),
    (SimulatedSSVEP, "frequencies", [13.0, 500.0]),
    (SimulatedSSVEP, "frequencies", "a"),
    (SimulatedTravellingWaves, "snr", np.nan),
]:
    SIMULATED.refused(
        f"{kind.__name__}, {name}: {value!r}",
        lambda _, kind=kind, name=name, value=value: kind(**{name: value}),
        NUMBER,
        name,
    )

SMALL = SimulatedMotorImagery(n_subjects=2, n_sessions=1, n_runs=1, n_trials_per_class=2)
ASKED = Area(
    "Recordings",
    lambda folder: {},
    lambda given: [each.subjects for each in Recordings(**{"datasets": SMALL} | given).select()],
)
ASKED.same("subjects as an array", lambda _: {"subjects": np.array([1, 2])})
ASKED.same("subjects named twice", lambda _: {"subjects": [1, 2, 1]})
ASKED.same("subjects as a range", lambda _: {"subjects": range(1, 3)})
for name, wrong in {
    "datasets": [
        None,
        [],
        "",
        "Nowhere",
        3,
        [3],
        "/nowhere",
        ["SimulatedMotorImagery", None],
        SimulatedMotorImagery,
    ],
    "subjects": [[], [99], "1", ["1"], [1.5], [None], 1, [-1], {"a": 1}, True],
    "paradigm": ["", "Wrong", 3, [None], SimulatedMotorImagery],
    "fmin": [-1, np.nan, "8", 100.0, [8], True],
    "fmax": [0, -1, np.nan, np.inf, "30", 1000.0, [30], True],
    "tmin": [np.nan, "0", 100.0, [0], True],
    "tmax": [np.nan, "1", -5.0, 1e9, [1]],
    "resample": [-1, np.nan, np.inf, "128", 1e9, [128], True],
    "channels": ["C3", [], ["C3", "c3"], [3], 3, [None]],
    "missing_channels": ["wrong", None, 3, ["error"]],
    "eeg_reference": ["wrong", [], 3, ["C3", "C3"], [None]],
}.items():
    for value in wrong:
        ASKED.refused(
            f"{name}: {value.__name__ if isinstance(value, type) else repr(value)}",
            lambda _, name=name, value=value: {name: value},
            RequestError,
            ".",
        )
