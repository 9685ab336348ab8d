r"""EEGNets side by side are one EEGNet, of all their filters, its logits a weighted sum of theirs.

Temporal, spatial and separable filters stand beside each other, the pointwise step is block
diagonal, and the classifier's rows, one after the other, are multiplied by what each counts for:
what predicts trials that were left out (stacked generalisation [1]_, [2]_).

References
----------
.. [1] Wolpert, D. H. (1992). Stacked generalization. Neural Networks, 5(2), 241-259.
.. [2] Breiman, L. (1996). Stacked regressions. Machine Learning, 24(1), 49-64.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp

from .network import EEGNet

# Inverse variance, in squared log-odds, that what a network adds to logits is expected to have
# about what it adds before any trial is seen; a trial that is left out brings about 1/5.
PRECISION = 4.0


def find_shares(logits, onehot, weight):
    """Find what to multiply the logits of networks by, so that their sum predicts best.

    Before any trial is seen the first network counts in full, and the others not at all.

    Parameters
    ----------
    logits : sequence of ndarray, shape (n_trials, n_classes)
        Of each network, for trials that it was not trained on; of the first, log-odds.
    onehot : ndarray, shape (n_trials, n_classes)
        Indicators of the classes.
    weight : ndarray, shape (n_trials,)

    Returns
    -------
    shares : ndarray, shape (n_networks,)
        Not negative.
    """
    scores = np.array([each - each.mean(axis=1, keepdims=True) for each in logits])
    part = weight / weight.sum()
    spread = np.sqrt(np.einsum("n,mnk->m", part, np.square(scores)) / onehot.shape[1])
    spread[spread == 0] = 1.0
    scores = scores / spread[:, np.newaxis, np.newaxis]
    expected = np.where(np.arange(len(scores)) == 0, spread, 0.0)
    narrowness = PRECISION / len(onehot)

    def cost(amounts):
        sums = np.tensordot(amounts, scores, 1)
        logsums = logsumexp(sums, axis=1, keepdims=True)
        loss = part @ (logsums[:, 0] - (onehot * sums).sum(axis=1))
        slope = part[:, np.newaxis] * (np.exp(sums - logsums) - onehot)
        beyond = amounts - expected
        return (
            loss + narrowness * (beyond @ beyond) / 2,
            np.einsum("nk,mnk->m", slope, scores) + narrowness * beyond,
        )

    bounds = [(0, None)] * len(scores)
    return minimize(cost, expected, jac=True, bounds=bounds, method="L-BFGS-B").x / spread


@torch.no_grad()
def side_by_side(nets, shares):
    """Join networks into one whose logits are a weighted sum of theirs.

    Parameters
    ----------
    nets : sequence of EEGNet
        With the published convolutions, alike but for ``F1``, ``F2`` and ``drop_prob``.
    shares : sequence of float
        What the logits of each are multiplied by: smaller in proportion where the classifier's
        rows would else be beyond the bound on their norms.

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
    norm = joined.classifier.weight.norm(dim=1).max()
    if joined.dense_max_norm is not None and norm > joined.dense_max_norm:
        joined.classifier.weight.mul_(joined.dense_max_norm / norm)
        joined.classifier.bias.mul_(joined.dense_max_norm / norm)
    return joined.eval()
