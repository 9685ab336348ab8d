"""EEGNetClassifier: scikit-learn's face of the network, its training and the input checks.

Constructor stores, ``fit`` validates, attributes that end in an underscore are what was learned.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, InvalidParameterError, StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from eegsep._utils.memory import give_back_freed_memory
from eegsep._utils.warnings import warn
from eegsep.datasets.mirror import mirror_images
from eegsep.network import initialisation
from eegsep.network.eegnet import BATCH_NORM_MOMENTUM, EEGNet, check_convolutions, parse_convolution
from eegsep.network.settings import settled
from eegsep.network.side_by_side import side_by_side, surely_adds
from eegsep.network.threads import one_at_a_time
from eegsep.training import holdout, hooks, loop
from eegsep.training.augmentation import Augmentation
from eegsep.training.stacked import train_stack
from eegsep.training.trials import Trials

from . import epoch_choice, haufe
from .inputs import as_values, canonical_trials, check_trials
from .scaling import Moments, center_and_scale, check_amplitudes, check_training_amplitudes

# Of the paper, and for what its lengths are where no sampling rate is known.
PAPER_SFREQ = 128.0
# The paper's lengths in seconds; those after a pooling are at the rate that it leaves.
PAPER_SECONDS = {
    "kernel_length": 1 / 2,
    "pool1": 1 / 32,
    "separable_kernel_length": 1 / 2,
    "pool2": 1 / 4,
}

# Parameters that networks trained as a stack heed; the others must be as they are by default.
_STACKED = {
    *("F1", "D", "F2", "kernel_length", "separable_kernel_length", "pool1", "pool2", "drop_prob"),
    *("spatial", "separable", "scaling", "spatial_max_norm", "dense_max_norm", "sfreq"),
    *("max_epochs", "batch_size", "lr", "weight_decay", "class_weight", "validation_fraction"),
    *("n_iter_no_change", "random_state", "evaluation", "device"),
}

# What the learning rate is divided by for a network that is to keep to its start, and what the
# number of epochs is, the steps being larger as much, where another network takes all of them.
STEADINESS = 150
FEWER_EPOCHS = 15
# Trials from which on a network of random weights is trained beside one that holds a start.
ENOUGH_TRIALS = 100
# Trials, left out of one training, that tell whether the other adds to it.
ENOUGH_LEFT_OUT = 200

# Variance of a trial that is flat but for rounding, where 1 is usual.
_STILL = 1e-12

_LENGTH = [
    Interval(Integral, 1, None, closed="left"),
    Interval(Real, 0, None, closed="neither"),
    None,
]

# What predicting and a training that goes on need, beside what users read.
_LEARNED = (
    "_epochs_made",
    "_filters",
    "_made_with",
    "_maps",
    "_optimizer_state",
    "_generator_states",
    "_dropout_seed",
)


class Pace(NamedTuple):
    """How a network is trained: most epochs, the learning rate, and the kind of step."""

    max_epochs: int
    lr: float
    step: Callable


class EEGNetClassifier(ClassifierMixin, BaseEstimator):
    """EEGNet as a scikit-learn classifier.

    Trains :class:`eegsep.EEGNet` [1]_ with Adam, cross-entropy and max-norm projection. Works
    wherever scikit-learn's classifiers do: pipelines, cross-validation, grid search, MOABB.

    A fit depends on the set of trials and not on their order. The same ``random_state`` gives the
    same bits, on one thread, in however many processes a cross-validation runs, and leaves the
    global random generators of numpy and torch alone.

    Parameters
    ----------
    F1 : int | "matched", default=8
        Number of temporal filters; ``"matched"`` for the largest with which the network has no more
        trainable parameters than the published one of 8.
    D : int, default=2
        Number of spatial filters for each temporal filter.
    F2 : int | None, default=None
        Number of pointwise filters; None for ``F1 * D``.
    kernel_length : int | float | None, default=None
        Length of the temporal filters: samples if an integer, seconds if a float (which needs a
        sampling rate). None for half a second as in the paper: 64 samples at its 128 Hz, which is
        also taken where no sampling rate is known. Shrinks to the window, with a warning, where it
        is longer.
    separable_kernel_length : int | float | None, default=None
        Length of the separable convolution: samples after the first pooling, or seconds. None for
        half a second as in the paper, 16 pooled samples.
    pool1, pool2 : int | float | None, default=None
        Lengths of the two average poolings: samples that come in, or seconds. None for 1/32 and
        1/4 of a second as in the paper, 4 samples and then 8 pooled ones.
    drop_prob : float, default=0.5
        Dropout probability of a network of random weights; the paper took 0.5 within a subject
        and 0.25 across subjects. One that holds a start has no dropout: its features stand far
        from zero, so that to drop one would be noise many times the signal.
    spatial : str, default="depthwise"
        Convolution over electrodes: ``"depthwise"`` as published, or ``"grouped:g"``,
        ``"standard"``, ``"joint"``, ``"low_rank:r"``; see :class:`eegsep.EEGNet`.
    separable : str, default="separable"
        Convolution of the second block: ``"separable"`` as published, or ``"grouped:g"``,
        ``"standard"``, ``"shuffle:g"``, ``"inception"``, ``"inception:n"``,
        ``"spatially_separable"``; see :class:`eegsep.EEGNet`.
    scaling : {"channel", "global"}, default="channel"
        What the input is scaled by: each channel by a robust centre and scale of its own, or all
        by one number, so that loud electrodes stay louder. See :mod:`eegsep.estimator.scaling`.
    spatial_max_norm : float | None, default=1.0
        Bound on the norm of each spatial filter.
    dense_max_norm : float | None, default=0.25
        Bound on the norm of each of the classifier's rows.
    sfreq : float | None, default=None
        Sampling rate in Hz. Epochs bring their own.
    ch_names : sequence of str | None, default=None
        Names of the channels. Epochs bring their own. Where they are those of the 10-20 system, a
        start of induced activity may take left and right as each other's mirror images.
    init : {"auto", "induced", "evoked", "glorot"}, default="auto"
        Initial weights. ``"induced"`` and ``"evoked"`` take them, in closed form, from a classical
        classifier of the training trials, of band power in the tangent space of covariances or of
        the signals themselves (see :mod:`eegsep.network.initialisation`); ``"glorot"`` draws them
        at random, as the paper does. ``"auto"`` begins with the classifier that tells left-out
        training trials apart better, at random where there can be none, and stays near it: its
        steps are taken at ``lr / 150``. From 100 trials on a second network, of random weights, is
        trained as the parameters say, and errs in other ways; the first then takes a fifteenth of
        the epochs at 15 times the rate. If the second surely adds to the first for trials that are
        left out of trainings like these, ``module_`` is both side by side: one EEGNet of twice
        ``F1`` temporal filters, those of the start first, whose logits are the mean of theirs (see
        :mod:`eegsep.network.side_by_side`). If not, it is the first alone. Only the published
        convolutions can hold a start, and :meth:`partial_fit` begins at random. A network that
        holds a start has no dropout, and is trained with centred inputs of its classifier
        (:func:`eegsep.training.loop.centred_step`).
    max_epochs : int, default=300
        Passes over the training trials, under ``init="auto"`` those of random weights; 0 leaves
        the network as it starts.
    batch_size : int, default=16
        Largest mini-batch (16 in the examples of the authors' code). Batches are of equal size
        as nearly as can be, no trial is left out.
    lr : float, default=0.001
        Learning rate of Adam. With fewer epochs take a larger one in proportion, ``lr = 0.3 /
        max_epochs``, as the pipelines and notebooks of this package do.
    lr_schedule : {"cosine", "one_cycle"} | callable | None, default=None
        What the learning rate does from step to step: None keeps it; ``"cosine"`` lowers it to 0
        along half a cosine; ``"one_cycle"`` raises it from ``lr / 25`` to ``lr`` and lowers it
        again, the momentum the other way round (torch's ``CosineAnnealingLR`` and ``OneCycleLR``).
        A callable gets the optimiser and the number of steps, and returns one of
        ``torch.optim.lr_scheduler``'s schedulers, of which ``step()`` is called after each step.
        The steps are those of ``max_epochs``, even where ``early_stopping`` ends before.
    weight_decay : float, default=0.0
        Decoupled weight decay.
    weight_averaging : {"ema", "swa"} | None, default=None
        Which weights training ends with, and validation trials are watched with: None for those
        of the last step; ``"ema"`` for a moving average over steps, with the share
        ``min(0.999, (1 + n) / (10 + n))`` of the past after n steps; ``"swa"`` for the mean over
        the ends of the last fourth of ``max_epochs`` [2]_. The normalisations' running statistics
        are then taken anew, as under ``batch_norm_momentum=None``.
    augmentation : str | dict | callable | list of these | None, default=None
        What is done to each batch in training: one of braindecode's transforms by name, such as
        ``"SignFlip"`` (with a probability of 0.5 where it needs one); a dict of the name to its
        parameters, such as ``{"GaussianNoise": {"probability": 1.0, "std": 0.2}}``; a transform of
        ``braindecode.augmentation``, whose random generator is replaced by one that follows from
        ``random_state``; a function ``(X, y, generator)`` of tensors (n_trials, n_chans, n_times)
        and (n_trials,), the class indices, on the device, which draws from ``generator`` and
        returns the two again. Or a list of these, applied one after the other. Batches are scaled:
        a channel's noise is near 1.
    class_weight : dict | "balanced" | None, default=None
        Weights of the classes, as in scikit-learn.
    early_stopping : bool | "cv", default=False
        ``"cv"``: train networks on all but a fourth of the trials each, find the number of epochs,
        0 to ``max_epochs``, with the least loss on what they left out, train on all trials for so
        many, and scale the logits by the temperature that suited those left out. True:
        hold out a part of the trials and end with the weights that had the least loss on it. Held
        out are whole ``groups`` where :meth:`fit` gets them; else trials that have samples in
        common, such as overlapping windows, stay together. Or give ``validation_data``.
    validation_fraction : float, default=0.2
        Share of the trials held out, by class, under ``early_stopping``; of groups at least three
        of each class where it has nine.
    n_iter_no_change : int | None, default=50
        Epochs without a better validation loss after which ``early_stopping`` ends the training;
        None trains for ``max_epochs`` all the same (the paper's way, with 500).
    batch_norm_momentum : float | None, default=0.01
        Share of each batch in the running statistics that predictions are normalised by; 0.01 as
        in the paper (Keras's 0.99). None takes them at the end, and before validation trials are
        watched, in a pass over the training trials, as the mean over its batches (torch's
        ``update_bn``): for trainings of so few steps that 0.01 lags behind.
    callbacks : list of eegsep.training.hooks.Hook | None, default=None
        What is called at each step and epoch of the training of the network that is kept, see
        :class:`eegsep.training.hooks.Hook`; each can end it. Copies are called, see ``callbacks_``.
    random_state : int | RandomState | None, default=None
        Seed of the initial weights, the order of trials, dropout, augmentation and the held-out
        part. None draws it from numpy's global generator.
    evaluation : {"auto", "spatial_first", "published"}, default="auto"
        Order in which the network is evaluated: electrodes before time, the published order, or
        whichever takes fewer operations. The mathematics is the same (see
        :mod:`eegsep.network.spatial_first`, which not every ``spatial`` allows).
    device : str, default="auto"
        ``"auto"`` for a CUDA device where there is one, or what ``torch.device`` takes.
    warm_start : bool, default=False
        Go on from the previous fit's weights.
    verbose : int, default=0
        1 shows a progress bar, and says which epoch was the best where training stops early.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Labels.
    n_features_in_ : int
        Number of channels.
    n_times_in_ : int
        Number of time samples.
    info_ : mne.Info | None
        Channels' names and positions, and the sampling rate, after a fit on Epochs.
    center_, scale_ : ndarray, shape (n_features_in_,)
        What is subtracted from each channel and what it is divided by then, in the unit of ``X``,
        learned from the training trials, see :func:`eegsep.estimator.scaling.center_and_scale`.
        Volts and microvolts thus give the same network.
    module_ : EEGNet
        The network, which takes ``(X - center_) / scale_``, channel by channel.
    history_ : list of dict
        A record an epoch, ``pandas.DataFrame(clf.history_)`` for a table: ``epoch, train_loss,
        train_accuracy, dur`` (seconds), ``evaluation`` (as ``evaluation_``) and, under
        ``early_stopping``, ``valid_loss, valid_accuracy, valid_best``.
    n_iter_ : int
        Epochs trained.
    callbacks_ : list of eegsep.training.hooks.Hook
        The copies of ``callbacks`` that were called, with what they have gathered.
    init_ : {"glorot", "induced", "evoked"}
        Where the initial weights came from: ``"glorot"`` where all were drawn at random.
    drawn_share_ : float
        Share that a network of random weights has in the logits after :meth:`fit`: 1, 0 with a
        start, and 0.5 with both under ``init="auto"``. There ``history_``, ``n_iter_`` and
        ``callbacks_`` tell of the training of that network, from 100 trials on.
    evaluation_ : str
        Order of evaluation in use, ``"spatial_first"`` or ``"published"``.

    Notes
    -----
    ``X`` is an array (n_trials, n_chans, n_times), an array (n_trials, n_chans) read as trials of
    one time sample, or ``mne.Epochs``, of which the good EEG channels are used, by name. Trials
    that are equal, label included, count as one trial with the sum of their weights, so that a
    weight of 2 is exactly the trial twice.

    A fit is all or nothing: one that ends in an error or is interrupted leaves the classifier as it
    was before, and what another thread predicts meanwhile is what it was fitted to before. Several
    threads that fit one classifier wait for each other. What torch and numpy are set to elsewhere
    (default types and devices, grad and inference mode, autocast, numbers of threads, error
    handling) changes no result and is left as it is.

    Predictions are those of ``module_`` as it is, whatever changed its weights or layers since.

    References
    ----------
    .. [1] Lawhern, V. J., et al. (2018). EEGNet: a compact convolutional neural network for
       EEG-based brain-computer interfaces. Journal of Neural Engineering, 15(5), 056013.
    .. [2] Izmailov, P., et al. (2018). Averaging weights leads to wider optima and better
       generalization. Conference on Uncertainty in Artificial Intelligence.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> X = np.random.default_rng(0).normal(size=(20, 8, 128))
    >>> y = np.repeat(["left_hand", "right_hand"], 10)
    >>> clf = EEGNetClassifier(sfreq=128, max_epochs=2, random_state=0).fit(X, y)
    >>> clf.predict_proba(X).shape
    (20, 2)
    """

    _parameter_constraints = {  # noqa: RUF012 - scikit-learn's way
        "F1": [Interval(Integral, 1, None, closed="left"), StrOptions({"matched"})],
        "D": [Interval(Integral, 1, None, closed="left")],
        "F2": [Interval(Integral, 1, None, closed="left"), None],
        "kernel_length": _LENGTH,
        "separable_kernel_length": _LENGTH,
        "pool1": _LENGTH,
        "pool2": _LENGTH,
        "drop_prob": [Interval(Real, 0, 1, closed="left")],
        "spatial": [str],
        "separable": [str],
        "scaling": [StrOptions({"channel", "global"})],
        "spatial_max_norm": [Interval(Real, 0, None, closed="neither"), None],
        "dense_max_norm": [Interval(Real, 0, None, closed="neither"), None],
        "sfreq": [Interval(Real, 0, None, closed="neither"), None],
        "ch_names": ["array-like", None],
        "init": [StrOptions({"auto", *initialisation.STARTS})],
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions({"cosine", "one_cycle"}), callable, None],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "weight_averaging": [StrOptions(set(hooks.AVERAGES)), None],
        "augmentation": [str, dict, callable, list, tuple, None],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "early_stopping": ["boolean", StrOptions({"cv"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
        "batch_norm_momentum": [Interval(Real, 0, 1, closed="right"), None],
        "callbacks": [list, tuple, None],
        "random_state": ["random_state"],
        "evaluation": [StrOptions({"auto", "spatial_first", "published"})],
        "device": [str, torch.device],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        F1=8,
        D=2,
        F2=None,
        kernel_length=None,
        separable_kernel_length=None,
        pool1=None,
        pool2=None,
        drop_prob=0.5,
        spatial="depthwise",
        separable="separable",
        scaling="channel",
        spatial_max_norm=1.0,
        dense_max_norm=0.25,
        sfreq=None,
        ch_names=None,
        init="auto",
        max_epochs=300,
        batch_size=16,
        lr=1e-3,
        lr_schedule=None,
        weight_decay=0.0,
        weight_averaging=None,
        augmentation=None,
        class_weight=None,
        early_stopping=False,
        validation_fraction=0.2,
        n_iter_no_change=50,
        batch_norm_momentum=BATCH_NORM_MOMENTUM,
        callbacks=None,
        random_state=None,
        evaluation="auto",
        device="auto",
        warm_start=False,
        verbose=0,
    ):
        self.F1 = F1
        self.D = D
        self.F2 = F2
        self.kernel_length = kernel_length
        self.separable_kernel_length = separable_kernel_length
        self.pool1 = pool1
        self.pool2 = pool2
        self.drop_prob = drop_prob
        self.spatial = spatial
        self.separable = separable
        self.scaling = scaling
        self.spatial_max_norm = spatial_max_norm
        self.dense_max_norm = dense_max_norm
        self.sfreq = sfreq
        self.ch_names = ch_names
        self.init = init
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.weight_averaging = weight_averaging
        self.augmentation = augmentation
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.batch_norm_momentum = batch_norm_momentum
        self.callbacks = callbacks
        self.random_state = random_state
        self.evaluation = evaluation
        self.device = device
        self.warm_start = warm_start
        self.verbose = verbose

    # -- fitting ---------------------------------------------------------------------------------

    @settled()
    def fit(self, X, y, sample_weight=None, *, groups=None, validation_data=None):
        """Train the network from new weights (from the old ones under ``warm_start``).

        Parameters
        ----------
        X : array-like, shape (n_trials, n_chans, n_times) or (n_trials, n_chans), or mne.Epochs
            Training trials, in any unit.
        y : array-like, shape (n_trials,)
            Labels of any kind.
        sample_weight : array-like, shape (n_trials,) | None
            Weights of the trials in the loss.
        groups : array-like, shape (n_trials,) | None
            What each trial is cut from: recording, session, block. ``early_stopping`` holds out
            whole groups; equal trials of several groups make these one. Otherwise without effect.
            Through pipelines and searches by scikit-learn's metadata routing,
            ``set_fit_request(groups=True)``.
        validation_data : tuple (X, y) or (X, y, sample_weight) | None
            Trials to watch under ``early_stopping``, in place of a part of ``X``.

        Returns
        -------
        self : EEGNetClassifier

        Raises
        ------
        ValueError
            If a parameter, the trials, the labels, the weights or the groups cannot be used; the
            text says which and why.
        FloatingPointError
            If training diverges.

        Warns
        -----
        UserWarning
            If ``early_stopping`` has to divide trials that overlap each other.
        """
        with self._draft() as draft:
            draft._validate_params()
            goes_on = draft.warm_start and hasattr(draft, "module_")
            if not goes_on:
                draft._forget()
            for job in draft._fit(X, y, sample_weight, groups, validation_data, goes_on):
                draft._train(*job)
        return self

    def _fit(self, X, y, sample_weight, groups, validation_data, goes_on):
        """Fit, and pause for the training: what :meth:`_train` takes is yielded, once."""
        device = self._resolve_device()
        by_cv = isinstance(self.early_stopping, str)
        if validation_data is not None and (by_cv or not self.early_stopping):
            raise ValueError(
                f"validation_data is not for early_stopping={self.early_stopping!r}. Set "
                "early_stopping=True, or leave validation_data out."
            )
        X = check_trials(self, X, reset=not goes_on)
        labels, y, weight = self._check_labels(
            X, y, sample_weight, self.classes_ if goes_on else None
        )
        groups = self._check_groups(groups, len(X))
        index, of_trial = canonical_trials(X, y, weight)
        y, weight, by_class = self._check_training_set(labels, y, weight, index, of_trial)
        if groups is not None:
            groups = holdout.join(of_trial[of_trial >= 0], groups[of_trial >= 0])
        seeds = self._draw_seeds()
        everything = np.arange(len(y))
        if validation_data is not None:
            kept, valid = everything, self._check_validation_data(validation_data, labels, by_class)
        elif self.early_stopping and not by_cv:
            kept, held_out = self._hold_out(X, index, labels, y, groups, seeds[0])
            valid = X, index[held_out], y[held_out], weight[held_out]
        else:
            kept, valid = everything, None
        network = self._network_parameters(len(labels))
        if goes_on:
            self._check_same_network(network)
            self._check_module()
            check_amplitudes(X, self.center_, self.scale_, self._ch_names())
        else:
            self.classes_ = labels
            features = self._start(
                X, index[kept], network, seeds[1:], device, y[kept], weight[kept]
            )
        if valid is not None:
            *valid, weight_ = valid
            if validation_data is not None:
                check_amplitudes(valid[0], self.center_, self.scale_, self._ch_names())
            valid = self._on_device(*valid, weight_ / weight_.mean(), device)
        self.history_ = []
        weight = weight[kept] / weight[kept].mean()
        trials = self._on_device(X, index[kept], y[kept], weight, device)
        choice = None
        beside = not goes_on and features is not None and self._has_second_network(len(kept))
        if by_cv and not goes_on:
            held = None if beside else features
            choice = self._choose_epochs(X, index, y, weight, groups, held, seeds, device)
        yield trials, valid, device, choice.n_epochs if choice else self._pace().max_epochs
        if beside:
            groups = None if groups is None else groups[kept]
            used = X, index[kept], y[kept], weight
            self._join_start(*used, groups, features, trials, seeds, device)
        elif choice:
            self._scale_logits(choice.temperature)
        self._find_maps(X, index[kept])

    @settled()
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on some trials, going on from where the last call ended.

        Parameters
        ----------
        X : array-like, shape (n_trials, n_chans, n_times) or (n_trials, n_chans), or mne.Epochs
            Training trials. The first call's set ``center_`` and ``scale_``.
        y : array-like, shape (n_trials,)
            Labels.
        classes : array-like, shape (n_classes,) | None
            All labels that there will be; needed where the first call's ``y`` lacks some.
        sample_weight : array-like, shape (n_trials,) | None
            Weights of the trials in the loss.

        Returns
        -------
        self : EEGNetClassifier

        Raises
        ------
        ValueError
            As in :meth:`fit`, and for a label that is not among ``classes``.
        """
        with self._draft() as draft:
            draft._validate_params()
            draft._partial_fit(X, y, classes, sample_weight)
        return self

    def _partial_fit(self, X, y, classes, sample_weight):
        if isinstance(self.class_weight, str):
            raise ValueError(
                'class_weight="balanced" would balance each call by itself. Give a dict, or '
                "sample_weight."
            )
        if self.early_stopping is True:
            raise ValueError("partial_fit holds nothing out: set early_stopping=False.")
        for name in ("lr_schedule", "weight_averaging"):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"partial_fit does not know how many epochs there will be, which {name} goes "
                    f"by: set {name}=None, or call fit."
                )
        device = self._resolve_device()
        first = not hasattr(self, "module_")
        if first:
            labels = None if classes is None else np.unique(classes)
        else:
            labels = self.classes_
            if classes is not None and not np.array_equal(labels, np.unique(classes)):
                raise ValueError(
                    f"classes={np.unique(classes).tolist()} differ from those of the first call, "
                    f"{labels.tolist()}"
                )
        X = check_trials(self, X, reset=first)
        labels, y, weight = self._check_labels(X, y, sample_weight, labels, partial=True)
        index, of_trial = canonical_trials(X, y, weight)
        y, weight, _ = self._check_training_set(labels, y, weight, index, of_trial, partial=True)
        if first:
            self.classes_ = labels
            network = self._network_parameters(len(labels))
            self._start(X, index, network, self._draw_seeds()[1:], device)
            self.history_ = []
        else:
            self._check_module()
            check_amplitudes(X, self.center_, self.scale_, self._ch_names())
        self._train(self._on_device(X, index, y, weight, device), None, device, 1)
        self._find_maps(X, index)

    @contextmanager
    def _draft(self):
        """Give a private copy to train, and take over what it has learned if all went well.

        Whatever ends a training thus leaves the classifier as it was, and who predicts meanwhile,
        in another thread, has the old one or the new one as a whole.
        """
        with one_at_a_time(self):
            draft = self._snapshot()
            if hasattr(draft, "module_"):
                draft.module_ = deepcopy(draft.module_)
                draft._optimizer_state = deepcopy(draft._optimizer_state)
                draft._generator_states = dict(draft._generator_states)
                draft.history_ = list(draft.history_)
            yield draft
            learned = {k: v for k, v in vars(draft).items() if _is_learned(k)}
            rest = {k: v for k, v in vars(self).items() if not _is_learned(k)}
            self.__dict__ = rest | learned  # at once

    def _snapshot(self):
        """Copy the classifier as it is now; what it holds is shared."""
        snapshot = object.__new__(type(self))
        snapshot.__dict__ = vars(self).copy()
        return snapshot

    def _validate_params(self):
        for name, kinds in self._parameter_constraints.items():
            value = getattr(self, name)
            # Python takes True for 1, so that scikit-learn's intervals let it through
            if isinstance(value, (bool, np.bool_)) and not {"boolean", "verbose"} & {
                kind for kind in kinds if isinstance(kind, str)
            }:
                raise InvalidParameterError(
                    f"The {name!r} parameter of {type(self).__name__} must not be a bool, got "
                    f"{value}."
                )
        super()._validate_params()
        for name in ("spatial", "separable"):
            try:
                parse_convolution(name, getattr(self, name))
            except ValueError as error:
                raise ValueError(
                    f"The {name!r} parameter of {type(self).__name__} cannot be used: {error}"
                ) from None
        if self.augmentation is not None:
            Augmentation(self.augmentation)
        for callback in self.callbacks or ():
            if not isinstance(callback, hooks.Hook):
                raise InvalidParameterError(
                    f"The 'callbacks' parameter of {type(self).__name__} must be a list of "
                    f"instances of eegsep.training.hooks.Hook, but has {callback!r}."
                )
        if self.F1 != "matched":  # which depends on the data: the network will check its own
            F2 = self.F1 * self.D if self.F2 is None else self.F2
            check_convolutions(self.spatial, self.separable, self.F1, self.D, F2)

    def _forget(self):
        """Drop all that was learned."""
        for name in [name for name in vars(self) if _is_learned(name)]:
            delattr(self, name)

    def _resolve_device(self):
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
            torch.zeros(1, device=device).item()  # which the device "meta" has no values for
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise ValueError(
                f"device={self.device!r} cannot be used here ({str(error).splitlines()[0]}). Use "
                '"auto" or "cpu".'
            ) from error
        return device

    def _check_labels(self, X, y, sample_weight, labels=None, *, partial=False):
        """Return the labels, the class index of each trial, and the trials' own weights."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        name = type(self).__name__
        y = column_or_1d(as_values(name, "y", y), warn=True)
        sample_weight = as_values(name, "sample_weight", sample_weight)
        if pd.isna(y).any():
            raise ValueError("Input y contains NaN or None: every trial needs a label")
        check_classification_targets(y)
        if len(y) != len(X):
            raise ValueError(f"X has {len(X)} trials but y has {len(y)} labels")
        found, encoded = np.unique(y, return_inverse=True)
        if labels is not None:
            unknown = np.setdiff1d(found, labels)
            if len(unknown):
                raise ValueError(
                    f"y has labels {unknown.tolist()}, which are not among the classes "
                    f"{labels.tolist()}"
                )
            encoded = np.searchsorted(labels, y)
            found = labels
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not (weight > 0).any():
            raise ValueError("All values of sample_weight are zero: no trial is left to train on")
        n_classes = len(np.unique(encoded[weight > 0]))
        lacking = n_classes < 2 and not (partial and labels is not None)
        if len(found) < 2 or lacking:
            raise ValueError(
                f"{type(self).__name__} needs at least 2 classes, but the training trials "
                f"(of non-zero weight) are of one class: {str(found[encoded[weight > 0][0]])!r}"
            )
        return found, encoded, weight

    def _check_training_set(self, labels, y, weight, index, of_trial, *, partial=False):
        """Return class indices and weights of the distinct trials, and the classes' weights.

        In ``fit`` the weights get a mean of 1. In ``partial_fit`` they stay as they are, so that
        light trials count for little whatever comes with them.
        """
        present = np.unique(y[weight > 0])
        class_weight = self.class_weight
        if isinstance(class_weight, dict):
            known = labels if partial else labels[present]
            absent = [label for label in class_weight if label not in known]
            if absent:
                raise ValueError(
                    f"class_weight names labels {absent} that no training trial has; there are "
                    f"{known.tolist()}. In a cross-validation, stratify the folds."
                )
            class_weight = {label: class_weight.get(label, 1) for label in known}
            try:
                values = np.array(list(class_weight.values()), dtype=float)
            except (ValueError, TypeError):
                values = np.array([np.nan])
            if not (np.isfinite(values).all() and (values >= 0).all() and (values > 0).sum() > 1):
                raise ValueError(
                    "class_weight must be finite numbers, not negative, and at least two of them "
                    f"more than zero, got {self.class_weight}"
                )
        used = of_trial >= 0
        weight = np.bincount(of_trial[used], weight[used])
        y, by_class = y[index], np.ones(len(labels))
        if class_weight is not None:
            by_class[present] = compute_class_weight(
                class_weight,
                classes=labels[present],
                y=labels[y],
                sample_weight=weight,
            )
            weight = weight * by_class[y]
        with np.errstate(over="ignore"):
            total = weight.sum()
        if not total < np.finfo(np.float32).max:
            raise ValueError(
                "The weights are too large to be summed. Divide sample_weight, or class_weight, by "
                "its largest value."
            )
        return y, weight if partial else weight / weight.mean(), by_class

    def _check_same_network(self, network):
        changed = [name for name in network if network[name] != self._made_with[name]]
        if changed:
            raise ValueError(
                "warm_start goes on with the network of the previous fit, but these have changed: "
                f"{', '.join(changed)}. Set warm_start=False to start anew."
            )

    def _draw_seeds(self):
        """Draw seeds for the held-out part, the weights, the order of trials, and dropout."""
        return check_random_state(self.random_state).randint(2**31 - 1, size=4)

    def _check_groups(self, groups, n_trials):
        """Return the number of each trial's group; None where there are no groups."""
        if groups is None:
            return None
        groups = as_values(type(self).__name__, "groups", groups)
        if np.squeeze(groups).ndim != 1:
            raise ValueError(
                f"groups must be of shape (n_trials,), got {np.shape(groups)}. Join several "
                "columns into one, such as f'{subject} {session}'."
            )
        groups = column_or_1d(groups)
        if len(groups) != n_trials:
            raise ValueError(f"X has {n_trials} trials but groups has {len(groups)} entries")
        if pd.isna(groups).any():
            raise ValueError("groups contains NaN or None: every trial needs a group")
        return pd.factorize(groups)[0]

    def _check_validation_data(self, validation_data, labels, by_class):
        """Return trials to watch, which of them count, their class indices and weights."""
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            raise ValueError(
                "validation_data must be a tuple (X, y) or (X, y, sample_weight), got "
                f"{_describe(validation_data)}"
            )
        X, y, *weight = validation_data
        try:
            X = check_trials(self, X, reset=False)
            _, y, weight = self._check_labels(X, y, *(weight or [None]), labels, partial=True)
        except (ValueError, TypeError) as error:
            raise type(error)(f"validation_data cannot be used: {error}") from error
        index = np.flatnonzero(weight * by_class[y] > 0)
        if not len(index):
            raise ValueError("validation_data has no trial whose class has any weight")
        return X, index, y[index], (weight * by_class[y])[index]

    def _hold_out(self, X, index, labels, y, groups, seed):
        """Split the distinct trials into those to train on and those to watch."""
        counts = np.bincount(y, minlength=len(labels))
        by_label = {str(label): int(n) for label, n in zip(labels, counts, strict=True)}
        if counts[counts > 0].min() < 2:
            raise ValueError(
                "early_stopping has to hold out and to keep at least one distinct trial of each "
                f"class, but there are only {by_label}. Give more trials, or set "
                "early_stopping=False."
            )
        fraction = self.validation_fraction
        if groups is not None:
            try:
                return holdout.split(y, groups, fraction, seed)
            except ValueError:
                n_groups = np.unique(np.stack([y, groups]), axis=1)[0]
                n_groups = np.bincount(n_groups, minlength=len(labels)).tolist()
                by_label = dict(zip(map(str, labels), n_groups, strict=True))
                raise ValueError(
                    "early_stopping has to hold out and to keep at least one group of each class, "
                    f"but trials are in only {groups.max() + 1} group(s), by class {by_label}. "
                    "Give more groups, or validation_data, or set early_stopping=False."
                ) from None
        groups, starts = holdout.overlapping(X, index)
        try:
            kept, held_out = holdout.split(y, groups, fraction, seed)
            if len(held_out) <= max(0.5, fraction) * len(y) + len(labels):
                return kept, held_out
        except ValueError:
            pass
        warn(
            "Trials overlap each other in one long chain. early_stopping holds out stretches of "
            "trials that follow each other, but those at their ends have samples in common with "
            "trials that are trained on. Give groups or validation_data to avoid that."
        )
        try:
            return holdout.split(y, holdout.cut(groups, starts, fraction), fraction, seed)
        except ValueError:
            raise ValueError(
                "early_stopping has to hold out and to keep trials of each class, but trials "
                "overlap and those of a class are in one stretch. Give groups or validation_data, "
                "or set early_stopping=False."
            ) from None

    def _network_parameters(self, n_outputs):
        self._check_ch_names()
        return {
            "n_chans": self.n_features_in_,
            "n_times": self.n_times_in_,
            "n_outputs": n_outputs,
            **self._lengths(),
            **{
                name: getattr(self, name)
                for name in (
                    "F1",
                    "D",
                    "F2",
                    "drop_prob",
                    "spatial",
                    "separable",
                    "spatial_max_norm",
                    "dense_max_norm",
                )
            },
        }

    def _start(self, X, index, network, seeds, device, y=None, weight=None):
        """Set the input's scale and make a network, an optimiser and random generators.

        Returns the features that the network starts from, None where its weights are drawn, as
        they are without ``y``.
        """
        moments = Moments.of(X, index)
        self.center_, self.scale_ = center_and_scale(moments, self.scaling)
        check_training_amplitudes(moments, self.center_, self.scale_, self._ch_names(), index)
        loop.load_libraries()
        net = self._random_net(network, seeds[0])
        features = None if y is None else self._features(net, X, index, y, weight)
        self.init_ = "glorot" if features is None else features.kind
        self.drawn_share_ = float(features is None or self._has_second_network(len(index)))
        if not self.drawn_share_:
            net = self._started_net(network, features, X, index, y, weight)
        self.module_ = net.to(device)
        self._made_with = network
        self.evaluation_ = self.module_.algorithm
        self._optimizer_state = None
        self._generator_states = {
            "order": torch.Generator().manual_seed(int(seeds[1])).get_state(),
            device.type: torch.Generator(device).manual_seed(int(seeds[2])).get_state(),
        }
        self._dropout_seed = int(seeds[2])
        return features

    def _random_net(self, network, seed):
        """Make a network of random weights."""
        generator = torch.Generator().manual_seed(int(seed))
        return EEGNet(**network, algorithm=self.evaluation, generator=generator)

    def _started_net(self, network, features, X, index, y, weight, kept=None):
        """Make a network that holds the start of some trials, all if not said, without dropout."""
        network = {**network, "drop_prob": 0.0}
        net = EEGNet(**network, algorithm=self.evaluation, generator=torch.Generator())
        start = initialisation.find_start(net, features, y, weight, kept)
        return initialisation.set_start(
            net, start, self._scaled(X, index if kept is None else index[kept])
        )

    def _has_second_network(self, n_trials):
        """Whether one of random weights is trained where there is a start."""
        return self.init == "auto" and self.max_epochs > 0 and n_trials >= ENOUGH_TRIALS

    def _pace(self, holds_start=None):
        """How to train a network: in small steps, if it holds a start that was not asked for."""
        holds_start = self.drawn_share_ < 1 if holds_start is None else holds_start
        step = loop.centred_step if holds_start else loop.train_step
        lr = self.lr / STEADINESS if holds_start and self.init == "auto" else self.lr
        return Pace(self.max_epochs, lr, step)

    def _join_start(self, X, index, y, weight, groups, features, trials, seeds, device):
        """Train a network that keeps to its start, and put it before, or in place of, the other.

        Both count alike if trials that are left out of trainings like theirs say that the other
        adds to the start. How much it adds there is no guide: it learns more from more trials.
        """
        network = self._made_with
        steady, usual = self._pace(holds_start=True), self._pace(holds_start=False)
        n_epochs = steady.max_epochs // FEWER_EPOCHS
        steady = steady._replace(max_epochs=n_epochs, lr=steady.lr * FEWER_EPOCHS)
        start = self._started_net(network, features, X, index, y, weight).to(device)
        order = torch.Generator().manual_seed(int(seeds[2]))
        batches, of_weights, _ = self._prepare_training(start, trials, order, steady.max_epochs)
        loop.train(
            start,
            batches,
            steady.step,
            [*of_weights, hooks.TrainingScores(), hooks.Finite()],
            optimizer=loop.KerasAdam(start.parameters(), steady.lr, self.weight_decay),
            max_epochs=steady.max_epochs,
        )
        best = [record["epoch"] for record in self.history_ if record.get("valid_best")]
        n_drawn = best[-1] if best else len(self.history_)
        n_parts = 1 if len(y) >= ENOUGH_LEFT_OUT * epoch_choice.N_FOLDS else 2
        parts = self._parts(X, index, y, groups, seeds)[:n_parts]
        logits = np.zeros((2, len(y), len(self.classes_)))
        for kept, left in parts:
            part = X, index[kept], y[kept], weight[kept]
            left_out = Trials(X, index[left], self.center_, self.scale_, device)
            held = self._started_net(network, features, X, index, y, weight, kept)
            drawn = self._random_net(network, seeds[1])
            trainings = (held, steady, steady.max_epochs), (drawn, usual, n_drawn)
            for i, (net, pace, n_trained) in enumerate(trainings):
                run = self._run(net.to(device), *part, seeds, device, pace)
                run.train(n_trained)
                logits[i, left] = run.logits(left_out)
        seen = np.concatenate([left for _, left in parts] or [np.zeros(0, int)])
        logits, onehot, weight = logits[:, seen], np.eye(len(self.classes_))[y[seen]], weight[seen]
        if len(seen) and surely_adds(*logits, onehot, weight):
            self.module_ = side_by_side([start, self.module_], (0.5, 0.5))
            self.drawn_share_, logits = 0.5, logits.mean(axis=0)
        else:
            self.module_ = start.eval()
            self.drawn_share_, logits = 0.0, logits[0]
        if len(seen) and self.early_stopping == "cv":
            logits = logits - logits.mean(axis=1, keepdims=True)
            self._scale_logits(
                initialisation.find_temperature(logits, onehot, weight, with_bias=False)[0]
            )
        self._optimizer_state = None

    def _scaled(self, X, index):
        """Return trials as the network sees them, in float64."""
        X = np.asarray(X[index], dtype=np.float64)
        return (X - self.center_[:, np.newaxis]) / self.scale_[:, np.newaxis]

    def _features(self, net, X, index, y, weight):
        """Return what a start can be fitted on, None for weights drawn at random."""
        if self.init == "glorot":
            return None
        reason = initialisation.why_no_start(net, y[weight > 0])
        scaled = None if reason else self._scaled(X, index)
        if not reason and not (scaled.var(axis=2) > _STILL).any(axis=1).all():
            reason = "there are flat trials"
        if reason is None:
            sfreq = self.sfreq if self.info_ is None else self.info_["sfreq"]
            return initialisation.best_features(
                net, scaled, y, weight, sfreq or PAPER_SFREQ, self.init, self._mirror()
            )
        if self.init == "auto":
            return None
        raise ValueError(f'init={self.init!r} is not possible: {reason}. Set init="auto".')

    def _choose_epochs(self, X, index, y, weight, groups, features, seeds, device):
        """Find a number of epochs and a temperature; None where there is too little to leave out.

        The networks of the parts begin as the one of all trials does, and the parts' starts share
        its features, which know no labels.
        """
        splits = self._parts(X, index, y, groups, seeds)
        if not splits:
            return None
        runs, left_out = [], []
        for kept, left in splits:
            if features is None:
                net = self._random_net(self._made_with, seeds[1])
            else:
                net = self._started_net(self._made_with, features, X, index, y, weight, kept)
            part = X, index[kept], y[kept], weight[kept]
            runs.append(self._run(net.to(device), *part, seeds, device, self._pace()))
            trials = Trials(X, index[left], self.center_, self.scale_, device)
            left_out.append((trials, left))
        onehot = np.eye(len(self.classes_))[y]
        return epoch_choice.choose_epochs(runs, left_out, onehot, weight, self._pace().max_epochs)

    def _parts(self, X, index, y, groups, seeds):
        """Split trials into those to train on and those left out, some four times."""
        if groups is None:
            groups, _ = holdout.overlapping(X, index)
        return epoch_choice.folds(y, groups, int(seeds[0]))

    def _run(self, net, X, index, y, weight, seeds, device, pace):
        """Begin a training on a part of the trials."""
        trials = self._on_device(X, index, y, weight / weight.mean(), device)
        order = torch.Generator().manual_seed(int(seeds[2]))
        batches, of_weights, final = self._prepare_training(net, trials, order, pace.max_epochs)
        return epoch_choice.Run(
            net,
            loop.KerasAdam(net.parameters(), pace.lr, self.weight_decay),
            batches,
            pace.step,
            [*of_weights, hooks.TrainingScores(), hooks.Finite()],
            torch.Generator(device).manual_seed(int(seeds[3])),
            pace.max_epochs,
            final,
        )

    @torch.no_grad()
    def _scale_logits(self, factor):
        """Make probabilities as sharp as they ought to be, within the classifier's bound."""
        dense, bound = self.module_.classifier, self.dense_max_norm
        if bound is not None and factor > 1:
            factor = min(factor, max(1.0, bound / float(dense.weight.norm(dim=1).max())))
        dense.weight.mul_(factor)
        dense.bias.mul_(factor)

    def _lengths(self):
        """Return kernels' and poolings' lengths in samples, at most those that there are."""
        sfreq = self.sfreq
        if self.info_ is not None:
            if sfreq is not None and not np.isclose(sfreq, self.info_["sfreq"]):
                raise ValueError(
                    f"sfreq={sfreq:g} Hz, but the Epochs have {self.info_['sfreq']:g} Hz. Leave "
                    "sfreq out with Epochs."
                )
            sfreq = self.info_["sfreq"]
        n_times = self.n_times_in_
        lengths = {name: self._samples(name, sfreq, n_times) for name in ("kernel_length", "pool1")}
        pool1 = lengths["pool1"]
        for name in ("separable_kernel_length", "pool2"):
            lengths[name] = self._samples(name, sfreq, n_times // pool1, pool1)
        return lengths

    def _samples(self, name, sfreq, most, pooled_by=1):
        """Return a length in samples at the rate that a pooling leaves, at most those there are."""
        length = getattr(self, name)
        if length is None or not isinstance(length, Integral):
            if length is not None and sfreq is None:
                raise ValueError(
                    f"{name}={length} is a float, hence in seconds, and needs a sampling rate: set "
                    "sfreq, fit on Epochs, or give an integer number of samples."
                )
            seconds = PAPER_SECONDS[name] if length is None else length
            samples = seconds * (sfreq or PAPER_SFREQ) / pooled_by
            if samples < 0.5 and (name == "kernel_length" or length is not None):
                warn(
                    f"{name}: {seconds:g} s are less than a sample at sfreq={sfreq:g} Hz, and one "
                    "is taken. Is the sampling rate in Hz, and the length in seconds?"
                )
            length = max(1, round(samples))
        # trials of a single sample have no time to filter in
        if length > most and self.n_times_in_ > 1:
            warn(
                f"{name}: {length} samples are more than the {most} that a window has there, and "
                "shrink to these. Take longer windows, or set a shorter length."
            )
        return min(int(length), most)

    def _ch_names(self):
        return self.ch_names if self.info_ is None else self.info_["ch_names"]

    def _check_ch_names(self):
        """Refuse names that are not those of the channels."""
        if self.ch_names is None:
            return
        names, expected = list(self.ch_names), self.info_ and self.info_["ch_names"]
        if len(names) != self.n_features_in_ or len(set(names)) != len(names):
            raise ValueError(
                f"ch_names must be {self.n_features_in_} different names, one a channel of X, got "
                f"{_describe(names)}"
            )
        if expected is not None and names != expected:
            raise ValueError(
                "ch_names are not those of the Epochs. Leave ch_names out with Epochs."
            )

    def _mirror(self):
        """Return the position of each channel's mirror image, None where that is not known."""
        names = self._ch_names()
        return None if names is None else mirror_images(names)

    def _on_device(self, X, index, y, weight, device):
        return (
            Trials(X, index, self.center_, self.scale_, device),
            torch.from_numpy(y).to(device),
            torch.from_numpy(weight).to(device, torch.float32),
        )

    def _train(self, trials, valid, device, n_epochs):
        loop.load_libraries()
        net = self.module_.to(device, torch.float32)
        if not any(weight.requires_grad for weight in net.parameters()):
            raise ValueError(
                "No weight of module_ can be trained: requires_grad is False for each. Set it with "
                "module_.requires_grad_()."
            )
        pace = self._pace()
        optimizer = loop.KerasAdam(net.parameters(), pace.lr, self.weight_decay)
        known = self._optimizer_state
        if known is not None and loop.is_of(known, optimizer):
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": known["state"], "param_groups": groups})
        generator, dropout_generator = torch.Generator(), torch.Generator(device)
        generator.set_state(self._generator_states["order"])
        if device.type in self._generator_states:
            dropout_generator.set_state(self._generator_states[device.type])
        else:  # another kind of device goes on than began
            dropout_generator.manual_seed(self._dropout_seed)
        batches, of_weights, final = self._prepare_training(net, trials, generator, pace.max_epochs)
        watch = []
        if valid is not None:
            watch = [hooks.EarlyStopping(*valid, self.n_iter_no_change, final)]
        self.callbacks_ = deepcopy(list(self.callbacks or ()))
        with (
            _progress(self.verbose, n_epochs) as shown,
            loop.drawing_from(net, dropout_generator),
        ):
            state = loop.train(
                net,
                batches,
                pace.step,
                [
                    *of_weights,
                    hooks.TrainingScores(),
                    *watch,
                    hooks.Duration(),
                    hooks.Finite(),
                    *self.callbacks_,
                    *shown,
                ],
                optimizer=optimizer,
                max_epochs=n_epochs,
            )
        first = len(self.history_) + 1
        self.history_ += [
            {"epoch": first + i, **record, "evaluation": self.evaluation_}
            for i, record in enumerate(state.history)
        ]
        self.n_iter_ = len(self.history_)
        self._optimizer_state = optimizer.state_dict()
        self._generator_states = {
            "order": generator.get_state(),
            device.type: dropout_generator.get_state(),
        }

    def _prepare_training(self, net, trials, generator, max_epochs):
        """Return batches, hooks that change weights and learning rate, and one of them or None.

        The one is that which knows what weights training would end with, if not the last ones.
        """
        loop.set_momentum(net, self.batch_norm_momentum)
        batches = loop.Batches(
            net,
            *trials,
            batch_size=min(int(self.batch_size), len(trials[0])),
            generator=generator,
            augmentation=None if self.augmentation is None else Augmentation(self.augmentation),
        )
        made, final = [], None
        if self.lr_schedule is not None:
            made.append(hooks.LearningRate(self.lr_schedule, max_epochs * len(batches)))
        if self.weight_averaging is not None or self.batch_norm_momentum is None:
            final = hooks.FinalNetwork(batches, self.weight_averaging, max_epochs)
            made.append(final)
        return batches, made, final

    # -- predicting ------------------------------------------------------------------------------

    def _check_module(self):
        """Refuse a network that was changed to have no values, or other outputs than classes."""
        lacking = [name for name in ("F1", "classifier") if not hasattr(self.module_, name)]
        if lacking:
            raise ValueError(
                f"module_ is no EEGNet, or not all of one: it has no {' and no '.join(lacking)}."
            )
        if any(weight.is_meta for weight in self.module_.parameters()):
            raise ValueError('module_ is on the device "meta", where weights have no values.')
        n_outputs = getattr(getattr(self.module_, "classifier", None), "out_features", None)
        if n_outputs is not None and n_outputs != len(self.classes_):
            raise ValueError(
                f"module_ has {n_outputs} outputs, but classes_ has {len(self.classes_)} labels. "
                "For other classes, fit a new classifier and load the layers that are to stay."
            )

    def _logits(self, X):
        self._check_module()
        X = check_trials(self, X, reset=False)
        check_amplitudes(X, self.center_, self.scale_, self._ch_names())
        device = next(self.module_.parameters()).device
        trials = Trials(X, np.arange(len(X)), self.center_, self.scale_, device)
        logits = loop.evaluate(self.module_, trials)
        logits = logits.double().cpu().numpy()
        wrong = np.flatnonzero(~np.isfinite(logits).all(axis=1))
        if len(wrong) and not all(torch.isfinite(p).all() for p in self.module_.parameters()):
            raise ValueError("Weights of module_ are not finite: set them anew, or fit again.")
        if len(wrong):
            raise ValueError(
                f"The network's outputs are not finite for {len(wrong)} trial(s), the first of "
                f"them number {wrong[0]}: its values are far beyond those of the fit."
            )
        return logits

    def _fitted(self):
        """Return what is fitted now, whatever another thread fits meanwhile."""
        check_is_fitted(self, "module_")
        return self._snapshot()

    @settled()
    def decision_function(self, X):
        """Logits of the classes.

        Parameters
        ----------
        X : array-like, shape (n_trials, n_chans, n_times) or (n_trials, n_chans), or mne.Epochs
            Trials like those in :meth:`fit`.

        Returns
        -------
        scores : ndarray, shape (n_trials,) or (n_trials, n_classes)
            For two classes the difference of the second's logit and the first's.

        Raises
        ------
        ValueError
            If channels, window or sampling rate are not those of :meth:`fit`, or values not
            finite.
        """
        logits = self._fitted()._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    @settled()
    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like, shape (n_trials, n_chans, n_times) or (n_trials, n_chans), or mne.Epochs
            Trials like those in :meth:`fit`.

        Returns
        -------
        probabilities : ndarray, shape (n_trials, n_classes)
            In the order of ``classes_``.
        """
        return torch.from_numpy(self._fitted()._logits(X)).softmax(1).numpy()

    @settled()
    def predict(self, X):
        """Most probable labels.

        Parameters
        ----------
        X : array-like, shape (n_trials, n_chans, n_times) or (n_trials, n_chans), or mne.Epochs
            Trials like those in :meth:`fit`.

        Returns
        -------
        labels : ndarray, shape (n_trials,)
            Members of ``classes_``.
        """
        fitted = self._fitted()
        return fitted.classes_[fitted._logits(X).argmax(axis=1)]

    # -- looking at what was learned -------------------------------------------------------------

    @property
    def filters_(self):
        """Spatial filters, shape (n_components, n_chans), for data in the unit of ``X``.

        Component ``f * D + d`` is the d-th of the temporal filter f. Only the depthwise network has
        one spatial filter a component. With its temporal filter at gain 1 where its frequency
        pattern peaks, each makes a component of variance 1 on the training trials; the sign is
        that of :attr:`patterns_`. Both are of the fit, whatever has changed the weights of
        ``module_`` since: :func:`eegsep.inspection.components` takes them as they are.
        """
        fitted = self._snapshot()
        fitted._check_maps("filters_")
        return fitted._filters * fitted._maps.factors[:, np.newaxis]

    @property
    def patterns_(self):
        """Patterns of the components, shape (n_components, n_chans), in the unit of ``X``.

        The amplitude at each electrode that goes with one standard deviation of the component, by
        :func:`eegsep.estimator.haufe.find_maps` on the temporally filtered training trials (after
        ``partial_fit``, those of the last call), each distinct trial once. Their largest absolute
        value is positive. What :func:`mne.decoding.get_spatial_filter_from_estimator` plots, with
        ``get_coefs=("filters_", "patterns_", "evals_")`` and ``patterns_method="haufe"``.
        """
        fitted = self._snapshot()
        fitted._check_maps("patterns_")
        return fitted._maps.patterns.copy()

    @property
    def evals_(self):
        """Variance that each component explains, summed over electrodes, shape (n_components,).

        The squared norm of its pattern, in the squared unit of ``X``; for a principal component
        that is its eigenvalue. Components overlap, so that it does not sum to the data's variance.
        """
        fitted = self._snapshot()
        fitted._check_maps("evals_")
        return np.square(fitted._maps.patterns).sum(axis=1)

    def _check_maps(self, name):
        if not hasattr(self, "module_"):
            raise AttributeError(f"{name} exists once the classifier is fitted")
        reason = self._why_no_maps()
        if reason:
            raise AttributeError(f"{name} does not exist for spatial={self.spatial!r}: {reason}")

    def _why_no_maps(self):
        """Say why components have no single spatial filters, None if they have."""
        if self.module_.spatial_kind in ("joint", "low_rank"):
            return "its kernels are over electrodes and time at once"
        if self.module_.spatial.weight.shape[1] > 1:
            return (
                "a component has another spatial filter for each temporal one. Use "
                'spatial="depthwise"'
            )
        return None

    def _raw_filters(self):
        """Spatial filters (n_components, n_chans) as the network has them, for the unit of X."""
        weight = self.module_.spatial.weight.detach()[:, 0, :, 0].double().cpu().numpy()
        return weight / self.scale_

    def _kernels(self):
        """Temporal filter of each component, (n_components, kernel_length)."""
        kernels = self.module_.temporal.weight.detach()[:, 0, 0].double().cpu().numpy()
        return np.repeat(kernels, self.module_.D, axis=0)

    def _find_maps(self, X, index):
        """Take the patterns of the components while the training trials are at hand."""
        if self._why_no_maps():
            return
        give_back_freed_memory()
        self._filters = self._raw_filters()
        maps = haufe.find_maps(X, index, self._filters, self._kernels(), self.center_)
        self._maps = maps._replace(spectra=maps.spectra.astype(np.float32))

    # -- scikit-learn's protocols ----------------------------------------------------------------

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def __getstate__(self):
        # a model trained on a GPU is to load where there is none
        state = super().__getstate__().copy()
        if "module_" in state and next(state["module_"].parameters()).device.type != "cpu":
            state["module_"] = deepcopy(state["module_"]).cpu()
            state["_optimizer_state"] = _on_cpu(state["_optimizer_state"])
        return state


def can_be_stacked(clf):
    """Whether fits like a classifier's can be trained as a stack, see :func:`fit_stacked`.

    Parameters
    ----------
    clf : EEGNetClassifier

    Returns
    -------
    possible : bool
        False for a subclass, and where a parameter asks for more than a stack does, such as to
        stop early, or to start elsewhere than at random.
    """
    defaults = EEGNetClassifier(init="glorot").get_params()
    others = {name: value for name, value in clf.get_params().items() if name not in _STACKED}
    return type(clf) is EEGNetClassifier and others == {name: defaults[name] for name in others}


@settled()
def fit_stacked(classifiers, Xs, ys):
    """Fit classifiers, each on trials of its own, with their networks trained at once.

    Each ends as its own fit would have, but for the random numbers of dropout, which they draw
    together. A ``partial_fit`` goes on without Adam's averages.

    Parameters
    ----------
    classifiers : list of EEGNetClassifier
        Alike but for ``random_state``; of each :func:`can_be_stacked` is true.
    Xs : list of ndarray, shape (n_trials, n_chans, n_times), or of mne.Epochs
        Trials of each; the same object for several is kept once on the device.
    ys : list of ndarray, shape (n_trials,)
        Labels of each.

    Returns
    -------
    classifiers : list of EEGNetClassifier
        The same ones, fitted.

    Raises
    ------
    ValueError, FloatingPointError
        As :meth:`EEGNetClassifier.fit` does.
    """
    paused, by_size = [], {}
    for clf, X, y in zip(classifiers, Xs, ys, strict=True):
        clf._validate_params()
        clf._forget()
        steps = clf._fit(X, y, None, None, None, goes_on=False)
        (trials, *targets), _, _, n_epochs = next(steps)
        paused.append(steps)
        # networks on equally many trials have batches of one size
        key = len(trials), len(clf.classes_), n_epochs
        by_size.setdefault(key, []).append((clf, X, trials, targets))
    loop.load_libraries()
    for (_, _, n_epochs), alike in by_size.items():
        _train_stacked(alike, n_epochs)
    for steps in paused:
        next(steps, None)
    return classifiers


def _train_stacked(alike, n_epochs):
    """Train the networks of classifiers at once, and write their histories."""
    first = alike[0][0]
    rows, parts, trials_of, seeds, n_rows = {}, [], [], [], 0
    for clf, X, trials, targets in alike:
        key = id(X), trials.positions.tobytes()
        if key not in rows:
            everything = torch.arange(len(trials))
            rows[key] = everything + n_rows
            parts.append((trials.batch(everything), *targets))
            n_rows += len(trials)
        trials_of.append(rows[key])
        order = torch.Generator()
        order.set_state(clf._generator_states["order"])
        seeds.append(order.initial_seed())
    start = time.perf_counter()
    history = train_stack(
        [clf.module_ for clf, *_ in alike],
        *(torch.cat(part) for part in zip(*parts, strict=True)),
        trials_of=torch.stack(trials_of),
        max_epochs=n_epochs,
        batch_size=min(int(first.batch_size), len(trials_of[0])),
        lr=first.lr,
        weight_decay=first.weight_decay,
        seeds=seeds,
        dropout_seed=first._dropout_seed,
    )
    seconds = (time.perf_counter() - start) / max(1, n_epochs) / len(alike)
    for i, (clf, *_) in enumerate(alike):
        clf.history_ = [
            {
                "epoch": epoch + 1,
                **{name: float(values[epoch, i]) for name, values in history.items()},
                "dur": seconds,
                "evaluation": clf.evaluation_,
            }
            for epoch in range(n_epochs)
        ]
        clf.n_iter_ = n_epochs


@cache
def prepare():
    """Load what fits and predictions need, so that none of it counts as their time.

    This takes seconds in each process, and is not done twice.
    """
    X = np.random.default_rng(0).normal(size=(8, 3, 256))
    y = np.arange(8) % 2
    for evaluation in ("published", "spatial_first"):
        for dtype in (np.float32, np.float64):
            clf = EEGNetClassifier(
                max_epochs=1, early_stopping=True, evaluation=evaluation, random_state=0
            )
            clf.fit(X.astype(dtype), y).predict(X.astype(dtype))


def _is_learned(name):
    """Whether an attribute of the classifier is what a fit has learned."""
    return name in _LEARNED or (name.endswith("_") and not name.startswith("_"))


def _describe(value):
    """Say briefly what a value is."""
    if isinstance(value, (tuple, list)):
        return f"{len(value)} values"
    return f"an object of type {type(value).__name__}"


def _on_cpu(state):
    """Copy nested dicts and lists with their tensors on the CPU."""
    if isinstance(state, torch.Tensor):
        return state.cpu()
    if isinstance(state, dict):
        return {key: _on_cpu(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(_on_cpu(value) for value in state)
    return state


class _ShowEpoch(hooks.Hook):
    """Moves a bar on with each epoch's losses."""

    def __init__(self, shown, task):
        self.history, self._shown, self._task = [], shown, task

    def on_epoch_end(self, state):
        record = state.read()
        self.history.append(record)
        parts = [f"{k} {record[k]:.3f}" for k in ("train_loss", "valid_loss") if k in record]
        self._shown.update(self._task, advance=1, description=" ".join(parts))


@contextmanager
def _progress(verbose, n_epochs):
    """Show a bar; give the hooks that move it, none where nothing is to be shown."""
    if not verbose:
        yield []
        return

    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.completed:>4.0f}/{task.total:.0f} epochs"), BarColumn()
    with Progress(*columns, TextColumn("{task.description}"), TimeRemainingColumn()) as shown:
        hook = _ShowEpoch(shown, shown.add_task("", total=n_epochs))
        yield [hook]
        history = hook.history
        best = [i for i, record in enumerate(history, 1) if record.get("valid_best")]
        if best:
            n_epochs = len(history)
            shown.update(shown.task_ids[0], total=n_epochs)
            shown.console.print(
                f"{n_epochs} epochs, the last {n_epochs - best[-1]} without a smaller validation "
                f"loss: ends with the weights of epoch {best[-1]}, "
                f"valid_loss {history[best[-1] - 1]['valid_loss']:.3f}"
            )
