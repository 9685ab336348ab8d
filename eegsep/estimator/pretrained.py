"""Starts from the network of a classifier that was fitted before, given as ``init``.

Its channels are matched by name, its classes by label; a network that does not fit is refused.
"""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator

from .lengths import sampling_rate


def source_of(clf):
    """Return the classifier that a fit is to begin with, None where ``init`` names a start."""
    if isinstance(clf.init, str):
        return None
    return clf.init.estimator if isinstance(clf.init, FrozenEstimator) else clf.init


def check_source(clf, kind):
    """Refuse an ``init`` that is no fitted classifier of a kind: a ValueError.

    So it is where it does not go with other parameters.
    """
    source, name = source_of(clf), type(clf).__name__
    if source is None:
        return
    if not isinstance(source, kind):
        advice = ""
        if hasattr(source, "steps") and isinstance(source[-1], kind):
            advice = " Give a pipeline's last step, and transform the trials as it did."
        raise ValueError(
            f"init of {name} must be the name of a start or a fitted {kind.__name__}, got "
            f"{type(source).__name__}.{advice}"
        )
    if not hasattr(source, "module_"):
        raise ValueError(
            f"init of {name} is not fitted. Fit it first. scikit-learn's clone, which pipelines, "
            "cross-validations and searches use, forgets what was fitted: wrap it, "
            "init=FrozenEstimator(fitted) of sklearn.frozen."
        )
    if isinstance(clf.early_stopping, str):
        raise ValueError(
            'early_stopping="cv" begins networks anew, and init says what to begin with. Set '
            "early_stopping=True or False."
        )


def take_network(net, clf, source):
    """Take over the weights of a fitted classifier, ``source``, for channels in another's order.

    ``net`` gets them, and ``clf`` knows its channels, window, sampling rate, and what its network
    is made with. It is a ValueError if these or parameters of the network are not the same, or
    weights are not finite.
    """
    source._check_module()
    _check_window(clf, source)
    order = _channel_order(clf, source)
    changed = [
        f"{name}={value!r} and not {source._made_with[name]!r}"
        for name, value in clf._made_with.items()
        if value != source._made_with[name]
    ]
    if changed:
        raise ValueError(
            f"init has another network than is asked for, by {', '.join(changed)}. Give these "
            "parameters as init has them."
        )
    state = source.module_.state_dict()
    if not all(torch.isfinite(values).all() for values in state.values()):
        raise ValueError("init has weights that are not finite. Fit it anew.")
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"module_ of init has other layers than it was made with: {error}"
        ) from error
    # a network that holds a start has none
    for name in ("dropout1", "dropout2"):
        setattr(net, name, deepcopy(getattr(source.module_, name)))
    net.drop_prob = source.module_.drop_prob
    first = {"joint": "joint", "low_rank": "low_rank.column"}.get(net.spatial_kind, "spatial")
    weight = net.get_submodule(first).weight
    with torch.no_grad():
        weight.copy_(weight[:, :, order])


def _check_window(clf, source):
    if clf.n_times_in_ != source.n_times_in_:
        raise ValueError(
            f"X has {clf.n_times_in_} time samples, but init was fitted on windows of "
            f"{source.n_times_in_}. Crop or resample to the same window."
        )
    rates = [sampling_rate(each.sfreq, each.info_) for each in (clf, source)]
    if None not in rates and not np.isclose(*rates):
        raise ValueError(
            f"The sampling rate is {rates[0]:g} Hz, but init was fitted at {rates[1]:g} Hz. "
            "Resample the trials."
        )


def _channel_order(clf, source):
    """Find where each of a classifier's channels is among those of the fitted one."""
    names, known = (each._ch_names() for each in (clf, source))
    if names is None or known is None:
        if clf.n_features_in_ != source.n_features_in_:
            raise ValueError(
                f"X has {clf.n_features_in_} channels, but init was fitted on "
                f"{source.n_features_in_}."
            )
        return list(range(clf.n_features_in_))
    names, known = list(names), list(known)
    lacking = [name for name in known if name not in names]
    unknown = [name for name in names if name not in known]
    if lacking or unknown:
        parts = [f"X lacks {', '.join(lacking)}"] if lacking else []
        parts += [f"init knows nothing of {', '.join(unknown)}"] if unknown else []
        raise ValueError(
            f"init was fitted on other channels: {', and '.join(parts)}. Pick the same channels, "
            "or interpolate those that are missing."
        )
    return [known.index(name) for name in names]
