"""How networks are made and trained on trials, as a classifier's parameters say.

One trainer serves all networks of a fit: the one that is kept, and those that tell how to train it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch.optim.lr_scheduler import LambdaLR

from eegsep.network import initialisation
from eegsep.network.eegnet import EEGNet
from eegsep.training import hooks, loop
from eegsep.training.augmentation import Augmentation, MirrorImages, as_list
from eegsep.training.batches import Batches
from eegsep.training.trials import Trials

from .epoch_choice import Run

# The learning rate that leads away from a start begins at this part of it, and grows evenly on a
# logarithmic scale.
FIRST_PART = 0.01
# What the number of epochs is divided by where it grows, and of a second network.
FEWER_EPOCHS = 5
# What the learning rate is divided by where training goes on with a network that held a start.
STEADINESS = 10


class Pace(NamedTuple):
    """How a network is trained.

    Attributes
    ----------
    max_epochs : int
    lr : float
    step : callable
        As :func:`eegsep.training.loop.train` takes it.
    lr_schedule : str | callable | None
        As :class:`eegsep.EEGNetClassifier` takes it.
    leaves_start : bool
        Whether it leads away from a start that was not asked for, as far as trials tell.
    mirror : ndarray of int, shape (n_chans,) | None
        Position of each channel's mirror image, where that of a trial is trained on as well, as one
        of the other class.
    """

    max_epochs: int
    lr: float
    step: Callable
    lr_schedule: str | Callable | None
    leaves_start: bool = False
    mirror: np.ndarray | None = None


def growing(optimizer, n_steps):
    """Make a schedule whose learning rate grows from ``FIRST_PART`` of it to all of it."""
    return LambdaLR(optimizer, lambda step: FIRST_PART ** (1 - step / n_steps))


class Seeds(NamedTuple):
    """What a fit draws from the classifier's ``random_state``, one for each use."""

    held_out: int
    weights: int
    order: int
    dropout: int

    @classmethod
    def drawn_from(cls, random_state):
        """Draw them."""
        drawn = check_random_state(random_state).randint(2**31 - 1, size=len(cls._fields))
        return cls(*(int(seed) for seed in drawn))


class TrainingSet(NamedTuple):
    """Distinct trials, and what is known of them.

    Attributes
    ----------
    X : ndarray, shape (n_all, n_chans, n_times)
        What holds them, in its own unit.
    index : ndarray of int, shape (n_trials,)
        Their positions there.
    y : ndarray of int, shape (n_trials,)
        Class indices.
    weight : ndarray, shape (n_trials,)
    groups : ndarray of int, shape (n_trials,) | None
        What stays together where trials are left out.
    """

    X: np.ndarray
    index: np.ndarray  # type: ignore[assignment]  # as tuples have a method of that name
    y: np.ndarray
    weight: np.ndarray
    groups: np.ndarray | None = None

    def part(self, kept):
        """Take some of the trials, by their positions in ``index``."""
        groups = None if self.groups is None else self.groups[kept]
        return TrainingSet(self.X, self.index[kept], self.y[kept], self.weight[kept], groups)

    def order_of_values(self):
        """Order the trials by their values, whatever their labels; equal ones as they come."""
        flat = self.X.reshape(len(self.X), -1)
        columns = np.linspace(0, flat.shape[1] - 1, 16).astype(int)
        return np.lexsort(flat[np.ix_(self.index, columns)].T)

    def of_mean_weight_one(self):
        """Bring the weights to a mean of 1."""
        return self._replace(weight=self.weight / self.weight.mean())


@dataclass(frozen=True)
class Trainer:
    """Makes networks and trains them.

    Parameters
    ----------
    params : types.SimpleNamespace
        The classifier's parameters.
    network : dict
        Parameters of :class:`eegsep.EEGNet`.
    center, scale : ndarray, shape (n_chans,)
        What is subtracted from each channel, and what it is divided by then.
    device : torch.device
        Where networks are trained.
    seeds : Seeds | None
        None for a training that goes on.
    """

    params: SimpleNamespace
    network: dict
    center: np.ndarray
    scale: np.ndarray
    device: torch.device
    seeds: Seeds | None = None

    # -- networks --------------------------------------------------------------------------------

    def random_network(self):
        """Make a network of random weights."""
        generator = torch.Generator().manual_seed(self.seeds.weights)
        return EEGNet(**self.network, algorithm=self.params.algorithm, generator=generator)

    def started_network(self, features, training_set, kept=None):
        """Make a network that holds the start of some trials, all if not said, without dropout.

        Parameters
        ----------
        features : eegsep.network.initialisation.Features
            Of all trials of the set, in the order of their values.
        training_set : TrainingSet
        kept : ndarray of int | None
            Positions of the trials whose labels the start knows.

        Returns
        -------
        net : EEGNet
        """
        network = {**self.network, "drop_prob": 0.0}
        net = EEGNet(**network, algorithm=self.params.algorithm, generator=torch.Generator())
        order, chosen = training_set.order_of_values(), None
        if kept is not None:
            chosen = np.flatnonzero(np.isin(order, kept))
        _, _, y, weight, _ = training_set.part(order)
        start = initialisation.find_start(net, features, y, weight, chosen)
        return initialisation.set_start(net, start, features.trials(chosen))

    # -- trials ----------------------------------------------------------------------------------

    def scaled(self, X, index):
        """Return trials as the network sees them, in float64."""
        X = np.asarray(X[index], dtype=np.float64)
        return (X - self.center[:, np.newaxis]) / self.scale[:, np.newaxis]

    def trials(self, X, index):
        """Return trials that are scaled and put on the device as they are needed."""
        return Trials(X, index, self.center, self.scale, self.device)

    def on_device(self, training_set):
        """Return trials, class indices and weights where networks are trained."""
        return (
            self.trials(training_set.X, training_set.index),
            torch.from_numpy(training_set.y).to(self.device),
            torch.from_numpy(training_set.weight).to(self.device, torch.float32),
        )

    # -- training --------------------------------------------------------------------------------

    def pace(self, holds_start, goes_on=False, mirror=None):
        """Say how to train a network: in small steps, if it holds a start that was not asked for.

        Parameters
        ----------
        holds_start : bool
        goes_on : bool
            Whether it was fitted before.
        mirror : ndarray of int, shape (n_chans,) | None
            As :class:`Pace` has it, for a network that holds a start.

        Returns
        -------
        pace : Pace
        """
        n_epochs, lr, schedule, init = (
            getattr(self.params, name) for name in ("max_epochs", "lr", "lr_schedule", "init")
        )
        if not holds_start:
            return Pace(n_epochs, lr, loop.train_step, schedule)
        leaves_start = init == "auto" and not goes_on
        if leaves_start and schedule is None:
            n_epochs, schedule = n_epochs // FEWER_EPOCHS, growing
        elif init == "auto" or not isinstance(init, str):  # a start, or a fitted network
            lr /= STEADINESS
        return Pace(n_epochs, lr, loop.centred_step, schedule, leaves_start, mirror)

    def pace_beside(self, pace):
        """Say how to train a network of random weights beside one that leaves a start by a pace.

        It takes as few epochs, and larger steps in proportion.
        """
        usual = self.pace(holds_start=False)
        n_epochs = usual.max_epochs // FEWER_EPOCHS
        return usual._replace(max_epochs=n_epochs, lr=FEWER_EPOCHS * usual.lr, mirror=pace.mirror)

    def optimizer(self, net, pace):
        """Make the optimiser of a network."""
        return loop.KerasAdam(net.parameters(), pace.lr, self.params.weight_decay)

    def prepare(self, net, trials, generator, pace):
        """Make what a training goes through.

        Parameters
        ----------
        net : EEGNet
        trials : tuple
            As :meth:`on_device` returns them.
        generator : torch.Generator
            Of the order of trials.
        pace : Pace

        Returns
        -------
        batches : eegsep.training.Batches
        of_weights : list of eegsep.training.hooks.Hook
            Those that change weights and learning rate.
        final : eegsep.training.hooks.FinalNetwork | None
            One of them, which knows what weights training would end with, if not the last ones.
        """
        params, augmentation = self.params, self.params.augmentation
        if pace.mirror is not None:
            _, y, weight = trials
            known = y.cpu().numpy(), weight.cpu().numpy()
            images = MirrorImages(pace.mirror, *known, self.device)
            augmentation = [images, *as_list(augmentation)]
        loop.set_momentum(net, params.batch_norm_momentum)
        batches = Batches(
            net,
            *trials,
            batch_size=min(int(params.batch_size), len(trials[0])),
            generator=generator,
            augmentation=None if augmentation is None else Augmentation(augmentation),
        )
        made, final = [], None
        if pace.lr_schedule is not None:
            made.append(hooks.LearningRate(pace.lr_schedule, pace.max_epochs * len(batches)))
        # running statistics would lag behind the few steps away from a start
        renewed = params.batch_norm_momentum is None or pace.leaves_start
        # and those of other recordings say little of these
        renewed = renewed or not isinstance(params.init, str)
        if params.weight_averaging is not None or renewed:
            final = hooks.FinalNetwork(batches, params.weight_averaging, pace.max_epochs)
            made.append(final)
        return batches, made, final

    def run(self, net, training_set, pace):
        """Begin a training that goes on a few epochs at a time.

        Parameters
        ----------
        net : EEGNet
        training_set : TrainingSet
        pace : Pace

        Returns
        -------
        run : eegsep.estimator.epoch_choice.Run
        """
        net = net.to(self.device)
        trials = self.on_device(training_set.of_mean_weight_one())
        order = torch.Generator().manual_seed(self.seeds.order)
        batches, of_weights, final = self.prepare(net, trials, order, pace)
        return Run(
            net,
            self.optimizer(net, pace),
            batches,
            pace.step,
            [*of_weights, hooks.TrainingScores(), hooks.Finite()],
            torch.Generator(self.device).manual_seed(self.seeds.dropout),
            pace.max_epochs,
            final,
        )
