r"""EEGNets side by side are one EEGNet, of all their filters, its logits a weighted sum of theirs.

Temporal, spatial and separable filters stand beside each other, the pointwise step is block
diagonal, and the classifier's rows, one after the other, are multiplied by what each counts for.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from .eegnet import EEGNet
from .initialisation.log_odds import are_surely_less, cross_entropies

# Inverse variance, in squared log-odds, that what a network adds to those of a start is expected to
# have about nothing; each trial that is left out brings about 1/5.
PRECISION = 4.0
# Log-odds, one deviation of them, that a network adds at most.
_MOST = 10.0


def surely_adds(start, other, onehot, weight):
    """Say whether a network tells about trials what a start does not.

    A multiple of its logits is added to those of the start. The multiple is that of least
    cross-entropy, with a slight penalty; and the cross-entropy has to be less than the start's by
    more than two standard errors of the difference.

    Parameters
    ----------
    start, other : ndarray, shape (n_trials, n_classes)
        Logits of both, for trials that they were not trained on; those of the start are log-odds.
    onehot : ndarray, shape (n_trials, n_classes)
        Indicators of the classes.
    weight : ndarray, shape (n_trials,)

    Returns
    -------
    adds : bool
    """
    part = weight / weight.sum()
    other = other - other.mean(axis=1, keepdims=True)
    other = other / (np.sqrt(part @ np.square(other).mean(axis=1)) or 1.0)

    def losses(amount):
        return cross_entropies(start + amount * other, onehot)

    def cost(amount):
        return part @ losses(amount) + PRECISION / len(start) * amount**2 / 2

    amount = minimize_scalar(cost, bounds=(0, _MOST), method="bounded").x
    return are_surely_less(losses(amount), losses(0), weight, n_errors=2)


@torch.no_grad()
def side_by_side(nets, shares):
    """Join networks into one whose logits are a weighted sum of theirs.

    Parameters
    ----------
    nets : sequence of EEGNet
        With the published convolutions, alike but for ``F1``, ``F2`` and ``drop_prob``.
    shares : sequence of float
        What the logits of each are multiplied by. The classifier's rows stay within their bound
        where the squared shares sum to at most 1.

    Returns
    -------
    net : EEGNet
        Of ``sum(F1)`` temporal filters, in inference mode. Without dropout: what suits one
        network need not suit the other.

    Raises
    ------
    ValueError
        If the convolutions are not the published ones.
    """
    first = nets[0]
    if any((net.spatial_kind, net.separable_kind) != ("depthwise", "separable") for net in nets):
        raise ValueError(
            "Only networks with the published convolutions can stand side by side: set "
            'spatial="depthwise" and separable="separable".'
        )
    sizes = ("n_chans", "n_times", "n_outputs", "D", "kernel_length", "separable_kernel_length")
    joined = EEGNet(
        **{name: getattr(first, name) for name in (*sizes, "pool1", "pool2")},
        F1=sum(net.F1 for net in nets),
        F2=sum(net.F2 for net in nets),
        drop_prob=0.0,
        spatial_max_norm=first.spatial_max_norm,
        dense_max_norm=first.dense_max_norm,
        algorithm=first.algorithm,
        generator=torch.Generator(),
    ).to(first.classifier.weight)
    for name, value in joined.state_dict().items():
        parts = [net.state_dict()[name] for net in nets]
        if name.startswith("classifier"):
            parts = [share * part for share, part in zip(shares, parts, strict=True)]
        if name == "classifier.weight":
            made = torch.cat(parts, dim=1)
        elif name == "classifier.bias":
            made = torch.stack(parts).sum(dim=0)
        elif name == "pointwise.weight":
            made = torch.block_diag(*(part[:, :, 0, 0] for part in parts))[..., None, None]
        elif value.ndim == 0:  # of batches that a normalisation has seen
            made = torch.stack(parts).amax()
        else:
            made = torch.cat(parts)
        value.copy_(made)
    return joined.eval()
