"""The trials of a training in batches, in another random order each time.

``trials.py`` puts them on the device. With their lag statistics, where the network takes them.
"""

from __future__ import annotations

import copy
import math
from functools import cached_property

import torch

from eegsep._utils.memory import give_back_freed_memory, keep_freed_memory
from eegsep.network import spatial_first


def split_into_batches(order, batch_size, smallest=1):
    """Split trials into batches as equal as can be, so that none is left out or tiny.

    Parameters
    ----------
    order : torch.Tensor of int, shape (n_trials,)
        Trials in the order to visit them.
    batch_size : int
        Largest size of a batch, unless ``smallest`` is larger.
    smallest : int
        Least number of trials in a batch (where there are as many).

    Returns
    -------
    batches : tuple of torch.Tensor
    """
    n_batches = math.ceil(len(order) / batch_size)
    n_batches = max(1, min(n_batches, len(order) // smallest))
    return torch.tensor_split(order, n_batches)


class Batches:
    """The trials of a training, in another random order each time they are gone through.

    Gives tuples ``X, y, weight, statistics``, as :func:`eegsep.training.train_step` takes them.

    Parameters
    ----------
    net : EEGNet
        Which they are for: its order of evaluation decides whether lag statistics are taken.
    trials : eegsep.training.trials.Trials
        The windows, n_trials of them.
    y : torch.Tensor of int, shape (n_trials,)
    weight : torch.Tensor, shape (n_trials,)
        With mean 1.
    batch_size : int
    generator : torch.Generator
        On the CPU, for the order, and for what augmentation draws.
    augmentation : eegsep.training.augmentation.Augmentation | None
        What changes each batch. Lag statistics are then those of the changed batch, which the
        network takes itself where they are others.

    Raises
    ------
    ValueError
        If there is one trial only, with nothing to normalise it by.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from eegsep import EEGNet
    >>> from eegsep.training import Batches, Trials
    >>> X = np.random.default_rng(0).normal(size=(20, 4, 64)).astype(np.float32)
    >>> trials = Trials(X, np.arange(20), np.zeros(4), np.ones(4), torch.device("cpu"))
    >>> net = EEGNet(n_chans=4, n_times=64, n_outputs=2)
    >>> batches = Batches(net, trials, torch.arange(20) % 2, torch.ones(20), batch_size=8,
    ...                   generator=torch.Generator().manual_seed(0))
    >>> [len(y) for X, y, weight, statistics in batches]
    [7, 7, 6]
    """

    def __init__(self, net, trials, y, weight, *, batch_size, generator, augmentation=None):
        # normalisation needs two values a map, which one trial lacks when pooled to one sample
        smallest = 1 if net.n_times // net.pool1 > 1 else 2
        if len(y) < smallest:
            raise ValueError(
                "A single distinct trial that is pooled to one sample has no variance to normalise "
                "by. Give more trials."
            )
        self._trials, self._y, self._weight = trials, y, weight
        self._batch_size, self._smallest = batch_size, smallest
        self._generator, self._augmentation = generator, augmentation
        self._algorithm, self._kernel_length = net.algorithm, net.kernel_length

    @cached_property
    def _statistics(self):
        """Lag statistics of all trials, once there is a step to take; None where none are known."""
        statistics = None
        kept = self._augmentation is None or self._augmentation.keeps_lag_statistics
        if self._algorithm == "spatial_first" and kept:
            statistics = spatial_first.LagStatistics(self._kernel_length, len(self._trials))
            for part in torch.arange(len(self._trials)).split(self._batch_size):
                statistics.add(self._trials.batch(part))
        # what the statistics took would lie beside what the steps take
        give_back_freed_memory()
        keep_freed_memory()
        return statistics

    def __len__(self):
        return len(self._split(torch.arange(len(self._y))))

    def _split(self, order):
        return split_into_batches(order, self._batch_size, self._smallest)

    def __iter__(self):
        statistics = self._statistics
        order = torch.randperm(len(self._y), generator=self._generator)
        if self._augmentation is not None:
            seed = torch.randint(2**31 - 1, (), generator=self._generator)
            self._augmentation.start(int(seed), self._y.device)
        for batch, X in self._trials.batches(self._split(order)):
            y = self._y[batch]
            if self._augmentation is not None:
                X, y = self._augmentation(X, y)
            known = None if statistics is None else statistics.of_batch(batch)
            yield X, y, self._weight[batch], known

    def as_they_are(self):
        """Return the same trials, in an order of their own, not augmented.

        Going through them leaves the generator alone.

        Returns
        -------
        batches : Batches
        """
        _ = self._statistics  # which both share
        plain = copy.copy(self)
        plain._augmentation, plain._generator = None, torch.Generator().manual_seed(0)
        return plain
