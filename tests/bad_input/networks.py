"""The network itself: its sizes, what it is called with, and weights from elsewhere."""

import numpy as np
import torch

from eegsep import EEGNet
from eegsep.network import from_braindecode, from_keras, matched_F1, to_keras

from .table import Area

SIZES = {"n_chans": 8, "n_times": 64, "n_outputs": 2, "F1": 2, "D": 1, "kernel_length": 16}
TRIALS = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 8, 64))).float()


def net(**sizes):
    return EEGNet(**SIZES | sizes, generator=torch.Generator().manual_seed(0)).eval()


NETWORK = Area("Sizes of `EEGNet`", lambda folder: {}, lambda sizes: net(**sizes)(TRIALS).detach())
for name in (
    "n_chans",
    "n_times",
    "n_outputs",
    "F1",
    "D",
    "F2",
    "kernel_length",
    "separable_kernel_length",
    "pool1",
    "pool2",
):
    NETWORK.refused(
        f"{name}: 0", lambda _, name=name: {name: 0}, ValueError, f"{name} must be at least 1"
    )
    NETWORK.refused(
        f"{name}: 2.0", lambda _, name=name: {name: 2.0}, TypeError, f"{name} must be an integer"
    )
    NETWORK.refused(
        f"{name}: True", lambda _, name=name: {name: True}, TypeError, f"{name} must be an integer"
    )
    NETWORK.refused(
        f"{name}: a word",
        lambda _, name=name: {name: "two"},
        TypeError,
        f"{name} must be an integer",
    )
for name in ("drop_prob", "spatial_max_norm", "dense_max_norm"):
    for value in ("half", -1, float("nan"), True, [0.5], 1j):
        NETWORK.refused(
            f"{name}: {value!r}",
            lambda _, name=name, value=value: {name: value},
            (ValueError, TypeError),
            f"{name} must be",
        )
for name in ("spatial", "separable", "algorithm"):
    for value in (None, 3, "wrong", "", ["depthwise"]):
        NETWORK.refused(
            f"{name}: {value!r}",
            lambda _, name=name, value=value: {name: value},
            (ValueError, TypeError),
            name,
        )
NETWORK.refused("generator: a seed", lambda _: EEGNet(**SIZES, generator=0), TypeError, "generator")
NETWORK.refused(
    "matched to nothing", lambda _: matched_F1(8, 64, 2, spatial="wrong"), ValueError, "wrong"
)

CALLED = Area(
    "What `EEGNet` is called with", lambda folder: TRIALS.clone(), lambda x: net()(x).detach()
)
CALLED.same("other strides", lambda x: x.transpose(0, 2).contiguous().transpose(0, 2))
CALLED.same("a part of a larger tensor", lambda x: torch.cat([x, x])[:5])
CALLED.same("a tensor that is part of a graph", lambda x: x.requires_grad_() * 1)
CALLED.refused("numpy's array", lambda x: x.numpy(), TypeError, "torch.from_numpy")
CALLED.refused("a list", lambda x: x.tolist(), TypeError, "torch")
CALLED.refused("None", lambda x: None, TypeError, "torch")
CALLED.refused("double precision", lambda x: x.double(), RuntimeError, "double != float")
CALLED.refused("whole numbers", lambda x: x.int(), TypeError, r"x\.float")
CALLED.refused("complex numbers", lambda x: x + 0j, TypeError, "real numbers")
CALLED.refused("a single window", lambda x: x[0], ValueError, r"windows of shape \(B, 8, 64\)")
CALLED.refused("four axes", lambda x: x[:, None], ValueError, r"windows of shape \(B, 8, 64\)")
CALLED.refused("a channel less", lambda x: x[:, 1:], ValueError, r"windows of shape \(B, 8, 64\)")
CALLED.refused(
    "channels last", lambda x: x.transpose(1, 2), ValueError, r"windows of shape \(B, 8, 64\)"
)
CALLED.refused("a sparse tensor", lambda x: x.to_sparse(), RuntimeError, "sparse tensors")

WEIGHTS = Area(
    "Weights from elsewhere",
    lambda folder: to_keras(net(drop_prob=0.2)),
    lambda weights: from_keras(net(n_outputs=2), weights)(TRIALS).detach(),
)
WEIGHTS.refused("nothing", lambda w: [], ValueError, "Expected 18 arrays")
WEIGHTS.refused("one too few", lambda w: list(w)[1:], ValueError, "Expected 18 arrays")
WEIGHTS.refused("None", lambda w: None, TypeError, "weights")
WEIGHTS.refused("in another order", lambda w: list(w)[::-1], ValueError, "shape")
WEIGHTS.refused("words", lambda w: ["a"] * len(w), ValueError, "shape")
WEIGHTS.refused("NaN", lambda w: [v * np.nan for v in w], ValueError, "finite|NaN")
WEIGHTS.refused("another size", lambda w: to_keras(net(F1=4)), ValueError, "shape")
WEIGHTS.refused(
    "no network of braindecode's",
    lambda w: from_braindecode(net(), torch.nn.Linear(2, 2)),
    (ValueError, TypeError),
    "braindecode|EEGNet",
)
WEIGHTS.refused(
    "no network to put them in",
    lambda w: from_keras(None, w),
    (ValueError, TypeError),
    "EEGNet|net",
)
