"""torch's and numpy's settings while eegsep computes: the same whatever the caller's are.

They are put aside on entry and given back on exit; nothing is touched that is as it should be.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import ExitStack, contextmanager

import numpy as np
import torch

from .threads import one_thread

# numpy's own defaults.
_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}


@contextmanager
def settled():
    """Compute on one thread, in float32 at its full precision, on the CPU unless said, with grad.

    Puts aside torch's number of threads, default dtype, default device, grad mode, inference mode,
    autocast, precision of float32, oneDNN's switch, flushing of small numbers and refusal of
    operations that are not deterministic, and numpy's handling of floating-point errors. As a
    decorator, for a function.
    """
    if getattr(_inside, "here", False):
        yield
        return
    with ExitStack() as stack:
        stack.callback(setattr, _inside, "here", False)
        _inside.here = True
        stack.enter_context(_whole_process)
        stack.enter_context(one_thread)
        stack.enter_context(np.errstate(**_ERRORS))
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        if not torch.is_grad_enabled():
            stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        if sys.float_info.min / 2 == 0:
            torch.set_flush_denormal(False)
            stack.callback(torch.set_flush_denormal, True)
        yield


# Whether the thread is inside already.
_inside = threading.local()


class _Setting:
    """One of torch's settings of the whole process."""

    def __init__(self, read, write, wanted):
        self.read, self.write, self.wanted = read, write, wanted


class _WholeProcess:
    """Puts settings aside while any thread is inside.

    The first thread in puts them aside and the last one out gives them back, so that none changes
    what another still relies on.
    """

    def __init__(self, settings):
        self._settings = settings
        self._lock = threading.Lock()
        self._n_inside, self._before = 0, {}
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start_anew)

    def __enter__(self):
        with self._lock:
            self._n_inside += 1
            for setting in self._settings:
                before = setting.read()
                if before != setting.wanted:
                    self._before[setting] = before
                    setting.write(setting.wanted)

    def __exit__(self, *_):
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self._give_back()

    def _give_back(self):
        while self._before:
            setting, before = self._before.popitem()
            if setting.read() == setting.wanted:  # and nobody has changed it meanwhile
                setting.write(before)

    def _start_anew(self):
        """In a forked process, forget the parent's other threads: they went on there alone."""
        self._lock = threading.Lock()
        self._n_inside = int(getattr(_inside, "here", False))
        if self._n_inside == 0:
            self._give_back()


def _precision(operation, parent):
    """Precision of float32 in an operation; "none" goes by the setting above it."""

    def read():
        precision = operation.fp32_precision
        return "ieee" if precision == "none" else precision

    def write(precision):
        operation.fp32_precision = "none" if precision == parent.fp32_precision else precision

    return _Setting(read, write, "ieee")


def _settings():
    def is_strict():
        return (
            torch.are_deterministic_algorithms_enabled()
            and not torch.is_deterministic_algorithms_warn_only_enabled()
        )

    def set_strict(strict):
        torch.use_deterministic_algorithms(True, warn_only=not strict)

    yield _Setting(torch.get_default_dtype, torch.set_default_dtype, torch.float32)
    yield _Setting(is_strict, set_strict, False)
    mkldnn, cuda, cudnn = torch.backends.mkldnn, torch.backends.cuda, torch.backends.cudnn
    if mkldnn.is_available():
        yield _Setting(lambda: mkldnn.enabled, lambda on: setattr(mkldnn, "enabled", on), True)
    if not hasattr(mkldnn, "matmul"):  # before torch 2.9
        read, write = torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
        yield _Setting(read, write, "highest")
        return
    yield _precision(mkldnn.matmul, mkldnn)
    yield _precision(mkldnn.conv, mkldnn)
    if torch.cuda.is_available():
        yield _precision(cuda.matmul, torch.backends)
        yield _precision(cudnn.conv, cudnn)


_whole_process = _WholeProcess(list(_settings()))
