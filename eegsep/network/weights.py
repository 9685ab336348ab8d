"""Weights of EEGNet to and from its other implementations: Keras and braindecode.

Only arrays and modules are exchanged: neither package is imported here.
"""

from __future__ import annotations

import numpy as np
import torch

from .eegnet import EEGNet

_NORMS = ("temporal_norm", "spatial_norm", "separable_norm")
_NORM_PARTS = ("weight", "bias", "running_mean", "running_var")

# our names : braindecode's, for what both have in the same shape
_BRAINDECODE = {
    "temporal": "conv_temporal",
    "temporal_norm": "bnorm_temporal",
    "spatial": "conv_spatial",
    "spatial_norm": "bnorm_1",
    "separable_depthwise": "conv_separable_depth",
    "pointwise": "conv_separable_point",
    "separable_norm": "bnorm_2",
}


def _check_published(net):
    if not isinstance(net, EEGNet):
        raise TypeError(f"net must be an EEGNet, not {type(net).__name__}")
    if net.spatial_kind != "depthwise" or net.separable_kind != "separable":
        raise ValueError(
            "Only the published network has a counterpart elsewhere, this one has "
            f"spatial={net.spatial_kind!r} and separable={net.separable_kind!r}"
        )


def _keras_layout(net):
    """Yield each of the network's tensors with functions to and from Keras's axes, in order."""
    n_samples = net.n_times // net.pool1 // net.pool2

    def conv_out(w):  # (out, in, height, width) -> (height, width, in, out)
        return w.transpose(2, 3, 1, 0)

    def conv_in(w):
        return w.transpose(3, 2, 0, 1)

    def depthwise_out(n_in):  # (in * multiplier, 1, h, w) -> (h, w, in, multiplier)
        return lambda w: w.reshape(n_in, -1, *w.shape[2:]).transpose(2, 3, 0, 1)

    def depthwise_in(w):
        return w.transpose(2, 3, 0, 1).reshape(-1, 1, *w.shape[:2])

    def dense_out(w):  # torch flattens (map, sample), Keras (sample, map)
        return w.reshape(-1, net.F2, n_samples).transpose(2, 1, 0).reshape(-1, net.n_outputs)

    def dense_in(w):
        return w.reshape(n_samples, net.F2, -1).transpose(2, 1, 0).reshape(net.n_outputs, -1)

    def same(w):
        return w

    def norm(module):
        return [(getattr(module, part), same, same) for part in _NORM_PARTS]

    return [
        (net.temporal.weight, conv_out, conv_in),
        *norm(net.temporal_norm),
        (net.spatial.weight, depthwise_out(net.F1), depthwise_in),
        *norm(net.spatial_norm),
        (net.separable_depthwise.weight, depthwise_out(net.F1 * net.D), depthwise_in),
        (net.pointwise.weight, conv_out, conv_in),
        *norm(net.separable_norm),
        (net.classifier.weight, dense_out, dense_in),
        (net.classifier.bias, same, same),
    ]


def to_keras(net):
    """Weights as the reference EEGNet's ``model.set_weights`` takes them.

    Parameters
    ----------
    net : EEGNet
        A network with the published convolutions.

    Returns
    -------
    weights : list of ndarray
        18 arrays in Keras's order and axes: each convolution's kernel, followed by the scale,
        shift, moving mean and moving variance of its normalisation; the dense kernel and bias.

    Raises
    ------
    ValueError
        If the network is an ablation.

    Examples
    --------
    >>> from eegsep.network import EEGNet, to_keras
    >>> weights = to_keras(EEGNet(n_chans=22, n_times=512, n_outputs=4))
    >>> len(weights), weights[0].shape
    (18, (1, 64, 1, 8))
    """
    _check_published(net)
    return [
        np.array(to(tensor.detach().cpu().numpy()), order="C")
        for tensor, to, _ in _keras_layout(net)
    ]


def from_keras(net, weights):
    """Load the weights of the reference EEGNet, in place.

    Parameters
    ----------
    net : EEGNet
        A network of the same sizes, with the published convolutions.
    weights : list of ndarray
        What Keras's ``model.get_weights()`` returns.

    Returns
    -------
    net : EEGNet

    Raises
    ------
    ValueError
        If the number of arrays or a shape is not what the network needs, or values are not finite.
    TypeError
        If ``net`` is no EEGNet, or ``weights`` no list.

    Examples
    --------
    >>> from eegsep.network import EEGNet, from_keras, to_keras
    >>> net = EEGNet(n_chans=4, n_times=128, n_outputs=2)
    >>> weights = to_keras(net)  # or model.get_weights() of a Keras model
    >>> other = from_keras(EEGNet(n_chans=4, n_times=128, n_outputs=2), weights)
    >>> (other.temporal.weight == net.temporal.weight).all().item()
    True
    """
    _check_published(net)
    layout = _keras_layout(net)
    if not isinstance(weights, (list, tuple)):
        raise TypeError(f"weights must be a list of arrays, not {type(weights).__name__}")
    if len(weights) != len(layout):
        raise ValueError(f"Expected {len(layout)} arrays from Keras's EEGNet, got {len(weights)}")
    for i, ((tensor, to, _), given) in enumerate(zip(layout, weights, strict=True)):
        expected = to(tensor.detach().cpu().numpy()).shape
        if np.shape(given) != expected:
            raise ValueError(f"Array {i} has shape {np.shape(given)}, expected {expected}")
        if not np.isfinite(given).all():
            raise ValueError(f"Array {i} has values that are not finite")
    with torch.no_grad():
        for (tensor, _, back), given in zip(layout, weights, strict=True):
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(back(np.asarray(given)))))
    return net


def _braindecode_classifier(model):
    head = model.final_layer
    return head.conv_classifier if hasattr(head, "conv_classifier") else head.linearconstraint


def from_braindecode(net, model):
    """Load the weights of a ``braindecode.models.EEGNet``, in place.

    With even kernels braindecode pads one zero more on the left, hence its maps lag by a sample:
    the outputs of the two networks agree exactly for odd ``kernel_length`` and
    ``separable_kernel_length``, and nearly otherwise.

    Parameters
    ----------
    net : EEGNet
        A network of the same sizes, with the published convolutions.
    model : braindecode.models.EEGNet
        The source.

    Returns
    -------
    net : EEGNet

    Raises
    ------
    ValueError
        If a shape differs.
    TypeError
        If ``net`` or ``model`` is something else.

    Examples
    --------
    >>> from braindecode.models import EEGNet as Theirs
    >>> from eegsep.network import EEGNet, from_braindecode
    >>> net = EEGNet(n_chans=4, n_times=128, n_outputs=2, kernel_length=63,
    ...              separable_kernel_length=15)
    >>> theirs = Theirs(n_chans=4, n_times=128, n_outputs=2, kernel_length=63,
    ...                 depthwise_kernel_length=15)
    >>> net = from_braindecode(net, theirs)
    """
    _copy_all(_braindecode_pairs(net, model), to_model=False)
    return net


def to_braindecode(net, model):
    """Load the network's weights into a ``braindecode.models.EEGNet``, in place.

    Parameters
    ----------
    net : EEGNet
        A network with the published convolutions; see :func:`from_braindecode` for even kernels.
    model : braindecode.models.EEGNet
        A model of the same sizes.

    Returns
    -------
    model : braindecode.models.EEGNet

    Raises
    ------
    ValueError
        If a shape differs.
    TypeError
        If ``net`` or ``model`` is something else.

    Examples
    --------
    >>> from braindecode.models import EEGNet as Theirs
    >>> from eegsep.network import EEGNet, to_braindecode
    >>> net = EEGNet(n_chans=4, n_times=128, n_outputs=2, kernel_length=63,
    ...              separable_kernel_length=15)
    >>> model = to_braindecode(net, Theirs(n_chans=4, n_times=128, n_outputs=2, kernel_length=63,
    ...                                    depthwise_kernel_length=15))
    """
    _copy_all(_braindecode_pairs(net, model), to_model=True)
    return model


def _braindecode_pairs(net, model):
    """Pair our modules' tensors with braindecode's."""
    _check_published(net)
    lacking = [name for name in _BRAINDECODE.values() if not hasattr(model, name)]
    if lacking:
        raise TypeError(
            f"model must be a braindecode.models.EEGNet, not {type(model).__name__}, which has no "
            f"{lacking[0]}"
        )
    pairs = []
    for ours, theirs in _BRAINDECODE.items():
        for part in _NORM_PARTS if ours in _NORMS else ("weight",):
            pairs.append((ours, part, getattr(net, ours), getattr(model, theirs)))
    head = _braindecode_classifier(model)
    return pairs + [("classifier", part, net.classifier, head) for part in ("weight", "bias")]


@torch.no_grad()
def _copy_all(pairs, *, to_model):
    for name, part, ours, theirs in pairs:
        mine, other = getattr(ours, part), getattr(theirs, part)
        # braindecode's classifier is a convolution (n_outputs, F2, 1, n_samples), or a dense layer
        if mine.shape[0] != other.shape[0] or mine.numel() != other.numel():
            raise ValueError(
                f"{name}.{part} has shape {tuple(mine.shape)} here and {tuple(other.shape)} in "
                "braindecode's network"
            )
        if not to_model:
            mine.copy_(other.reshape(mine.shape))
        elif part == "weight" and hasattr(theirs, "parametrizations"):
            # a max-norm parametrisation computes `weight` from this
            theirs.parametrizations.weight.original.copy_(mine.reshape(other.shape))
        else:
            other.copy_(mine.reshape(other.shape))
