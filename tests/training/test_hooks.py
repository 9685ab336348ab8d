"""The training loop and its hooks: schedules, averages, augmentation, callbacks, normalisations.

What the classifier does is compared with a plain loop, torch's own tools and braindecode's.
"""

import copy
import pickle

import numpy as np
import pytest
import torch
from braindecode import augmentation as braindecode
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from torch.nn import functional as F
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, update_bn
from torch.utils._python_dispatch import TorchDispatchMode

from eegsep import EEGNet, EEGNetClassifier
from eegsep.estimator.inputs import canonical_trials
from eegsep.training import Augmentation, Hook, KerasAdam, train
from eegsep.training.augmentation import MirrorImages
from tests.conftest import make_trials

X, Y = make_trials(40)
BATCH_SIZE, LR = 16, 0.01
N_STEPS = 3  # of an epoch: 40 trials in batches of at most 16


def quick(**params):
    """Make a classifier without dropout, so that a plain loop can do as it does."""
    defaults = {"max_epochs": 4, "lr": LR, "batch_size": BATCH_SIZE, "drop_prob": 0.0}
    defaults |= {"init": "glorot", "algorithm": "published"}
    return EEGNetClassifier(
        **{"random_state": 0, "sfreq": 128, "device": "cpu", **defaults, **params}
    )


def by_hand(max_epochs=4, *, schedule=None, change=None, momentum=0.01, average=None):
    """Train as :func:`quick` does, in a plain loop; return the network and ordered batches."""
    start = quick(max_epochs=0).fit(X, Y)
    net = start.module_.train()
    y = (Y == "right_hand").astype(int)
    index, _ = canonical_trials(X, y, np.ones(len(X)))
    scaled = (X[index] - start.center_[:, np.newaxis]) / start.scale_[:, np.newaxis]
    x, y = torch.from_numpy(scaled).float(), torch.from_numpy(y[index])
    for norm in (net.temporal_norm, net.spatial_norm, net.separable_norm):
        norm.momentum = momentum
    optimizer = KerasAdam(net.parameters(), LR)
    scheduler = schedule and schedule(optimizer, max_epochs * N_STEPS)
    seed = np.random.RandomState(0).randint(2**31 - 1, size=4)[2]
    generator = torch.Generator().manual_seed(int(seed))
    for epoch in range(1, max_epochs + 1):
        order = torch.randperm(len(x), generator=generator)
        transform = change and change(int(torch.randint(2**31 - 1, (), generator=generator)))
        for step, batch in enumerate(torch.tensor_split(order, N_STEPS), 1):
            inputs, labels = x[batch], y[batch]
            if transform:
                inputs, labels = transform(inputs, labels)
            optimizer.zero_grad()
            F.cross_entropy(net(inputs), labels).backward()
            optimizer.step()
            net.project_()
            if scheduler and (epoch < max_epochs or step < N_STEPS):
                scheduler.step()
            if average:
                average(net, epoch, step)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return net.eval(), [x[batch] for batch in torch.tensor_split(order, N_STEPS)]


def global_states():
    numpys = np.random.get_state()[1]  # noqa: NPY002 - what must not change
    return numpys.copy(), torch.get_rng_state().numpy()


def state_of(net):
    """Weights and running statistics, without the number of batches."""
    return {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}


def assert_equal(found, expected):
    for (name, a), b in zip(state_of(found).items(), state_of(expected).values(), strict=True):
        torch.testing.assert_close(
            a, b, atol=1e-6, rtol=1e-5, msg=lambda text, n=name: f"{n}{text}"
        )


def differ(one, other):
    return any(
        not torch.allclose(a, b, atol=1e-4)
        for a, b in zip(state_of(one).values(), state_of(other).values(), strict=True)
    )


class Diary(Hook):
    """Notes what it is told, and the learning rates."""

    def __init__(self):
        self.events, self.rates = [], []

    def _note(self, name, state):
        self.events.append((name, state.epoch, state.step))

    def on_train_begin(self, state):
        self._note("train begins", state)

    def on_epoch_begin(self, state):
        self._note("epoch begins", state)

    def on_step_end(self, state):
        assert state.net.training
        self._note("step ends", state)
        self.rates.append(state.optimizer.param_groups[0]["lr"])

    def on_epoch_end(self, state):
        self._note("epoch ends", state)

    def on_train_end(self, state):
        assert not state.net.training
        self._note("train ends", state)


# -- nothing in use --------------------------------------------------------------------------------


def test_without_any_of_it_training_is_a_plain_loop():
    net, _ = by_hand()
    for found, expected in zip(
        quick().fit(X, Y).module_.state_dict().values(), net.state_dict().values(), strict=True
    ):
        assert torch.equal(found, expected)


class _Reads(TorchDispatchMode):
    """Counts how often a tensor becomes a number, for which a GPU waits."""

    def __init__(self):
        super().__init__()
        self.n = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.n += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("algorithm", ["published", "spatial_first"])
def test_no_step_turns_tensors_into_numbers(algorithm):
    def reads(**params):
        with _Reads() as mode:
            quick(algorithm=algorithm, max_epochs=2, **params).fit(X, Y)
        return mode.n

    assert reads(batch_size=4) == reads(batch_size=20)
    assert reads(batch_size=4, early_stopping=True) == reads(batch_size=20, early_stopping=True)


class _RefuseWaiting(Hook):
    """Lets torch raise where a step waits for the GPU."""

    def on_step_end(self, state):
        # the first step's first products load libraries
        if state.step > 1:
            torch.cuda.set_sync_debug_mode("error")

    def on_epoch_end(self, state):
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("algorithm", ["published", "spatial_first"])
def test_no_step_waits_for_a_gpu(algorithm):
    hooks = [_RefuseWaiting()]
    clf = quick(algorithm=algorithm, device="cuda", drop_prob=0.5, callbacks=hooks).fit(X, Y)
    assert clf.n_iter_ == 4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_gpu_gives_the_cpus_numbers():
    params = EVERYTHING | {"callbacks": None}
    one, other = (quick(device=device, **params).fit(X, Y) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-3)


def test_a_users_own_step_and_loader_go_through_the_same_loop():
    def make():
        generator = torch.Generator().manual_seed(0)
        return EEGNet(3, 32, 2, kernel_length=8, drop_prob=0.0, generator=generator)

    def step(net, optimizer, x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        net.project_()
        return loss.detach()

    class Losses(Hook):
        def on_epoch_begin(self, state):
            self.losses = []

        def on_step_end(self, state):
            self.losses.append(state.output)

        def on_epoch_end(self, state):
            state.record["loss"] = torch.stack(self.losses).mean()

    x = torch.randn(12, 3, 32, generator=torch.Generator().manual_seed(1))
    data = torch.utils.data.TensorDataset(x, torch.arange(12) % 2)
    loader = torch.utils.data.DataLoader(data, batch_size=4)
    one, other = make(), make().train()
    optimizers = [torch.optim.Adam(net.parameters(), lr=LR) for net in (one, other)]
    state = train(one, loader, step, [Losses()], optimizer=optimizers[0], max_epochs=3)
    means = [
        torch.stack([step(other, optimizers[1], *batch) for batch in loader]).mean().item()
        for _ in range(3)
    ]
    assert [record["loss"] for record in state.history] == means
    assert not one.training
    assert (state.epoch, state.step) == (3, 9)
    for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b)


# -- learning rate ---------------------------------------------------------------------------------


def _linear(optimizer, n_steps):
    return lr_scheduler.LinearLR(optimizer, 1.0, 0.1, total_iters=n_steps)


@pytest.mark.parametrize(
    ("given", "torchs"),
    [
        ("cosine", lr_scheduler.CosineAnnealingLR),
        ("one_cycle", lambda optimizer, n: lr_scheduler.OneCycleLR(optimizer, LR, total_steps=n)),
        (_linear, _linear),
    ],
    ids=["cosine", "one_cycle", "callable"],
)
def test_a_schedule_is_torchs(given, torchs):
    clf = quick(lr_schedule=given).fit(X, Y)
    assert_equal(clf.module_, by_hand(schedule=torchs)[0])
    assert differ(clf.module_, quick().fit(X, Y).module_)


def _cosine(n_steps, n_in_all):
    return LR * (1 + np.cos(np.pi * np.arange(n_steps) / n_in_all)) / 2


def test_cosine_goes_by_steps_from_lr_towards_zero():
    clf = quick(lr_schedule="cosine", callbacks=[Diary()]).fit(X, Y)
    # seen after each step: the next step's rate, and the last one's own
    expected = np.append(_cosine(4 * N_STEPS, 4 * N_STEPS)[1:], _cosine(12, 12)[-1])
    np.testing.assert_allclose(clf.callbacks_[0].rates, expected, rtol=1e-6)


def test_the_schedule_is_that_of_max_epochs_where_fewer_are_chosen():
    clf = quick(lr_schedule="cosine", callbacks=[Diary()], early_stopping="cv", max_epochs=20)
    clf.fit(X, np.random.default_rng(0).permutation(Y))
    rates = clf.callbacks_[0].rates
    assert len(rates) < 20 * N_STEPS, "all epochs were chosen: this shows nothing"
    expected = _cosine(len(rates) + 1, 20 * N_STEPS)[1:]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_warm_start_begins_the_schedule_anew():
    clf = quick(lr_schedule="one_cycle", callbacks=[Diary()], warm_start=True)
    first = clf.fit(X, Y).callbacks_[0].rates
    assert clf.fit(X, Y).callbacks_[0].rates == first


def test_no_epoch_leaves_the_network_as_it_starts():
    params = {name: EVERYTHING[name] for name in EVERYTHING if name != "callbacks"}
    clf = quick(max_epochs=0, **params).fit(X, Y)
    assert clf.n_iter_ == 0
    start = quick(max_epochs=0).fit(X, Y).module_
    for a, b in zip(state_of(clf.module_).values(), state_of(start).values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("made", [None, lr_scheduler.ReduceLROnPlateau], ids=["none", "by loss"])
def test_a_schedule_that_does_not_go_by_steps_is_refused(made):
    clf = quick(lr_schedule=lambda optimizer, n_steps: made and made(optimizer))
    with pytest.raises(TypeError, match="lr_schedule must return"):
        clf.fit(X, Y)


# -- averages of weights ---------------------------------------------------------------------------


def _ema(averaged, current, n):
    decay = min(0.999, (1 + int(n)) / (10 + int(n)))
    for a, c in zip(averaged, current, strict=True):
        a.mul_(decay).add_(c, alpha=1 - decay)


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_averages_are_those_of_torchs_averaged_model(kind):
    averages = []

    def average(net, epoch, step):
        if kind == "ema" or (epoch > 6 and step == N_STEPS):
            if not averages:
                averages.append(AveragedModel(net, multi_avg_fn=_ema if kind == "ema" else None))
            averages[0].update_parameters(net)

    last, batches = by_hand(8, average=average)
    update_bn(batches, averages[0])
    clf = quick(weight_averaging=kind, max_epochs=8).fit(X, Y)
    assert_equal(clf.module_, averages[0].module)
    assert differ(clf.module_, last)
    assert not clf.module_.training


@pytest.mark.parametrize("kind", ["ema", "swa"])
@pytest.mark.parametrize("spatial", ["depthwise", "low_rank:2"])
def test_averaged_filters_keep_their_bounds(kind, spatial):
    clf = quick(
        spatial=spatial,
        algorithm="auto",
        weight_averaging=kind,
        lr=0.1,
        spatial_max_norm=0.1,
        dense_max_norm=0.1,
    ).fit(X, Y)
    net = clf.module_
    kernel = net.spatial.weight if spatial == "depthwise" else net.low_rank.kernel()
    for weight in (kernel, net.classifier.weight):
        assert (weight.flatten(1).norm(dim=1) <= 0.1 + 1e-6).all()


@pytest.mark.parametrize("params", [{"weight_averaging": "ema"}, {"batch_norm_momentum": None}])
def test_validation_trials_are_watched_with_the_network_that_training_would_end_with(params):
    unseen = make_trials(40, seed=1)
    clf = quick(early_stopping=True, max_epochs=6, **params)
    clf.fit(X, Y, validation_data=unseen)
    best = [record["valid_loss"] for record in clf.history_ if record["valid_best"]][-1]
    loss = log_loss(unseen[1], clf.predict_proba(unseen[0]))
    assert best == pytest.approx(loss, rel=1e-4)


def test_watching_an_averaged_network_leaves_training_alone():
    params = {"weight_averaging": "ema", "max_epochs": 3, "drop_prob": 0.5}
    watched = quick(early_stopping=True, n_iter_no_change=None, **params)
    watched.fit(X, Y, validation_data=make_trials(40, seed=1))
    losses = [record["train_loss"] for record in quick(**params).fit(X, Y).history_]
    assert [record["train_loss"] for record in watched.history_] == losses


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_epochs_are_chosen_with_averages(kind):
    clf = quick(weight_averaging=kind, early_stopping="cv", max_epochs=10).fit(X, Y)
    assert clf.score(*make_trials(40, seed=1)) > 0.8


# -- normalisations --------------------------------------------------------------------------------


def test_momentum_is_that_of_all_normalisations():
    clf = quick(batch_norm_momentum=0.3).fit(X, Y)
    assert_equal(clf.module_, by_hand(momentum=0.3)[0])
    assert differ(clf.module_, quick().fit(X, Y).module_)


def test_no_momentum_takes_the_statistics_of_the_last_weights():
    clf = quick(batch_norm_momentum=None).fit(X, Y)
    net, batches = by_hand()
    update_bn(batches, net)
    assert_equal(clf.module_, net)
    for found, lagging in zip(
        clf.module_.parameters(), quick().fit(X, Y).module_.parameters(), strict=True
    ):
        assert torch.equal(found, lagging)


def test_few_steps_need_statistics_that_do_not_lag():
    unseen, truth = make_trials(80, seed=1)
    losses = {}
    for momentum in (0.01, None):
        clf = quick(batch_norm_momentum=momentum, max_epochs=3).fit(X, Y)
        losses[momentum] = log_loss(truth, clf.predict_proba(unseen))
    assert losses[None] < losses[0.01]


# -- augmentation ----------------------------------------------------------------------------------

NOISE = {"GaussianNoise": {"probability": 0.7, "std": 0.5}}


def _noise(seed):
    return braindecode.GaussianNoise(0.7, std=0.5, random_state=seed)


@pytest.mark.parametrize(
    "given",
    [
        NOISE,
        [NOISE],
        braindecode.GaussianNoise(0.7, std=0.5, random_state=123),
        braindecode.Compose([braindecode.GaussianNoise(0.7, std=0.5)]),
    ],
    ids=["by name", "list", "transform", "composed"],
)
def test_batches_are_changed_as_braindecode_does(given):
    clf = quick(augmentation=given).fit(X, Y)
    assert_equal(clf.module_, by_hand(change=_noise)[0])
    assert differ(clf.module_, quick().fit(X, Y).module_)


def test_a_name_alone_means_a_probability_of_a_half():
    named = quick(augmentation="SignFlip").fit(X, Y)
    change = lambda seed: braindecode.SignFlip(0.5, random_state=seed)  # noqa: E731
    assert_equal(named.module_, by_hand(change=change)[0])


def _shift(X, y, generator):
    shifts = torch.randn(len(X), 1, 1, generator=generator, device=X.device)
    return X + shifts, y


def test_a_function_draws_from_the_generator_it_is_given():
    def change(seed):
        generator = torch.Generator().manual_seed(seed)
        return lambda x, y: _shift(x, y, generator)

    clf = quick(augmentation=_shift).fit(X, Y)
    assert_equal(clf.module_, by_hand(change=change)[0])


def test_several_are_applied_in_their_order():
    x, y = torch.ones(2, 3, 4), torch.arange(2)
    double, add = (lambda X, y, _: (2 * X, y)), (lambda X, y, _: (X + 1, y))
    for given, expected in (([double, add], 3), ([add, double], 4)):
        transform = Augmentation(given)
        transform.start(0, x.device)
        assert (transform(x, y)[0] == expected).all()


@pytest.mark.parametrize("given", [NOISE, _shift], ids=["by name", "function"])
def test_electrodes_first_takes_the_statistics_of_the_changed_batch(given):
    nets = [
        quick(augmentation=given, algorithm=algorithm, max_epochs=2).fit(X, Y).module_
        for algorithm in ("spatial_first", "published")
    ]
    for (name, a), b in zip(state_of(nets[0]).items(), state_of(nets[1]).values(), strict=True):
        torch.testing.assert_close(
            a, b, atol=2e-3, rtol=2e-3, msg=lambda text, n=name: f"{n}{text}"
        )


def test_what_a_function_does_to_its_batch_in_place_stays_there():
    def spoil(X, y, generator):
        return X.mul_(-1), y

    in_place = quick(augmentation=spoil, max_epochs=3).fit(X, Y)
    copied = quick(augmentation=lambda X, y, _: (-X, y), max_epochs=3).fit(X, Y)
    assert_equal(in_place.module_, copied.module_)


def test_mirror_images_are_of_the_other_class_and_leave_the_shares_of_classes():
    y = torch.tensor([0] * 9000 + [1] * 3000)
    X = torch.stack([torch.arange(12000.0), -torch.arange(12000.0)], dim=1).unsqueeze(2)
    images = MirrorImages(np.array([1, 0]), y.numpy(), np.ones(12000))
    changed, labels = images(X, y, torch.Generator().manual_seed(0))
    is_image = labels != y
    torch.testing.assert_close(changed[is_image], X[is_image].flip(1))
    torch.testing.assert_close(changed[~is_image], X[~is_image])
    # half of the smaller class, and as many of the larger one
    assert is_image[9000:].float().mean() == pytest.approx(0.5, abs=0.03)
    assert is_image[:9000].float().mean() == pytest.approx(0.5 / 3, abs=0.015)


ALL = ["TimeReverse", "SignFlip", "FTSurrogate", "ChannelsShuffle", "ChannelsDropout"]
ALL += [NOISE, {"SmoothTimeMask": {"mask_len_samples": 10}}, "AmplitudeScale", "ChannelsReref"]


def test_augmentation_leaves_global_generators_and_what_was_given_alone():
    mine = braindecode.GaussianNoise(0.5, random_state=1)
    before = mine.rng.get_state()[1].copy()
    states = global_states()
    clf = quick(augmentation=[*ALL, mine, _shift], max_epochs=2).fit(X, Y)
    first = state_of(copy.deepcopy(clf.module_))
    for a, b in zip(first.values(), state_of(clf.fit(X, Y).module_).values(), strict=True):
        assert torch.equal(a, b)
    for now, earlier in zip(global_states(), states, strict=True):
        np.testing.assert_array_equal(now, earlier)
    np.testing.assert_array_equal(mine.rng.get_state()[1], before)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("SignFlp", "SignFlip"),
        ("Compose", "has no transform"),
        ("Nothing", "there are"),
        ({"SignFlip": None, "TimeReverse": None}, "2 names"),
        ({"SignFlip": 0.5}, "must be a dict"),
        ({"SignFlip": {"probability": 2.0}}, "cannot be made"),
        ({"SignFlip": {"odds": 0.5}}, "odds"),
        ({"SignFlip": {"random_state": 0}}, "random_state"),
        ("FrequencyShift", "sfreq"),
        (braindecode.SignFlip, "got <class"),
        ([3], "got 3"),
        (3, "augmentation"),
        ({"Mixup": {"alpha": 0.5}}, "mix labels"),
        (lambda X, y, generator: X, "must return"),
        (lambda X, y, generator: (X[:, :1], y), "must return"),
    ],
)
def test_augmentation_that_cannot_be_used_is_refused(given, text):
    with pytest.raises(ValueError, match=text):
        quick(augmentation=given).fit(X, Y)


# -- callbacks -------------------------------------------------------------------------------------


def test_callbacks_are_told_of_each_step_and_epoch():
    clf = quick(max_epochs=2, callbacks=[Diary()]).fit(X, Y)
    assert clf.callbacks_[0].events == [
        ("train begins", 0, 0),
        ("epoch begins", 1, 0),
        *(("step ends", 1, step) for step in (1, 2, 3)),
        ("epoch ends", 1, 3),
        ("epoch begins", 2, 3),
        *(("step ends", 2, step) for step in (4, 5, 6)),
        ("epoch ends", 2, 6),
        ("train ends", 2, 6),
    ]


class StopWhen(Hook):
    """Ends the training in a method, at an epoch and step."""

    def __init__(self, method, epoch, step):
        def stop(state):
            state.stop = (state.epoch, state.step) == (epoch, step)

        setattr(self, method, stop)


@pytest.mark.parametrize(
    ("hook", "n_epochs", "n_steps"),
    [
        (StopWhen("on_train_begin", 0, 0), 0, 0),
        (StopWhen("on_epoch_end", 1, N_STEPS), 1, N_STEPS),
        (StopWhen("on_step_end", 2, N_STEPS + 1), 2, N_STEPS + 1),
    ],
)
def test_a_callback_ends_the_training(hook, n_epochs, n_steps):
    clf = quick(callbacks=[hook, Diary()]).fit(X, Y)
    assert clf.n_iter_ == n_epochs
    assert clf.callbacks_[1].events[-1] == ("train ends", n_epochs, n_steps)


def test_scores_of_an_epoch_cut_short_are_those_of_the_trials_visited():
    short = quick(callbacks=[StopWhen("on_step_end", 1, 1)], lr=1e-12, max_epochs=1).fit(X, Y)
    record = short.history_[0]
    assert record["train_loss"] == pytest.approx(np.log(2), abs=0.2)
    assert record["train_accuracy"] in np.arange(15) / 14


def test_what_callbacks_record_is_in_the_history():
    class Norm(Hook):
        def on_epoch_end(self, state):
            state.record["norm"] = state.net.spatial.weight.norm()
            state.record["epoch_by_hook"] = state.epoch

    clf = quick(callbacks=[Norm()]).fit(X, Y)
    assert [record["epoch_by_hook"] for record in clf.history_] == [1, 2, 3, 4]
    assert type(clf.history_[-1]["norm"]) is float
    assert clf.history_[-1]["norm"] == pytest.approx(clf.module_.spatial.weight.norm().item())


def test_callbacks_are_copied_so_that_fit_twice_is_fit_once():
    diary = Diary()
    clf = quick(callbacks=[diary])
    first = clf.fit(X, Y).callbacks_[0].events
    assert clf.fit(X, Y).callbacks_[0].events == first
    assert clf.callbacks == [diary]
    assert diary.events == []


def test_callbacks_are_told_of_the_network_that_is_kept_alone():
    clf = quick(callbacks=[Diary()], early_stopping="cv", max_epochs=5).fit(X, Y)
    assert clf.callbacks_[0].events[0] == ("train begins", 0, 0)
    assert clf.callbacks_[0].events[-1] == ("train ends", clf.n_iter_, clf.n_iter_ * N_STEPS)


@pytest.mark.parametrize("callbacks", [[Diary], [print], Diary()], ids=["class", "function", "one"])
def test_callbacks_must_be_a_list_of_hooks(callbacks):
    with pytest.raises(ValueError, match="callbacks"):
        quick(callbacks=callbacks).fit(X, Y)


# -- scikit-learn ----------------------------------------------------------------------------------

EVERYTHING = {
    "lr_schedule": "one_cycle",
    "weight_averaging": "ema",
    "augmentation": [NOISE, "SignFlip"],
    "batch_norm_momentum": None,
    "callbacks": [Diary()],
}


def test_parameters_are_cloned_shown_and_pickled():
    clf = quick(**EVERYTHING)
    parameters = clone(clf).get_params()
    for name, value in EVERYTHING.items():
        assert name in clf._repr_html_()
        if name != "callbacks":
            assert parameters[name] == value
    loaded = pickle.loads(pickle.dumps(clf.fit(X, Y)))
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_grid_search_over_them():
    grid = {"lr_schedule": [None, "cosine"], "weight_averaging": [None, "swa"]}
    search = GridSearchCV(quick(), grid, cv=2, error_score="raise").fit(X, Y)
    assert len(search.cv_results_["params"]) == 4


@pytest.mark.parametrize("name", ["lr_schedule", "weight_averaging", "augmentation"])
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match=name):
        quick(**{name: "unknown"}).fit(X, Y)


@pytest.mark.parametrize("params", [{"augmentation": NOISE}, {"batch_norm_momentum": None}])
def test_partial_fit_thrice_is_three_epochs_of_fit(params):
    clf = quick(drop_prob=0.5, **params)
    for _ in range(3):
        clf.partial_fit(X, Y)
    whole = quick(drop_prob=0.5, max_epochs=3, **params).fit(X, Y)
    for a, b in zip(state_of(clf.module_).values(), state_of(whole.module_).values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("params", [{"lr_schedule": "cosine"}, {"weight_averaging": "ema"}])
def test_partial_fit_refuses_what_needs_the_number_of_epochs(params):
    with pytest.raises(ValueError, match=f"{next(iter(params))}=None"):
        quick(**params).partial_fit(X, Y)
