"""What a fit does, step by step: checks, the start, the training, and what is chosen by its end.

The functions write what is learned on the classifier that they are given, a draft of the user's.
Networks are made and trained by ``trainer.py``, whose epochs are those of ``training/loop.py``.
"""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import torch

from eegsep.datasets.mirror import mirror_images
from eegsep.network.joined import side_by_side
from eegsep.training import holdout, hooks, loop

from . import pretrained, starts
from .inputs import canonical_trials, check_trials
from .lengths import PAPER_SECONDS, PAPER_SFREQ, lengths_in_samples, sampling_rate
from .maps import take_maps
from .parameters import asked_algorithm, check_ch_names, resolve_device, warn_of_former_names
from .progress import shown_progress
from .scaling import Moments, center_and_scale, check_amplitudes, check_training_amplitudes
from .state import LATER_FLAGS
from .targets import (
    check_classes,
    check_groups,
    check_labels,
    check_validation_data,
    hold_out,
    weigh_distinct_trials,
)
from .trainer import Seeds, Trainer, TrainingSet
from .trials_digest import fingerprint


def fit(clf, X, y, sample_weight, groups, validation_data, *, goes_on):
    """Fit, and pause for the training: what :func:`train` takes is yielded, once.

    Parameters
    ----------
    clf : EEGNetClassifier
        Which knows nothing yet, unless ``goes_on``.
    X, y, sample_weight, groups, validation_data
        As :meth:`EEGNetClassifier.fit` takes them.
    goes_on : bool
        Whether the network of the last fit is trained further.

    Yields
    ------
    trials, valid : tuple
        Trials, class indices and weights on the device, to train on and to watch; None for none.
    device : torch.device
    pace : eegsep.estimator.trainer.Pace
    n_epochs : int
    """
    warn_of_former_names(clf)
    device = resolve_device(clf.device)
    by_cv = isinstance(clf.early_stopping, str)
    if validation_data is not None and (by_cv or not clf.early_stopping):
        raise ValueError(
            f"validation_data is not for early_stopping={clf.early_stopping!r}. Set "
            "early_stopping=True, or leave validation_data out."
        )
    name = type(clf).__name__
    X = check_trials(clf, X, reset=not goes_on)
    source = None if goes_on else pretrained.source_of(clf)
    known = clf.classes_ if goes_on else getattr(source, "classes_", None)
    labels, y, weight = check_labels(name, X, y, sample_weight, known)
    before = getattr(clf, "fingerprint_", None)  # of a fit that this one goes on from
    clf.fingerprint_ = fingerprint(X, labels[y], weight, before=before)
    groups = check_groups(name, groups, len(X))
    index, of_trial = canonical_trials(X, y, weight)
    y, weight, by_class = weigh_distinct_trials(
        labels, y, weight, index, of_trial, clf.class_weight
    )
    if groups is not None:
        groups = holdout.join(of_trial[of_trial >= 0], groups[of_trial >= 0])
    seeds = Seeds.drawn_from(clf.random_state)
    training_set, valid = TrainingSet(X, index, y, weight, groups), None
    if validation_data is not None:
        valid = TrainingSet(*check_validation_data(clf, validation_data, labels, by_class))
    elif clf.early_stopping and not by_cv:
        fraction = clf.validation_fraction
        kept, held_out = hold_out(X, index, labels, y, groups, fraction, seeds.held_out)
        training_set, valid = training_set.part(kept), training_set.part(held_out)
    network = network_parameters(clf, len(labels))
    if goes_on:
        _check_same_network(clf, network)
        clf._check_module()
        check_amplitudes(X, clf.center_, clf.scale_, clf._ch_names())
        trainer, features = _trainer_of(clf, device, seeds), None
    else:
        clf.classes_ = labels
        trainer, features = start(clf, training_set, network, seeds, device, source=source)
    if valid is not None:
        if validation_data is not None:
            check_amplitudes(valid.X, clf.center_, clf.scale_, clf._ch_names())
        valid = trainer.on_device(valid.of_mean_weight_one())
    clf.history_ = []
    training_set = training_set.of_mean_weight_one()
    trials = trainer.on_device(training_set)
    if features is not None and clf.max_epochs > 0:
        clf.mirror_images_ = starts.mirror_of_other_class(features, training_set) is not None
    mirror = _trained_mirror(clf)
    pace = trainer.pace(clf.init_ != "glorot", goes_on or source is not None, mirror)
    choice = None
    if (by_cv and not goes_on) or (pace.leaves_start and valid is None):
        choice = starts.choose_epochs(trainer, training_set, features, pace)
    yield trials, valid, device, pace, choice.n_epochs if choice else pace.max_epochs
    if choice:
        factor = starts.scale_logits(clf.module_, choice.temperature, clf.dense_max_norm)
        if pace.leaves_start:
            _add_second_network(clf, trainer, training_set, choice, factor, pace)
    take_maps(clf, X, training_set.index)


def _add_second_network(clf, trainer, training_set, choice, factor, pace):
    """Put a network of random weights beside the one that left a start, if it adds to it."""
    try:
        second, temperature = starts.second_network(trainer, training_set, choice, factor, pace)
    except FloatingPointError:  # of the second one, which the first can do without
        return
    if second is None:
        return
    clf.module_ = side_by_side([clf.module_, second], (0.5, 0.5))
    clf.second_network_, clf._optimizer_state = True, None
    starts.scale_logits(clf.module_, temperature, clf.dense_max_norm)


def fit_partly(clf, X, y, classes, sample_weight):
    """Train for one epoch on some trials.

    Parameters
    ----------
    clf : EEGNetClassifier
        Which goes on from what it knows.
    X, y, classes, sample_weight
        As :meth:`EEGNetClassifier.partial_fit` takes them.
    """
    warn_of_former_names(clf)
    if isinstance(clf.class_weight, str):
        raise ValueError(
            'class_weight="balanced" would balance each call by itself. Give a dict, or '
            "sample_weight."
        )
    if clf.early_stopping is True:
        raise ValueError("partial_fit holds nothing out: set early_stopping=False.")
    for name in ("lr_schedule", "weight_averaging"):
        if getattr(clf, name) is not None:
            raise ValueError(
                f"partial_fit does not know how many epochs there will be, which {name} goes "
                f"by: set {name}=None, or call fit."
            )
    device = resolve_device(clf.device)
    first, source = not hasattr(clf, "module_"), None
    if first:
        source = pretrained.source_of(clf)
    name = type(clf).__name__
    labels = given = None if classes is None else check_classes(name, classes)
    if not first or source is not None:
        labels = clf.classes_ if source is None else source.classes_
        if given is not None and not np.array_equal(labels, given):
            whose = "the first call" if source is None else "init"
            raise ValueError(
                f"classes={given.tolist()} differ from those of {whose}, {labels.tolist()}"
            )
    X = check_trials(clf, X, reset=first)
    labels, y, weight = check_labels(name, X, y, sample_weight, labels, partial=True)
    before = getattr(clf, "fingerprint_", None)
    clf.fingerprint_ = fingerprint(X, labels[y], weight, before=before)
    index, of_trial = canonical_trials(X, y, weight)
    y, weight, _ = weigh_distinct_trials(
        labels, y, weight, index, of_trial, clf.class_weight, partial=True
    )
    training_set = TrainingSet(X, index, y, weight)
    if first:
        clf.classes_ = labels
        network = network_parameters(clf, len(labels))
        seeds = Seeds.drawn_from(clf.random_state)
        trainer, _ = start(clf, training_set, network, seeds, device, source=source, at_random=True)
        clf.history_ = []
    else:
        clf._check_module()
        check_amplitudes(X, clf.center_, clf.scale_, clf._ch_names())
        trainer = _trainer_of(clf, device)
    pace = trainer.pace(clf.init_ != "glorot", goes_on=True, mirror=_trained_mirror(clf))
    train(clf, trainer.on_device(training_set), None, device, pace, 1)
    take_maps(clf, X, index)


def network_parameters(clf, n_outputs):
    """Find the parameters of the network for trials that were checked.

    Parameters
    ----------
    clf : EEGNetClassifier
    n_outputs : int
        Number of classes.

    Returns
    -------
    network : dict
        As :class:`eegsep.EEGNet` takes them.
    """
    check_ch_names(clf.ch_names, clf.n_features_in_, clf.info_)
    lengths = {name: getattr(clf, name) for name in PAPER_SECONDS}
    sfreq = sampling_rate(clf.sfreq, clf.info_)
    others = ("F1", "D", "F2", "drop_prob", "spatial", "separable")
    return {
        "n_chans": clf.n_features_in_,
        "n_times": clf.n_times_in_,
        "n_outputs": n_outputs,
        **lengths_in_samples(lengths, sfreq, clf.n_times_in_),
        **{name: getattr(clf, name) for name in (*others, "spatial_max_norm", "dense_max_norm")},
    }


def _check_same_network(clf, network):
    changed = [name for name in network if network[name] != clf._made_with[name]]
    if changed:
        raise ValueError(
            "warm_start goes on with the network of the previous fit, but these have changed: "
            f"{', '.join(changed)}. Set warm_start=False to start anew."
        )


def _mirror(clf):
    """Return positions of a classifier's channels' mirror images, None where there are none."""
    ch_names = clf._ch_names()
    return None if ch_names is None else mirror_images(ch_names)


def _trained_mirror(clf):
    """Return those that it is trained on, None for trials alone."""
    return _mirror(clf) if clf.mirror_images_ else None


def _trainer_of(clf, device, seeds=None):
    """Make the trainer of a classifier that knows its network and its input's scale."""
    params = SimpleNamespace(**clf.get_params(deep=False) | {"algorithm": asked_algorithm(clf)})
    return Trainer(params, clf._made_with, clf.center_, clf.scale_, device, seeds)


def start(clf, training_set, network, seeds, device, *, source=None, at_random=False):
    """Set the input's scale and make a network, an optimiser's state and random generators.

    Parameters
    ----------
    clf : EEGNetClassifier
        On which they are written.
    training_set : TrainingSet
    network : dict
        Parameters of the network.
    seeds : Seeds
    device : torch.device
    source : EEGNetClassifier | None
        A fitted one whose network is taken.
    at_random : bool
        Draw the weights where there is none, whatever ``init`` says.

    Returns
    -------
    trainer : Trainer
    features : eegsep.network.initialisation.Features | None
        What the network starts from, None where its weights are drawn.
    """
    moments = Moments.of(training_set.X, training_set.index)
    clf.center_, clf.scale_ = center_and_scale(moments, clf.scaling)
    check_training_amplitudes(
        moments,
        clf.center_,
        clf.scale_,
        clf._ch_names(),
        training_set.index,
        training_set.X.shape[2],
    )
    loop.load_libraries()
    clf._made_with = network
    for name in LATER_FLAGS:
        setattr(clf, name, source is not None and getattr(source, name))
    trainer = _trainer_of(clf, device, seeds)
    net, features = trainer.random_network(), None
    if clf.second_network_:
        net = side_by_side([net, net], (0.5, 0.5))
    if source is not None:
        pretrained.take_network(net, clf, source)
    elif not at_random:
        sfreq = (clf.sfreq if clf.info_ is None else clf.info_["sfreq"]) or PAPER_SFREQ
        features = starts.find_features(trainer, net, training_set, sfreq, _mirror(clf))
    clf.init_ = source.init_ if source else "glorot" if features is None else features.kind
    if features is not None:
        net = trainer.started_network(features, training_set)
    clf.module_ = net.to(device)
    clf.algorithm_ = clf.module_.algorithm
    clf._optimizer_state = None
    clf._generator_states = {
        "order": torch.Generator().manual_seed(seeds.order).get_state(),
        device.type: torch.Generator(device).manual_seed(seeds.dropout).get_state(),
    }
    clf._dropout_seed = seeds.dropout
    return trainer, features


def train(clf, trials, valid, device, pace, n_epochs):
    """Train the network for some epochs, from where its optimiser and generators are.

    Parameters
    ----------
    clf : EEGNetClassifier
        On which the training is written.
    trials, valid, device, pace, n_epochs
        As :func:`fit` yields them.
    """
    loop.load_libraries()
    net = clf.module_.to(device, torch.float32)
    if not any(weight.requires_grad for weight in net.parameters()):
        raise ValueError(
            "No weight of module_ can be trained: requires_grad is False for each. Set it with "
            "module_.requires_grad_()."
        )
    trainer = _trainer_of(clf, device)
    optimizer = trainer.optimizer(net, pace)
    known = clf._optimizer_state
    if known is not None and loop.is_of(known, optimizer):
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": known["state"], "param_groups": groups})
    generator, dropout_generator = torch.Generator(), torch.Generator(device)
    generator.set_state(clf._generator_states["order"])
    if device.type in clf._generator_states:
        dropout_generator.set_state(clf._generator_states[device.type])
    else:  # another kind of device goes on than began
        dropout_generator.manual_seed(clf._dropout_seed)
    batches, of_weights, final = trainer.prepare(net, trials, generator, pace)
    watch = []
    if valid is not None:
        watch = [hooks.EarlyStopping(*valid, clf.n_iter_no_change, final)]
    clf.callbacks_ = deepcopy(list(clf.callbacks or ()))
    with (
        shown_progress(clf.verbose, n_epochs) as shown,
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
                *clf.callbacks_,
                *shown,
            ],
            optimizer=optimizer,
            max_epochs=n_epochs,
        )
    first = len(clf.history_) + 1
    clf.history_ += [
        {"epoch": first + i, **record, "algorithm": clf.algorithm_}
        for i, record in enumerate(state.history)
    ]
    clf.n_iter_ = len(clf.history_)
    clf._optimizer_state = optimizer.state_dict()
    clf._generator_states = {
        "order": generator.get_state(),
        device.type: dropout_generator.get_state(),
    }
