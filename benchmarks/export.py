"""Time to decode by an exported ONNX model, over that of ``predict_proba`` on the same windows.

    python benchmarks/export.py

Both take one thread, and turns, so that what else the
machine does slows both alike; of each the fastest turns are compared.
"""

from __future__ import annotations

import time

import numpy as np
import onnxruntime
import torch

from eegsep import EEGNetClassifier

N_CHANS, N_TIMES, SFREQ, N_CLASSES = 22, 512, 128, 4
BATCHES = {1: 300, 64: 40}  # windows, and turns
CONFIGURATIONS = {
    "published": {},
    "grouped:4": {"spatial": "grouped:4"},
    "standard": {"spatial": "standard"},
    "joint": {"spatial": "joint"},
    "low_rank:2": {"spatial": "low_rank:2"},
    **{
        f"second block {kind}": {"separable": kind}
        for kind in ("grouped:4", "standard", "shuffle:4", "inception", "spatially_separable")
    },
}


def times(actions, n_turns):
    """Take the tenth percentile of each action's times, in s, the actions taking turns."""
    taken = np.empty((n_turns + 2, len(actions)))
    for turn in taken:
        for i, action in enumerate(actions):
            start = time.perf_counter()
            action()
            turn[i] = time.perf_counter() - start
    return np.quantile(taken[2:], 0.1, axis=0)


def main():
    """Print a table."""
    torch.set_num_threads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    rng = np.random.default_rng(0)
    X = rng.normal(size=(max(BATCHES), N_CHANS, N_TIMES)).astype(np.float32)
    y = np.arange(len(X)) % N_CLASSES
    print(f"{'network':34} windows  predict_proba      ONNX  ratio  difference")
    for name, parameters in CONFIGURATIONS.items():
        clf = EEGNetClassifier(
            sfreq=SFREQ, init="glorot", max_epochs=1, random_state=0, **parameters
        ).fit(X, y)
        session = onnxruntime.InferenceSession(
            clf.to_onnx().SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        for n_windows, n_turns in BATCHES.items():
            windows = {"X": X[:n_windows]}

            def exported(session=session, windows=windows):
                return session.run(["probabilities"], windows)[0]

            def ours(clf=clf, windows=windows):
                return clf.predict_proba(windows["X"])

            apart = abs(exported() - ours()).max()
            torch_s, onnx_s = times([ours, exported], n_turns)
            print(
                f"{name:34} {n_windows:7} {1e3 * torch_s:10.3f} ms {1e3 * onnx_s:6.3f} ms "
                f"{onnx_s / torch_s:6.2f} {apart:11.1e}"
            )


if __name__ == "__main__":
    main()
