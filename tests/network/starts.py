"""Trials whose classes differ in a known way, and networks that start from them."""

import numpy as np
import torch

from eegsep import EEGNet
from eegsep.network import initialisation as init

SFREQ = 128.0


def induced_trials(n_trials=80, n_chans=4, n_classes=2, n_times=256, gain=0.5, seed=0):
    """Noise through a mixing matrix; each class has one louder source."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_trials) % n_classes
    sources = rng.normal(size=(n_trials, n_chans, n_times))
    for k in range(n_classes):
        sources[y == k, k] *= 1 + gain
    return rng.normal(size=(n_chans, n_chans)) @ sources, y


def evoked_trials(n_trials=80, n_chans=4, n_times=128, seed=0):
    """Noise, and a slow wave of one topography that the classes have with opposite signs."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_trials) % 2
    wave = np.hanning(n_times // 2)
    X = rng.normal(size=(n_trials, n_chans, n_times))
    X[:, :, n_times // 4 : n_times // 4 + len(wave)] += (
        0.25 * (2 * y - 1)[:, None, None] * rng.normal(size=(n_chans, 1)) * wave
    )
    return X, y


def mirrored_trials(lateralised, louder=1.15, n_trials=40, n_times=128, seed=0):
    """Three channels, left, right and between; a class each has one side louder, or the middle."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_trials) % 2
    X = rng.normal(size=(n_trials, 3, n_times))
    if lateralised:
        X[np.arange(n_trials), y] *= louder
    else:
        X[y == 1, 2] *= louder**2
    return X, y


def net_for(X, n_outputs=2):
    generator = torch.Generator().manual_seed(0)
    return EEGNet(*X.shape[1:], n_outputs, generator=generator).eval()


def logits_of(net, X):
    with torch.no_grad():
        return net(torch.from_numpy(X).float()).double().numpy()


def started(X, y, features_of):
    net, weight = net_for(X, y.max() + 1), np.ones(len(y))
    start = init.find_start(net, features_of(net, weight), y, weight)
    return init.set_start(net, start, X), start
