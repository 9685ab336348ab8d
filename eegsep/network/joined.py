r"""EEGNets side by side are one EEGNet, of all their filters, its logits a weighted sum of theirs.

Temporal, spatial and separable filters stand beside each other, the pointwise step is block
diagonal, and the classifier's rows, one after the other, are multiplied by what each counts for.
"""

from __future__ import annotations

import torch

from .eegnet import EEGNet


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

    Examples
    --------
    >>> import torch
    >>> from eegsep import EEGNet
    >>> from eegsep.network import side_by_side
    >>> nets = [EEGNet(n_chans=4, n_times=64, n_outputs=2).eval() for _ in range(2)]
    >>> both, x = side_by_side(nets, (0.5, 0.5)), torch.randn(3, 4, 64)
    >>> bool(torch.allclose(both(x), (nets[0](x) + nets[1](x)) / 2, atol=1e-5))
    True
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
