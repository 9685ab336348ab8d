"""Who is compared: EEGNet here, in published order and in braindecode, two classical pipelines."""

import numpy as np
import torch
from braindecode import EEGClassifier
from mne.decoding import CSP
from pyriemann.estimation import Covariances
from pyriemann.tangentspace import TangentSpace
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from eegsep import EEGNet, EEGNetClassifier

NETWORKS = ("eegsep", "published", "braindecode")
CONTENDERS = (*NETWORKS, "CSP+LDA", "TS+LR")
# Takes part in the step only: where it is faster than on all threads, these wait for each other.
ONE_THREAD = "braindecode, 1 thread"
DROP_PROB = 0.5
LR = 1e-3


def noise(shape, seed):
    """Return trials (float32) of which class 1 has a stronger first channel, and their classes."""
    rng = np.random.default_rng(seed)
    size = shape.n_trials, shape.n_chans, shape.n_times
    X, y = rng.standard_normal(size, dtype=np.float32), classes(shape.n_trials)
    X[y == 1, 0] *= 2
    return X, y


def classes(n_trials):
    """Return two classes in turn."""
    return np.arange(n_trials) % 2


def make_estimator(name, kernel_length, max_epochs, plan):
    """Make a contender; networks of one architecture, everything on the CPU."""
    if name in ("eegsep", "published"):
        return EEGNetClassifier(
            init="glorot",
            kernel_length=kernel_length,
            drop_prob=DROP_PROB,
            algorithm="auto" if name == "eegsep" else "published",
            max_epochs=max_epochs,
            batch_size=plan.batch_size,
            lr=LR,
            random_state=plan.seed,
            device="cpu",
        )
    if name == "braindecode":
        return EEGClassifier(
            "EEGNet",
            module__kernel_length=kernel_length,
            module__drop_prob=DROP_PROB,
            optimizer=torch.optim.Adam,
            lr=LR,
            max_epochs=max_epochs,
            batch_size=plan.batch_size,
            train_split=None,
            iterator_train__drop_last=False,
            device="cpu",
            verbose=0,
        )
    if name == "CSP+LDA":
        return make_pipeline(CSP(n_components=6), LinearDiscriminantAnalysis())
    return make_pipeline(Covariances("oas"), TangentSpace(), LogisticRegression())


def make_network(shape, seed):
    """Make the network that is trained step by step."""
    return EEGNet(
        shape.n_chans,
        shape.n_times,
        2,
        kernel_length=shape.kernel_length,
        drop_prob=DROP_PROB,
        generator=torch.Generator().manual_seed(seed),
    )
