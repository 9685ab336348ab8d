"""EEGNetClassifier: scikit-learn's face of the network, its training and the input checks.

Constructor stores, ``fit`` validates, attributes that end in an underscore are what was learned.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from numbers import Integral, Real

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, InvalidParameterError, StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from . import haufe, spatial_first, threads, training
from .inputs import Trials, canonical_trials, check_trials, input_scale, warn_of_another_unit
from .memory import give_back_freed_memory
from .network import EEGNet, check_convolutions, parse_convolution

# Half a second at the paper's 128 Hz, where no sampling rate is known.
PAPER_KERNEL_LENGTH = 64

# What a training needs to go on, beside what users read.
_TRAINING_STATE = (
    "_folded",
    "_made_with",
    "_maps",
    "_optimizer_state",
    "_generator_states",
    "_dropout_seed",
)


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
        sampling rate). None for half a second as in the paper, or 64 samples where no sampling
        rate is known. Shrinks to the window, with a warning, where it is longer.
    separable_kernel_length : int, default=16
        Length of the separable convolution, in samples after the first pooling.
    pool1, pool2 : int, default=4, 8
        Lengths of the two average poolings.
    drop_prob : float, default=0.5
        Dropout probability; the paper took 0.5 within a subject and 0.25 across subjects.
    spatial : str, default="depthwise"
        Convolution over electrodes: ``"depthwise"`` as published, or ``"grouped:g"``,
        ``"standard"``, ``"joint"``, ``"low_rank:r"``; see :class:`eegsep.EEGNet`.
    separable : str, default="separable"
        Convolution of the second block: ``"separable"`` as published, or ``"grouped:g"``,
        ``"standard"``, ``"shuffle:g"``, ``"inception"``, ``"inception:n"``,
        ``"spatially_separable"``; see :class:`eegsep.EEGNet`.
    spatial_max_norm : float | None, default=1.0
        Bound on the norm of each spatial filter.
    dense_max_norm : float | None, default=0.25
        Bound on the norm of each of the classifier's rows.
    sfreq : float | None, default=None
        Sampling rate in Hz. Epochs bring their own.
    max_epochs : int, default=300
        Passes over the training trials.
    batch_size : int, default=16
        Largest mini-batch (16 in the examples of the authors' code). Batches are of equal size
        as nearly as can be, no trial is left out.
    lr : float, default=0.001
        Learning rate of Adam.
    weight_decay : float, default=0.0
        Decoupled weight decay.
    class_weight : dict | "balanced" | None, default=None
        Weights of the classes, as in scikit-learn.
    early_stopping : bool, default=False
        Hold out a part of the trials and end with the weights that had the least loss on it.
    validation_fraction : float, default=0.2
        Share of the trials held out, by class, under ``early_stopping``.
    n_iter_no_change : int | None, default=50
        Epochs without a better validation loss after which ``early_stopping`` ends the training;
        None trains for ``max_epochs`` all the same (the paper's way, with 500).
    random_state : int | RandomState | None, default=None
        Seed of the initial weights, the order of trials, dropout and the held-out part. None draws
        it from numpy's global generator.
    evaluation : {"auto", "spatial_first", "published"}, default="auto"
        Order in which the network is evaluated: electrodes before time, the published order, or
        whichever takes fewer operations. The mathematics is the same (see
        :mod:`eegsep.spatial_first`, which not every ``spatial`` allows).
    device : str, default="auto"
        ``"auto"`` for a CUDA device where there is one, or what ``torch.device`` takes.
    warm_start : bool, default=False
        Go on from the previous fit's weights.
    verbose : int, default=0
        1 shows a progress bar.

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
    scale_ : float
        What the input is divided by, in its unit: the root mean square of the channels' standard
        deviations over the training trials. Volts and microvolts thus give the same network.
    module_ : EEGNet
        The network, which takes input divided by ``scale_``.
    history_ : list of dict
        A record an epoch, ``pandas.DataFrame(clf.history_)`` for a table: ``epoch, train_loss,
        train_accuracy, dur`` (seconds), ``evaluation`` (as ``evaluation_``) and, under
        ``early_stopping``, ``valid_loss, valid_accuracy, valid_best``.
    n_iter_ : int
        Epochs trained.
    evaluation_ : str
        Order of evaluation in use, ``"spatial_first"`` or ``"published"``.

    Notes
    -----
    ``X`` is an array (n_trials, n_chans, n_times), an array (n_trials, n_chans) read as trials of
    one time sample, or ``mne.Epochs``, of which the good EEG channels are used, by name. Trials
    that are equal, label included, count as one trial with the sum of their weights, so that a
    weight of 2 is exactly the trial twice.

    References
    ----------
    .. [1] Lawhern, V. J., et al. (2018). EEGNet: a compact convolutional neural network for
       EEG-based brain-computer interfaces. Journal of Neural Engineering, 15(5), 056013.

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
        "kernel_length": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, None, closed="neither"),
            None,
        ],
        "separable_kernel_length": [Interval(Integral, 1, None, closed="left")],
        "pool1": [Interval(Integral, 1, None, closed="left")],
        "pool2": [Interval(Integral, 1, None, closed="left")],
        "drop_prob": [Interval(Real, 0, 1, closed="left")],
        "spatial": [str],
        "separable": [str],
        "spatial_max_norm": [Interval(Real, 0, None, closed="neither"), None],
        "dense_max_norm": [Interval(Real, 0, None, closed="neither"), None],
        "sfreq": [Interval(Real, 0, None, closed="neither"), None],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
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
        separable_kernel_length=16,
        pool1=4,
        pool2=8,
        drop_prob=0.5,
        spatial="depthwise",
        separable="separable",
        spatial_max_norm=1.0,
        dense_max_norm=0.25,
        sfreq=None,
        max_epochs=300,
        batch_size=16,
        lr=1e-3,
        weight_decay=0.0,
        class_weight=None,
        early_stopping=False,
        validation_fraction=0.2,
        n_iter_no_change=50,
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
        self.spatial_max_norm = spatial_max_norm
        self.dense_max_norm = dense_max_norm
        self.sfreq = sfreq
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.evaluation = evaluation
        self.device = device
        self.warm_start = warm_start
        self.verbose = verbose

    # -- fitting ---------------------------------------------------------------------------------

    def fit(self, X, y, sample_weight=None):
        """Train the network from new weights (from the old ones under ``warm_start``).

        Parameters
        ----------
        X : array-like, shape (n_trials, n_chans, n_times) or (n_trials, n_chans), or mne.Epochs
            Training trials, in any unit.
        y : array-like, shape (n_trials,)
            Labels of any kind.
        sample_weight : array-like, shape (n_trials,) | None
            Weights of the trials in the loss.

        Returns
        -------
        self : EEGNetClassifier

        Raises
        ------
        ValueError
            If a parameter, the trials, the labels or the weights cannot be used; the text says
            which and why.
        FloatingPointError
            If training diverges.
        """
        self._validate_params()
        device = self._resolve_device()
        goes_on = self.warm_start and hasattr(self, "module_")
        classes = self.classes_ if goes_on else None
        if not goes_on:
            self._forget()
        with self._forgetting_on(Exception, when=not goes_on):
            X = check_trials(self, X, reset=not goes_on)
            labels, y, weight = self._check_labels(X, y, sample_weight, classes)
            index, y, weight = self._check_training_set(X, labels, y, weight)
            seeds = self._draw_seeds()
            kept, held_out = self._hold_out(labels, y, seeds[0])
            network = self._network_parameters(len(labels))
            if goes_on:
                self._check_same_network(network)
            else:
                self.classes_ = labels
                self._start(X, index[kept], network, seeds[1:], device)
        weight = weight / weight[kept].mean()
        valid = None
        if held_out is not None:
            held_weight = weight[held_out] / weight[held_out].mean()
            valid = self._on_device(X, index[held_out], y[held_out], held_weight, device)
        self.history_ = []
        trials = self._on_device(X, index[kept], y[kept], weight[kept], device)
        self._train(trials, valid, device, self.max_epochs)
        self._find_maps(X, index[kept])
        return self

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on some trials, going on from where the last call ended.

        Parameters
        ----------
        X : array-like, shape (n_trials, n_chans, n_times) or (n_trials, n_chans), or mne.Epochs
            Training trials. The first call's set ``scale_``.
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
        self._validate_params()
        if isinstance(self.class_weight, str):
            raise ValueError(
                'class_weight="balanced" would balance each call by itself. Give a dict, or '
                "sample_weight."
            )
        if self.early_stopping:
            raise ValueError("partial_fit holds nothing out: set early_stopping=False.")
        device = self._resolve_device()
        first = not hasattr(self, "module_")
        if first:
            self._forget()
            labels = None if classes is None else np.unique(classes)
        else:
            labels = self.classes_
            if classes is not None and not np.array_equal(labels, np.unique(classes)):
                raise ValueError(
                    f"classes={np.unique(classes).tolist()} differ from those of the first call, "
                    f"{labels.tolist()}"
                )
        with self._forgetting_on(Exception, when=first):
            X = check_trials(self, X, reset=first)
            labels, y, weight = self._check_labels(X, y, sample_weight, labels, partial=True)
            index, y, weight = self._check_training_set(X, labels, y, weight, partial=True)
            if first:
                self.classes_ = labels
                network = self._network_parameters(len(labels))
                self._start(X, index, network, self._draw_seeds()[1:], device)
                self.history_ = []
        self._train(self._on_device(X, index, y, weight, device), None, device, 1)
        self._find_maps(X, index)
        return self

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
        if self.F1 != "matched":  # which depends on the data: the network will check its own
            F2 = self.F1 * self.D if self.F2 is None else self.F2
            check_convolutions(self.spatial, self.separable, self.F1, self.D, F2)

    def _forget(self):
        """Drop all that was learned."""
        learned = [name for name in vars(self) if name.endswith("_") and name[0] != "_"]
        for name in (*learned, *(name for name in _TRAINING_STATE if hasattr(self, name))):
            delattr(self, name)

    @contextmanager
    def _forgetting_on(self, error, when=True):
        """Leave no half-fitted classifier behind an error."""
        try:
            yield
        except error:
            if when:
                self._forget()
            raise

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
        y = column_or_1d(y, warn=True)
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

    def _check_training_set(self, X, labels, y, weight, *, partial=False):
        """Return positions, class indices and weights of the distinct trials.

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
            values = np.array(list(class_weight.values()), dtype=float)
            if not (np.isfinite(values).all() and (values >= 0).all() and values.any()):
                raise ValueError(
                    f"class_weight must be finite, not negative, and not all zero, got "
                    f"{self.class_weight}"
                )
        index, weight = canonical_trials(X, y, weight)
        y = y[index]
        if class_weight is not None:
            by_class = np.ones(len(labels))
            by_class[present] = compute_class_weight(
                class_weight,
                classes=labels[present],
                y=labels[y],
                sample_weight=weight,
            )
            weight = weight * by_class[y]
        return index, y, weight if partial else weight / weight.mean()

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

    def _hold_out(self, labels, y, seed):
        """Split the distinct trials into those to train on and those to watch (None for none)."""
        members = np.arange(len(y))
        if not self.early_stopping:
            return members, None
        counts = np.bincount(y, minlength=len(labels))
        if counts[counts > 0].min() < 2:
            by_label = {str(label): int(n) for label, n in zip(labels, counts, strict=True)}
            raise ValueError(
                "early_stopping has to hold out and to keep at least one distinct trial of each "
                f"class, but there are only {by_label}. Give more trials, or set "
                "early_stopping=False."
            )
        rng = np.random.RandomState(seed)
        held_out = []
        for label in np.flatnonzero(counts):
            own = rng.permutation(np.flatnonzero(y == label))
            held_out.append(
                own[: np.clip(round(self.validation_fraction * len(own)), 1, len(own) - 1)]
            )
        held_out = np.sort(np.concatenate(held_out))
        return np.setdiff1d(members, held_out), held_out

    def _network_parameters(self, n_outputs):
        return {
            "n_chans": self.n_features_in_,
            "n_times": self.n_times_in_,
            "n_outputs": n_outputs,
            "kernel_length": self._kernel_samples(),
            **{
                name: getattr(self, name)
                for name in (
                    "F1",
                    "D",
                    "F2",
                    "separable_kernel_length",
                    "pool1",
                    "pool2",
                    "drop_prob",
                    "spatial",
                    "separable",
                    "spatial_max_norm",
                    "dense_max_norm",
                )
            },
        }

    def _start(self, X, index, network, seeds, device):
        """Set the input's scale and make a network, an optimiser and random generators."""
        self.scale_ = input_scale(X, index, None if self.info_ is None else self.info_["ch_names"])
        generator = torch.Generator().manual_seed(int(seeds[0]))
        self.module_ = EEGNet(**network, generator=generator).to(device)
        self._made_with = network
        self.evaluation_ = self.evaluation
        if self.evaluation == "auto":
            cheaper = spatial_first.is_cheaper(self.module_)
            self.evaluation_ = "spatial_first" if cheaper else "published"
        elif self.evaluation == "spatial_first" and not spatial_first.supports(self.module_):
            raise ValueError(
                f'evaluation="spatial_first" cannot evaluate spatial={self.spatial!r} with '
                f'separable={self.separable!r}. Set evaluation="auto".'
            )
        self._optimizer_state = None
        self._generator_states = {
            "order": torch.Generator().manual_seed(int(seeds[1])).get_state(),
            device.type: torch.Generator(device).manual_seed(int(seeds[2])).get_state(),
        }
        self._dropout_seed = int(seeds[2])

    def _kernel_samples(self):
        sfreq = self.sfreq
        if self.info_ is not None:
            if sfreq is not None and not np.isclose(sfreq, self.info_["sfreq"]):
                raise ValueError(
                    f"sfreq={sfreq:g} Hz, but the Epochs have {self.info_['sfreq']:g} Hz. Leave "
                    "sfreq out with Epochs."
                )
            sfreq = self.info_["sfreq"]
        length = self.kernel_length
        if length is None:
            length = PAPER_KERNEL_LENGTH if sfreq is None else max(1, round(sfreq / 2))
            return min(length, self.n_times_in_)
        if not isinstance(length, Integral):
            if sfreq is None:
                raise ValueError(
                    f"kernel_length={length} is a float, hence in seconds, and needs a sampling "
                    "rate: set sfreq, fit on Epochs, or give an integer number of samples."
                )
            length = max(1, round(length * sfreq))
        if length > self.n_times_in_:
            warnings.warn(
                f"The kernel of {length} samples is longer than the window and shrinks to its "
                f"{self.n_times_in_} samples.",
                UserWarning,
                stacklevel=4,
            )
        return min(int(length), self.n_times_in_)

    def _on_device(self, X, index, y, weight, device):
        return (
            Trials(X, index, self.scale_, device),
            torch.from_numpy(y).to(device),
            torch.from_numpy(weight).to(device, torch.float32),
        )

    def _train(self, trials, valid, device, n_epochs):
        net = self.module_.to(device)
        optimizer = training.KerasAdam(net.parameters(), self.lr, self.weight_decay)
        if self._optimizer_state is not None:
            optimizer.load_state_dict(self._optimizer_state)
            for group in optimizer.param_groups:
                group.update(lr=self.lr, weight_decay=self.weight_decay)
        generator, dropout_generator = torch.Generator(), torch.Generator(device)
        generator.set_state(self._generator_states["order"])
        if device.type in self._generator_states:
            dropout_generator.set_state(self._generator_states[device.type])
        else:  # another kind of device goes on than began
            dropout_generator.manual_seed(self._dropout_seed)
        with (
            self._forgetting_on(FloatingPointError),
            threads.one_thread,
            _progress(self.verbose, n_epochs) as on_epoch,
        ):
            history = training.train(
                net,
                optimizer,
                *trials,
                max_epochs=n_epochs,
                batch_size=min(self.batch_size, len(trials[0])),
                generator=generator,
                dropout_generator=dropout_generator,
                spatially_first=self.evaluation_ == "spatial_first",
                valid=valid,
                n_iter_no_change=self.n_iter_no_change,
                on_epoch=on_epoch,
            )
        first = len(self.history_) + 1
        self.history_ += [
            {"epoch": first + i, **record, "evaluation": self.evaluation_}
            for i, record in enumerate(history)
        ]
        self.n_iter_ = len(self.history_)
        self._fold()
        self._optimizer_state = optimizer.state_dict()
        self._generator_states = {
            "order": generator.get_state(),
            device.type: dropout_generator.get_state(),
        }

    # -- predicting ------------------------------------------------------------------------------

    def _logits(self, X):
        check_is_fitted(self, "module_")
        X = check_trials(self, X, reset=False)
        warn_of_another_unit(X, self.scale_)
        device = next(self.module_.parameters()).device
        with threads.one_thread:
            trials = Trials(X, np.arange(len(X)), self.scale_, device)
            logits = training.evaluate(self.module_, trials, self._folded_now())
            return logits.double().cpu().numpy()

    def _weights_key(self):
        """Return what changes when a weight does: torch counts the changes of a tensor."""
        # torch's own iterators take longer than the convolutions of a window
        held = (kept for m in self.module_.modules() for kept in (m._parameters, m._buffers))
        tensors = (t for kept in held for t in kept.values() if t is not None)
        return [(t.data_ptr(), t._version) for t in tensors]

    def _fold(self):
        """Keep the network folded for inference, with the weights that it was made of."""
        self._folded = None
        if self.evaluation_ == "spatial_first":
            self._folded = self._weights_key(), spatial_first.Folded(self.module_)

    def _folded_now(self):
        """Return the network folded as its weights are now, None for the published order."""
        if self._folded is None:
            return None
        key, folded = self._folded
        return folded if key == self._weights_key() else spatial_first.Folded(self.module_)

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
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

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
        return torch.from_numpy(self._logits(X)).softmax(1).numpy()

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
        best = self._logits(X).argmax(axis=1)
        return self.classes_[best]

    # -- looking at what was learned -------------------------------------------------------------

    @property
    def filters_(self):
        """Spatial filters, shape (n_components, n_chans), for data in the unit of ``X``.

        Component ``f * D + d`` is the d-th of the temporal filter f. Only the depthwise network has
        one spatial filter a component. With its temporal filter at gain 1 where its frequency
        pattern peaks, each makes a component of variance 1 on the training trials; the sign is
        that of :attr:`patterns_`.
        """
        self._check_maps("filters_")
        return self._raw_filters() * self._maps.factors[:, np.newaxis]

    @property
    def patterns_(self):
        """Patterns of the components, shape (n_components, n_chans), in the unit of ``X``.

        The amplitude at each electrode that goes with one standard deviation of the component, by
        :func:`eegsep.haufe.find_maps` on the temporally filtered training trials (after
        ``partial_fit``, those of the last call), each distinct trial once. Their largest absolute
        value is positive. What :func:`mne.decoding.get_spatial_filter_from_estimator` plots, with
        ``get_coefs=("filters_", "patterns_", "evals_")`` and ``patterns_method="haufe"``.
        """
        self._check_maps("patterns_")
        return self._maps.patterns.copy()

    @property
    def evals_(self):
        """Variance that each component explains, summed over electrodes, shape (n_components,).

        The squared norm of its pattern, in the squared unit of ``X``; for a principal component
        that is its eigenvalue. Components overlap, so that it does not sum to the data's variance.
        """
        self._check_maps("evals_")
        return np.square(self._maps.patterns).sum(axis=1)

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
        return self.module_.spatial.weight.detach()[:, 0, :, 0].double().cpu().numpy() / self.scale_

    def _kernels(self):
        """Temporal filter of each component, (n_components, kernel_length)."""
        kernels = self.module_.temporal.weight.detach()[:, 0, 0].double().cpu().numpy()
        return np.repeat(kernels, self.module_.D, axis=0)

    def _find_maps(self, X, index):
        """Take the patterns of the components while the training trials are at hand."""
        if self._why_no_maps():
            return
        give_back_freed_memory()
        maps = haufe.find_maps(X, index, self._raw_filters(), self._kernels())
        self._maps = maps._replace(spectra=maps.spectra.astype(np.float32))

    # -- scikit-learn's protocols ----------------------------------------------------------------

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def __getstate__(self):
        # a model trained on a GPU is to load where there is none
        state = super().__getstate__().copy()
        state.pop("_folded", None)
        if "module_" in state and next(self.module_.parameters()).device.type != "cpu":
            state["module_"] = deepcopy(self.module_).cpu()
            state["_optimizer_state"] = _on_cpu(self._optimizer_state)
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if hasattr(self, "module_"):
            self._fold()


def _on_cpu(state):
    """Copy nested dicts and lists with their tensors on the CPU."""
    if isinstance(state, torch.Tensor):
        return state.cpu()
    if isinstance(state, dict):
        return {key: _on_cpu(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(_on_cpu(value) for value in state)
    return state


def _progress(verbose, n_epochs):
    """Return a context manager whose value is what to call with each epoch's record."""
    if not verbose:
        return nullcontext()

    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    @contextmanager
    def bar():
        columns = TextColumn("{task.completed:>4.0f}/{task.total:.0f} epochs"), BarColumn()
        with Progress(*columns, TextColumn("{task.description}"), TimeRemainingColumn()) as shown:
            task = shown.add_task("", total=n_epochs)

            def on_epoch(record):
                parts = [
                    f"{k} {record[k]:.3f}" for k in ("train_loss", "valid_loss") if k in record
                ]
                shown.update(task, advance=1, description=" ".join(parts))

            yield on_epoch

    return bar()
