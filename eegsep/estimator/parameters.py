"""What values the classifier's parameters may have, and what is checked before anything is fitted.

Of scikit-learn's kind, as far as its constraints go.
"""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Hidden, Interval, InvalidParameterError, StrOptions

from eegsep._utils.warnings import warn
from eegsep.network import initialisation
from eegsep.network.structure import check_convolutions, parse_convolution
from eegsep.training import hooks
from eegsep.training.augmentation import Augmentation

_LENGTH = [
    Interval(Integral, 1, None, closed="left"),
    Interval(Real, 0, None, closed="neither"),
    None,
]

_ALGORITHMS = {"auto", "spatial_first", "published"}

CONSTRAINTS = {
    "F1": [Interval(Integral, 1, None, closed="left"), StrOptions({"matched"})],
    "D": [Interval(Integral, 1, None, closed="left")],
    "F2": [Interval(Integral, 1, None, closed="left"), None],
    "kernel_length": _LENGTH,
    "separable_kernel_length": _LENGTH,
    "pool1": _LENGTH,
    "pool2": _LENGTH,
    "drop_prob": [Interval(Real, 0, 1, closed="left")],
    "spatial": [str],
    "separable": [str],
    "scaling": [StrOptions({"channel", "global"})],
    "spatial_max_norm": [Interval(Real, 0, None, closed="neither"), None],
    "dense_max_norm": [Interval(Real, 0, None, closed="neither"), None],
    "sfreq": [Interval(Real, 0, None, closed="neither"), None],
    "ch_names": ["array-like", None],
    "init": [StrOptions({"auto", *initialisation.STARTS}), BaseEstimator],
    "max_epochs": [Interval(Integral, 0, None, closed="left")],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "lr": [Interval(Real, 0, None, closed="neither")],
    "lr_schedule": [StrOptions({"cosine", "one_cycle"}), callable, None],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "weight_averaging": [StrOptions(set(hooks.AVERAGES)), None],
    "augmentation": [str, dict, callable, list, tuple, None],
    "class_weight": [StrOptions({"balanced"}), dict, None],
    "early_stopping": ["boolean", StrOptions({"cv"})],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
    "batch_norm_momentum": [Interval(Real, 0, 1, closed="right"), None],
    "callbacks": [list, tuple, None],
    "random_state": ["random_state"],
    "algorithm": [StrOptions(_ALGORITHMS)],
    "device": [str, torch.device],
    "warm_start": ["boolean"],
    "verbose": ["verbose"],
    "evaluation": [StrOptions(_ALGORITHMS), Hidden(StrOptions({"deprecated"}))],
}


def refuse_bools(clf):
    """Refuse True and False where a number, a word or a list is meant: an InvalidParameterError.

    Python takes True for 1, so that scikit-learn's intervals let it through.
    """
    for name, kinds in clf._parameter_constraints.items():
        value = getattr(clf, name)
        may_be = {"boolean", "verbose"} & {kind for kind in kinds if isinstance(kind, str)}
        if isinstance(value, (bool, np.bool_)) and not may_be:
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(clf).__name__} must not be a bool, got {value}."
            )


def check_meanings(clf):
    """Refuse parameters of the right type that mean nothing: a ValueError.

    That is an unknown convolution, one that the numbers of filters do not allow, an augmentation
    that braindecode does not know, callbacks that are no hooks, or two names of one parameter that
    say different things.
    """
    for name in ("spatial", "separable"):
        try:
            parse_convolution(name, getattr(clf, name))
        except ValueError as error:
            raise ValueError(
                f"The {name!r} parameter of {type(clf).__name__} cannot be used: {error}"
            ) from None
    if clf.evaluation not in ("deprecated", clf.algorithm) and clf.algorithm != "auto":
        raise ValueError(
            f"algorithm={clf.algorithm!r} and its former name, evaluation={clf.evaluation!r}, "
            "contradict each other. Leave evaluation out."
        )
    if clf.augmentation is not None:
        Augmentation(clf.augmentation)
    for callback in clf.callbacks or ():
        if not isinstance(callback, hooks.Hook):
            raise InvalidParameterError(
                f"The 'callbacks' parameter of {type(clf).__name__} must be a list of "
                f"instances of eegsep.training.hooks.Hook, but has {callback!r}."
            )
    if clf.F1 != "matched":  # which depends on the data: the network will check its own
        F2 = clf.F1 * clf.D if clf.F2 is None else clf.F2
        check_convolutions(clf.spatial, clf.separable, clf.F1, clf.D, F2)


def warn_of_former_names(clf):
    """Warn of parameters that are called otherwise now, where one is given."""
    if clf.evaluation != "deprecated":
        warn(f"evaluation is called algorithm now: set algorithm={clf.evaluation!r}", FutureWarning)


def asked_algorithm(clf):
    """Return the order of evaluation that a classifier's parameters ask for, by either name."""
    return clf.algorithm if clf.evaluation == "deprecated" else clf.evaluation


def resolve_device(device):
    """Find the device of torch's that a parameter means, ``"auto"`` for CUDA where there is such.

    It is a ValueError if it cannot be used here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.zeros(1, device=resolved).item()  # which the device "meta" has no values for
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device={device!r} cannot be used here ({str(error).splitlines()[0]}). Use "
            '"auto" or "cpu".'
        ) from error
    return resolved


def check_ch_names(ch_names, n_chans, info):
    """Refuse names that are not those of the channels: a ValueError.

    They are no texts, too many or too few, equal, or others than those of the Epochs' info.
    """
    if ch_names is None:
        return
    names = list(ch_names)
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise ValueError(f"ch_names must be texts, one a channel of X, but has {wrong[0]!r}")
    if len(names) != n_chans or len(set(names)) != len(names):
        raise ValueError(
            f"ch_names must be {n_chans} different names, one a channel of X, got "
            f"{len(names)} values"
        )
    if info is not None and names != info["ch_names"]:
        raise ValueError("ch_names are not those of the Epochs. Leave ch_names out with Epochs.")
