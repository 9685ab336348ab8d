"""The published network's predictions in plain numpy, of the arrays that a model file holds.

``python -m tests.files.numpy_eegnet`` made ``tests/data/model_v1.npz`` of ``model_v1.eegsep``.
"""

import json

import numpy as np
from safetensors.numpy import load

from tests.conftest import REPOSITORY

FILE = REPOSITORY / "tests" / "data" / "model_v1.eegsep"
BESIDE = FILE.with_suffix(".npz")


def arrays_of(file):
    """Return center_, scale_ and the weights by name, read without eegsep."""
    whole = file.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    document = json.loads(json.loads(whole[8 : 8 + length])["__metadata__"]["document"])
    arrays = load(whole)

    def of(packed):
        return {key: value for key, value in packed["dict"]}  # noqa: C416

    learned = of(of(document)["learned"])
    weights = of(of(learned["network"])["weights"])
    named = {"center": learned["center_"], "scale": learned["scale_"], **weights}
    return {name: arrays[packed["array"]].astype(float) for name, packed in named.items()}


def _same(x, kernels):
    """Correlate the last axis with a kernel for each map (axis 1), with zeros beyond the window."""
    length = kernels.shape[-1]
    pad = [(0, 0)] * (x.ndim - 1) + [((length - 1) // 2, length // 2)]
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, pad), length, axis=-1)
    return np.einsum("nm...tk,mk->nm...t", windows, kernels)


def _normalised(x, w, name):
    def of(part):
        return w[f"{name}.{part}"].reshape(1, -1, *[1] * (x.ndim - 2))

    return (x - of("running_mean")) / np.sqrt(of("running_var") + 1e-3) * of("weight") + of("bias")


def _elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _pooled(x, length):
    n = x.shape[-1] // length
    return x[..., : n * length].reshape(*x.shape[:-1], n, length).mean(axis=-1)


def probabilities(X, w, pool1, pool2):
    """Probabilities (n_trials, n_classes) of trials (n_trials, n_chans, n_times)."""
    x = (X - w["center"][:, None]) / w["scale"][:, None]
    kernels = w["temporal.weight"][:, 0, 0]
    x = np.repeat(x[:, np.newaxis], len(kernels), axis=1)  # trials, filters, electrodes, times
    x = _normalised(_same(x, kernels), w, "temporal_norm")
    spatial = w["spatial.weight"][:, 0, :, 0]
    x = np.repeat(x, len(spatial) // len(kernels), axis=1)
    x = np.einsum("nmct,mc->nmt", x, spatial)
    x = _pooled(_elu(_normalised(x, w, "spatial_norm")), pool1)
    x = _same(x, w["separable_depthwise.weight"][:, 0, 0])
    x = np.einsum("nmt,om->not", x, w["pointwise.weight"][:, :, 0, 0])
    x = _pooled(_elu(_normalised(x, w, "separable_norm")), pool2)
    logits = x.reshape(len(x), -1) @ w["classifier.weight"].T + w["classifier.bias"]
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    X = 1e-5 * np.random.default_rng(1).normal(size=(8, 3, 64))
    expected = probabilities(X, arrays_of(FILE), pool1=4, pool2=8)
    np.savez(BESIDE, X=X, probabilities=expected)
