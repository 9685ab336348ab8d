"""torch's and numpy's settings elsewhere change no bit, end nothing, and are left as they were."""

import threading
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from eegsep.inspection import components, integrated_gradients, relevance
from eegsep.network.settings import settled
from eegsep.separability import separability_index
from tests.estimator.test_classifier import make_trials, quick, weights_of

X, Y = make_trials()


@contextmanager
def setting(write, read, value):
    before = read()
    write(value)
    try:
        yield
        assert read() == value, "not left as found"
    finally:
        write(before)


@contextmanager
def default_device():
    torch.set_default_device("meta")
    try:
        yield
        assert torch.get_default_device() == torch.device("meta")
    finally:
        torch.set_default_device(None)


@contextmanager
def flushing():
    torch.set_flush_denormal(True)
    try:
        yield
        assert np.finfo(float).tiny / 2 == 0
    finally:
        torch.set_flush_denormal(False)


def precision(name):
    return setting(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision, name)


def default_dtype(dtype):
    return setting(torch.set_default_dtype, torch.get_default_dtype, dtype)


@contextmanager
def convolutions_in_bfloat16():
    mkldnn = torch.backends.mkldnn
    if not hasattr(mkldnn, "conv"):
        pytest.skip("this torch has no such setting")
    before = mkldnn.conv.fp32_precision
    mkldnn.conv.fp32_precision = "bf16"
    try:
        yield
        assert mkldnn.conv.fp32_precision == "bf16"
    finally:
        mkldnn.conv.fp32_precision = before


SETTINGS = {
    "float64": lambda: default_dtype(torch.float64),
    "float16": lambda: default_dtype(torch.float16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "default_device": default_device,
    "device_context": lambda: torch.device("meta"),
    "deterministic": lambda: setting(
        torch.use_deterministic_algorithms, torch.are_deterministic_algorithms_enabled, True
    ),
    "two_threads": lambda: setting(torch.set_num_threads, torch.get_num_threads, 2),
    "medium_precision": lambda: precision("medium"),
    "convolutions_in_bfloat16": convolutions_in_bfloat16,
    "no_onednn": lambda: torch.backends.mkldnn.flags(enabled=False),
    "flushing": flushing,
    "numpy_raises": lambda: np.errstate(all="raise"),
}


def everything():
    """Fit, go on, predict and inspect in both orders of evaluation: all numbers, as bytes."""
    parts = []
    for algorithm in ("published", "spatial_first"):
        clf = quick(algorithm=algorithm, early_stopping=True).fit(X, Y)
        further = quick(algorithm=algorithm).partial_fit(X, Y).partial_fit(X, Y)
        parts += [weights_of(clf), weights_of(further), clf.patterns_, clf.filters_, clf.evals_]
        parts += [clf.predict_proba(X), clf.decision_function(X), further.predict_proba(X[:1])]
        parts += [clf.predict(X) == Y, components(clf, X).patterns]
        parts += [relevance(clf, X, Y, n_repeats=1), integrated_gradients(clf, X[:2], n_steps=2)]
    joint = quick(spatial="joint").fit(X, Y)
    index = separability_index(joint, X, Y, n_shuffles=1, n_permutations=5)
    parts += [joint.predict_proba(X), np.array([index.trained.index, index.shuffled[0].index])]
    return [np.ascontiguousarray(part).tobytes() for part in parts]


@pytest.fixture(scope="module")
def usual():
    return everything()


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_elsewhere_change_no_bit_and_are_left_as_found(usual, name):
    with SETTINGS[name]():
        assert everything() == usual


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_left_as_found_by_an_error(name):
    with SETTINGS[name](), pytest.raises(ValueError, match="one class"):
        quick().fit(X, np.zeros(len(X)))


def test_a_precision_that_is_inherited_is_still_inherited_afterwards():
    backends = torch.backends
    if not hasattr(backends, "fp32_precision"):
        pytest.skip("this torch has no such setting")
    backends.fp32_precision = "bf16"
    try:
        quick().fit(X, Y)
        backends.fp32_precision = "none"
        assert backends.mkldnn.conv.fp32_precision != "bf16"
    finally:
        backends.fp32_precision = "none"


def test_what_one_thread_relies_on_another_that_leaves_does_not_take_away():
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with settled():
            inside.set()
            leave.wait(30)

    with default_dtype(torch.float64):
        thread = threading.Thread(target=stay)
        thread.start()
        inside.wait(30)
        with settled():
            leave.set()
            thread.join()
            assert torch.get_default_dtype() == torch.float32
