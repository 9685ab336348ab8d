"""What is to be measured: sizes of the trials, how often, and for how long."""

import re
import shutil
import tempfile
from dataclasses import dataclass
from typing import NamedTuple

from eegsep._utils.errors import RequestError

N_FOLDS = 5
# braindecode's EEGNet has nothing left to classify where its two poolings leave no sample.
_SHORTEST_WINDOW = 32


class Shape(NamedTuple):
    """Sizes: electrodes, samples, samples of a temporal filter, and trials that an epoch visits."""

    n_chans: int
    n_times: int
    kernel_length: int
    n_trials: int = 288

    def __str__(self):
        return "x".join(map(str, self))


SIZES = list(Shape._fields)
SHAPES = ("64x480x80x90", "22x1001x125", "22x512x64", "3x1125x125")


@dataclass(frozen=True)
class Plan:
    """How often and how long to measure.

    ``slow_repetitions`` are of what takes long: memory, growth and cross-validation. ``steps`` (and
    matrix products) and ``calls`` (windows predicted) are those of one repetition. ``epochs`` are
    the lengths of the two fits whose difference tells what an epoch takes, ``growth`` numbers of
    trials. ``memmap_trials`` are fitted for one epoch from a file; 0 leaves that out.
    """

    repetitions: int = 7
    slow_repetitions: int = 3
    steps: int = 10
    calls: int = 50
    epochs: tuple = (1, 7)
    batch_size: int = 64
    cv_epochs: int = 300
    n_jobs: int = 2
    growth: tuple = (90, 900, 9000)
    memmap_trials: int = 0
    matmul_size: int = 2048
    seed: int = 0


_QUICK = {
    "repetitions": 3,
    "slow_repetitions": 1,
    "steps": 5,
    "calls": 20,
    "epochs": (1, 3),
    "cv_epochs": 10,
    "growth": (90, 300, 900),
    "matmul_size": 1024,
}


def make_plan(quick=False, **settings):
    """Make a plan, a quick one for a look rather than a table; settings that are given hold."""
    given = {name: value for name, value in settings.items() if value is not None}
    return Plan(**{**(_QUICK if quick else {}), **given})


def parse_shape(text):
    """Read a shape such as ``"64x480x80x90"``; RequestError where the contenders cannot take it."""
    try:
        shape = Shape(*map(int, re.split("[x×,]", text)))
    except (TypeError, ValueError):
        raise RequestError(
            f"cannot read the shape {text!r}: write channels, samples, kernel length and perhaps "
            "trials as in 64x480x80x90."
        ) from None
    if shape.n_chans < 2 or shape.n_times < _SHORTEST_WINDOW:
        raise RequestError(
            f"shape {shape}: the contenders need 2 channels and {_SHORTEST_WINDOW} samples or more."
        )
    if not 1 <= shape.kernel_length <= shape.n_times:
        raise RequestError(f"shape {shape}: the kernel length must be from 1 to the samples.")
    if shape.n_trials < 4 * N_FOLDS:
        raise RequestError(f"shape {shape}: {4 * N_FOLDS} trials or more are needed.")
    return shape


def check_memory_map(shape, n_trials):
    """Refuse a memory map of too few trials, or of more than the temporary folder has room for."""
    if n_trials < 4 * N_FOLDS:
        raise RequestError(f"the memory map needs {4 * N_FOLDS} trials or more, such as 20000.")
    needed = 4 * shape.n_chans * shape.n_times * n_trials
    room = shutil.disk_usage(tempfile.gettempdir()).free
    if needed > room:
        raise RequestError(
            f"a memory map of {n_trials} trials needs {needed / 1e9:.1f} GB of disk, "
            f"{tempfile.gettempdir()} has {room / 1e9:.1f} left: ask for fewer trials, or set "
            "TMPDIR."
        )
