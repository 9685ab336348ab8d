"""EEGNetClassifier: scikit-learn's face of the network, its training and the input checks.

Constructor stores, ``fit`` validates, attributes that end in an underscore are what was learned;
predictions are logits of ``training/loop.py``, and their softmax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin
from sklearn.utils import TransformerTags
from sklearn.utils.metaestimators import available_if

from eegsep._utils.warnings import warn
from eegsep.network.eegnet import BATCH_NORM_MOMENTUM
from eegsep.network.settings import settled
from eegsep.training import loop
from eegsep.training.trials import Trials

from . import fitting, haufe, maps, pretrained
from .drafts import as_fitted, draft_of, forget, snapshot
from .inputs import check_trials
from .parameters import CONSTRAINTS, check_meanings, refuse_bools
from .pickling import Pickled
from .scaling import check_amplitudes

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self, TypeAlias

    import mne
    import onnx
    from numpy.typing import ArrayLike

    from eegsep.network.eegnet import EEGNet
    from eegsep.training.hooks import Hook

    Algorithm = Literal["auto", "spatial_first", "published"]
    TrialsLike: TypeAlias = ArrayLike | mne.BaseEpochs


def _has_filters(clf):
    """Whether a classifier's components have spatial filters, as far as that is known."""
    if hasattr(clf, "module_"):
        maps.check_maps(clf, "transform")
        return True
    return str(clf.spatial).startswith(("depthwise", "grouped"))


class EEGNetClassifier(Pickled, ClassNamePrefixFeaturesOutMixin, ClassifierMixin, BaseEstimator):
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
    init : {"auto", "induced", "evoked", "glorot"} | EEGNetClassifier, default="auto"
        Initial weights. ``"induced"`` and ``"evoked"`` take them, in closed form, from a classical
        classifier of the training trials, of band power in the tangent space of covariances or of
        the signals themselves (see :mod:`eegsep.network.initialisation`); ``"glorot"`` draws them
        at random, as the paper does. ``"auto"`` begins with the classifier that tells left-out
        training trials apart better, at random where there can be none, and goes from it no
        further than trials can tell: the learning rate grows from ``lr / 100`` to ``lr``, evenly on
        a logarithmic scale, over a fifth of ``max_epochs``, and training ends where trials that are
        left out of trainings like it are served best; they set the sharpness of the probabilities
        too. Fewer than 100 trials are too few to leave some out, and the network stays as it
        starts, unless ``early_stopping`` is asked for. An ``lr_schedule`` takes the place of the
        growing rate. Where channels' names tell mirror images, and a classifier for which those are
        of the other of two classes tells about as much as one for which they are not, half of the
        trials of a batch are mirror images, whichever the start. From 800 trials on, without
        ``early_stopping=True`` or ``validation_data``, a second network, of random weights, is
        trained for a fifth of ``max_epochs`` at ``5 * lr``, and stands beside the first one if the
        mean of their log-odds serves left-out trials surely better
        (:func:`eegsep.network.side_by_side`); ``history_``, ``n_iter_`` and ``callbacks_`` are of
        the first one. Training that goes on from a fit, by ``warm_start`` or :meth:`partial_fit`,
        takes steps of ``lr / 10``, on mirror images where that fit was. Only the published
        convolutions can hold a start, and :meth:`partial_fit` begins at random. A network that
        holds a start has no dropout, and is trained with centred inputs of its classifier
        (:func:`eegsep.training.loop.centred_step`).

        A fitted classifier, to go on from its network on other trials, such as those of another
        person: ``FrozenEstimator(fitted)`` of :mod:`sklearn.frozen`, which keeps the fit where
        scikit-learn clones (a fitted classifier itself does where nothing clones). Channels are
        matched by name, in whatever order, where both have names, and ``classes_`` are those of
        the fitted one: trials may lack some, and have no others. Window, sampling rate and all
        that the network is made with must be the same. The scale of the input and the
        normalisations' running statistics are taken anew, and steps are small, as under
        ``warm_start``. The fitted one stays as it is.
    max_epochs : int, default=300
        Passes over the training trials, see also ``init="auto"``; 0 leaves the network as it
        starts.
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
    algorithm : {"auto", "spatial_first", "published"}, default="auto"
        Order in which the network is evaluated: electrodes before time, the published order, or
        whichever takes fewer operations. The mathematics is the same (see
        :mod:`eegsep.network.spatial_first`, which not every ``spatial`` allows).
    device : str, default="auto"
        ``"auto"`` for a CUDA device where there is one, or what ``torch.device`` takes.
    warm_start : bool, default=False
        Go on from the previous fit's weights.
    verbose : int, default=0
        1 shows a progress bar, and says which epoch was the best where training stops early.
    evaluation : {"auto", "spatial_first", "published"}
        The former name of ``algorithm``.

        .. deprecated:: 0.1
            Use ``algorithm``.

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
    center_, scale_ : ndarray, shape (n_chans,)
        What is subtracted from each channel and what it is divided by then, in the unit of ``X``,
        learned from the training trials, see :func:`eegsep.estimator.scaling.center_and_scale`.
        Volts and microvolts thus give the same network.
    module_ : EEGNet
        The network, which takes ``(X - center_) / scale_``, channel by channel.
    history_ : list of dict
        A record an epoch, ``pandas.DataFrame(clf.history_)`` for a table: ``epoch, train_loss,
        train_accuracy, dur`` (seconds), ``algorithm`` (as ``algorithm_``) and, under
        ``early_stopping``, ``valid_loss, valid_accuracy, valid_best``.
    n_iter_ : int
        Epochs trained.
    callbacks_ : list of eegsep.training.hooks.Hook
        The copies of ``callbacks`` that were called, with what they have gathered.
    init_ : {"glorot", "induced", "evoked"}
        Where the initial weights came from: ``"glorot"`` where all were drawn at random; that of
        ``init`` where it is a fitted classifier.
    second_network_ : bool
        Whether ``module_`` is two networks side by side, see ``init``: one EEGNet of twice ``F1``
        temporal filters, of which those of the start stand first.
    mirror_images_ : bool
        Whether it was trained on mirror images of trials too, see ``init``.
    algorithm_ : str
        Order of evaluation in use, ``"spatial_first"`` or ``"published"``.
    fingerprint_ : str
        Digest of the training trials, by :func:`eegsep.estimator.fingerprint`.

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

    classes_: np.ndarray
    n_features_in_: int
    n_times_in_: int
    info_: mne.Info | None
    center_: np.ndarray
    scale_: np.ndarray
    module_: EEGNet
    history_: list[dict]
    n_iter_: int
    callbacks_: list[Hook]
    init_: str
    second_network_: bool
    mirror_images_: bool
    algorithm_: str
    fingerprint_: str

    _parameter_constraints = CONSTRAINTS

    def __init__(
        self,
        *,
        F1: int | Literal["matched"] = 8,
        D: int = 2,
        F2: int | None = None,
        kernel_length: int | float | None = None,
        separable_kernel_length: int | float | None = None,
        pool1: int | float | None = None,
        pool2: int | float | None = None,
        drop_prob: float = 0.5,
        spatial: str = "depthwise",
        separable: str = "separable",
        scaling: Literal["channel", "global"] = "channel",
        spatial_max_norm: float | None = 1.0,
        dense_max_norm: float | None = 0.25,
        sfreq: float | None = None,
        ch_names: Sequence[str] | None = None,
        init: Literal["auto", "induced", "evoked", "glorot"] | BaseEstimator = "auto",
        max_epochs: int = 300,
        batch_size: int = 16,
        lr: float = 1e-3,
        lr_schedule: Literal["cosine", "one_cycle"] | Callable | None = None,
        weight_decay: float = 0.0,
        weight_averaging: Literal["ema", "swa"] | None = None,
        augmentation: str | dict | Callable | list | tuple | None = None,
        class_weight: dict | Literal["balanced"] | None = None,
        early_stopping: bool | Literal["cv"] = False,
        validation_fraction: float = 0.2,
        n_iter_no_change: int | None = 50,
        batch_norm_momentum: float | None = BATCH_NORM_MOMENTUM,
        callbacks: Sequence[Hook] | None = None,
        random_state: int | np.random.RandomState | None = None,
        algorithm: Algorithm = "auto",
        device: str | torch.device = "auto",
        warm_start: bool = False,
        verbose: int | bool = 0,
        evaluation: Algorithm | Literal["deprecated"] = "deprecated",
    ) -> None:
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
        self.algorithm = algorithm
        self.device = device
        self.warm_start = warm_start
        self.verbose = verbose
        self.evaluation = evaluation

    # -- fitting ---------------------------------------------------------------------------------

    @settled()
    def fit(
        self,
        X: TrialsLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        validation_data: tuple | None = None,
    ) -> Self:
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
        with draft_of(self) as draft:
            draft._validate_params()
            goes_on = draft.warm_start and hasattr(draft, "module_")
            if not goes_on:
                forget(draft)
            steps = fitting.fit(
                draft, X, y, sample_weight, groups, validation_data, goes_on=goes_on
            )
            for training in steps:
                fitting.train(draft, *training)
        return self

    @settled()
    def partial_fit(
        self,
        X: TrialsLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
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
        with draft_of(self) as draft:
            draft._validate_params()
            fitting.fit_partly(draft, X, y, classes, sample_weight)
        return self

    @property
    def evaluation_(self) -> str:
        """The former name of ``algorithm_``."""
        algorithm = self.algorithm_
        warn("evaluation_ is called algorithm_ now", FutureWarning)
        return algorithm

    def _validate_params(self):
        refuse_bools(self)
        super()._validate_params()
        check_meanings(self)
        pretrained.check_source(self, EEGNetClassifier)

    def _ch_names(self):
        return self.ch_names if self.info_ is None else self.info_["ch_names"]

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

    @settled()
    def decision_function(self, X: TrialsLike) -> np.ndarray:
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
        logits = as_fitted(self)._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    @settled()
    def predict_proba(self, X: TrialsLike) -> np.ndarray:
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
        return torch.from_numpy(as_fitted(self)._logits(X)).softmax(1).numpy()

    @settled()
    def predict(self, X: TrialsLike) -> np.ndarray:
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
        fitted = as_fitted(self)
        return fitted.classes_[fitted._logits(X).argmax(axis=1)]

    # -- looking at what was learned -------------------------------------------------------------

    @available_if(_has_filters)
    @settled()
    def transform(self, X: TrialsLike) -> np.ndarray:
        """Time courses of the components.

        Component i is ``filters_[i]`` applied to the electrodes, less ``center_``, and
        ``temporal_filters_[i]`` to the time course that this gives, by correlation with zeros
        beyond the window: what the network has before its first normalisation, but for scale and
        sign. As in MNE's :class:`mne.decoding.CSP` with ``transform_into="csp_space"``, all samples
        are kept; log-power is ``np.log(clf.transform(X).var(axis=2))``. There is no ``set_output``,
        since a table has no third axis.

        Parameters
        ----------
        X : array-like, shape (n_trials, n_chans, n_times) or (n_trials, n_chans), or mne.Epochs
            Trials like those in :meth:`fit`.

        Returns
        -------
        signals : ndarray, shape (n_trials, n_components, n_times)
            Without a unit: of variance 1 over the training trials.

        Raises
        ------
        AttributeError
            If the network's ``spatial`` convolution has no single filters, see :attr:`filters_`.
        ValueError
            As in :meth:`predict`.
        """
        fitted = as_fitted(self)
        X = check_trials(fitted, X, reset=False)
        check_amplitudes(X, fitted.center_, fitted.scale_, fitted._ch_names())
        filters, kernels = fitted.filters_, fitted.temporal_filters_
        return haufe.time_courses(X, filters, kernels, fitted.center_)

    @available_if(_has_filters)
    def fit_transform(self, X: TrialsLike, y: ArrayLike, **fit_params: Any) -> np.ndarray:
        """Fit, and return the time courses of the components for the training trials.

        Parameters
        ----------
        X : array-like, shape (n_trials, n_chans, n_times) or (n_trials, n_chans), or mne.Epochs
            Training trials.
        y : array-like, shape (n_trials,)
            Labels.
        **fit_params : dict
            What else :meth:`fit` takes.

        Returns
        -------
        signals : ndarray, shape (n_trials, n_components, n_times)
            As :meth:`transform` returns them.
        """
        return self.fit(X, y, **fit_params).transform(X)

    @property
    def _n_features_out(self):
        """Number of components, for scikit-learn's ``get_feature_names_out``."""
        return len(self.filters_)

    @property
    def filters_(self) -> np.ndarray:
        """Spatial filters, shape (n_components, n_chans), for data in the unit of ``X``.

        Component ``f * D + d`` is the d-th of the temporal filter f. Only the depthwise network has
        one spatial filter a component. With its temporal filter at gain 1 where its frequency
        pattern peaks, each makes a component of variance 1 on the training trials; the sign is
        that of :attr:`patterns_`. Both are of the fit, whatever has changed the weights of
        ``module_`` since: :func:`eegsep.inspection.components` takes them as they are.
        """
        fitted = snapshot(self)
        maps.check_maps(fitted, "filters_")
        return fitted._filters * fitted._maps.factors[:, np.newaxis]

    @property
    def temporal_filters_(self) -> np.ndarray:
        """Temporal filter of each component, shape (n_components, kernel_length), of the fit.

        At gain 1 where the component's frequency pattern peaks, and with its largest absolute value
        positive. Components that share a temporal filter thus may have it at different scales.
        """
        fitted = snapshot(self)
        maps.check_maps(fitted, "temporal_filters_")
        return fitted._temporal_filters.copy()

    @property
    def patterns_(self) -> np.ndarray:
        """Patterns of the components, shape (n_components, n_chans), in the unit of ``X``.

        The amplitude at each electrode that goes with one standard deviation of the component, by
        :func:`eegsep.estimator.haufe.find_maps` on the temporally filtered training trials (after
        ``partial_fit``, those of the last call), each distinct trial once. Their largest absolute
        value is positive. What :func:`mne.decoding.get_spatial_filter_from_estimator` plots, with
        ``get_coefs=("filters_", "patterns_", "evals_")`` and ``patterns_method="haufe"``.
        """
        fitted = snapshot(self)
        maps.check_maps(fitted, "patterns_")
        return fitted._maps.patterns.copy()

    @property
    def evals_(self) -> np.ndarray:
        """Variance that each component explains, summed over electrodes, shape (n_components,).

        The squared norm of its pattern, in the squared unit of ``X``; for a principal component
        that is its eigenvalue. Components overlap, so that it does not sum to the data's variance.
        """
        fitted = snapshot(self)
        maps.check_maps(fitted, "evals_")
        return np.square(fitted._maps.patterns).sum(axis=1)

    # -- files -----------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike, *, metadata: Mapping[str, Any] | None = None) -> None:
        """Save the fitted classifier to a file that runs no code: :func:`eegsep.save`.

        Parameters
        ----------
        path : path-like
            Of the file; by custom it ends in ``.eegsep``. :func:`eegsep.load` loads it.
        metadata : dict | None
            What else is to be kept, see :func:`eegsep.files.read_metadata`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            As :func:`eegsep.save`.
        """
        from .saved import save

        save(self, path, metadata=metadata)

    # -- in other runtimes -----------------------------------------------------------------------

    @settled()
    def to_onnx(
        self, path: str | os.PathLike | None = None, *, metadata: Mapping[str, Any] | None = None
    ) -> onnx.ModelProto:
        """Write the fitted network as an ONNX model, which runs without eegsep and without torch.

        From trials ``X`` (n_trials, n_chans, n_times), of float32 and in the unit of the fit, it
        computes ``probabilities`` (n_trials, n_classes), those of :meth:`predict_proba` but for
        rounding in single precision, and ``logits``, of which they are the softmax. Centre, scale
        and normalisations are inside. Nothing looks at the trials there: channels have to be in
        the order of the fit, and there is no warning of another unit.

        Parameters
        ----------
        path : path-like | None
            The file, which is replaced as a whole where there is one; None to write none.
        metadata : dict | None
            What else the model's metadata are to have, by name: values that JSON can hold, and
            arrays of numbers.

        Returns
        -------
        model : onnx.ModelProto
            Of opset 13. Its metadata are JSON: ``classes, ch_names, sfreq`` (Hz), ``n_chans,
            n_times, unit`` (``"V"`` after a fit on Epochs, else null: that of the training trials),
            ``center`` and ``scale`` (as ``center_`` and ``scale_``, by which to tell trials of
            another unit), ``eegsep_version``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If ``module_`` has hooks, or layers in place of its own, which the file cannot hold; if
            trials are of a unit in which single precision cannot compute; if ``metadata`` has a
            name that is taken, or values that JSON cannot hold; if the file cannot be written.
        ImportError
            If the package onnx is not installed (``pip install 'eegsep[onnx]'``).

        Examples
        --------
        >>> import numpy as np, onnxruntime
        >>> from eegsep import EEGNetClassifier
        >>> X = np.random.default_rng(0).normal(size=(20, 8, 128)).astype(np.float32)
        >>> y = np.repeat(["left_hand", "right_hand"], 10)
        >>> clf = EEGNetClassifier(init="glorot", max_epochs=1, random_state=0).fit(X, y)
        >>> model = clf.to_onnx()  # or clf.to_onnx("model.onnx")
        >>> session = onnxruntime.InferenceSession(model.SerializeToString())
        >>> probabilities, logits = session.run(["probabilities", "logits"], {"X": X})
        >>> np.allclose(probabilities, clf.predict_proba(X), atol=1e-5)
        True
        """
        from .export.onnx import to_onnx

        return to_onnx(as_fitted(self), path, metadata)

    @settled()
    def to_exported_program(
        self, path: str | os.PathLike | None = None, *, metadata: Mapping[str, Any] | None = None
    ) -> torch.export.ExportedProgram:
        """Write the fitted network as a program of ``torch.export``, which runs without eegsep.

        Called as ``program.module()(X)``, it computes from trials (n_trials, n_chans, n_times), of
        float32 and in the unit of the fit, what :meth:`predict_proba` does, on the CPU, but for
        rounding in single precision. Centre, scale, normalisations and softmax are inside; as in
        :meth:`to_onnx`, nothing looks at the trials.

        Parameters
        ----------
        path : path-like | None
            The file, of the ending ``.pt2``, which is replaced as a whole where there is one; None
            to write none. ``torch.export.load(path, extra_files=...)`` reads it; the extra file
            ``eegsep.json`` has what the metadata of :meth:`to_onnx` have.
        metadata : dict | None
            What else that extra file is to have, by name: values that JSON can hold, and arrays of
            numbers.

        Returns
        -------
        program : torch.export.ExportedProgram

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If ``module_`` has hooks, or layers in place of its own, which the file cannot hold; if
            trials are of a unit in which single precision cannot compute; if ``metadata`` has a
            name that is taken, or values that JSON cannot hold; if the file cannot be written.

        Examples
        --------
        >>> import numpy as np, torch
        >>> from eegsep import EEGNetClassifier
        >>> X = np.random.default_rng(0).normal(size=(20, 8, 128)).astype(np.float32)
        >>> y = np.repeat(["left_hand", "right_hand"], 10)
        >>> clf = EEGNetClassifier(init="glorot", max_epochs=1, random_state=0).fit(X, y)
        >>> program = clf.to_exported_program()  # or clf.to_exported_program("model.pt2")
        >>> probabilities = program.module()(torch.from_numpy(X))
        >>> np.allclose(probabilities, clf.predict_proba(X), atol=1e-5)
        True
        """
        from .export.exported_program import to_exported_program

        return to_exported_program(as_fitted(self), path, metadata)

    # -- scikit-learn's protocols ----------------------------------------------------------------

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags = TransformerTags()
        return tags
