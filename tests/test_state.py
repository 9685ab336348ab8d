"""Fits are all or nothing, in any thread and any forked process.

And predictions are those of the network as it is.
"""

import _thread
import copy
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from torch.optim.optimizer import register_optimizer_step_post_hook

from eegsep.inspection import integrated_gradients
from eegsep.network import threads
from tests.estimator.test_classifier import make_trials, quick, weights_of

X, Y = make_trials()


@pytest.fixture
def interrupted():
    """Call a function and interrupt it, as Ctrl-C does, while it trains."""

    def call(function, *args):
        timer = threading.Timer(0.5, _thread.interrupt_main)
        timer.start()
        try:
            function(*args)
        except KeyboardInterrupt:
            timer.join()
        else:
            pytest.fail("the training was over before it was interrupted")

    return call


# -- all or nothing --------------------------------------------------------------------------------


def test_an_interrupted_first_fit_leaves_nothing_fitted(interrupted):
    clf = quick(max_epochs=10**6)
    interrupted(clf.fit, X, Y)
    assert [name for name in vars(clf) if name.endswith("_") and name[0] != "_"] == []
    with pytest.raises(NotFittedError):
        clf.predict(X)


@pytest.mark.parametrize("warm_start", [False, True])
def test_an_interrupted_fit_leaves_the_one_before(interrupted, warm_start):
    clf = quick(warm_start=warm_start).fit(X, Y)
    twin = copy.deepcopy(clf)
    clf.set_params(max_epochs=10**6)
    interrupted(clf.fit, X, Y)
    clf.set_params(max_epochs=3)
    np.testing.assert_array_equal(clf.predict_proba(X), twin.predict_proba(X))
    np.testing.assert_array_equal(clf.patterns_, twin.patterns_)
    assert clf.history_ == twin.history_
    # optimiser and generators as well
    np.testing.assert_array_equal(weights_of(clf.fit(X, Y)), weights_of(twin.fit(X, Y)))


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, SystemExit, RuntimeError])
def test_whatever_ends_a_partial_fit_leaves_the_state_before(error):
    clf = quick().partial_fit(X, Y)
    twin = copy.deepcopy(clf)

    def end(*_):
        raise error

    handle = register_optimizer_step_post_hook(end)  # when weights have moved already
    try:
        with pytest.raises(error):
            clf.partial_fit(X, Y)
    finally:
        handle.remove()
    np.testing.assert_array_equal(clf.predict_proba(X), twin.predict_proba(X))
    again, as_if_nothing = clf.partial_fit(X, Y), twin.partial_fit(X, Y)
    np.testing.assert_array_equal(weights_of(again), weights_of(as_if_nothing))
    assert again.n_iter_ == 2


# -- threads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["published", "spatial_first"])
def test_predicting_beside_partial_fit_changes_neither(algorithm):
    alone, beside = quick(algorithm=algorithm), quick(algorithm=algorithm)
    states = [alone.partial_fit(X, Y).predict_proba(X).tobytes() for _ in range(15)]
    beside.partial_fit(X, Y)
    done, seen = threading.Event(), []

    def predict():
        while not done.is_set():
            seen.append(beside.predict_proba(X).tobytes())

    thread = threading.Thread(target=predict)
    thread.start()
    for _ in range(14):
        beside.partial_fit(X, Y)
    done.set()
    thread.join()
    np.testing.assert_array_equal(weights_of(beside), weights_of(alone))
    assert seen
    assert set(seen) <= set(states)


def test_partial_fits_in_two_threads_are_one_after_the_other():
    one, two = quick(), quick()
    for _ in range(8):
        one.partial_fit(X, Y)
    workers = [
        threading.Thread(target=lambda: [two.partial_fit(X, Y) for _ in range(4)]) for _ in "ab"
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert two.n_iter_ == 8
    np.testing.assert_array_equal(weights_of(two), weights_of(one))


def test_a_classifier_in_training_can_be_copied_in_every_way():
    clf = quick().fit(X, Y)
    expected = clf.predict_proba(X)
    clf.set_params(max_epochs=300)
    thread = threading.Thread(target=clf.fit, args=(X, Y))
    thread.start()
    copies = pickle.loads(pickle.dumps(clf)), copy.copy(clf), copy.deepcopy(clf)
    for copied in copies:
        np.testing.assert_array_equal(copied.predict_proba(X), expected)
    clone(clf).set_params(max_epochs=1).fit(X, Y)
    assert thread.is_alive(), "the fit was over: this shows nothing"
    thread.join()


def test_numbers_of_threads_share_one_pool():
    large = np.random.default_rng(0).normal(size=(64, 32, 512)).astype(np.float32)
    clf = quick(algorithm="spatial_first", max_epochs=1).fit(large[:8], np.arange(8) % 2)
    before = torch.get_num_threads()
    results = set()
    try:
        for n_threads in (1, 2, 3, 5, 9, 16):
            torch.set_num_threads(n_threads)
            results.add(clf.predict_proba(large).tobytes())
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    assert len(results) == 1
    helpers = [t for t in threading.enumerate() if t.name.startswith("eegsep")]
    assert len(helpers) < len(os.sched_getaffinity(0))


def test_parts_are_worked_on_by_one_torch_thread_each():
    seen = []
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threads.one_thread:
            threads.in_parts(lambda *_: seen.append(torch.get_num_threads()), 8)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {1}


# -- forks -----------------------------------------------------------------------------------------

FORK = """
import multiprocessing as mp, os, signal, sys, threading, time
import numpy as np, torch
from eegsep import EEGNetClassifier

signal.alarm(150)
torch.set_num_threads(2)
rng = np.random.default_rng(0)
X, y = rng.normal(size=(40, 8, 128)), np.arange(40) % 2
large = rng.normal(size=(256, 32, 512)).astype(np.float32)

def make(**params):
    params = {"init": "glorot", "max_epochs": 2, "random_state": 0, **params}
    return EEGNetClassifier(**params)

def score(dtype):
    clf = make(early_stopping=True).fit(X.astype(dtype), y)
    return clf.predict_proba(X.astype(dtype)).tobytes()

def predict(clf):
    return clf.predict_proba(large).tobytes()

context = mp.get_context("fork")

def in_a_fork(function, *args):
    queue = context.Queue()
    child = context.Process(target=lambda: queue.put(function(*args)), daemon=True)
    child.start()
    return queue.get(timeout=60)
"""


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", FORK + code],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@fork
def test_a_forked_process_fits_as_its_parent_did():
    code = """
for dtype in ("float64", "float32"):
    print(score(dtype) == in_a_fork(score, dtype))
with context.Pool(2) as pool:
    print(set(pool.map(score, ["float32"] * 4)) == {score("float32")})
"""
    assert run(code) == ["True"] * 3


@fork
def test_a_forked_process_predicts_large_input_as_its_parent_did():
    code = """
for algorithm in ("published", "spatial_first"):
    clf = make(algorithm=algorithm, kernel_length=32).fit(large[:16], np.arange(16) % 2)
    print(predict(clf) == in_a_fork(predict, clf))
"""
    assert run(code) == ["True"] * 2


@fork
def test_a_process_forked_while_a_thread_fits_fits_too():
    code = """
expected, clf = score("float64"), make(max_epochs=10**6)
thread = threading.Thread(target=clf.fit, args=(X, y), daemon=True)
torch.set_default_dtype(torch.float64)
thread.start()
time.sleep(1)

def here():
    clf.set_params(max_epochs=1).fit(X, y)  # its lock is held by a thread of the parent's
    return score("float64"), str(torch.get_default_dtype()), torch.get_num_threads()

there, dtype, n_threads = in_a_fork(here)
print(there == expected, dtype, n_threads, flush=True)
os._exit(0)
"""
    assert run(code) == ["True", "torch.float64", "2"]


@fork
def test_workers_of_joblib_and_of_torchs_loader_predict_as_their_parent():
    code = """
from joblib import Parallel, delayed
clf = make().fit(X, y)
expected = clf.predict_proba(X)
parts = Parallel(2, backend="multiprocessing")(delayed(clf.predict_proba)(X) for _ in range(2))
print(all(np.array_equal(part, expected) for part in parts))

class Decoded(torch.utils.data.Dataset):
    def __len__(self):
        return 4
    def __getitem__(self, i):
        return clf.predict_proba(X[i : i + 1])[0]

loader = torch.utils.data.DataLoader(Decoded(), num_workers=2, multiprocessing_context="fork")
print(all(np.array_equal(p[0], clf.predict_proba(X[i : i + 1])[0]) for i, p in enumerate(loader)))
"""
    assert run(code) == ["True"] * 2


# -- live weights ----------------------------------------------------------------------------------


def truth(clf):
    """Probabilities of the module itself, in the published order."""
    scaled = (X - clf.center_[:, np.newaxis]) / clf.scale_[:, np.newaxis]
    with torch.no_grad():
        net = copy.deepcopy(clf.module_).eval()
        return net(torch.from_numpy(scaled).to(next(net.parameters()).dtype)).softmax(1).numpy()


def _through_data(net):
    net.temporal.weight.data.copy_(torch.flip(net.temporal.weight.data, [0]))


def _through_numpy(net):
    net.spatial.weight.detach().numpy()[:] *= -0.5


def _through_a_buffer(net):
    net.temporal_norm.running_var.numpy()[:] *= 3


def _by_new_storage(net):
    net.classifier.weight.data = -net.classifier.weight.data


def _by_load_state_dict(net):
    net.load_state_dict({name: 0.7 * value for name, value in net.state_dict().items()})


def _by_another_layer(net):
    net.separable_norm = torch.nn.Identity()


def _by_a_layer_with_bias(net):
    torch.manual_seed(0)
    net.spatial = torch.nn.Conv2d(8, 16, (6, 1), groups=8)


def _by_a_hook(net):
    net.pointwise.register_forward_hook(lambda layer, inputs, output: 2 * output)


def _by_a_hook_before(net):
    net.classifier.register_forward_pre_hook(lambda layer, inputs: (-inputs[0],))


def _by_another_forward(net):
    net.dropout1.forward = lambda x: 3 * x


def _by_a_constant(net):
    net.spatial_norm.eps = 2.0


def _by_parametrisation(net):
    class Half(torch.nn.Module):
        def forward(self, weight):
            return weight / 2

    torch.nn.utils.parametrize.register_parametrization(net.spatial, "weight", Half())


def _by_another_type(net):
    net.double()
    net.classifier.bias.data[0] += 1


def _by_training_mode(net):
    net.train()
    net.temporal.weight.data *= 2


CHANGES = [
    value for name, value in sorted(globals().items()) if name.startswith(("_by_", "_through_"))
]


@pytest.mark.parametrize("algorithm", ["published", "spatial_first"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__[1:])
def test_predictions_are_those_of_the_live_network(change, algorithm):
    clf = quick(algorithm=algorithm, max_epochs=5).fit(X, Y)
    before = clf.predict_proba(X)
    change(clf.module_)
    after = clf.predict_proba(X)
    assert np.abs(after - before).max() > 1e-4, "the change shows nowhere: this shows nothing"
    np.testing.assert_allclose(after, truth(clf), atol=2e-5)


def test_predictions_are_those_of_another_module():
    clf, other = quick(algorithm="spatial_first").fit(X, Y), quick(random_state=1).fit(X, Y)
    clf.module_ = other.module_
    np.testing.assert_allclose(clf.predict_proba(X), truth(other), atol=2e-5)


def test_integrated_gradients_are_those_of_the_live_network():
    clf = quick(algorithm="spatial_first", max_epochs=5).fit(X, Y)
    clf.module_.pointwise.register_forward_hook(lambda layer, inputs, output: 2 * output)
    shares = integrated_gradients(clf, X[:4], ["right_hand"] * 4, n_steps=64).sum(axis=(1, 2))
    clf_at_zero = clf.decision_function(np.tile(clf.center_[:, np.newaxis], (1, 1, X.shape[2])))
    np.testing.assert_allclose(shares, clf.decision_function(X[:4]) - clf_at_zero, atol=2e-3)


def test_patterns_and_filters_are_of_the_fit():
    clf = quick().fit(X, Y)
    filters, patterns = clf.filters_, clf.patterns_
    clf.module_.spatial.weight.data.zero_()
    np.testing.assert_array_equal(clf.filters_, filters)
    np.testing.assert_array_equal(clf.patterns_, patterns)


def test_fits_in_threads_of_joblib_are_those_of_one():
    fits = Parallel(3, backend="threading")(delayed(quick().fit)(X, Y) for _ in range(3))
    assert len({weights_of(clf).tobytes() for clf in fits}) == 1


# -- a network changed from outside, further ways --------------------------------------------------


def swap(**layers):
    def change(net):
        for name, layer in layers.items():
            setattr(net, name, layer(net))

    return change


@pytest.mark.parametrize("method", ["predict", "partial_fit"])
@pytest.mark.parametrize(
    ("change", "text"),
    [
        (swap(classifier=lambda net: torch.nn.Linear(net.classifier.in_features, 3)), "3 outputs"),
        (lambda net: net.to("meta"), "meta"),
        (lambda net: delattr(net, "classifier"), "no classifier"),
    ],
    ids=["other outputs", "no values", "no layer"],
)
def test_a_network_that_cannot_give_the_classes_is_refused(change, text, method):
    clf = quick().fit(X, Y)
    change(clf.module_)
    with pytest.raises(ValueError, match=text):
        getattr(clf, method)(*((X,) if method == "predict" else (X, Y)))


@pytest.mark.parametrize(
    "change",
    [
        swap(
            classifier=lambda net: torch.nn.Linear(
                net.classifier.in_features, net.classifier.out_features, bias=False
            )
        ),
        swap(separable_norm=lambda net: torch.nn.Identity()),
        lambda net: net.half(),
        lambda net: net.double(),
    ],
    ids=["no bias", "no normalisation", "half", "double"],
)
def test_layers_changed_from_outside_are_taken_and_trained_on(change):
    clf = quick().fit(X, Y)
    change(clf.module_)
    plain = copy.deepcopy(clf.module_).float().eval()
    plain.algorithm = "published"
    scaled = (X - clf.center_[:, None]) / clf.scale_[:, None]
    with torch.no_grad():
        expected = plain(torch.tensor(scaled, dtype=torch.float32)).softmax(1).numpy()
    np.testing.assert_allclose(clf.predict_proba(X), expected, atol=1e-5)
    clf.partial_fit(X, Y)
    assert np.isfinite(clf.predict_proba(X)).all()


def test_a_network_of_which_nothing_is_to_be_trained_is_refused():
    clf = quick().fit(X, Y)
    clf.module_.requires_grad_(False)
    with pytest.raises(ValueError, match="requires_grad"):
        clf.partial_fit(X, Y)
