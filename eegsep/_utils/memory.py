"""Peak memory: of an action in this process, and of a fit in a process of its own.

The kernel's own record where it keeps one, samples elsewhere.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import psutil
from sklearn.base import clone

# Just below what glibc would take from the kernel whatever was freed before.
_LARGEST_KEPT = 2**25 - 2**16
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_memory(action):
    """Measure how far the memory of this process rises while an action lasts.

    On Linux the kernel keeps the peak. Elsewhere a thread looks, and can miss what is short.

    Parameters
    ----------
    action : callable
        Called without arguments.

    Returns
    -------
    peak : int
        Bytes above those resident before. They include file pages that the action read through
        memory maps.
    """
    before = _resident()
    kernel_keeps_peak = _reset_high_water()
    highest = highest_while(action, _resident)
    return (max(highest, _high_water()) if kernel_keeps_peak else highest) - before


def highest_while(action, look):
    """Follow a number while an action lasts.

    Parameters
    ----------
    action : callable
        Called without arguments.
    look : callable
        Returns the number now; asked every two milliseconds, from a thread.

    Returns
    -------
    highest : float
    """
    seen = [look()]
    done = threading.Event()

    def watch():
        while not done.wait(0.002):
            seen[0] = max(seen[0], look())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        action()
    finally:
        done.set()
        watcher.join()
    return seen[0]


def _reset_high_water():
    try:
        _CLEAR.write_text("5")
    except OSError:
        return False
    return _high_water() is not None


def _high_water():
    """Return the most bytes resident since the reset; None where the system does not tell."""
    try:
        told = re.search(r"^VmHWM:\s+(\d+) kB", _STATUS.read_text(), flags=re.MULTILINE)
    except OSError:
        return None
    return told and 1024 * int(told[1])


def _resident():
    return psutil.Process().memory_info().rss


def give_back_freed_memory():
    """Hand what was freed back to the system: used again, it would not show in the peak."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's only
        if trim is not None:
            trim(0)


def keep_freed_memory():
    """Let the C library keep the memory of freed arrays for the next step's, in large pages.

    glibc takes arrays above a threshold from the kernel and gives them back at once, and each
    step pays for fresh zeroed pages again, about a fifth of its time. The threshold rises, up to
    this size, when such an array is freed. What numpy then makes lies where later arrays will,
    and numpy asks for large pages there: of small ones, finding them takes another fourth of a
    step. Nothing is written here, so no memory is taken.
    """
    np.empty(_LARGEST_KEPT, np.uint8)
    # together less than what glibc would give back
    for_later = [np.empty(_LARGEST_KEPT // n, np.uint8) for n in (1, 2)]
    del for_later


def in_fresh_process(label, function, *args):
    """Call a function in a Python that has done nothing else.

    Parameters
    ----------
    label : str
        What is measured, for the error.
    function : callable
        Of a module that can be imported. What it returns is passed on as JSON.
    *args
        What it is called with, pickled.

    Returns
    -------
    result : object

    Raises
    ------
    RuntimeError
        If the process fails.
    """
    code = (
        f"from eegsep._utils.processes import end_with; end_with({os.getpid()}); "
        "import json, pickle, sys; function, args = pickle.load(sys.stdin.buffer); "
        "print(json.dumps(function(*args)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps((function, args)),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(
            f"{label} ended with code {done.returncode} while its memory was measured:\n"
            f"{done.stderr.decode(errors='replace')[-2000:]}"
        )
    return json.loads(done.stdout.splitlines()[-1])


def fit_memory(estimator, X, y, label="the fit"):
    """Measure the peak memory of a fit above its data, in a process of its own.

    Parameters
    ----------
    estimator : estimator
        Not fitted itself: a clone is. It must be picklable.
    X : ndarray, shape (n_trials, ...)
        Training data. They are in memory before, and not counted; a copy that the estimator makes
        of them is.
    y : array-like, shape (n_trials,)
        Labels.
    label : str
        What is fitted, for the error.

    Returns
    -------
    peak : int
        Bytes, see :func:`peak_memory`.

    Raises
    ------
    RuntimeError
        If the fit fails.
    """
    return in_fresh_process(label, _fit_here, clone(estimator), X, np.asarray(y))


def _fit_here(estimator, X, y):
    # libraries load and set themselves up on ten trials of each class
    few = np.concatenate([np.flatnonzero(y == label)[:10] for label in np.unique(y)])
    clone(estimator).fit(X[few], y[few])
    give_back_freed_memory()
    return peak_memory(lambda: estimator.fit(X, y))
