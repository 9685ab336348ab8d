"""A classifier made of plain values, each checked: what cannot belong together is refused.

What ``state.py`` takes of a classifier comes back here, out of files that anyone may have written.
"""

from __future__ import annotations

from math import prod

import numpy as np
import sklearn
import torch
from sklearn.frozen import FrozenEstimator

from eegsep.network.initialisation import STARTS
from eegsep.network.settings import settled
from eegsep.network.structure import count_parameters

from . import channel_info, haufe
from .maps import why_no_maps
from .state import AS_IT_IS, IF_ANY, LATER_FLAGS, METHODS, as_made

# Of classifiers that began with classifiers that began with others.
_MOST_SOURCES = 20
_LARGEST_SIZE = 2**31
# The published network has at most this many times as many weights as one that matches it.
_MOST_MATCHED = 20
_SIZES = ("n_chans", "n_times", "n_outputs", "D")
_LENGTHS = ("kernel_length", "pool1", "separable_kernel_length", "pool2")
_OTHERS = ("F1", "F2", "drop_prob", "spatial", "separable", "spatial_max_norm", "dense_max_norm")
_OF_ADAM = {"step", "exp_avg", "exp_avg_sq", "n_steps"}


@settled()
def restore(clf, plain, kind, depth=0):
    """Give an empty classifier what :func:`eegsep.estimator.state.to_plain` took of another one.

    It stays empty where anything is wrong: a ValueError if something is missing, of another kind or
    shape, not finite, or does not belong together. ``kind`` is EEGNetClassifier, for those that it
    began with, and ``depth`` how many began with this one.
    """
    try:
        made = _made(type(clf), plain, kind, depth)
    except (KeyError, TypeError, AttributeError, RuntimeError, IndexError) as error:
        raise ValueError(f"it is not a classifier's: {error!r}") from error
    clf.__dict__.update(vars(made))
    return clf


def _made(cls, plain, kind, depth):
    if depth > _MOST_SOURCES:
        raise ValueError("too many classifiers began with one another")
    _check_keys(plain, ("params", "requests", "learned"), "a classifier")
    params = {name: _parameter(name, value, kind, depth) for name, value in plain["params"].items()}
    clf = cls(**params)
    _check_keys(params, clf.get_params(deep=False), "the parameters")
    # fits look up what augmentation names: that would load a library, which takes seconds
    cls(**params | {"augmentation": None})._validate_params()
    if type(clf.augmentation) not in (str, dict, list, tuple, type(None)):
        raise ValueError("augmentation is no name, and no list or dict of names")
    if plain["requests"] is not None:
        _request(clf, plain["requests"])
    learned = plain["learned"]
    if learned is not None:
        _learn(clf, learned)
    return clf


def _check_keys(given, expected, what):
    if type(given) is not dict or set(given) != set(expected):
        raise ValueError(f"{what} should have {', '.join(map(str, expected))}, no more and no less")


def _parameter(name, value, kind, depth):
    if name == "init" and type(value) is dict:
        _check_keys(value, ("frozen", "classifier"), "init")
        source = restore(object.__new__(kind), value["classifier"], kind, depth + 1)
        return FrozenEstimator(source) if value["frozen"] else source
    if name == "device" and type(value) is dict:
        return torch.device(value["torch.device"])
    if name == "random_state" and type(value) is dict:
        return _random_state(value)
    return value


def _random_state(state):
    """Make a RandomState; numpy does not look where in its numbers the next one is."""
    _check_keys(state, ("bit_generator", "state", "has_gauss", "gauss"), "a RandomState")
    _check_keys(state["state"], ("key", "pos"), "MT19937")
    _check_array("key", state["state"]["key"], (624,), np.uint32)
    _check_count("pos", state["state"]["pos"], 0)
    if state["bit_generator"] != "MT19937" or state["state"]["pos"] > 624:
        raise ValueError("a RandomState is not numpy's MT19937")
    made = np.random.RandomState()
    made.set_state(state)
    return made


def _request(clf, requests):
    _check_keys(requests, METHODS, "requests of metadata")
    with sklearn.config_context(enable_metadata_routing=True):
        for method, of_method in requests.items():
            getattr(clf, f"set_{method}_request")(**of_method)


def _learn(clf, learned):
    apart = ("info_", "network", "optimizer_state", "generator_states")
    _check_keys(
        {name: None for name in learned if name not in IF_ANY},
        (*AS_IT_IS, *apart),
        "what was learned",
    )
    for name, value in learned.items():
        if name not in apart:
            setattr(clf, name, value)
    for name in LATER_FLAGS:
        setattr(clf, name, learned.get(name, False))
        if type(getattr(clf, name)) is not bool:
            raise ValueError(f"{name} is neither true nor false")
    _check_sizes(clf)
    n_chans = clf.n_features_in_
    for name in ("center_", "scale_"):
        _check_array(name, getattr(clf, name), (n_chans,), np.float64)
    if not (clf.scale_ > 0).all():
        raise ValueError("scale_ is not positive")
    _check_labels(clf)
    _check_texts(clf)
    clf.info_ = channel_info.from_plain(learned["info_"], n_chans)
    clf.module_ = _network(clf, learned["network"])
    clf.callbacks_ = []
    _restore_maps(clf)
    clf._generator_states = _generator_states(learned["generator_states"])
    clf._optimizer_state = _optimizer_state(clf.module_, learned["optimizer_state"])


def _check_array(name, array, shape, dtype, *, finite=True):
    if type(array) is not np.ndarray or array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{name} is no array of {np.dtype(dtype)} of shape {shape}")
    if finite and not np.isfinite(array).all():
        raise ValueError(f"{name} has values that are not finite")


def _check_count(name, value, least=1):
    if type(value) is not int or not least <= value < _LARGEST_SIZE:
        raise ValueError(f"{name} is no number of things: {str(value)[:40]}")


def _check_sizes(clf):
    """Check what the network is made with before it is made, which takes memory."""
    made_with = clf._made_with
    _check_keys(made_with, (*_SIZES, *_LENGTHS, *_OTHERS), "what the network is made with")
    for name in (*_SIZES, *_LENGTHS):
        made_with[name] = _as_int(made_with[name])
        _check_count(name, made_with[name])
    for name in ("n_features_in_", "n_times_in_"):
        _check_count(name, getattr(clf, name))
    _check_count("n_iter_", clf.n_iter_, 0)
    _check_count("_dropout_seed", clf._dropout_seed, 0)
    sizes = clf.n_features_in_, clf.n_times_in_, len(clf.classes_)
    if sizes != tuple(made_with[name] for name in ("n_chans", "n_times", "n_outputs")):
        raise ValueError("the network is of other channels, times or classes")


def _as_int(value):
    return int(value) if isinstance(value, np.integer) else value


def _check_labels(clf):
    labels = clf.classes_
    if type(labels) is not np.ndarray or labels.ndim != 1 or len(labels) < 2:
        raise ValueError("classes_ are no labels of two classes or more")
    if not np.array_equal(np.unique(labels), labels):
        raise ValueError("classes_ are not in order, or one is there twice")
    if hasattr(clf, "feature_names_in_"):
        names = clf.feature_names_in_
        _check_array("feature_names_in_", names, (clf.n_features_in_,), object, finite=False)
        if not all(type(name) is str for name in names):
            raise ValueError("feature_names_in_ are no names")


def _check_texts(clf):
    if clf.init_ not in STARTS:
        raise ValueError(f"init_ is no start: {str(clf.init_)[:40]}")
    records = clf.history_
    if type(records) is not list or not all(type(record) is dict for record in records):
        raise ValueError("history_ is no list of records")
    if any(type(key) is not str for record in records for key in record):
        raise ValueError("history_ has a record without names")
    if clf.n_iter_ != len(records):
        raise ValueError("n_iter_ is not the length of history_")
    known = clf._epochs_made
    if known is not None:
        _check_keys(known, ("reference", "projectors", "window", "baseline", "filter"), "Epochs")
        if not all(type(text) is str for text in known.values()):
            raise ValueError("what Epochs were made with is no text")
    figures = getattr(clf, "fingerprint_", "0" * 64)
    if type(figures) is not str or len(figures) != 64 or set(figures) - set("0123456789abcdef"):
        raise ValueError("fingerprint_ is no digest")


def _network(clf, plain):
    _check_keys(plain, ("weights", "fixed", "set_by_fits"), "the network")
    weights = plain["weights"]
    if not all(type(array) is np.ndarray for array in weights.values()):
        raise ValueError("weights are no arrays")
    sizes = {key: clf._made_with[key] for key in clf._made_with if key in (*_SIZES, *_LENGTHS)}
    sizes |= {key: clf._made_with[key] for key in ("F2", "spatial", "separable")}
    if sizes["F2"] is not None:
        _check_count("F2", _as_int(sizes["F2"]))
    # no network is made but of as many weights as the file has, and none is searched for long
    n_weights = sum(prod(array.shape) for array in weights.values())
    F1, n_published = clf._made_with["F1"], 0
    if isinstance(F1, str) and F1 == "matched":
        published = {**sizes, "spatial": "depthwise", "separable": "separable"}
        F1, n_published = 1, count_parameters(**published)
    _check_count("F1", _as_int(F1))
    if count_parameters(F1=F1, **sizes) > n_weights or n_published > _MOST_MATCHED * n_weights:
        raise ValueError("the network has more weights than there are")
    net = as_made(clf)
    expected = net.state_dict()
    _check_keys(weights, expected, "weights")
    dtypes = {array.dtype for array in weights.values() if array.dtype.kind == "f"}
    if len(dtypes) != 1:
        raise ValueError("weights are of several types")
    [dtype] = dtypes
    for name, tensor in expected.items():
        kind = dtype if tensor.is_floating_point() else np.int64
        _check_array(name, weights[name], tuple(tensor.shape), kind)
        if name.endswith("running_var") and (weights[name] < 0).any():
            raise ValueError(f"{name} is negative")
    net.to(torch.from_numpy(np.empty(0, dtype)).dtype)
    net.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    for name, p in net.named_parameters():
        p.requires_grad_(name not in plain["fixed"])
    _check_keys(
        plain["set_by_fits"],
        {n for n, m in net.named_modules() if hasattr(m, "drop_prob") or hasattr(m, "momentum")},
        "layers",
    )
    for name, settings in plain["set_by_fits"].items():
        layer = net.get_submodule(name)
        for key, value in settings.items():
            if not hasattr(layer, key) or key not in ("drop_prob", "momentum"):
                raise ValueError(f"{name} has no {key}")
            is_none = value is None and key == "momentum"
            if not is_none and not (isinstance(value, (float, int)) and 0 <= value <= 1):
                raise ValueError(f"{key} of {name} is no share")
            setattr(layer, key, value)
    return net.eval()


def _restore_maps(clf):
    names = ("_filters", "_temporal_filters", "_maps")
    there = [name for name in names if hasattr(clf, name)]
    if why_no_maps(clf.module_):
        if there:
            raise ValueError("there are maps of a network that has none")
        return
    if len(there) < len(names):
        raise ValueError("maps are missing")
    net = clf.module_
    n = net.F1 * net.D
    clf._maps = haufe.Maps(*clf._maps)
    factors, patterns, freqs, spectra = clf._maps
    _check_array("factors", factors, (n,), np.float64)
    _check_array("freqs", freqs, (len(freqs),), np.float64)
    for name, array, length, dtype in (
        ("patterns_", patterns, net.n_chans, np.float64),
        ("filters_", clf._filters, net.n_chans, np.float64),
        ("temporal_filters_", clf._temporal_filters, net.kernel_length, np.float64),
        ("spectra", spectra, len(freqs), np.float32),
    ):
        _check_array(name, array, (n, length), dtype)


def _generator_states(plain):
    """Check states of random generators: those of a CPU by taking them."""
    if type(plain) is not dict or "order" not in plain or len(plain) != 2:
        raise ValueError("states of random generators are missing")
    states = {}
    for name, array in plain.items():
        _check_array("a generator's state", array, (array.size,), np.uint8)
        states[name] = torch.from_numpy(array)
        if name in ("order", "cpu"):
            torch.Generator().set_state(states[name])
        elif name not in ("cuda", "mps", "xpu") or array.size > 10_000:
            raise ValueError(f"there is no random generator of {str(name)[:40]}")
    return states


def _optimizer_state(net, plain):
    if plain is None:
        return None
    _check_keys(plain, ("state", "param_groups"), "the optimiser's state")
    shapes = [tuple(p.shape) for p in net.parameters()]
    state = {}
    for i, of_weight in plain["state"].items():
        _check_keys(of_weight, _OF_ADAM, "Adam's averages")
        _check_count("n_steps", of_weight["n_steps"], 0)
        _check_count("a weight", i, 0)
        for key, shape in (("step", ()), ("exp_avg", shapes[i]), ("exp_avg_sq", shapes[i])):
            _check_array(key, of_weight[key], shape, np.float32)
        if (of_weight["exp_avg_sq"] < 0).any() or of_weight["step"] < 0:
            raise ValueError("Adam's averages of squares, or steps, are negative")
        state[i] = {
            key: torch.from_numpy(value) if type(value) is np.ndarray else value
            for key, value in of_weight.items()
        }
    groups = plain["param_groups"]
    [group] = groups
    if group["params"] != list(range(len(shapes))):
        raise ValueError("the optimiser's state is of other weights")
    return {"state": state, "param_groups": groups}
