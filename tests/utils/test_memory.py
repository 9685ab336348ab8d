"""Peak memory: what is seen of it here, and of a fit in a process of its own."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from eegsep._utils import memory
from eegsep._utils.memory import fit_memory, in_fresh_process, peak_memory

SIZE = 64 * 2**20


def hold_and_free():
    block = np.ones(SIZE // 8)
    time.sleep(0.05)
    del block


def hold_and_free_while_measured(kernel_keeps_peak):
    if not kernel_keeps_peak:
        memory._reset_high_water = lambda: False
    return peak_memory(hold_and_free)


@pytest.mark.parametrize("kernel_keeps_peak", [True, False])
def test_peak_memory_sees_what_was_held_in_between(kernel_keeps_peak):
    # in a fresh process, as the study does: pages of other tests that the system takes back
    # meanwhile would count against the peak
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        peak = pool.submit(hold_and_free_while_measured, kernel_keeps_peak).result()
    assert 0.9 * SIZE < peak < 1.3 * SIZE


def test_peak_memory_does_not_see_what_was_held_before():
    held = np.ones(SIZE // 8)
    peak = peak_memory(lambda: time.sleep(0.01))
    assert peak < 0.3 * held.nbytes


def test_memory_is_sampled_where_the_system_has_no_proc(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none")
    peak = peak_memory(hold_and_free)
    assert 0.9 * SIZE < peak < 1.3 * SIZE


def test_a_fresh_process_returns_what_the_function_does():
    assert in_fresh_process("a division", divmod, 7, 2) == [3, 1]


def test_a_process_that_fails_says_what_and_why():
    with pytest.raises(RuntimeError, match=r"(?s)a division ended with code 1 .*ZeroDivisionError"):
        in_fresh_process("a division", divmod, 1, 0)


def test_memory_of_a_fit_is_what_it_makes_of_the_data_without_these():
    X = np.ones((8, SIZE // 128))  # half of SIZE in bytes
    twice = FunctionTransformer(np.tile, kw_args={"reps": 2})
    peak = fit_memory(make_pipeline(twice, DummyClassifier()), X, [0, 1] * 4)
    assert 0.9 * SIZE < peak < 1.3 * SIZE


def test_memory_is_of_a_clone():
    classifier = DummyClassifier()
    fit_memory(classifier, np.ones((4, 2)), [0, 1, 0, 1])
    assert not hasattr(classifier, "classes_")
