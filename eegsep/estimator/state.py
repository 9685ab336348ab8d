"""A classifier as plain values: its parameters and what it learned, without an object of torch's.

What files and skops keep; ``restoring.py`` makes a classifier of it again.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator

from eegsep.files.plain import Packer
from eegsep.network.eegnet import EEGNet
from eegsep.network.joined import side_by_side
from eegsep.network.settings import settled

from . import channel_info
from .drafts import is_learned, snapshot

# Of metadata that scikit-learn can route.
METHODS = ("fit", "partial_fit", "score")
# What is taken as it is.
AS_IT_IS = (
    "classes_",
    "n_features_in_",
    "n_times_in_",
    "center_",
    "scale_",
    "history_",
    "n_iter_",
    "init_",
    "algorithm_",
    "_epochs_made",
    "_made_with",
    "_dropout_seed",
)
# What fits did not have at first; False for those.
LATER_FLAGS = ("second_network_", "mirror_images_")
# And where there is any.
IF_ANY = (
    "feature_names_in_",
    "fingerprint_",
    *LATER_FLAGS,
    "_filters",
    "_temporal_filters",
    "_maps",
)
# What layers have that training or a start may set.
_SET_BY_FITS = ("drop_prob", "momentum")
_OF_TORCH = ("_parameters", "_buffers", "_modules", "training")


@settled()
def to_plain(clf):
    """Take a classifier's parameters and what it has learned, fitted or not.

    A dict of ``params, requests`` (of metadata), and ``learned``, None where it is not fitted. It
    is a ValueError if a parameter or attribute is code, or the network has been changed to another
    one.
    """
    clf = snapshot(clf)
    params = clf.get_params(deep=False)
    known = {*params, "_metadata_request"}
    others = [name for name in vars(clf) if name not in known and not is_learned(name)]
    if others:
        raise _not_plain(clf, f"it has attributes of its own, {', '.join(others)}. Delete them")
    for name, value in params.items():
        params[name] = _plain_parameter(clf, name, value)
    return {
        "params": params,
        "requests": _requests(clf) if hasattr(clf, "_metadata_request") else None,
        "learned": _learned(clf) if hasattr(clf, "module_") else None,
    }


def _not_plain(clf, why):
    return ValueError(
        f"{type(clf).__name__} cannot be kept as plain data: {why}, or keep it with pickle."
    )


def _plain_parameter(clf, name, value):
    if name == "init" and not isinstance(value, str):
        frozen = isinstance(value, FrozenEstimator)
        return {"frozen": frozen, "classifier": to_plain(value.estimator if frozen else value)}
    if name == "device" and isinstance(value, torch.device):
        return {"torch.device": str(value)}
    if name == "random_state" and isinstance(value, np.random.RandomState):
        return value.get_state(legacy=False)
    try:
        Packer().pack(value, f"the parameter {name}")
    except TypeError as error:
        raise _not_plain(
            clf,
            f"{error}. No prediction depends on it: leave it out with set_params({name}=None)",
        ) from None
    return value


def _requests(clf):
    routing = clf.get_metadata_routing()
    return {method: dict(getattr(routing, method).requests) for method in METHODS}


def _learned(clf):
    learned = {name: getattr(clf, name) for name in AS_IT_IS}
    learned |= {name: getattr(clf, name) for name in IF_ANY if hasattr(clf, name)}
    if "_maps" in learned:
        learned["_maps"] = tuple(clf._maps)
    others = {name for name in vars(clf) if is_learned(name)} - {*learned, "callbacks_", "info_"}
    others -= {"module_", "_optimizer_state", "_generator_states"}
    if others:
        raise _not_plain(clf, f"it has attributes of its own, {', '.join(others)}. Delete them")
    try:
        Packer().pack(clf.history_, "history_")
    except TypeError as error:
        raise _not_plain(clf, f"{error}. Have callbacks record numbers") from None
    return learned | {
        "info_": channel_info.to_plain(clf.info_),
        "network": _network(clf),
        "optimizer_state": _arrays(clf._optimizer_state),
        "generator_states": _arrays(clf._generator_states),
    }


def _arrays(state):
    """Copy nested dicts and lists with their tensors as arrays."""
    if isinstance(state, torch.Tensor):
        return state.detach().cpu().numpy()
    if isinstance(state, dict):
        return {key: _arrays(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(_arrays(value) for value in state)
    return state


def as_made(clf):
    """Make a network like a classifier's as it was made, whatever its weights."""
    net = EEGNet(**clf._made_with, algorithm=clf.algorithm_, generator=torch.Generator())
    return side_by_side([net, net], (0.5, 0.5)) if clf.second_network_ else net


def _network(clf):
    """Take the weights of a network that has no other layers than it was made with."""
    net, like = clf.module_, as_made(clf)
    layers, made = dict(net.named_modules()), dict(like.named_modules())
    changed = layers.keys() ^ made.keys()
    changed |= {n for n in layers.keys() & made.keys() if _made_as(layers[n]) != _made_as(made[n])}
    weights, shapes = net.state_dict(), {k: v.shape for k, v in like.state_dict().items()}
    if changed or {k: v.shape for k, v in weights.items()} != shapes:
        where = ", ".join(sorted(changed)) or "the shapes of its weights"
        raise _not_plain(
            clf, f"module_ has been changed in {where}. Fit anew, save module_.state_dict()"
        )
    if any(weight.dtype == torch.bfloat16 for weight in weights.values()):
        raise _not_plain(clf, "module_ is in bfloat16. Call module_.float()")
    return {
        "weights": _arrays(dict(weights)),
        "fixed": [name for name, p in net.named_parameters() if not p.requires_grad],
        "set_by_fits": {
            name: {key: vars(layer)[key] for key in _SET_BY_FITS if key in vars(layer)}
            for name, layer in layers.items()
            if not vars(layer).keys().isdisjoint(_SET_BY_FITS)
        },
    }


def _made_as(layer):
    """Tell a layer's kind and settings, and hooks, attributes or functions of its own."""
    apart = {*_OF_TORCH, *_SET_BY_FITS}
    settings = {key: value for key, value in vars(layer).items() if key not in apart}
    return type(layer), settings, *(list(vars(layer)[key]) for key in ("_parameters", "_buffers"))
